// LedgerFileTests.swift - which files are used, and what becomes of a ledger whose file is not.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

@Suite("The ledger's file")
struct LedgerFileTests {
    static let start = LedgerTests.start
    static let quota = LedgerTests.quota
    static let size = LedgerTable.byteCount
    let scratch: LedgerScratch

    init() throws { scratch = try LedgerScratch() }

    /// Opens it and asks why it is not shared; "" when it is. A ledger works in either case.
    func refusal(_ place: LedgerPlace) throws -> String {
        let ledger = try MappedLedger(place, now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        let report = ledger.describe()
        #expect(report.isShared == report.reason.isEmpty)
        #expect(!report.reason.utf8.contains(10))
        return report.reason
    }

    @Test("it is made whole, for this user alone")
    func made() throws {
        #expect(try refusal(scratch.place).isEmpty)
        var status = stat()
        unsafe #expect(stat(scratch.path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o600)
        #expect(status.st_size == Self.size)
        // Every block is there: a hole would end the process on a full disk.
        #expect(Int(status.st_blocks) * 512 >= Self.size)
    }

    @Test("an empty file, or one whose maker was killed, is finished")
    func unfinished() throws {
        for count in [0, 1, 4096, 100_000, Self.size] {
            scratch.make([UInt8](repeating: 0, count: count))
            #expect(try refusal(scratch.place).isEmpty, "\(count)")
        }
    }

    @Test("damaged, truncated and foreign files are refused and left as they are")
    func foreign() throws {
        let contents: [[UInt8]] = [
            [1], Array("user data, not a ledger\n".utf8), [UInt8](repeating: 0, count: 5000) + [1],
            [UInt8](repeating: 0xFF, count: Self.size), [UInt8](repeating: 0, count: Self.size + 1),
            [UInt8](repeating: 0, count: Self.size - 1) + [9],
        ]
        for content in contents {
            scratch.make(content)
            #expect(try refusal(scratch.place) == "it is truncated or not a ledger")
            var status = stat()
            unsafe #expect(stat(scratch.path, &status) == 0)
            #expect(status.st_size == content.count)
        }
        unsafe unlink(scratch.path)
        #expect(try refusal(scratch.place).isEmpty)
        scratch.patch(8, [2 << 32 | UInt64(LedgerTable.slotCount)])
        #expect(try refusal(scratch.place) == "it is truncated or not a ledger")
        unsafe unlink(scratch.path)
        #expect(try refusal(scratch.place).isEmpty)
        unsafe truncate(scratch.path, Self.size / 2)
        #expect(try refusal(scratch.place) == "it is truncated or not a ledger")
    }

    @Test("links, other kinds of files, wrong modes and missing directories are refused")
    func unsafeFiles() throws {
        scratch.make([], mode: 0o666)
        #expect(try refusal(scratch.place) == "others may write it")
        scratch.make([], mode: 0o400)
        #expect(try !refusal(scratch.place).isEmpty)
        // Whoever may write a file may cut it, and that ends all who have it mapped.
        scratch.make([], mode: 0o620)
        #expect(try refusal(scratch.place) == "others may write it")
        scratch.make([], mode: 0o640)
        #expect(try refusal(scratch.place).isEmpty)
        unsafe #expect(symlink(scratch.path, scratch.path + ".link") == 0)
        #expect(try refusal(.path(scratch.path + ".link")) == "the file is a symbolic link")
        unsafe unlink(scratch.path)
        unsafe #expect(mkfifo(scratch.path, 0o600) == 0)
        #expect(try refusal(scratch.place) == "it is not a regular file")
        #expect(try refusal(.path(scratch.path + ".none/x")) == "its directory: ENOENT")
        #expect(try refusal(.path("/proc/budget.ledger")) != "")
        unsafe chmod(scratch.directory, 0o777)
        #expect(try refusal(scratch.place) == "others may write to its directory")
    }

    @Test("a lock that somebody holds for long is waited for by one new group, not by each")
    func heldLock() throws {
        let ledger = try scratch.open(now: Self.start)
        let holder = unsafe Glibc.open(scratch.path, O_RDWR)
        #expect(tvs_lock_byte(holder, 0, TVS_EXCLUSIVE, 1) == 0)
        let (before, groups) = (naps(), 100)
        for group in 0..<groups { _ = ledger.entry(UInt64(1000 + group), now: Self.start) }
        // Each attempt but the last is followed by a nap, of which the kernel counts every one.
        #expect(naps() - before < 2 * Int(LedgerFile.attempts))
        #expect(ledger.describe().overflows == groups)
        close(holder)
        for group in 0..<groups { _ = ledger.entry(UInt64(2000 + group), now: Self.start) }
        #expect(ledger.describe().overflows == groups)
        #expect(ledger.describe().groups == groups)
    }

    /// How often this thread has given the processor away (RUSAGE_THREAD).
    private func naps() -> Int {
        var usage = rusage()
        unsafe _ = getrusage(1, &usage)
        return usage.ru_nvcsw
    }

    @Test("the setting is auto, private or an absolute path")
    func setting() throws {
        #expect(try LedgerPlace(setting: "auto") == .automatic)
        #expect(try LedgerPlace(setting: "private") == .ofProcess)
        #expect(try LedgerPlace(setting: "/run/x") == .path("/run/x"))
        for text in ["", "Auto", "x", "./x", "/run/", "/", "/a\u{0}b"] {
            #expect(status { _ = try LedgerPlace(setting: text) } == .configValue)
        }
    }

    @Test(
        "a removed or replaced file: within a second the new one is used, and nothing is forgotten")
    func replaced() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        var parked = ledger.entry(8, now: Self.start)
        ledger.park(&parked, until: Self.start + 10_000_000, now: Self.start)
        unsafe rename(scratch.path, scratch.path + ".old")
        ledger.refresh(now: Self.start + 1)
        #expect(ledger.describe().isShared)
        let other = try scratch.open(now: Self.start)
        var there = other.entry(7, now: Self.start)
        #expect(other.spend(&there, Self.quota, now: Self.start) == Self.start + 100_000)
        #expect(other.parkedUntil(&parked, now: Self.start) == Self.start + 10_000_000)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == Self.start + 100_000)
        // Not every call looks: that would be a system call for each request.
        unsafe unlink(scratch.path)
        ledger.refresh(now: Self.start + 500_000)
        #expect(unsafe access(scratch.path, F_OK) != 0)
        ledger.refresh(now: Self.start + 1_000_001)
        #expect(unsafe access(scratch.path, F_OK) == 0)
    }

