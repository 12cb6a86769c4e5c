// FileStore+Lock.swift - one writer at a time, and whose the names beside the vault are.
//
// The directory may be another user's whose vault root edits; its owner can rename any file to any
// name there. So nothing is given away that was not made by this call, and nothing is used or
// replaced that has one of the vault's names and cannot be the vault's.

import CSystem
import Glibc
import Synchronization

extension FileStore {
    private static let pollMs: Int64 = 2
    /// How many writers of several processes keep their order, with the one that writes.
    static let rungs: Int32 = 5
    private var lockName: String { name + ".lock" }

    /// The lock on `<vault>.lock`, held, and the head of this process's queue for it.
    final class Lease: StoreLease {
        private let store: FileStore
        private let file: Descriptor
        /// Open as long as the lock is held: nothing else has its number meanwhile.
        let directory: Descriptor
        private let place: WriterQueue.Place

        init(
            _ store: FileStore, _ file: consuming Descriptor, in directory: consuming Descriptor,
            _ place: consuming WriterQueue.Place
        ) {
            self.store = store
            self.file = file
            self.directory = directory
            self.place = place
        }

        /// Unlocks, which counts even while a forked child still has the descriptor.
        func release() {
            store.lockedDirectory.withLock { $0 = nil }
            _ = store.files.unlock(file.number, 0)
        }
    }

