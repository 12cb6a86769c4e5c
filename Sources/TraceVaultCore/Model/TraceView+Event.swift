// TraceView+Event.swift - the `event` of a line, and the line's part in the summary.
//
// A message without escapes is read where it stands in the body; one with escapes is decoded first,
// so that places and texts are those of the message itself.

extension TraceView {
    /// Writes `event` when the message is understood.
    mutating func event(
        _ message: JSONToken, _ side: Trace.Direction, _ at: Written, _ bytes: RawSpan
    ) {
        let text = bytes.extracting(message.range(within: bytes.byteCount))
        guard message.marks.contains(.escaped) else {
            if event.read(text) { write(text, isEscaped: false, side, at) }
            return
        }
        let buffer = unescaped ?? ByteBuffer(limit: Int.max)
        unescaped = buffer
        guard JSONText.decode(text, into: buffer) else { return }
        buffer.withBytes { if event.read($0) { write($0, isEscaped: true, side, at) } }
    }

    private mutating func write(
        _ text: RawSpan, isEscaped: Bool, _ side: Trace.Direction, _ at: Written
    ) {
        writer.key("event")
        writer.beginObject()
        writer.member("kind", word: event.kind.text)
        for index in 0..<event.count {
            let field = event.field(at: index)
            let value = text.extracting(field.range)
            let name = field.name
            let written: Written
            if isEscaped, !name.isNumber {
                written = writer.member(name.text, escaping: value)
            } else {
                written = writer.member(name.text, value, isNumber: name.isNumber)
            }
            summary.written[Int(name.rawValue)] = written
        }
        writer.endObject()
        writer.buffer.withBytes { summary.note(event, side, at, $0) }
    }

    /// Where the time stands that was written last; none when the line has none. It is the first
    /// member behind a place in the document, before `at_raw` and the message.
    func writtenTime(from before: Int) -> Written {
        writer.buffer.withBytes { document in
            // `,"at":"` or `"at":"`; `at_raw` alone is no time.
            let name = document.at(before) == UInt8(ascii: ",") ? before + 1 : before
            guard document.has("\"at\":\"", name) else { return .none }
            let start = name + 6
            return Written(start, document.find(UInt8(ascii: "\""), start, document.byteCount))
        }
    }
}
