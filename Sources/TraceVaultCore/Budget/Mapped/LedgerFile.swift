// LedgerFile.swift - a ledger's file: whether it may be used, and what makes it usable.
//
// A mapped file can end the process (SIGBUS) where memory cannot: when a block is missing on a
// full disk, when the file is cut, when a server does not answer. So the file must be whole, ours,
// and on a file system that keeps the blocks it has given. What is refused comes back as a line of
// text.

import CSystem
import Glibc

final class LedgerFile: Sendable {
    /// 50 µs apart: the lock is held for microseconds, or by a process that is stopped.
    static let attempts: Int32 = 40
    /// When a ledger is opened: another process may be moving it over a reboot, some 10 ms.
    private static let openingAttempts: Int32 = 10_000

    /// Held while slots are given away and while the file is made or moved over a reboot.
    private static let claimByte: Int64 = 0
    /// Held, shared, by everybody who has the file mapped.
    private static let useByte: Int64 = 1

    private let descriptor: Int32
    private let device: UInt64
    private let inode: UInt64

    private init(_ descriptor: consuming LedgerDescriptor, _ status: tvs_file_status) {
        self.descriptor = descriptor.release()
        device = status.device
        inode = status.inode
    }

    /// A host that closes descriptors it does not know may have one of its own by this number now:
    /// that stays open.
    deinit {
        if let status = try? status(), isSame(status) { tvs_close(descriptor) }
    }

    private func status() throws(FileError) -> tvs_file_status {
        var status = tvs_file_status()
        let answer = unsafe tvs_file_status_of(descriptor, &status)
        if let error = FileError(answer: answer) { throw error }
        return status
    }

    /// Stands for the file on this host: its processes share one name, other hosts have others.
    var name: UInt64? {
        var (high, low): (UInt64, UInt64) = (0, 0)
        guard unsafe tvs_boot_id(&high, &low) == 0 else { return nil }
        let mixed = (high ^ low) &+ device &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (inode &* 0xC2B2_AE3D_27D4_EB4F)
    }

    /// Whether no other process of this host has the file mapped; false also where nobody can tell.
    var isOnlyHere: Bool {
        guard let own = try? status(), isSame(own) else { return false }
        return tvs_byte_is_free(descriptor, Self.useByte)
    }

    private func isSame(_ status: tvs_file_status) -> Bool {
        status.device == device && status.inode == inode
    }

    func lock(attempts: Int32) -> Bool {
        guard let own = try? status(), isSame(own) else { return false }
        return tvs_lock_byte(descriptor, Self.claimByte, TVS_EXCLUSIVE, attempts) == 0
    }

    func unlock() { _ = tvs_lock_byte(descriptor, Self.claimByte, TVS_UNLOCKED, 1) }

    // MARK: - Opening

    /// Opens the ledger at a place, making it where there is none. Nil when the file is the one
    /// that `known` has open: one file is one table.
    static func open(
        _ place: LedgerPlace, known: LedgerFile? = nil, isPatient: Bool, now: Int64
    ) throws(LedgerRefusal) -> LedgerTable? {
        let directory = try place.openDirectory()
        let descriptor = try openFile(directory, FilePlace(place.path).name)
        let status = try descriptor.status()
        try check(status)
        if let known, known.isSame(status) { return nil }
        guard keepsBlocks(tvs_file_system(descriptor.number)) else {
            var refusal = LedgerRefusal(
                "its file system may take blocks back or is not of this host")
            refusal.isLasting = true
            throw refusal
        }
        let file = LedgerFile(descriptor, status)
        // The child of a fork in between would have a share in the lock for as long as it lives.
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        guard file.lock(attempts: isPatient ? openingAttempts : attempts) else {
            var refusal = LedgerRefusal("another process holds its lock")
            refusal.isPassing = true
            throw refusal
        }
        defer { file.unlock() }
        return try file.map(now: now)
    }

    private static func openFile(
        _ directory: borrowing LedgerDescriptor, _ name: String
    ) throws(LedgerRefusal) -> LedgerDescriptor {
        // Twice: between the two calls another process may make it, or remove it.
        for _ in 0..<2 {
            let known = unsafe tvs_open_write(directory.number, name)
            if known != -ENOENT { return try LedgerDescriptor(known, "the file") }
            let new = unsafe tvs_open_new(directory.number, name)
            if new != -EEXIST { return try LedgerDescriptor(new, "making the file") }
        }
        throw LedgerRefusal("the file comes and goes")
    }