    package func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try lease(timeoutMs: timeoutMs, unless: { false })
    }

    package func lease(
        timeoutMs: Int, unless isCancelled: () -> Bool
    ) throws(Failure) -> any StoreLease {
        let deadline = tvs_monotonic_ms() + Int64(timeoutMs)
        let place = try stand(until: deadline, unless: isCancelled)
        return try lease(place, in: try openDirectory(), until: deadline, unless: isCancelled)
    }

    /// The same for what may not be there yet.
    func leaseToBegin(timeoutMs: Int) throws(Failure) -> Lease {
        let deadline = tvs_monotonic_ms() + Int64(timeoutMs)
        let place = try stand(until: deadline)
        return try lease(place, in: try openDirectory(), mayBegin: true, until: deadline)
    }

    /// Waits for the threads of this process that came before, with nothing open.
    func stand(
        until deadline: Int64, unless isCancelled: () -> Bool = { false }
    ) throws(Failure) -> WriterQueue.Place {
        let place = WriterQueue.Place(in: queue)
        guard try place.wait(until: deadline, unless: isCancelled) else { throw Self.busy }
        return place
    }

    /// Waits for the writers of other processes. Without a vault there is nothing to wait for,
    /// unless one is to begin: a lock that root made there would be in its owner's way.
    func lease(
        _ place: consuming WriterQueue.Place, in directory: consuming Descriptor,
        mayBegin: Bool = false, until deadline: Int64, unless isCancelled: () -> Bool = { false }
    ) throws(Failure) -> Lease {
        while true {
            let file = try openLock(directory, mayBegin)
            try wait(for: file, until: deadline, unless: isCancelled)
            if try status(of: file, "its lock").hasName {
                let locked = try status(of: directory, "its directory").identity
                lockedDirectory.withLock { $0 = locked }
                return Lease(self, file, in: directory, place)
            }
            // Removed meanwhile: others lock a new file of this name.
            guard tvs_monotonic_ms() < deadline else { throw Self.busy }
        }
    }

    /// Refuses to write in a directory in which this store does not hold the lock: the path leads
    /// elsewhere since the lock was taken, and another writer may hold the one there.
    func checkIsLocked(_ directory: borrowing Descriptor) throws(Failure) {
        let found = try status(of: directory, "its directory").identity
        guard lockedDirectory.withLock({ $0 }) == found else {
            throw Failure(
                .conflict,
                "the vault's path leads to another directory since its lock was taken: try again")
        }
    }

    private func openLock(
        _ directory: borrowing Descriptor, _ mayBegin: Bool
    ) throws(Failure) -> Descriptor {
        let found = try vaultOwner(directory)
        guard let owner = found ?? (mayBegin ? tvs_effective_user() : nil) else {
            throw Self.noVault
        }
        // Twice: between the two calls another writer may make it, or remove it.
        for _ in 0..<2 {
            let known = files.open(directory.number, lockName, .lock)
            if known != -ENOENT { return try checkedLock(known, owner) }
            let made = files.open(directory.number, lockName, .new)
            if made != -EEXIST { return try newLock(made, directory, owner) }
        }
        throw Self.busy
    }

    /// Whoever can open the lock file can keep writers away, so it must be the vault's owner's; and
    /// it must be a lock and nothing else that was brought here.
    private func checkedLock(_ answer: Int32, _ owner: UInt32) throws(Failure) -> Descriptor {
        if answer == -ELOOP {
            throw Failure(.unsafeFile, "the vault's lock file is a symbolic link: remove it")
        }
        if let error = FileError(answer: answer) {
            var failure = failed("opening its lock", error)
            if error.number == EACCES { failure.message += "; is \(lockName) another user's?" }
            throw failure
        }
        let lock = Descriptor(number: answer, files: files)
        let found = try status(of: lock, "its lock")
        guard found.isRegular, found.owner == owner, found.mode & 0o077 == 0 else {
            throw Failure(
                .unsafeFile,
                "the vault's lock file \(lockName) is another user's or open to others: remove it")
        }
        guard found.size == 0, found.links <= 1 else {
            throw Failure(
                .unsafeFile,
                "\(lockName) is not a lock: it has content or a second name; move it away")
        }
        return lock
    }

    /// Root gives a lock that it made to the vault's owner: it would shut them out otherwise.
    private func newLock(
        _ answer: Int32, _ directory: borrowing Descriptor, _ owner: UInt32
    ) throws(Failure) -> Descriptor {
        if let error = FileError(answer: answer) { throw failed("making its lock", error) }
        let lock = Descriptor(number: answer, files: files)
        do throws(Failure) {
            try give(lock, to: owner, "its lock")
        } catch {
            _ = files.unlink(directory.number, lockName)
            throw error
        }
        return lock
    }

    /// Changes the owner of a file that this call has made.
    func give(
        _ file: borrowing Descriptor, to owner: UInt32, _ what: StaticString
    ) throws(Failure) {
        guard try status(of: file, what).owner != owner else { return }
        if let error = FileError(answer: files.changeOwner(file.number, owner)) {
            throw failed("giving \(what) to the vault's owner", error)
        }
    }

    private static var busy: Failure {
        var failure = Failure(.busy, "another writer held the vault too long; try again")
        failure.retriable = true
        return failure
    }

    /// Returns with the lock taken, which is that of the file's first byte. The kernel's locks know
    /// no order: who waits stands on a ladder of the bytes behind it, and goes down where the next
    /// one is free. A writer that commits without a pause begins at its top again. One that stands
    /// there and is stopped must not stop the others: after half of the time that is left to who
    /// comes here they try without it, and from then on at once, until it has gone on.
    private func wait(
        for file: borrowing Descriptor, until deadline: Int64, unless isCancelled: () -> Bool
    ) throws(Failure) {
        let patience = (deadline - tvs_monotonic_ms()) / 2
        var rung = Self.rungs
        defer { if rung > 0, rung < Self.rungs { _ = files.unlock(file.number, rung) } }
        while true {
            guard !isCancelled() else { throw WriterQueue.cancelled }
            let rest = deadline - tvs_monotonic_ms()
            while rung > 0, try take(rung - 1, of: file) {
                if rung < Self.rungs { _ = files.unlock(file.number, rung) }
                rung -= 1
                _ = stoppedRung.compareExchange(
                    expected: rung, desired: 0, ordering: .acquiringAndReleasing)
            }
            if rung == 0 { return }
            let isPassing = rung > 1 && stoppedRung.load(ordering: .acquiring) == rung - 1
            if isPassing || rest <= patience, try take(0, of: file) {
                stoppedRung.store(rung - 1, ordering: .releasing)
                return
            }
            guard rest > 0 else { throw Self.busy }
            tvs_sleep_ms(min(Self.pollMs, rest))
        }
    }

    private func take(
        _ rung: Int32, of file: borrowing Descriptor
    ) throws(Failure) -> Bool {
        let answer = files.lock(file.number, rung)
        if answer == 0 { return true }
        guard answer == -EAGAIN || answer == -EINTR else {
            throw failed("locking it", FileError(-answer))
        }
        return false
    }

    // MARK: - Whose the names are

    /// The vault's owner, or who uses this name otherwise; nil where nothing has it.
    private func vaultOwner(_ directory: borrowing Descriptor) throws(Failure) -> UInt32? {
        switch files.status(directory.number, name) {
        case .success(let found) where found.isRegular: return found.owner
        case .success: return tvs_effective_user()
        case .failure(FileError(ENOENT)): return nil
        case .failure(let error): throw failed("looking at the file", error)
        }
    }

    /// Refuses to write where another user's file, none that is a file, or something else of this
    /// user, as a key, has one of these names. They are free, or what an earlier writer left.
    func checkNames(
        _ names: [String], _ directory: borrowing Descriptor, owner: UInt32
    ) throws(Failure) {
        for name in names {
            switch files.status(directory.number, name) {
            case .success(let found):
                guard found.isRegular, [owner, tvs_effective_user(), 0].contains(found.owner)
                else {
                    throw Failure(
                        .unsafeFile,
                        "\(name) beside the vault is another user's or not a file: remove it")
                }
                // These are whole; a crash may have left anything of the others.
                let isWhole = [previousName, passingName].contains(name) && found.size > 0
                let isOurs = isWhole ? try isVault(name, directory) : true
                guard isOurs else {
                    throw Failure(
                        .unsafeFile,
                        "\(name) beside the vault is not the vault's, and would be lost: move it "
                            + "away")
                }
            case .failure(FileError(ENOENT)): continue
            case .failure(let error): throw failed("looking at \(name)", error)
            }
        }
    }

    /// Whether a file begins as a vault.
    private func isVault(
        _ name: String, _ directory: borrowing Descriptor
    ) throws(Failure) -> Bool {
        let number = files.open(directory.number, name, .read)
        // What cannot be read may be one of before the vault had another owner.
        guard number >= 0 else { return true }
        let bytes = ByteBuffer(limit: MemoryLayout<UInt64>.size)
        _ = try fill(bytes, from: Descriptor(number: number, files: files), upTo: bytes.limit)
        return bytes.withBytes { span in
            span.byteCount == bytes.limit
                && span.integer(at: 0, as: UInt64.self) == VaultLayout.magicWord
        }
    }
}
