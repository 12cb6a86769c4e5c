// RowSpans.swift - the view `spans`: where each field of a line's event stands in its message.

extension TraceRows {
    /// `{"side":"inbound","line":0,"spans":{"queue_id":[0,8],…}}`: for each field the first byte
    /// and the one behind the last, of the message in UTF-8. A line without an event has no row.
    @_optimize(size) mutating func spans(_ text: RawSpan) {
        guard !line.event.isEmpty, event.read(text) else { return }
        writer.beginObject()
        writer.key("side")
        writer.string(line.side.name.description)
        writer.key("line")
        writer.int(line.position)
        writer.key("spans")
        writer.beginObject()
        for index in 0..<event.count {
            let field = event.field(at: index)
            let name = field.name.text
            unsafe writer.key(name.utf8Span.span.bytes, isRewritten: false)
            writer.beginArray()
            writer.int(field.range.lowerBound)
            writer.int(field.range.upperBound)
            writer.endArray()
        }
        writer.endObject()
        writer.endObject()
        writer.endLine()
    }
}
