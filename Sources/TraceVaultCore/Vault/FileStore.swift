// FileStore.swift - a vault in a file: safe owners and modes, whole reads, one writer at a time.
//
// How a file is replaced so that a crash leaves the old or the new one is in
// FileStore+Writing.swift. Nothing here looks behind a file's first 96 bytes.

import CSystem
import Glibc
import Synchronization

package final class FileStore: Store {
    let files: any FileSystem
    /// Absolute, so that a host may change its working directory.
    private let directoryPath: String
    let name: String
    let lockTimeoutMs: Int
    private static let pollMs: Int64 = 2
    private let queue = WriterQueue()
    /// Set by a failed fsync: what is on the disk is unknown until the vault is opened again.
    let isPoisoned = Atomic<Bool>(false)

    package convenience init(path: String, _ settings: VaultSettings) throws(Failure) {
        try self.init(path: path, settings, files: SystemFiles())
    }

    package init(
        path: String, _ settings: VaultSettings, files: any FileSystem
    ) throws(Failure) {
        self.files = files
        lockTimeoutMs = settings.lockTimeoutMs
        let place = FilePlace(path)
        name = place.name
        guard (1...240).contains(name.utf8.count), name != ".", name != "..",
            !path.utf8.contains(0)
        else {
            throw Failure(.argument, "the path must name a file (at most 240 bytes)")
        }
        guard let absolute = unsafe tvs_absolute_path(place.directory) else {
            throw Failure(.io, "the vault's directory does not exist or cannot be entered")
        }
        defer { unsafe free(absolute) }
        directoryPath = unsafe String(cString: absolute)
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

    func openDirectory() throws(Failure) -> Descriptor {
        let number = files.openDirectory(directoryPath)
        if let error = FileError(answer: number) { throw failed("opening its directory", error) }
        let directory = Descriptor(number: number, files: files)
        let status = try status(of: directory, "its directory")
        guard mayTrust(status.owner) else {
            throw Failure(.unsafeFile, "the vault's directory belongs to another user")
        }
        // Others may write only where they cannot rename what is not theirs (as in /tmp).
        guard status.mode & 0o022 == 0 || status.mode & 0o1000 != 0 else {
            throw Failure(
                .unsafeFile, "others may write to the vault's directory: chmod go-w it")
        }
        return directory
    }

    /// Opens the vault file and checks that nobody else can have written it.
    func openVault(_ directory: borrowing Descriptor) throws(Failure) -> Descriptor {
        let number = files.open(directory.number, name, .read)
        if number == -ELOOP {
            throw Failure(.unsafeFile, "the vault's path is a symbolic link: name the file itself")
        }
        if number == -ENOENT {
            throw Failure(.io, "there is no vault file at the path: create it, or mend the path")
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
        Failure(.io, "the vault failed at \(doing): \(error.name); the stored vault is unchanged")
    }

    // MARK: - Reading

    package func read() throws(Failure) -> ByteBuffer {
        let directory = try openDirectory()
        let file = try openVault(directory)
        let bytes = ByteBuffer(limit: VaultLayout.maximumCount)
        // The beginning first: what is not a vault is not read further, however large.
        guard try fill(bytes, from: file, upTo: Revision.prefixCount) == Revision.prefixCount else {
            throw VaultHeader.notVault
        }
        _ = try bytes.withBytes { (span) throws(Failure) in try Revision(prefix: span) }
        let status = try status(of: file, "the file")
        guard let size = Int(exactly: status.size), size < VaultLayout.maximumCount else {
            throw Failure(.limit, "the vault file is larger than 512 MiB")
        }
        guard bytes.reserve(max(0, size - bytes.count)) else { throw Failure.noMemory }
        while try fill(bytes, from: file, upTo: bytes.limit - bytes.count) > 0 {}
        return bytes
    }

    package func revision() throws(Failure) -> Revision {
        let directory = try openDirectory()
        return try revision(directory)
    }

    func revision(_ directory: borrowing Descriptor) throws(Failure) -> Revision {
        let file = try openVault(directory)
        let prefix = ByteBuffer(limit: Revision.prefixCount)
        _ = try fill(prefix, from: file, upTo: Revision.prefixCount)
        return try prefix.withBytes { (span) throws(Failure) in try Revision(prefix: span) }
    }

    /// Reads up to `count` bytes or to the end of the file; how many there were.
    func fill(
        _ bytes: ByteBuffer, from file: borrowing Descriptor, upTo count: Int
    ) throws(Failure) -> Int {
        let number = file.number
        var total = 0
        while total < count {
            var answer = 0
            let room = min(count - total, 1_048_576)
            let isAppended = unsafe bytes.append(room: room) { room in
                repeat { answer = unsafe files.read(number, room) } while answer == -Int(EINTR)
                return answer
            }
            if answer < 0 { throw failed("reading it", FileError(Int32(-answer))) }
            if answer == 0 { break }
            guard isAppended else { throw Failure.noMemory }
            total += answer
        }
        return total
    }

    // MARK: - The writers' lock

    /// The lock on `<vault>.lock`, held, and the head of this process's queue for it.
    private final class Lease: StoreLease {
        private let file: Descriptor
        private let place: WriterQueue.Place

        init(_ file: consuming Descriptor, _ place: consuming WriterQueue.Place) {
            self.file = file
            self.place = place
        }

        /// Unlocks, which counts even while a forked child still has the descriptor.
        func release() { _ = file.files.unlock(file.number) }
    }

    package func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        let directory = try openDirectory()
        let deadline = tvs_monotonic_ms() + Int64(timeoutMs)
        let place = WriterQueue.Place(in: queue)
        while true {
            let file = try openLock(directory)
            try wait(for: file, place, until: deadline)
            if try status(of: file, "its lock").hasName { return Lease(file, place) }
            // Removed meanwhile: others lock a new file of this name.
            guard tvs_monotonic_ms() < deadline else { throw Self.busy }
        }
    }

    private func openLock(_ directory: borrowing Descriptor) throws(Failure) -> Descriptor {
        let number = files.open(directory.number, name + ".lock", .lock)
        if number == -ELOOP {
            throw Failure(.unsafeFile, "the vault's lock file is a symbolic link: remove it")
        }
        if let error = FileError(answer: number) { throw failed("opening its lock", error) }
        let file = Descriptor(number: number, files: files)
        try checkLock(file, directory)
        return file
    }

    private static var busy: Failure {
        var failure = Failure(.busy, "another writer held the vault too long; try again")
        failure.retriable = true
        return failure
    }

    /// Returns with the lock taken.
    private func wait(
        for file: borrowing Descriptor, _ place: borrowing WriterQueue.Place,
        until deadline: Int64
    ) throws(Failure) {
        while true {
            if place.isFirst {
                let answer = files.lock(file.number)
                if answer == 0 { return }
                guard answer == -EAGAIN || answer == -EINTR else {
                    throw failed("locking it", FileError(-answer))
                }
            }
            let rest = deadline - tvs_monotonic_ms()
            guard rest > 0 else { throw Self.busy }
            // Often: a busy writer in another process lets go for moments only.
            tvs_sleep_ms(min(Self.pollMs, rest))
        }
    }

    /// Whoever can open the lock file can keep writers away, so it must be the vault's owner's.
    /// Root gives it to that owner: it would shut them out otherwise.
    private func checkLock(
        _ lock: borrowing Descriptor, _ directory: borrowing Descriptor
    ) throws(Failure) {
        let found = try status(of: lock, "its lock")
        let user = tvs_effective_user()
        var owner = user
        let number = files.open(directory.number, name, .read)
        if number >= 0 {
            let vault = Descriptor(number: number, files: files)
            owner = try status(of: vault, "the file").owner
        }
        guard found.isRegular, [user, owner, 0].contains(found.owner), found.mode & 0o077 == 0
        else {
            throw Failure(
                .unsafeFile, "the vault's lock file is another user's or open to others: remove it")
        }
        if user == 0, found.owner != owner,
            let error = FileError(answer: files.changeOwner(lock.number, owner))
        {
            throw failed("giving the lock to the vault's owner", error)
        }
    }
}
