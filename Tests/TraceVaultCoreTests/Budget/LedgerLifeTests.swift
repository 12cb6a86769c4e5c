// LedgerLifeTests.swift - what becomes of a ledger whose file is cut, replaced, or of another boot, while
// it is open.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

@Suite("The life of a ledger's file")
struct LedgerLifeTests {
    static let start = LedgerTests.start
    static let quota = LedgerTests.quota
    static let size = LedgerTable.byteCount
    let scratch: LedgerScratch

    init() throws { scratch = try LedgerScratch() }

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
        do {
            let ledger = try scratch.open(now: Self.start)
            var entry = ledger.entry(7, now: Self.start)
            #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        }
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

    @Test("a clock that began anew does not move a file that others use")
    func otherBoot() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        reboot()
        let other = try scratch.open(now: 5)
        #expect(other.describe().reason == "it is in use under another boot id")
        #expect(ledger.describe().isShared)
    }

    @Test(
        "a container that starts anew has another boot id and the same clock: nothing is forgotten")
    func containers() throws {
        var now = Self.start
        let end = now + 300_000_000
        do {
            let ledger = try scratch.open(now: now)
            var spent = ledger.entry(7, now: now)
            for _ in 0..<4 { #expect(ledger.spend(&spent, Self.quota, now: now) == nil) }
            var parked = ledger.entry(8, now: now)
            ledger.park(&parked, until: end, now: now)
        }
        for container in 1...5 as ClosedRange<UInt64> {
            scratch.patch(16, [container, container])
            now += 1000
            let ledger = try scratch.open(now: now)
            #expect(ledger.describe().isShared)
            var spent = ledger.entry(7, now: now)
            #expect(ledger.spend(&spent, Self.quota, now: now) == Self.start + 100_000)
            var parked = ledger.entry(8, now: now)
            #expect(ledger.parkedUntil(&parked, now: now) == end)
            // Beside the first one, which is still there.
            let beside = try scratch.open(now: now)
            #expect(beside.describe().isShared)
        }
    }

    @Test("a file cut behind the back of who is idle: the next call looks before it touches it")
    func cutWhileIdle() throws {
        let calls: [(MappedLedger, inout LedgerEntry, Int64) -> Void] = [
            { _ = $0.spend(&$1, Self.quota, now: $2) },
            { _ = $0.permittedAt(&$1, Self.quota, now: $2) },
            { _ = $0.available(&$1, Self.quota, now: $2) },
            { $0.refund(&$1, Self.quota, now: $2) },
            { $0.park(&$1, until: $2 + 1, now: $2) },
            { _ = $0.setPolicy(&$1, Self.quota, now: $2) },
            { $0.slow(&$1, remaining: 3, until: $2 + 9_000_000, now: $2) },
            { _ = $0.parkedUntil(&$1, now: $2) },
            { ledger, _, now in _ = ledger.entry(99, now: now) },
            { ledger, _, _ in _ = ledger.describe() },
            { ledger, _, now in ledger.look(now: now) },
        ]
        for call in calls {
            unsafe unlink(scratch.path)
            let ledger = try scratch.open(now: Self.start)
            var entry = ledger.entry(7, now: Self.start)
            #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
            unsafe #expect(truncate(scratch.path, 0) == 0)
            call(ledger, &entry, Self.start + 60_000_000)
            #expect(ledger.describe().reason == "it was cut while in use")
        }
    }

    @Test("an open ledger is looked at before a second engine gets it")
    func cutBeforeHandingOver() throws {
        let ledger = try OpenLedgers.ledger(scratch.place, now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        unsafe #expect(truncate(scratch.path, 4096) == 0)
        let again = try OpenLedgers.ledger(scratch.place, now: Self.start)
        var other = again.entry(8, now: Self.start)
        #expect(again.spend(&other, Self.quota, now: Self.start) == nil)
        #expect(again === ledger && !again.describe().isShared)
    }

    @Test("a file with holes is not touched: on a full disk they end the process")
    func holes() throws {
        let ledger = try scratch.open(now: Self.start)
        unsafe #expect(truncate(scratch.path, 0) == 0)
        unsafe #expect(truncate(scratch.path, Self.size) == 0)
        ledger.look(now: Self.start)
        #expect(ledger.describe().reason == "it was cut while in use")
    }

    @Test("who was at the table when its file was cut or replaced finds it empty, not gone")
    func retired() throws {
        for isCut in [true, false] {
            unsafe unlink(scratch.path)
            let table = try #require(
                try LedgerFile.open(scratch.place, isPatient: true, now: Self.start))
            let index = try #require(table.claim(7, now: Self.start, attempts: 1))
            if isCut { unsafe #expect(truncate(scratch.path, 0) == 0) }
            table.retire()
            guard case .moved = table.spend(index, 7, Self.quota, now: Self.start) else {
                Issue.record("spent in a retired table")
                return
            }
            #expect(table.claim(8, now: Self.start, attempts: 1) == nil)
            #expect(table.file == nil && table.header.groups == 0)
        }
    }

    @Test("a replaced file costs no descriptor and no memory, however often")
    func replacedOften() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        var now = Self.start
        for _ in 0..<40 {
            unsafe unlink(scratch.path)
            now += 2_000_000
            ledger.refresh(now: now)
            #expect(ledger.describe().isShared, "\(ledger.describe().reason)")
            ledger.park(&entry, until: now + 1_000_000, now: now)
        }
        #expect(openDescriptors(of: scratch.path) == 1)
    }

    /// How many of this process's descriptors are of a file, also of one that was removed.
    private func openDescriptors(of path: String) -> Int {
        var count = 0
        for number in 0..<1024 {
            var target = [CChar](repeating: 0, count: 512)
            guard unsafe readlink("/proc/self/fd/\(number)", &target, 511) > 0 else { continue }
            let bytes = target.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            if String(decoding: bytes, as: UTF8.self).hasPrefix(path) { count += 1 }
        }
        return count
    }

    @Test("a file that was away for a moment is the same table, not another")
    func awayForAMoment() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(7, now: Self.start)
        var now = Self.start
        for _ in 0..<20 {
            // A directory in its place cannot be opened, and is another inode.
            unsafe rename(scratch.path, scratch.path + ".old")
            unsafe mkdir(scratch.path, 0o700)
            unsafe rmdir(scratch.path)
            unsafe rename(scratch.path + ".old", scratch.path)
            now += 2_000_000
            ledger.refresh(now: now)
            ledger.park(&entry, until: now + 1_000_000, now: now)
            let again = try LedgerFile.open(
                scratch.place, known: ledger.file, isPatient: true, now: now)
            #expect(again == nil)
        }
        #expect(ledger.describe().isShared && openDescriptors(of: scratch.path) == 1)
    }

    @Test("a path that cannot be looked at is taken for what it was")
    func unlookable() throws {
        let ledger = try scratch.open(now: Self.start)
        let file = try #require(ledger.file)
        #expect(!file.isElsewhere(scratch.place))
        // ENAMETOOLONG: neither ENOENT nor ENOTDIR, and no other file.
        let long = String(repeating: "x", count: 300)
        #expect(!file.isElsewhere(.path(scratch.directory + "/" + long)))
        #expect(file.isElsewhere(.path(scratch.directory + "/none")))
        #expect(file.isElsewhere(.path(scratch.path + "/none")))
        #expect(file.isElsewhere(.path("/proc/self/status")))
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
