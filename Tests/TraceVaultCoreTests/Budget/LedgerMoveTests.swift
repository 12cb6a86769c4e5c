// LedgerMoveTests.swift - a group that moves from the process's own table into the file: what it has
// spent comes along, and nothing stays behind to be spent once more.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct LedgerMoveTests {
    static let start = LedgerTests.start
    let scratch: LedgerScratch

    init() throws { scratch = try LedgerScratch() }

    /// How many requests go at once.
    private func spend(_ ledger: MappedLedger, _ entry: inout LedgerEntry, now: Int64) -> Int {
        var count = 0
        while count < 100, ledger.spend(&entry, LedgerTests.quota, now: now) == nil { count += 1 }
        return count
    }

    /// Takes all slots where a group's may be.
    private func fill(_ ledger: MappedLedger, now: Int64) {
        for number in 0..<UInt64(LedgerTable.reach) {
            var entry = ledger.entry(LedgerRaceTests.neighbour(of: 42, number), now: now)
            #expect(ledger.spend(&entry, LedgerTests.quota, now: now) == nil)
        }
    }

    @Test func threadsThatKnewAGroupByItsOldSlotSpendWhereItIsNow() throws {
        let ledger = try scratch.open(now: Self.start)
        fill(ledger, now: Self.start)
        var (one, two) = (ledger.entry(42, now: Self.start), ledger.entry(42, now: Self.start))
        #expect(ledger.spend(&one, LedgerTests.quota, now: Self.start) == nil)
        #expect(ledger.spend(&two, LedgerTests.quota, now: Self.start) == nil)
        #expect(ledger.describe().overflows == 2)
        // There is room in the file by now.
        let later = Self.start + LedgerTime.hour + 10 * LedgerTests.second
        #expect(spend(ledger, &one, now: later) == 4)
        #expect(scratch.offset(of: 42) != nil)
        #expect(spend(ledger, &two, now: later) == 0)
        ledger.park(&one, until: later + 60 * LedgerTests.second, now: later)
        #expect(ledger.parkedUntil(&two, now: later) == later + 60 * LedgerTests.second)
    }

    @Test func aFileThatCanBeUsedAgainTakesGroupsOverAndLeavesNothingBehind() throws {
        scratch.make([1, 2, 3])
        let ledger = try scratch.open(now: Self.start)
        #expect(!ledger.describe().isShared)
        var (one, two) = (ledger.entry(42, now: Self.start), ledger.entry(42, now: Self.start))
        #expect(spend(ledger, &one, now: Self.start) == 4)
        #expect(spend(ledger, &two, now: Self.start) == 0)
        unsafe unlink(scratch.path)
        let later = Self.start + 61 * LedgerTests.second
        // What it has spent is in the file, whoever of the process asks.
        #expect(ledger.spend(&two, LedgerTests.quota, now: later) == nil)
        ledger.refresh(now: later)
        #expect(ledger.describe().isShared)
        var three = ledger.entry(42, now: later)
        #expect(spend(ledger, &three, now: later) == 3)
        #expect(spend(ledger, &one, now: later) + spend(ledger, &two, now: later) == 0)
    }

    @Test func aGroupThatMovedAwayMayComeBack() throws {
        let ledger = try scratch.open(now: Self.start)
        fill(ledger, now: Self.start)
        var entry = ledger.entry(42, now: Self.start)
        #expect(spend(ledger, &entry, now: Self.start) == 4)
        let later = Self.start + LedgerTime.hour + 10 * LedgerTests.second
        #expect(spend(ledger, &entry, now: later) == 4)
        // The file is cut: the process's own table is all there is.
        #expect(unsafe truncate(scratch.path, 0) == 0)
        let last = later + 60 * LedgerTests.second
        #expect(spend(ledger, &entry, now: last) == 4)
        var other = ledger.entry(42, now: last)
        #expect(spend(ledger, &other, now: last) == 0)
    }

    @Test func aPolicyIsAsOldBehindAMoveAsBefore() throws {
        scratch.make([1, 2, 3])
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(42, now: Self.start)
        let slow = Quota(intervalUs: 10 * LedgerTests.second, toleranceUs: 0)
        #expect(ledger.setPolicy(&entry, slow, now: Self.start))
        unsafe unlink(scratch.path)
        // Another process makes the file anew, and has the group there.
        let other = try scratch.open(now: Self.start)
        var there = other.entry(42, now: Self.start)
        #expect(other.spend(&there, LedgerTests.quota, now: Self.start) == nil)
        let later = Self.start + 61 * LedgerTests.second
        ledger.refresh(now: later)
        var one = ledger.entry(42, now: later)
        #expect(spend(ledger, &one, now: later) == 1)
        let end = Self.start + LedgerTime.policyHeld
        #expect(spend(ledger, &one, now: end - 1) == 1)
        #expect(spend(ledger, &one, now: end + 60 * LedgerTests.second) == 4)
    }
}
