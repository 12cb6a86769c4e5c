// LedgerFileTests.swift - which files are used, and what becomes of a ledger whose file is not.

import CSystem
import Foundation
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

    @Test("one that was copied without its blocks is made whole before it is used")
    func copied() throws {
        do {
            let ledger = try MappedLedger(scratch.place, now: Self.start)
            var entry = ledger.entry(7, now: Self.start)
            #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        }
        let content = try Data(contentsOf: URL(fileURLWithPath: scratch.path))
        let used = (content.lastIndex { $0 != 0 } ?? 0) + 1
        unsafe unlink(scratch.path)
        scratch.make(Array(content.prefix(used)))
        unsafe #expect(truncate(scratch.path, Self.size) == 0)
        let again = try MappedLedger(scratch.place, now: Self.start)
        again.look(now: Self.start)
        #expect(again.describe().isShared)
        var status = stat()
        unsafe #expect(stat(scratch.path, &status) == 0)
        #expect(Int(status.st_blocks) * 512 >= Self.size)
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

    /// One touch of a page that is gone ends the process, and this suite.
    @Test("a file that is cut within a round of an engine is not touched again in that round")
    func cutWithinARound() throws {
        typealias Call = (MappedLedger, inout LedgerEntry) -> Void
        let now = Self.start
        let calls: [Call] = [
            { #expect($0.spend(&$1, Self.quota, now: now) == nil) },
            { $0.refund(&$1, Self.quota, now: now) }, { $0.park(&$1, until: now + 9, now: now) },
            { $0.lift(&$1, now: now) }, { _ = $0.parkedUntil(&$1, now: now) },
            { _ = $0.permittedAt(&$1, Self.quota, now: now) },
            { _ = $0.available(&$1, Self.quota, now: now) },
            { _ = $0.setPolicy(&$1, Self.quota, now: now) },
            { $0.slow(&$1, remaining: 1, until: now + 9, now: now) },
            { _ = $0.pace(&$1, Self.quota, now: now) }, { ledger, _ in _ = ledger.describe() },
            { ledger, _ in _ = ledger.entry(8, now: now) }, { $0.bring($1) },
            { ledger, _ in
                var other = ledger.entry(9, now: now)
                #expect(ledger.spend(&other, Self.quota, now: now) == nil)
            },
        ]
        for call in calls {
            unsafe unlink(scratch.path)
            let ledger = try scratch.open(now: now)
            var entry = ledger.entry(7, now: now)
            #expect(ledger.spend(&entry, Self.quota, now: now) == nil)
            #expect(unsafe truncate(scratch.path, 0) == 0)
            call(ledger, &entry)
            #expect(ledger.describe().reason == "it was cut while in use")
        }
    }

    @Test("links, other kinds of files, wrong modes and missing directories are refused")
    func unsafeFiles() throws {
        // Whoever may write a file may cut it, and that ends all who have it mapped. Whoever may
        // read it may lock it, and that ends the sharing.
        for mode: mode_t in [0o666, 0o620, 0o640, 0o604, 0o644, 0o610] {
            scratch.make([], mode: mode)
            #expect(try refusal(scratch.place) == "others may read or write it: chmod go= it")
        }
        scratch.make([], mode: 0o400)
        #expect(try !refusal(scratch.place).isEmpty)
        scratch.make([], mode: 0o600)
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
        func spend(_ key: Int) {
            var entry = ledger.entry(UInt64(key), now: Self.start)
            #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        }
        for group in 0..<groups { spend(1000 + group) }
        // Each attempt but the last is followed by a nap, of which the kernel counts every one.
        #expect(naps() - before < 2 * Int(LedgerFile.attempts))
        #expect(ledger.describe().overflows == groups)
        close(holder)
        for group in 0..<groups { spend(2000 + group) }
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
        #expect(ledger.spend(&known, Self.quota, now: Self.start) == nil)
        let descriptor = unsafe Glibc.open(scratch.path, O_RDWR)
        #expect(tvs_lock_byte(descriptor, 0, TVS_EXCLUSIVE, 1) == 0)
        #expect(ledger.spend(&known, Self.quota, now: Self.start) == nil)
        var entry = ledger.entry(7, now: Self.start)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        #expect(ledger.describe().overflows == 1)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        close(descriptor)
        // The lock is free again: the group moves in with what it has spent.
        #expect(ledger.spend(&entry, Self.quota, now: Self.start + 200_001) == nil)
        #expect(scratch.offset(of: 7) != nil)
    }
}
