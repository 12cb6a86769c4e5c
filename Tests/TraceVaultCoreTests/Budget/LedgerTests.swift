// LedgerTests.swift - what the ledger promises of one group and of many, on virtual time.

import Testing

@testable import TraceVaultCore

@Suite("The budget ledger")
struct LedgerTests {
    static let start: Int64 = 1_000_000_000_000
    static let second: Int64 = 1_000_000
    /// Ten requests a second, four at once.
    static let quota = Quota(intervalUs: 100_000, toleranceUs: 300_000)
    let scratch: LedgerScratch

    init() throws { scratch = try LedgerScratch() }

    @Test("a burst, then a steady flow, and not a request more")
    func burstThenFlow() throws {
        let ledger = try scratch.open(now: Self.start)
        #expect(ledger.describe().isShared, "\(ledger.describe().reason)")
        var entry = ledger.entry(77, now: Self.start)
        var now = Self.start
        #expect(ledger.available(&entry, Self.quota, now: now) == 4)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: now) == nil) }
        #expect(ledger.available(&entry, Self.quota, now: now) == 0)
        #expect(ledger.spend(&entry, Self.quota, now: now) == now + 100_000)
        #expect(ledger.permittedAt(&entry, Self.quota, now: now) == now + 100_000)
        now += 99_999
        #expect(ledger.spend(&entry, Self.quota, now: now) != nil)
        now += 1
        #expect(ledger.spend(&entry, Self.quota, now: now) == nil)
        #expect(ledger.spend(&entry, Self.quota, now: now) != nil)
    }

    @Test("no quota: everything at once, unless the group is parked")
    func unlimited() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(5, now: Self.start)
        for _ in 0..<1000 { #expect(ledger.spend(&entry, .unlimited, now: Self.start) == nil) }
        ledger.park(&entry, until: Self.start + 10, now: Self.start)
        #expect(ledger.spend(&entry, .unlimited, now: Self.start) == Self.start + 10)
        #expect(ledger.available(&entry, .unlimited, now: Self.start) == 0)
    }

    @Test("two handles of one file spend from one quota")
    func twoHandles() throws {
        let one = try scratch.open(now: Self.start)
        let other = try scratch.open(now: Self.start)
        var here = one.entry(9, now: Self.start)
        var there = other.entry(9, now: Self.start)
        for _ in 0..<2 {
            #expect(one.spend(&here, Self.quota, now: Self.start) == nil)
            #expect(other.spend(&there, Self.quota, now: Self.start) == nil)
        }
        #expect(one.spend(&here, Self.quota, now: Self.start) != nil)
        #expect(other.spend(&there, Self.quota, now: Self.start) != nil)
        one.park(&here, until: Self.start + Self.second, now: Self.start)
        #expect(other.parkedUntil(&there, now: Self.start) == Self.start + Self.second)
        #expect(other.describe().groups == 1)
    }

    @Test("a refund gives back one request and no more")
    func refund() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(3, now: Self.start)
        for _ in 0..<4 { #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil) }
        ledger.refund(&entry, Self.quota, now: Self.start)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        // Spent at the server's slower pace, refunded at the caller's.
        _ = ledger.setPolicy(
            &entry, Quota(intervalUs: Self.second, toleranceUs: 0), now: Self.start)
        let later = Self.start + 10 * Self.second
        #expect(ledger.spend(&entry, Self.quota, now: later) == nil)
        ledger.refund(&entry, Self.quota, now: later)
        #expect(ledger.spend(&entry, Self.quota, now: later) == later + 900_000)
    }

