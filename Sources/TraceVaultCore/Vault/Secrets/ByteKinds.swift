// ByteKinds.swift - which of the 256 bytes occur in a key: what holds only a few is none.

/// One rule for every key, whether it comes as bytes, in a file or from systemd. What is noted is
/// in guarded memory.
struct ByteKinds: ~Copyable {
    /// Fewer different bytes than random ones ever have, were they only decimal digits.
    private static let least = 6
    /// A bit for each byte.
    private let seen: SecretBytes

    init() throws(Failure) { seen = try SecretBytes(count: 32) }

    func note(_ bytes: UnsafeRawBufferPointer, _ count: Int) {
        unsafe seen.withUnsafeMutableBytes { seen in
            for place in 0..<min(count, bytes.count) {
                let byte = unsafe bytes[place]
                unsafe seen[Int(byte >> 3)] |= 1 << (byte & 7)
            }
        }
    }

    /// Throws when what was noted can be no key; `what` is its name in words.
    func check(_ what: String) throws(Failure) {
        let number = unsafe seen.withUnsafeBytes { unsafe $0.reduce(0) { $0 + $1.nonzeroBitCount } }
        guard number < Self.least else { return }
        throw Failure(
            .argument,
            "the \(what) holds a few characters again and again, which is no key: make a random "
                + "one, as with head -c 32 /dev/urandom")
    }
}
