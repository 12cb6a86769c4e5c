// KeyFile.swift - unlock secrets that live in files: a key file, a credential of systemd.
//
// The key is BLAKE2b-256 of the content, which passes through guarded memory only. A file that
// others could read is refused, so that a careless mode is found before it is relied on.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

enum KeyFile {
    /// Fewer bytes cannot hold a key, more are no key.
    static let sizes: ClosedRange<Int> = 32...65_536
    /// Fewer different bytes than random ones ever have, were they only decimal digits.
    private static let leastKinds = 6

    /// Permission bits that are refused.
    private enum Refused {
        /// Anything for group and others.
        static let keyFile: UInt32 = 0o077
        /// systemd gives a service's user access by an ACL, which shows as group read.
        static let credential: UInt32 = 0o037
    }

    /// Reads a key file.
    static func key(path: String, files: any FileSystem = SystemFiles()) throws(Failure)
        -> SecretBytes
    {
        let place = FilePlace(path)
        guard !place.name.isEmpty, !path.utf8.contains(0) else {
            throw Failure(.argument, "path: the path of a key file is needed")
        }
        // Also through a symbolic link, as Kubernetes hands secrets over: what is opened is
        // looked at.
        return try key(
            place.directory, place.name, .follow, "key file", refused: Refused.keyFile, files)
    }

    /// Reads $CREDENTIALS_DIRECTORY/<name> (systemd.exec(5), "Credentials").
    static func credential(name: String, files: any FileSystem = SystemFiles()) throws(Failure)
        -> SecretBytes
    {
        guard (1...255).contains(name.utf8.count), name != ".", name != "..",
            !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else {
            throw Failure(.argument, "name: the name of a credential is 1 to 255 bytes without /")
        }
        guard let directory = unsafe getenv("CREDENTIALS_DIRECTORY") else {
            throw Failure(
                .notFound,
                "CREDENTIALS_DIRECTORY is not set: start the service with "
                    + "LoadCredential= or LoadCredentialEncrypted=")
        }
        return try key(
            unsafe String(cString: directory), name, .read, "credential",
            refused: Refused.credential, files)
    }

    private static func key(
        _ directory: String, _ name: String, _ mode: OpenMode, _ what: String, refused: UInt32,
        _ files: any FileSystem
    ) throws(Failure) -> SecretBytes {
        let place = files.openDirectory(Array(directory.utf8CString))
        if let error = FileError(answer: place) { throw unreadable(what, error) }
        defer { files.close(place) }
        let file = files.open(place, name, mode)
        if let error = FileError(answer: file) { throw unreadable(what, error) }
        defer { files.close(file) }
        let size = try check(files.status(file), what, refused)
        let seen = try SecretBytes(count: ByteKinds.count)
        let key = try unsafe Sealing.hash(count: size) { (room) throws(Failure) in
            while true {
                let count = unsafe files.read(file, room)
                if count >= 0 {
                    unsafe ByteKinds.note(room, count, in: seen)
                    return count
                }
                let error = FileError(Int32(clamping: -count))
                if error.number != EINTR { throw unreadable(what, error) }
            }
        }
        guard ByteKinds.number(in: seen) >= leastKinds else {
            throw Failure(
                .argument,
                "the \(what) holds a few characters again and again, which is no key: make a "
                    + "random one, as with head -c 32 /dev/urandom")
        }
        return key
    }

    private static func check(
        _ answer: Result<FileStatus, FileError>, _ what: String, _ refused: UInt32
    ) throws(Failure) -> Int {
        let status: FileStatus
        switch answer {
        case .success(let found): status = found
        case .failure(let error): throw unreadable(what, error)
        }
        guard status.isRegular else { throw Failure(.unsafeFile, "the \(what) is no regular file") }
        guard status.owner == tvs_effective_user() || status.owner == 0 else {
            throw Failure(.unsafeFile, "the \(what) belongs to another user")
        }
        guard status.links == 1 else {
            throw Failure(.unsafeFile, "the \(what) has a second name elsewhere: copy it instead")
        }
        guard status.mode & refused == 0 else {
            throw Failure(.unsafeFile, "others may read or write the \(what): chmod 0400 it")
        }
        guard let size = Int(exactly: status.size), sizes.contains(size) else {
            throw Failure(.argument, "the \(what) must hold 32 to 65536 bytes")
        }
        return size
    }

    private static func unreadable(_ what: String, _ error: FileError) -> Failure {
        Failure(error, "the \(what) cannot be read: \(error.name)")
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