    private static func check(_ status: tvs_file_status) throws(LedgerRefusal) {
        guard status.is_regular != 0 else { throw LedgerRefusal("it is not a regular file") }
        guard status.owner == tvs_effective_user() || status.owner == 0 else {
            throw LedgerRefusal("it belongs to another user")
        }
        // A second name elsewhere: it was brought here, and its bytes are used there too.
        guard status.links <= 1 else { throw LedgerRefusal("it has a second name") }
        // Whoever may write it may cut it, which ends every process that has it mapped. Whoever may
        // read it may lock it, which ends the sharing.
        guard status.mode & 0o077 == 0 else {
            throw LedgerRefusal("others may read or write it: chmod go= it")
        }
        // Root could write it all the same; whoever took the right away meant something by it.
        guard status.mode & 0o200 != 0 else { throw LedgerRefusal("it is read-only") }
    }

    /// ext2 to ext4, XFS, tmpfs, and overlayfs, which hands out a file of what lies below it. Not:
    /// file systems that write changed blocks to new places (btrfs, ZFS), of other hosts (NFS,
    /// CIFS, 9p), of programs (FUSE), or unknown here.
    private static func keepsBlocks(_ type: Int64) -> Bool {
        type == 0xEF53 || type == 0x5846_5342 || type == 0x0102_1994 || type == 0x794C_7630
    }

    /// Under the lock.
    private func map(now: Int64) throws(LedgerRefusal) -> LedgerTable {
        let size: UInt64
        do { size = try status().size } catch { throw LedgerRefusal("looking at it", error) }
        // New, or its maker was killed: nobody else has the lock.
        let isNew = size <= Self.byteCount && isZero(size)
        guard isNew || size == Self.byteCount else { throw Self.notLedger }
        // One that was copied may have holes where it is zero.
        if isNew || !isWhole {
            let answer = tvs_allocate(descriptor, LedgerTable.byteCount, isNew)
            if let error = FileError(answer: answer) {
                throw LedgerRefusal("no room for it", error)
            }
        }
        var mapped: UnsafeMutableRawPointer?
        let answer = unsafe tvs_map_file(descriptor, LedgerTable.byteCount, &mapped)
        if let error = FileError(answer: answer) { throw LedgerRefusal("mapping it", error) }
        guard let base = unsafe mapped else { throw LedgerRefusal("it could not be mapped") }
        let table = unsafe LedgerTable(mapped: base, of: self)
        try begin(table, now: now)
        return table
    }

    private static let byteCount = UInt64(LedgerTable.byteCount)
    private static let notLedger = LedgerRefusal("it is truncated or not a ledger")

    /// Whether the file holds only zeros from `offset` to `size`. Another's file ends this at its
    /// first byte that is none; a ledger at its magic.
    private func isZero(from offset: Int = 0, _ size: UInt64) -> Bool {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { room in
            var offset = offset
            while offset < Int(clamping: size) {
                let count = unsafe pread(descriptor, room.baseAddress, room.count, offset)
                guard count > 0, let base = room.baseAddress, unsafe room[0] == 0,
                    unsafe memcmp(base, base + 1, count - 1) == 0
                else { return false }
                offset += count
            }
            return true
        }
    }

    private func begin(_ table: LedgerTable, now: Int64) throws(LedgerRefusal) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        if let error = FileError(answer: unsafe tvs_boot_id(&high, &low)) {
            throw LedgerRefusal("the host's boot id", error)
        }
        let boot = LedgerHeader.Boot(high: high, low: low)
        guard tvs_has_own_clock() == 0 else {
            throw LedgerRefusal("this process is in a time namespace of its own")
        }
        if table.header.isBlank, isZero(from: LedgerTable.headerCount, Self.byteCount) {
            table.header.begin(boot)
        }
        guard table.header.isLedger else { throw Self.notLedger }
        // Under another boot id the clock may have gone on: a container's restart, or a start of
        // the host so long ago that old times lie behind it. Then they hold as they are.
        if table.header.boot != boot, table.header.isAhead(of: now) {
            // Containers may see a boot id of their own: then others use the file right now.
            let answer = tvs_lock_byte(descriptor, Self.useByte, TVS_EXCLUSIVE, 1)
            guard answer == 0 else {
                throw LedgerRefusal("it is in use under another boot id")
            }
            table.moveToNewBoot(boot.low, now: now)
            table.header.boot = boot
        }
        let answer = tvs_lock_byte(descriptor, Self.useByte, TVS_SHARED, 1)
        if let error = FileError(answer: answer) { throw LedgerRefusal("its lock", error) }
    }

    // MARK: - Watching

    /// Whether all of it is there, which one system call tells. Touching a file that was cut, or
    /// has holes, may end the process.
    var isWhole: Bool {
        guard let own = try? status(), isSame(own) else { return false }
        return own.size == Self.byteCount && own.blocks >= Self.byteCount / 512
    }

    /// Whether the path names another file, or none. A path that cannot be looked at (no descriptor
    /// is free, say) is taken for what it was.
    func isElsewhere(_ place: LedgerPlace) -> Bool {
        switch place.find() {
        case .success(let named): !isSame(named)
        case .failure(let error): error.number == ENOENT || error.number == ENOTDIR
        }
    }
}
