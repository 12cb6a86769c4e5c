// TraceView+Event.swift - the `event` of a line, and the line's part in the summary.
//
// A message without escapes is read where it stands in the body; one with escapes is decoded first,
// so that places and texts are those of the message itself.

extension TraceView {
    /// Writes `event` when the message is understood.
    mutating func event(
        _ message: JSONToken, _ side: Trace.Direction, _ bytes: RawSpan
    ) {
        let range = message.range(within: bytes.byteCount)
        let text = bytes.extracting(range)
        guard message.marks.contains(.escaped) else {
            guard event.read(text) else { return }
            writer.event(event, in: bytes, at: range.lowerBound, isPlain: true)
            writer.buffer.withBytes { summary.note(event, side, at, $0) }
            return
        }
        escapedEvent(text, side)
    }

    @inline(never)
    private mutating func escapedEvent(_ text: RawSpan, _ side: Trace.Direction) {
        let buffer = unescaped ?? ByteBuffer(limit: Int.max)
        unescaped = buffer
        guard JSONText.decode(text, into: buffer) else { return }
        buffer.withBytes { text in
            guard event.read(text) else { return }
            writer.event(event, in: text, at: 0, isPlain: false)
            writer.buffer.withBytes { summary.note(event, side, at, $0) }
        }
    }
}
