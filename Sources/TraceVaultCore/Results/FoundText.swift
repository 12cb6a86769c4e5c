// FoundText.swift - what a finding says besides its trace, and both in one.

/// The view `found` of a finding; its trace, where there is one, belongs in the middle.
struct FoundText: Sendable {
    let text: ByteBuffer
    private let middle: Int

    init(_ text: ByteBuffer, _ middle: Int) {
        self.text = text
        self.middle = middle
    }

    /// The view `finding`.
    func whole(with trace: ByteBuffer?, limit: Int) throws(Failure) -> ByteBuffer {
        let whole = ByteBuffer(limit: limit)
        var writer = JSONWriter(into: whole)
        text.withBytes { writer.verbatim($0.extracting(0..<min(middle, $0.byteCount))) }
        writer.key("trace")
        if let trace { trace.withBytes { writer.verbatim($0) } } else { writer.null() }
        // What follows begins with its own comma.
        writer.needsComma = false
        text.withBytes { writer.verbatim($0.extracting(min(middle, $0.byteCount)..<$0.byteCount)) }
        guard writer.isComplete else { throw Failure(.noMemory, "no memory for the finding") }
        return whole
    }
}
