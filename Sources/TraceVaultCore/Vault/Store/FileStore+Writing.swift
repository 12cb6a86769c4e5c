// FileStore+Writing.swift - durable creation and replacement of the vault file.
//
// New bytes are written beside the old file, synced, read back and compared; then one rename makes
// them the vault. A failure before the rename leaves the old vault; after it the outcome is said
// to be unknown. A failed fsync is never tried again: the store refuses to write until it is
// opened anew.

import CSystem
import Glibc
import Synchronization

extension FileStore {
    var temporaryName: String { name + ".new" }
    var previousName: String { name + ".prev" }
    /// The old file on its way to the previous one's name.
    var passingName: String { previousName + ".new" }

    // MARK: - Create

    package func create(_ bytes: ByteBuffer) throws(Failure) {
        let deadline = tvs_monotonic_ms() + Int64(lockTimeoutMs)
        let place = try stand(until: deadline)
        let lease = try lease(
            place, in: try openOwnDirectory(), mayBegin: true, until: deadline)
        defer { lease.release() }
        try begin(bytes, lease.directory)
    }

    private func begin(
        _ bytes: ByteBuffer, _ directory: borrowing Descriptor
    ) throws(Failure) {
        let owner = tvs_effective_user()
        try checkNames([temporaryName], directory, owner: owner)
        do throws(Failure) {
            let file = try writeTemporary(bytes, directory, owner: owner)
            try checkOwn(file)
            // Unlike a rename, a link never replaces.
            let answer = files.link(directory.number, temporaryName, name)
            if answer == -EEXIST { throw Self.exists }
            if let error = FileError(answer: answer) { throw failed("naming it", error) }
        } catch {
            _ = files.unlink(directory.number, temporaryName)
            throw error
        }
        _ = files.unlink(directory.number, temporaryName)
        try settle(directory)
    }

    private static let exists = Failure(.exists, "there is a file at the vault's path already")

    // MARK: - Replace

    package func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        try checkIsSound()
        let directory = try openDirectory()
        try checkIsLocked(directory)
        // Of one file: another may have its name a moment later.
        let vault = try openVault(directory)
        let owner = try status(of: vault, "the file").owner
        guard try revision(of: vault) == expected else { return false }
        try checkNames([temporaryName, previousName, passingName], directory, owner: owner)
        do throws(Failure) {
            let file = try writeTemporary(bytes, directory, owner: owner)
            if let previous, try isWhole(name, previous, directory) { try keepPrevious(directory) }
            try checkOwn(file)
            let answer = files.rename(directory.number, temporaryName, name)
            if let error = FileError(answer: answer) { throw failed("replacing it", error) }
        } catch {
            _ = files.unlink(directory.number, temporaryName)
            throw error
        }
        if previous == nil { try forgetPrevious(directory) }
        try settle(directory)
        return true
    }

    func checkIsSound() throws(Failure) {
        guard !isPoisoned.load(ordering: .acquiring) else {
            throw Failure(.io, "a write failed before: close the vault and open it again")
        }
    }

    /// Writes, syncs and reads back a file beside the vault; only the lock's holder may.
    func writeTemporary(
        _ bytes: ByteBuffer, _ directory: borrowing Descriptor, owner: UInt32
    ) throws(Failure) -> Descriptor {
        // What a killed writer left behind.
        _ = files.unlink(directory.number, temporaryName)
        let number = files.open(directory.number, temporaryName, .new)
        if let error = FileError(answer: number) { throw failed("making a new file", error) }
        let file = Descriptor(number: number, files: files)
        try give(file, to: owner, "the new file")
        try write(bytes, to: file)
        try sync(file)
        guard try isWhole(temporaryName, bytes, directory) else {
            throw Failure(
                .io, "the new vault reads back differently; the stored vault is unchanged")
        }
        return file
    }

    /// What is about to be named is what was written: without the lock, another writer would have
    /// taken it away.
    func checkOwn(_ file: borrowing Descriptor) throws(Failure) {
        guard try status(of: file, "the new file").hasName else {
            throw Failure(
                .conflict, "another writer is at work without the lock: was <vault>.lock removed?")
        }
    }

    private func write(
        _ bytes: ByteBuffer, to file: borrowing Descriptor
    ) throws(Failure) {
        let number = file.number
        try bytes.withBytes { (span) throws(Failure) in
            var offset = 0
            while offset < span.byteCount {
                let answer = unsafe span.extracting(offset..<span.byteCount).withUnsafeBytes {
                    unsafe files.write(number, $0)
                }
                if answer == -Int(EINTR) { continue }
                guard answer > 0 else {
                    throw failed("writing it", FileError(answer < 0 ? Int32(-answer) : ENOSPC))
                }
                offset += answer
            }
        }
    }

    private func sync(_ file: borrowing Descriptor) throws(Failure) {
        if let error = FileError(answer: files.sync(file.number)) {
            isPoisoned.store(true, ordering: .releasing)
            throw failed("syncing it", error)
        }
    }

    /// Reads a file through a fresh descriptor: whether it holds what was meant, and all of it.
    private func isWhole(
        _ name: String, _ bytes: ByteBuffer, _ directory: borrowing Descriptor
    ) throws(Failure) -> Bool {
        let number = files.open(directory.number, name, .read)
        if let error = FileError(answer: number) { throw failed("reading it back", error) }
        let file = Descriptor(number: number, files: files)
        // Small enough to be memory that was used before, and to be compared while it is at hand.
        let piece = ByteBuffer(limit: 65_536)
        var offset = 0
        while true {
            piece.removeAll()
            let count = try fill(piece, from: file, upTo: piece.limit)
            if count == 0 { break }
            let start = offset
            let isSame = bytes.withBytes { meant in
                piece.withBytes { found in
                    guard meant.isWithin(start..<start + count) else { return false }
                    return meant.extracting(start..<start + count).isSame(as: found)
                }
            }
            guard isSame else { return false }
            offset += count
        }
        return offset == bytes.count
    }

    /// Keeps the file that is about to be replaced as `<vault>.prev`.
    private func keepPrevious(_ directory: borrowing Descriptor) throws(Failure) {
        _ = files.unlink(directory.number, passingName)
        let answer = files.link(directory.number, name, passingName)
        // File systems without hard links have no previous generation.
        if [-EPERM, -EOPNOTSUPP, -EMLINK].contains(answer) { return }
        if let error = FileError(answer: answer) { throw failed("keeping the old one", error) }
        let renamed = files.rename(directory.number, passingName, previousName)
        // Left over when both names were links to one file already.
        _ = files.unlink(directory.number, passingName)
        if let error = FileError(answer: renamed) { throw failed("keeping the old one", error) }
    }

    /// Takes `<vault>.prev` away, which still holds what this change removed; so does the name that
    /// a writer who was killed while keeping it left behind.
    private func forgetPrevious(_ directory: borrowing Descriptor) throws(Failure) {
        for copy in [previousName, passingName] {
            let answer = files.unlink(directory.number, copy)
            guard answer == 0 || answer == -ENOENT else {
                throw Failure(
                    .durabilityUnknown,
                    "the new vault is in place, but \(copy), which still holds what was removed, "
                        + "could not be removed: \(FileError(-answer).name); remove it")
            }
        }
    }

    /// Makes a new name durable. The name is there already, so a failure says so.
    func settle(_ directory: borrowing Descriptor) throws(Failure) {
        guard files.sync(directory.number) == 0 else {
            isPoisoned.store(true, ordering: .releasing)
            throw Failure(
                .durabilityUnknown,
                "the new vault is in place, but may not survive a crash: open it again and check")
        }
    }
}
