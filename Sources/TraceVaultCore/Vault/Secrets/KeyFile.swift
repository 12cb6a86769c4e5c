// KeyFile.swift - unlock secrets that live in files: a key file, a credential of systemd.
//
// The key is BLAKE2b-256 of the content, which passes through guarded memory only.

enum KeyFile {
    /// Fewer bytes cannot hold a key, more are no key.
    static let sizes: ClosedRange<Int> = 32...65_536

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
        let kinds = try ByteKinds()
        let key = try unsafe Sealing.hash(count: file.size) { (room) throws(Failure) in
            let count = try unsafe file.read(room)
            unsafe kinds.note(UnsafeRawBufferPointer(room), count)
            return count
        }
        try kinds.check(what)
        return key
    }
}
