// FileStore.swift - a vault in a file: safe owners and modes, whole reads.
//
// One writer at a time is FileStore+Lock.swift's; how a file is replaced so that a crash leaves
// the old or the new one is in FileStore+Writing.swift.

import CSystem
import Glibc
import Synchronization

package final class FileStore: Store {
    let files: any FileSystem
    /// Absolute, so that a host may change its working directory. Walked anew each time: a link in
    /// it may lead elsewhere later.
    private let directoryPath: [CChar]
    let name: String
    let lockTimeoutMs: Int
    /// Whether nothing is lent any more once the vault cannot be followed.
    private let mustFollow: Bool
    let queue = WriterQueue()
    /// The directory in which this store holds the lock; nil: in none.
    let lockedDirectory = Lock<FileIdentity?>(nil)
    /// Where on the ladder of waiting writers somebody stands who was passed, as he did not move;
    /// 0: nowhere.
    let stoppedRung = Atomic<Int32>(0)
    /// Set by a failed fsync: what is on the disk is unknown until the vault is opened again.
    let isPoisoned = Atomic<Bool>(false)
    /// The bytes that were read last, and the stamp that their file had before. Weak: those that
    /// nobody has taken in tell nothing.
    private struct LastRead {
        weak var bytes: ByteBuffer?
        let stamp: FileStamp
    }
    private let lastRead = Lock<LastRead?>(nil)

    package convenience init(path: String, _ settings: VaultSettings) throws(Failure) {
        try self.init(path: path, settings, files: SystemFiles())
    }

    package init(
        path: String, _ settings: VaultSettings, files: any FileSystem
    ) throws(Failure) {
        self.files = files
        lockTimeoutMs = settings.lockTimeoutMs
        mustFollow = settings.maxStaleMs > 0
        let place = FilePlace(path)
        name = place.name
        guard (1...240).contains(name.utf8.count), name != ".", name != "..",
            !path.utf8.contains(0)
        else {
            throw Failure(.argument, "the path must name a file (at most 240 bytes)")
        }
        guard let absolute = unsafe tvs_absolute_path(place.directory) else {
            throw Failure(.io, "the vault's path is relative, and there is no working directory")
        }
        defer { unsafe free(absolute) }
        let bytes = unsafe UnsafeBufferPointer(start: absolute, count: strlen(absolute) + 1)
        directoryPath = unsafe Array(bytes)
    }

    // MARK: - Descriptors

    /// An open file, closed when it goes.
    struct Descriptor: ~Copyable {
        let number: Int32
        let files: any FileSystem

        deinit { files.close(number) }
    }

    /// Whether what this user owns is safe from others. Root works on everybody's vaults.
    private func mayTrust(_ owner: UInt32) -> Bool {
        let user = tvs_effective_user()
        return user == 0 || owner == user || owner == 0
    }

    /// Opens the vault's directory, in which others cannot rename what is not theirs.
    func openDirectory() throws(Failure) -> Descriptor {
        try openDirectory(refusing: Self.loose)
    }

    /// The same, for a new vault: others cannot take a name either that it will need.
    func openOwnDirectory() throws(Failure) -> Descriptor {
        try openDirectory { $0 & 0o022 != 0 }
    }

    /// Others may write only where they cannot rename what is not theirs (as in /tmp).
    private static func loose(_ mode: UInt32) -> Bool { mode & 0o022 != 0 && mode & 0o1000 == 0 }

    private func openDirectory(
        refusing isRefused: (UInt32) -> Bool
    ) throws(Failure) -> Descriptor {
        let number = files.openDirectory(directoryPath)
        if number == -ENOENT || number == -ENOTDIR {
            throw Failure(
                FileError(-number), "the vault's directory does not exist or cannot be entered")
        }
        if let error = FileError(answer: number) { throw failed("opening its directory", error) }
        let directory = Descriptor(number: number, files: files)
        let status = try status(of: directory, "its directory")
        guard mayTrust(status.owner) else {
            throw Failure(.unsafeFile, "the vault's directory belongs to another user")
        }
        guard !isRefused(status.mode) else {
            throw Failure(
                .unsafeFile, "others may write to the vault's directory: chmod go-w it")
        }
        return directory
    }

    static let noVault = Failure(
        .noVault, "there is no vault file at the path: create it, or mend the path")

    /// Opens the vault file, or one beside it, and checks that nobody else can have written it.
    func openVault(
        _ directory: borrowing Descriptor, _ suffix: String = ""
    ) throws(Failure) -> Descriptor {
        let number = files.open(directory.number, name + suffix, .read)
        if number == -ELOOP {
            throw Failure(.unsafeFile, "the vault's path is a symbolic link: name the file itself")
        }
        if number == -ENOENT {
            throw Self.noVault
        }
        if let error = FileError(answer: number) { throw failed("opening it", error) }
        let file = Descriptor(number: number, files: files)
        let status = try status(of: file, "the file")
        guard status.isRegular else {
            throw Failure(.unsafeFile, "the vault's path is not a regular file")
        }
        guard mayTrust(status.owner) else {
            throw Failure(.unsafeFile, "the vault file belongs to another user")
        }
        guard status.mode & 0o077 == 0 else {
            throw Failure(.unsafeFile, "others may read or write the vault file: chmod 600 it")
        }
        // An edit gives the name to a new file; what is mounted here stays the old one.
        guard !mustFollow || !files.isMounted(number) else {
            throw Failure(
                .unsafeFile,
                "the vault file is mounted by itself, so no later state would be seen: mount its "
                    + "directory")
        }
        return file
    }

    func status(
        of descriptor: borrowing Descriptor, _ what: StaticString
    ) throws(Failure) -> FileStatus {
        switch files.status(descriptor.number) {
        case .success(let status): return status
        case .failure(let error): throw failed("looking at \(what)", error)
        }
    }

    func failed(_ doing: String, _ error: FileError) -> Failure {
        Failure(error, "the vault failed at \(doing): \(error.name); the stored vault is unchanged")
    }

    // MARK: - Reading

    package func read() throws(Failure) -> ByteBuffer {
        let directory = try openDirectory()
        let file = try openVault(directory)
        let bytes = ByteBuffer(limit: VaultLayout.maximumCount)
        // The beginning first: what is not a vault is not read further, however large.
        let (revision, stamp) = try revision(of: file, into: bytes)
        try readOn(file, revision, stamp, into: bytes)
        return bytes
    }

    /// Nobody changes a file here in its place, but somebody's copying, a disk or an attacker may,
    /// behind a beginning that stays.
    package func newBytes(since known: ByteBuffer) throws(Failure) -> ByteBuffer? {
        let directory = try openDirectory()
        let file = try openVault(directory)
        let bytes = ByteBuffer(limit: VaultLayout.maximumCount)
        let (revision, stamp) = try revision(of: file, into: bytes)
        let isKnown = lastRead.withLock { $0?.stamp == stamp && $0?.bytes === known }
        if isKnown, try revision == Revision(of: known) { return nil }
        try readOn(file, revision, stamp, into: bytes)
        guard bytes.isSame(as: known) else { return bytes }
        lastRead.withLock { $0 = LastRead(bytes: known, stamp: stamp) }
        return nil
    }

    /// Reads a file of which the beginning was read.
    private func readOn(
        _ file: borrowing Descriptor, _ revision: Revision, _ stamp: FileStamp,
        into bytes: ByteBuffer
    ) throws(Failure) {
        guard let size = Int(exactly: stamp.size), size <= VaultLayout.maximumCount else {
            throw Failure(.limit, "the vault file is larger than 512 MiB")
        }
        // A body of another length than the header says is damaged, whatever is in it: so much is
        // read as the checks before that one need.
        let wanted = revision.isWhole ? size : min(size, VaultLayout.minimumCount + 1)
        guard bytes.reserve(max(0, wanted - bytes.count)) else { throw Failure.noMemory }
        _ = try fill(bytes, from: file, upTo: wanted - bytes.count)
        lastRead.withLock { $0 = LastRead(bytes: bytes, stamp: stamp) }
    }

    /// Reads the first 96 bytes; which snapshot they begin, and the file's stamp.
    private func revision(
        of file: borrowing Descriptor, into bytes: ByteBuffer
    ) throws(Failure) -> (Revision, FileStamp) {
        let stamp = try status(of: file, "the file").stamp
        _ = try fill(bytes, from: file, upTo: Revision.prefixCount)
        let revision = try bytes.withBytes { (span) throws(Failure) in
            try Revision(prefix: span, fileCount: stamp.size)
        }
        return (revision, stamp)
    }

    package func revision() throws(Failure) -> Revision {
        let directory = try openDirectory()
        return try revision(directory)
    }

    func revision(_ directory: borrowing Descriptor) throws(Failure) -> Revision {
        try revision(of: openVault(directory))
    }

    func revision(of file: borrowing Descriptor) throws(Failure) -> Revision {
        try revision(of: file, into: ByteBuffer(limit: Revision.prefixCount)).0
    }

    /// Reads up to `count` bytes or to the end of the file; how many there were.
    func fill(
        _ bytes: ByteBuffer, from file: borrowing Descriptor, upTo count: Int
    ) throws(Failure) -> Int {
        let number = file.number
        var total = 0
        while total < count {
            var answer: Int?
            let room = min(count - total, 1_048_576)
            let isAppended = unsafe bytes.append(room: room) { room in
                var count = 0
                repeat { count = unsafe files.read(number, room) } while count == -Int(EINTR)
                answer = count
                return count
            }
            // Not even asked: there was no memory to read into.
            guard let answer else { throw Failure.noMemory }
            if answer < 0 { throw failed("reading it", FileError(Int32(-answer))) }
            if answer == 0 { break }
            guard isAppended else { throw Failure.noMemory }
            total += answer
        }
        return total
    }
}
