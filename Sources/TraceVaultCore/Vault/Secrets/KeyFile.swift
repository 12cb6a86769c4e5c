// KeyFile.swift - unlock secrets that live in files: a key file, a credential of systemd.
//
// The key is BLAKE2b-256 of the content, which passes through guarded memory only.

enum KeyFile {
    /// Fewer bytes cannot hold a key, more are no key.
    static let sizes: ClosedRange<Int> = 32...65_536
    /// Fewer different bytes than random ones ever have, were they only decimal digits.
    private static let leastKinds = 6

    /// Reads a key file.
    static func key(path: String, files: any FileSystem = SystemFiles()) throws(Failure)
        -> SecretBytes
    {
        try key(SecretFile(path: path, "key file", sizes: sizes, files: files), "key file")
    }

    /// Reads $CREDENTIALS_DIRECTORY/<name>.
    static func credential(name: String, files: any FileSystem = SystemFiles()) throws(Failure)
        -> SecretBytes
    {
        try key(SecretFile(credential: name, sizes: sizes, files: files), "credential")
    }

    private static func key(
        _ file: borrowing SecretFile, _ what: String
    ) throws(Failure) -> SecretBytes {
        let seen = try SecretBytes(count: ByteKinds.count)
        let key = try unsafe Sealing.hash(count: file.size) { (room) throws(Failure) in
            let count = try unsafe file.read(room)
            unsafe ByteKinds.note(room, count, in: seen)
            return count
        }
        guard ByteKinds.number(in: seen) >= leastKinds else {
            throw Failure(
                .argument,
                "the \(what) holds a few characters again and again, which is no key: make a "
                    + "random one, as with head -c 32 /dev/urandom")
        }
        return key
    }
}

/// Which of the 256 bytes occur in a secret, one bit for each, in guarded memory.
private enum ByteKinds {
    static let count = 32

    static func note(
        _ bytes: UnsafeMutableRawBufferPointer, _ count: Int, in seen: borrowing SecretBytes
    ) {
        unsafe seen.withUnsafeMutableBytes { seen in
            for place in 0..<min(count, bytes.count) {
                let byte = unsafe bytes[place]
                unsafe seen[Int(byte >> 3)] |= 1 << (byte & 7)
            }
        }
    }

    static func number(in seen: borrowing SecretBytes) -> Int {
        unsafe seen.withUnsafeBytes { unsafe $0.reduce(0) { $0 + $1.nonzeroBitCount } }
    }
}