    @Test("a file that is cut while in use is not touched any more")
    func cut() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        unsafe #expect(truncate(scratch.path, 0) == 0)
        ledger.refresh(now: Self.start + 1)
        #expect(ledger.describe().reason == "it was cut while in use")
        #expect(!ledger.describe().isShared)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        // A minute later it is tried again, and what was spent meanwhile goes with it.
        ledger.refresh(now: Self.start + 50_000_000)
        #expect(!ledger.describe().isShared)
        ledger.park(&entry, until: Self.start + 90_000_000, now: Self.start)
        ledger.refresh(now: Self.start + 61_000_000)
        #expect(ledger.describe().isShared)
        let other = try scratch.open(now: Self.start)
        var there = other.entry(7, now: Self.start)
        #expect(other.parkedUntil(&there, now: Self.start) == Self.start + 90_000_000)
    }

    /// Makes the file look as after a reboot: its times are of another boot.
    func reboot() { scratch.patch(16, [1, 2]) }

    @Test("after a reboot parkings go on, bursts do not begin anew, and old groups are forgotten")
    func rebooted() throws {
        do {
            let ledger = try scratch.open(now: Self.start)
            var spent = ledger.entry(7, now: Self.start)
            for _ in 0..<4 { #expect(ledger.spend(&spent, Self.quota, now: Self.start) == nil) }
            var parked = ledger.entry(8, now: Self.start)
            ledger.park(&parked, until: Self.start + 200_000_000, now: Self.start)
            ledger.slow(&spent, remaining: 1, until: Self.start + 150_000_000, now: Self.start)
        }
        reboot()
        // The clock began again at 0; this is 20 s later.
        let now: Int64 = 20_000_000
        let ledger = try scratch.open(now: now)
        #expect(ledger.describe().isShared, "\(ledger.describe().reason)")
        var spent = ledger.entry(7, now: now)
        #expect(ledger.spend(&spent, Self.quota, now: now) == LedgerHeader.afterBootUs)
        var parked = ledger.entry(8, now: now)
        #expect(ledger.parkedUntil(&parked, now: now) == 200_000_000)
        // What the disk may have lost: a group that was new in the last seconds.
        var lost = ledger.entry(9, now: now)
        let permitted = try #require(ledger.spend(&lost, Self.quota, now: now))
        #expect(permitted == LedgerHeader.afterBootUs - Self.quota.toleranceUs)
        #expect(ledger.spend(&spent, Self.quota, now: 160_000_000) == nil)
        #expect(ledger.spend(&parked, Self.quota, now: 200_000_000) == nil)
    }

    @Test("nonsense in the times of another boot blocks nobody for more than a day")
    func rebootedNonsense() throws {
        _ = try scratch.open(now: Self.start).entry(7, now: Self.start)
        let offset = try #require(scratch.offset(of: 7))
        scratch.patch(offset + 8, [0xF_FFFF_FFFF_FFFF, 0xF_FFFF_FFFF_FFFF, 0, UInt64.max])
        reboot()
        let ledger = try scratch.open(now: 0)
        var entry = ledger.entry(7, now: 0)
        #expect(ledger.spend(&entry, Self.quota, now: LedgerTime.day) == nil)
    }

    @Test("a mover that was killed is finished by the next")
    func rebootedTwice() throws {
        do {
            let ledger = try scratch.open(now: Self.start)
            var parked = ledger.entry(8, now: Self.start)
            ledger.park(&parked, until: Self.start + 200_000_000, now: Self.start)
        }
        reboot()
        var parked = try scratch.open(now: 0).entry(8, now: 0)
        // As if it had been killed before it wrote down which boot it was.
        reboot()
        let ledger = try scratch.open(now: 0)
        #expect(ledger.parkedUntil(&parked, now: 0) == 200_000_000)
    }

    @Test("a file in use under another boot id (a container's) is left alone")
    func otherBoot() throws {
        let ledger = try scratch.open(now: Self.start)
        reboot()
        #expect(try refusal(scratch.place) == "it is in use under another boot id")
        #expect(ledger.describe().isShared)
    }

    @Test("a slot that a killed process left half given away is put back")
    func killedWhileGiving() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        ledger.park(&entry, until: Self.start + 200_000_000, now: Self.start)
        let offset = try #require(scratch.offset(of: 7))
        // BUSY, formerly 7's; its times already in the next epoch, its parking not yet.
        scratch.patch(offset + 5 * 8, [7])
        scratch.patch(offset, [LedgerKey.busy, scratch.word(offset + 8) &+ 1 << 52])
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == Self.start + 200_000_000)
        #expect(scratch.offset(of: 7) == offset)
        #expect(ledger.describe().groups == 1)
    }

    @Test("while another process holds the lock, new groups wait some milliseconds, not longer")
    func lockHeld() throws {
        let ledger = try scratch.open(now: Self.start)
        var known = ledger.entry(6, now: Self.start)
        let descriptor = unsafe Glibc.open(scratch.path, O_RDWR)
        #expect(tvs_lock_byte(descriptor, 0, TVS_EXCLUSIVE, 1) == 0)
        #expect(ledger.spend(&known, Self.quota, now: Self.start) == nil)
        var entry = ledger.entry(7, now: Self.start)
        #expect(ledger.describe().overflows == 1)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        close(descriptor)
        // The lock is free again: the group moves in with what it has spent.
        #expect(ledger.spend(&entry, Self.quota, now: Self.start + 200_001) == nil)
        #expect(scratch.offset(of: 7) != nil)
    }

    @Test("engines of one process that name one place share one ledger while they live")
    func openLedgers() throws {
        var one: MappedLedger? = try OpenLedgers.ledger(scratch.place, now: Self.start)
        #expect(try OpenLedgers.ledger(scratch.place, now: Self.start) === one)
        #expect(try OpenLedgers.ledger(.ofProcess, now: Self.start) !== one)
        unsafe unlink(scratch.path)
        one = nil
        #expect(try OpenLedgers.ledger(scratch.place, now: Self.start).describe().isShared)
    }
}