    @Test("a parking is never shortened, lasts at most a day, and ends")
    func parking() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(4, now: Self.start)
        let end = Self.start + 300 * Self.second
        ledger.park(&entry, until: end, now: Self.start)
        ledger.park(&entry, until: end - 1, now: Self.start)
        #expect(ledger.parkedUntil(&entry, now: Self.start) == end)
        #expect(ledger.spend(&entry, Self.quota, now: end - 1) == end)
        #expect(ledger.spend(&entry, Self.quota, now: end) == nil)
        ledger.park(&entry, until: Int64.max, now: Self.start)
        #expect(ledger.parkedUntil(&entry, now: Self.start) == Self.start + LedgerTime.day)
    }

    @Test("the server's policy only makes stricter, and the newest counts")
    func policy() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(6, now: Self.start)
        func say(_ interval: Int64, _ tolerance: Int64) -> Bool {
            let policy = Quota(intervalUs: interval, toleranceUs: tolerance)
            return ledger.setPolicy(&entry, policy, now: Self.start)
        }
        #expect(say(10, 10_000_000))
        #expect(ledger.available(&entry, Self.quota, now: Self.start) == 4)
        #expect(say(1, 100_000))
        #expect(ledger.available(&entry, Self.quota, now: Self.start) == 2)
        #expect(!say(1, 100_000))
        // A larger one again: as far as the host's own quota goes.
        #expect(say(1, 10_000_000))
        #expect(ledger.available(&entry, Self.quota, now: Self.start) == 4)
        #expect(say(LedgerTime.day, 0))
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        #expect(ledger.spend(&entry, .unlimited, now: Self.start + 1) != nil)
    }

    @Test("a policy that answers do not name any more is taken back, in every process")
    func policyThatEnds() throws {
        let (one, other) = (try scratch.open(now: Self.start), try scratch.open(now: Self.start))
        var (here, there) = (one.entry(6, now: Self.start), other.entry(6, now: Self.start))
        let policy = Quota(intervalUs: 1_000_000, toleranceUs: 0)
        var now = Self.start
        #expect(one.setPolicy(&here, policy, now: now))
        // For three hours some answers name it and most do not, as of another kind.
        for _ in 0..<18 {
            now += 600_000_000
            #expect(!other.setPolicy(&there, nil, now: now))
            #expect(!one.setPolicy(&here, policy, now: now))
        }
        let last = now
        while now - last < LedgerTime.policyHeld {
            #expect(other.available(&there, Self.quota, now: now) == 1)
            #expect(!other.setPolicy(&there, nil, now: now))
            now += 60_000_000
        }
        // No answer has to come for that: it may have stopped them all.
        #expect(one.available(&here, Self.quota, now: now) == 4)
        #expect(other.setPolicy(&there, nil, now: now))
        #expect(!one.setPolicy(&here, nil, now: now))
        // A clock that began again at 0 keeps it for a while.
        #expect(one.setPolicy(&here, policy, now: now))
        #expect(!one.setPolicy(&here, nil, now: Self.start))
        #expect(one.setPolicy(&here, nil, now: Self.start + LedgerTime.policyHeld))
    }

    @Test("who waits for a policy's next permit goes when it has aged, if that comes first")
    func policyThatStopsAll() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(6, now: Self.start)
        let stray = Quota(intervalUs: LedgerTime.day, toleranceUs: 0)
        #expect(ledger.setPolicy(&entry, stray, now: Self.start))
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        // What was spent at its pace stays spent: the group begins anew a day later, paced as the
        // host's own quota says from the end of the policy on.
        let next = ledger.permittedAt(&entry, Self.quota, now: Self.start)
        #expect(next == Self.start + LedgerTime.policyHeld)
        #expect(ledger.spend(&entry, Self.quota, now: next) == nil)
    }

    @Test(
        "what the server has left is spread evenly until its window ends", arguments: 1...40)
    func slowdown(remaining: Int64) throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(8, now: Self.start)
        let end = Self.start + 30 * Self.second
        ledger.slow(&entry, remaining: remaining, until: end, now: Self.start)
        // The newest word counts.
        ledger.slow(&entry, remaining: 1000, until: end + 1, now: Self.start)
        ledger.slow(&entry, remaining: remaining, until: end, now: Self.start)
        var now = Self.start + 1
        var count: Int64 = 0
        while now < end {
            let next = ledger.spend(&entry, Self.quota, now: now)
            if let next { now = next } else { count += 1 }
        }
        // At most what is left, and all of it but one, which may fall on the end.
        #expect(count <= remaining && count >= remaining - 1)
        #expect(ledger.available(&entry, Self.quota, now: end + 10 * Self.second) == 4)
    }

    @Test("none left parks until the end; a pace above the quota changes nothing")
    func slowdownExtremes() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(8, now: Self.start)
        let end = Self.start + 30 * Self.second
        ledger.slow(&entry, remaining: 3000, until: end, now: Self.start)
        #expect(ledger.available(&entry, Self.quota, now: Self.start) == 4)
        for remaining: Int64 in [0, -1, Int64.min] {
            var other = ledger.entry(UInt64(bitPattern: remaining) ^ 99, now: Self.start)
            ledger.slow(&other, remaining: remaining, until: end, now: Self.start)
            #expect(ledger.spend(&other, Self.quota, now: Self.start) == end)
        }
        ledger.slow(&entry, remaining: Int64.max, until: Int64.max, now: Self.start)
        ledger.slow(&entry, remaining: 1, until: Int64.max, now: Self.start)
        // However slow: for a quarter of an hour, if nobody says so again.
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        let next = ledger.permittedAt(&entry, Self.quota, now: Self.start)
        #expect(next <= Self.start + LedgerTime.policyHeld + 1000)
    }

    @Test("any numbers are taken without a trap")
    func extremes() throws {
        let ledger = try MappedLedger(.ofProcess, now: Int64.min)
        let numbers: [Int64] = [Int64.min, -1, 0, 1, 1 << 40, 1 << 52, Int64.max]
        for key: UInt64 in [0, 1, 2, 3, .max] {
            for now in numbers {
                var entry = ledger.entry(key, now: now)
                for one in numbers {
                    for other in numbers {
                        let quota = Quota(intervalUs: one, toleranceUs: other)
                        _ = ledger.spend(&entry, quota, now: now)
                        _ = ledger.permittedAt(&entry, quota, now: now)
                        _ = ledger.available(&entry, quota, now: now)
                        ledger.refund(&entry, quota, now: now)
                        _ = ledger.setPolicy(&entry, quota, now: now)
                        ledger.slow(&entry, remaining: one, until: other, now: now)
                        ledger.park(&entry, until: one, now: now)
                        ledger.refresh(now: now)
                    }
                }
                entry.place = Int(truncatingIfNeeded: now)
                _ = ledger.spend(&entry, Self.quota, now: now)
            }
        }
    }

    @Test("times that nobody can have asked for are damage, and do not block a group for ever")
    func nonsenseInTheFile() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(1234, now: Self.start)
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) == nil)
        let offset = try #require(scratch.offset(of: 1234))
        let epoch = scratch.word(offset + 8) & ~((1 << 52) - 1)
        scratch.patch(offset + 8, [epoch | 0xF_FFFF_FFFF_FFFF, epoch | 0xF_FFFF_FFFF_FFFF])
        #expect(ledger.spend(&entry, Self.quota, now: Self.start) != nil)
        let tomorrow = Self.start + LedgerTime.day
        #expect(ledger.spend(&entry, Self.quota, now: tomorrow) == nil)
    }
}
