// SecretFile.swift - a file with a secret in it: a path, or a credential of systemd.
//
// A file that others could read is refused, so that a careless mode is found before it is relied
// on. Who reads it says into which memory.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Open and found to be safe; closed when it goes.
struct SecretFile: ~Copyable {
    private let number: Int32
    private let what: String
    private let files: any FileSystem
    /// As many bytes it had when it was opened.
    let size: Int

    /// Permission bits that are refused.
    private enum Refused {
        /// Anything for group and others.
        static let file: UInt32 = 0o077
        /// systemd gives a service's user access by an ACL, which shows as group read.
        static let credential: UInt32 = 0o037
    }

    /// A file by its path; `what` is what messages call it.
    init(
        path: String, _ what: String, sizes: ClosedRange<Int>, files: any FileSystem
    ) throws(Failure) {
        let place = FilePlace(path)
        guard !place.name.isEmpty, !path.utf8.contains(0) else {
            throw Failure(.argument, "path: the path of a \(what) is needed")
        }
        // Also through a symbolic link, as Kubernetes hands secrets over: what is opened is
        // looked at.
        try self.init(
            place.directory, place.name, .follow, what, Refused.file, sizes, files)
    }

    /// $CREDENTIALS_DIRECTORY/<name> (systemd.exec(5), "Credentials").
    init(
        credential name: String, sizes: ClosedRange<Int>, files: any FileSystem
    ) throws(Failure) {
        guard (1...255).contains(name.utf8.count), name != ".", name != "..",
            !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else {
            throw Failure(.argument, "name: the name of a credential is 1 to 255 bytes without /")
        }
        guard let directory = unsafe getenv("CREDENTIALS_DIRECTORY") else {
            throw Failure(
                .notFound,
                "CREDENTIALS_DIRECTORY is not set: systemd sets it for a service with "
                    + "LoadCredential= or LoadCredentialEncrypted=")
        }
        try self.init(
            unsafe String(cString: directory), name, .read, "credential", Refused.credential,
            sizes, files)
    }

    private init(
        _ directory: String, _ name: String, _ mode: OpenMode, _ what: String, _ refused: UInt32,
        _ sizes: ClosedRange<Int>, _ files: any FileSystem
    ) throws(Failure) {
        let place = files.openDirectory(Array(directory.utf8CString))
        if let error = FileError(answer: place) { throw Self.unreadable(what, error) }
        defer { files.close(place) }
        let number = files.open(place, name, mode)
        if let error = FileError(answer: number) { throw Self.unreadable(what, error) }
        do throws(Failure) {
            size = try Self.check(files.status(number), what, refused, sizes)
        } catch {
            files.close(number)
            throw error
        }
        self.number = number
        self.what = what
        self.files = files
    }

    deinit { files.close(number) }

    private static func check(
        _ answer: Result<FileStatus, FileError>, _ what: String, _ refused: UInt32,
        _ sizes: ClosedRange<Int>
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
            throw Failure(
                .argument,
                "the \(what) must hold \(sizes.lowerBound) to \(sizes.upperBound) bytes")
        }
        return size
    }

    /// Reads on into `room`, which is guarded memory; how many bytes, 0 at the end.
    borrowing func read(_ room: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            let count = unsafe files.read(number, room)
            if count >= 0 { return count }
            let error = FileError(Int32(clamping: -count))
            if error.number != EINTR { throw Self.unreadable(what, error) }
        }
    }

    /// Reads on until `room`, which is guarded memory, is full or the file ends; how many bytes.
    borrowing func fill(_ room: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        var count = 0
        while count < room.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: room[count...])
            let more = try unsafe read(rest)
            if more <= 0 { break }
            count += min(more, room.count - count)
        }
        return count
    }

    private static func unreadable(_ what: String, _ error: FileError) -> Failure {
        let why = error.number == ENOENT ? "there is none at the path (ENOENT)" : error.name
        return Failure(error, "the \(what) cannot be read: \(why)")
    }
}
