// EventID.swift - the id of an event: the same for the same line, whenever it is fetched.
//
// What goes into it is decided in TraceEvents.swift.

/// Half of BLAKE2b-256, written as 32 hexadecimal digits.
struct EventID {
    private var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// False when it could not be computed.
    mutating func set(toHashOf input: ByteBuffer) -> Bool {
        unsafe withUnsafeMutableBytes(of: &digest) { room in
            input.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { unsafe Sealing.hash($0, key: nil, into: room) }
            }
        }
    }

    @_optimize(size)
    func write(_ name: StaticString, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginString()
        unsafe withUnsafeBytes(of: digest) { bytes in
            unsafe writer.put(upTo: 32) { place in
                for index in 0..<16 {
                    let byte = unsafe bytes[index]
                    unsafe place[index * 2] = JSONWriter.hexDigit(byte >> 4)
                    unsafe place[index * 2 + 1] = JSONWriter.hexDigit(byte & 15)
                }
                return 32
            }
        }
        writer.endString()
    }
}
