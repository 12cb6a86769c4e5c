// Brief.swift - the view `brief`: a document without what few programs look at.
//
// A trace without the events of its lines, its hops and its next ids; a search without Cloudflare's
// own items. Most programs ask who got a message, when, and for the lines: a third of a trace, half
// of a search. Whoever wrote the document has noted what is left out, so nothing is read again.

enum Brief {
    /// Nobody is to take it for the whole document: this stands before the version of its schema.
    private static let mark: StaticString = ".brief"

    static func of(_ document: WrittenView) throws(Failure) -> ByteBuffer {
        let (text, leftOut) = (document.text, document.leftOut)
        let out = ByteBuffer(limit: text.count + mark.utf8CodeUnitCount)
        _ = out.reserve(max(0, text.count - leftOut.byteCount) + mark.utf8CodeUnitCount)
        let isWhole = text.withBytes { bytes in
            let version = place(ofVersion: bytes)
            var done = version
            var fits = copy(0..<version, of: bytes, to: out) && addMark(to: out)
            leftOut.each { part in
                guard fits, part.lowerBound >= done, part.upperBound <= bytes.byteCount else {
                    return
                }
                fits = copy(done..<part.lowerBound, of: bytes, to: out)
                done = part.upperBound
            }
            return fits && copy(done..<bytes.byteCount, of: bytes, to: out)
        }
        guard isWhole, leftOut.isComplete else {
            throw Failure(.noMemory, "not enough memory for the brief view")
        }
        return out
    }

    /// The slash of the schema's name, the first member of every document.
    private static func place(ofVersion bytes: RawSpan) -> Int {
        var place = 0
        while place < bytes.byteCount, bytes.at(place) != UInt8(ascii: "/") { place += 1 }
        return place
    }

    private static func addMark(to out: ByteBuffer) -> Bool {
        unsafe out.append(
            UnsafeRawBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount))
    }

    private static func copy(_ range: Range<Int>, of bytes: RawSpan, to out: ByteBuffer) -> Bool {
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe out.append($0) }
    }
}
