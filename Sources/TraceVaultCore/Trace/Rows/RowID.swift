// RowID.swift - the id of a row: the same for the same line, whenever it is fetched.
//
// What goes into it is decided in TraceRows.swift, and what into the hash of a line's own words.

/// BLAKE2b-256, written in hexadecimal digits; half of it is an id.
struct RowID {
    private var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// False when it could not be computed.
    mutating func set(toHashOf input: RawSpan) -> Bool {
        unsafe withUnsafeMutableBytes(of: &digest) { room in
            unsafe input.withUnsafeBytes { unsafe Sealing.hash($0, key: nil, into: room) }
        }
    }

    @_optimize(size)
    func write(_ name: StaticString, bytes count: Int = 16, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginString()
        unsafe withUnsafeBytes(of: digest) { bytes in
            unsafe writer.put(upTo: 64) { place in
                for index in 0..<min(count, bytes.count) {
                    let byte = unsafe bytes[index]
                    unsafe place[index * 2] = JSONWriter.hexDigit(byte >> 4)
                    unsafe place[index * 2 + 1] = JSONWriter.hexDigit(byte & 15)
                }
                return min(count, bytes.count) * 2
            }
        }
        writer.endString()
    }
}
