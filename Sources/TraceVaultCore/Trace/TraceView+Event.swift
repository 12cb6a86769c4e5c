// TraceView+Event.swift - the `event` of a line, and the line's part in the summary.
//
// A message without escapes is read where it stands in the body; one with escapes is decoded first,
// so that places and texts are those of the message itself.

extension TraceView {
    /// Writes `event` when the message is understood, and notes time and event of the line.
    mutating func event(
        _ message: JSONToken, _ side: Direction, _ bytes: RawSpan
    ) {
        let range = message.range(within: bytes.byteCount)
        let text = bytes.extracting(range)
        if message.marks.contains(.escaped) { return escapedEvent(text, side) }
        let isEvent = event.read(text)
        if isEvent { write(in: bytes, at: range.lowerBound, isPlain: true) }
        note(side, isEvent: isEvent)
    }

    @inline(never)
    private mutating func escapedEvent(_ text: RawSpan, _ side: Direction) {
        let buffer = unescaped ?? ByteBuffer(limit: Int.max)
        unescaped = buffer
        var isEvent = false
        if JSONText.decode(text, into: buffer) {
            buffer.withBytes { text in
                isEvent = event.read(text)
                if isEvent { write(in: text, at: 0, isPlain: false) }
            }
        }
        note(side, isEvent: isEvent)
    }

    @inline(__always)
    private mutating func write(in text: RawSpan, at place: Int, isPlain: Bool) {
        let start = writer.buffer.count
        writer.event(event, in: text, at: place, isPlain: isPlain)
        leftOut.add(start, upTo: writer.buffer.count)
    }

    /// What the summary is to know of the line at hand. Not before its event is written: what was
    /// just written is waited for when it is read at once.
    mutating func note(_ side: Direction, isEvent: Bool) {
        writer.buffer.withBytes { document in
            if !at.isNone { summary.note(time: at, document) }
            if isEvent { summary.note(event, side, at, document) }
        }
    }
}
