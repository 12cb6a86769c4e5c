// LedgerRaceTests.swift - the bound in every window: chance interleavings, real threads, evictions.

import CSystem
import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

@Suite("The budget ledger, used by many")
struct LedgerRaceTests {
    static let start = LedgerTests.start
    let scratch: LedgerScratch

    init() throws { scratch = try LedgerScratch() }

    /// Handles of one file, clocks that lag behind each other, parkings, policies, other groups that
    /// want the same slots after an hour.
    @Test("no window sees more than the quota", arguments: 0..<16)
    func everyWindow(seed: UInt64) throws {
        var chance = LedgerChance(state: seed)
        let quota = Quota(
            intervalUs: Int64.random(in: 1000...2_000_000, using: &chance),
            toleranceUs: Int64.random(in: 0...5_000_000, using: &chance))
        let handles = try (0..<4).map { _ in try scratch.open(now: Self.start) }
        var entries = handles.map { $0.entry(42, now: Self.start) }
        var now = Self.start
        var spent: [Int64] = []
        var parkedUntil: Int64 = 0
        var visitors: UInt64 = 0
        for step in 0..<1000 {
            now += Int64.random(in: 0...quota.intervalUs, using: &chance)
            let who = Int.random(in: 0..<4, using: &chance)
            // Its clock was read some time ago.
            let stamp = now - Int64.random(in: 0...1000, using: &chance)
            switch Int.random(in: 0..<100, using: &chance) {
            case 0:
                parkedUntil = max(parkedUntil, stamp + 5 * quota.intervalUs)
                handles[who].park(&entries[who], until: stamp + 5 * quota.intervalUs, now: stamp)
            case 1:
                let policy = Quota(intervalUs: quota.intervalUs / 2 + 1, toleranceUs: 1000)
                let isSaid = chance.next() % 2 == 0
                _ = handles[who].setPolicy(&entries[who], isSaid ? policy : nil, now: stamp)
            case 2:
                handles[who].slow(
                    &entries[who], remaining: 3, until: stamp + quota.intervalUs * 9, now: stamp)
            case 3 where step % 5 == 0:
                // Nobody for two hours; other groups take this one's slot and many around it.
                now += 2 * LedgerTime.hour
                for _ in 0..<40 {
                    visitors += 1
                    var visitor = handles[who].entry(
                        Self.neighbour(of: 42, visitors), now: now)
                    _ = handles[who].spend(&visitor, quota, now: now)
                }
            default:
                while true {
                    if handles[who].spend(&entries[who], quota, now: stamp) != nil { break }
                    #expect(stamp >= parkedUntil)
                    if chance.next() % 8 == 0 {
                        handles[who].refund(&entries[who], quota, now: stamp)
                        break
                    }
                    spent.append(stamp)
                }
            }
        }
        #expect(spent.count > 50)
        #expect(worstExcess(spent, quota) <= 0, "seed \(seed)")
        #expect(violations(spent, quota) == 0, "seed \(seed)")
        #expect(handles.allSatisfy { $0.describe().overflows == 0 })
    }

    /// Another group whose search begins where that of `key` begins.
    static func neighbour(of key: UInt64, _ number: UInt64) -> UInt64 {
        // Multiplying by the inverse of the hash's factor undoes it.
        var inverse: UInt64 = 1
        for _ in 0..<6 { inverse = inverse &* (2 &- 0x9E37_79B9_7F4A_7C15 &* inverse) }
        let hash = UInt64(LedgerTable.home(key)) << 47 | (number &+ 1)
        return hash &* inverse
    }

    @Test("a slot's words never come again for its next group, not even by refunds")
    func epochs() throws {
        let ledger = try scratch.open(now: Self.start)
        var entry = ledger.entry(42, now: Self.start)
        #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) == nil)
        ledger.park(&entry, until: Self.start + 5, now: Self.start)
        let offset = try #require(scratch.offset(of: 42))
        let (arrival, parked) = (scratch.word(offset + 8), scratch.word(offset + 16))
        let later = Self.start + 2 * LedgerTime.hour
        var visitor = ledger.entry(Self.neighbour(of: 42, 1), now: later)
        #expect(ledger.spend(&visitor, LedgerTests.quota, now: later) == nil)
        #expect(scratch.offset(of: 42) == nil)
        // The visitor's arrival time is brought back to what a slow spender of 42 may have read.
        let time = LedgerStamp(word: scratch.word(offset + 8)).time
        let back = Quota(
            intervalUs: time - LedgerStamp(word: arrival).time, toleranceUs: 0)
        ledger.refund(&visitor, back, now: later)
        let now = LedgerStamp(word: scratch.word(offset + 8))
        #expect(now.time == LedgerStamp(word: arrival).time)
        #expect(now.word != arrival)
        // And a late parking of 42 does not fit the visitor's slot.
        #expect(!LedgerStamp(word: parked).isOfEpoch(now))
        #expect(LedgerStamp(word: scratch.word(offset + 16)).isOfEpoch(now))
    }

    @Test("idle groups make room for new ones; a rotated token does not stay for ever")
    func eviction() throws {
        let ledger = try scratch.open(now: Self.start)
        var now = Self.start
        for number in 0..<UInt64(1000) {
            now += 2 * LedgerTime.hour
            var entry = ledger.entry(Self.neighbour(of: 42, number), now: now)
            #expect(ledger.spend(&entry, LedgerTests.quota, now: now) == nil)
        }
        #expect(ledger.describe().overflows == 0)
        #expect(ledger.describe().groups <= LedgerTable.reach)
    }

    @Test("a group in use keeps its slot; who finds none stays in the process until there is one")
    func overflow() throws {
        let ledger = try scratch.open(now: Self.start)
        let other = try scratch.open(now: Self.start)
        for number in 0..<UInt64(LedgerTable.reach) {
            var entry = ledger.entry(Self.neighbour(of: 42, number), now: Self.start)
            #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) == nil)
        }
        var entry = ledger.entry(42, now: Self.start)
        for _ in 0..<4 { #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) == nil) }
        #expect(ledger.describe().overflows == 1)
        #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) != nil)
        let later = Self.start + LedgerTime.hour + 10 * LedgerTests.second
        ledger.park(&entry, until: later + 5, now: later)
        #expect(ledger.spend(&entry, LedgerTests.quota, now: later) == later + 5)
        // Now it is everybody's, with what was said in between.
        var there = other.entry(42, now: later)
        #expect(other.parkedUntil(&there, now: later) == later + 5)
        #expect(other.describe().overflows == 0)
    }

    @Test("groups that find no room anywhere share one budget")
    func crowd() throws {
        let ledger = try MappedLedger(.ofProcess, now: Self.start)
        for number in 0..<UInt64(LedgerTable.reach) {
            var entry = ledger.entry(Self.neighbour(of: 42, number), now: Self.start)
            #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) == nil)
        }
        var one = ledger.entry(Self.neighbour(of: 42, 100), now: Self.start)
        var two = ledger.entry(Self.neighbour(of: 42, 101), now: Self.start)
        for _ in 0..<2 {
            #expect(ledger.spend(&one, LedgerTests.quota, now: Self.start) == nil)
            #expect(ledger.spend(&two, LedgerTests.quota, now: Self.start) == nil)
        }
        #expect(ledger.spend(&one, LedgerTests.quota, now: Self.start) != nil)
        #expect(ledger.spend(&two, LedgerTests.quota, now: Self.start) != nil)
        #expect(ledger.describe().crowdings == 2)
        // Once there is room, each has a place of its own again.
        let later = Self.start + LedgerTime.hour + 10 * LedgerTests.second
        #expect(ledger.spend(&one, LedgerTests.quota, now: later) == nil)
        ledger.park(&one, until: later + 9, now: later)
        #expect(ledger.parkedUntil(&one, now: later) == later + 9)
        #expect(ledger.parkedUntil(&two, now: later) <= later)
    }

    @Test("a group takes a slot when it first spends, not when somebody asks about it")
    func firstSpend() throws {
        for ledger in [try scratch.open(now: Self.start), try MappedLedger(.ofProcess, now: 0)] {
            let now = Self.start
            for key in 1000..<UInt64(2000) {
                var entry = ledger.entry(key, now: now)
                ledger.bring(entry)
                #expect(ledger.permittedAt(&entry, LedgerTests.quota, now: now) <= now)
                #expect(ledger.available(&entry, LedgerTests.quota, now: now) == 4)
                #expect(ledger.parkedUntil(&entry, now: now) <= now)
                #expect(
                    ledger.pace(&entry, LedgerTests.quota, now: now)
                        == LedgerPace(lasting: LedgerTests.quota))
                ledger.refund(&entry, LedgerTests.quota, now: now)
                ledger.lift(&entry, now: now)
                #expect(!ledger.setPolicy(&entry, nil, now: now))
            }
            #expect(ledger.describe().groups == 0)
            var entry = ledger.entry(1000, now: now)
            for left in [3, 2, 1, 0] as [Int64] {
                #expect(ledger.spend(&entry, LedgerTests.quota, now: now) == nil)
                // Whoever asks in another place finds it.
                var other = ledger.entry(1000, now: now)
                #expect(ledger.available(&other, LedgerTests.quota, now: now) == left)
            }
            #expect(ledger.describe().groups == 1)
        }
    }

    @Test("who finds no room anywhere may spend, and stops nobody else there")
    func crowdIsForSpending() throws {
        let ledger = try MappedLedger(.ofProcess, now: Self.start)
        for number in 0..<UInt64(LedgerTable.reach) {
            var entry = ledger.entry(Self.neighbour(of: 42, number), now: Self.start)
            #expect(ledger.spend(&entry, LedgerTests.quota, now: Self.start) == nil)
        }
        var greedy = ledger.entry(Self.neighbour(of: 42, 100), now: Self.start)
        var modest = ledger.entry(Self.neighbour(of: 42, 101), now: Self.start)
        #expect(ledger.spend(&greedy, LedgerTests.quota, now: Self.start) == nil)
        let later = Self.start + 60 * LedgerTests.second
        ledger.park(&greedy, until: later, now: Self.start)
        ledger.slow(&greedy, remaining: 1, until: later, now: Self.start)
        ledger.slow(&greedy, remaining: 0, until: later, now: Self.start)
        let strict = Quota(intervalUs: LedgerTime.hour, toleranceUs: 0)
        #expect(!ledger.setPolicy(&greedy, strict, now: Self.start))
        #expect(!ledger.park(&greedy, until: later, now: Self.start))
        #expect(ledger.parkedUntil(&modest, now: Self.start) <= Self.start)
        for _ in 0..<3 {
            #expect(ledger.spend(&modest, LedgerTests.quota, now: Self.start) == nil)
        }
        #expect(ledger.parkedUntil(&modest, now: Self.start) <= Self.start)
        #expect(
            ledger.pace(&modest, LedgerTests.quota, now: Self.start).lasting == LedgerTests.quota)
        // Spent is spent, and what was never sent is given back.
        #expect(ledger.spend(&modest, LedgerTests.quota, now: Self.start) != nil)
        ledger.refund(&greedy, LedgerTests.quota, now: Self.start)
        #expect(ledger.spend(&modest, LedgerTests.quota, now: Self.start) == nil)
    }

    /// Work that a thread of this suite does; `tvs_thread_start` takes no Swift closure.
    private final class Spender: Sendable {
        let ledger: MappedLedger
        let clock: Atomic<Int64>
        let spent = Lock<[Int64]>([])
        let visitors = Atomic<UInt64>(0)
        /// No clock that a thread acts by is earlier; the latest time of all while it does nothing.
        let stamps = Lock([Int64](repeating: Int64.max, count: 4))
        let threads = Atomic<Int>(0)

        init(_ ledger: MappedLedger) {
            self.ledger = ledger
            clock = Atomic(LedgerRaceTests.start)
        }

        private var oldest: Int64 { stamps.withLock { $0.min() } ?? Int64.max }

        /// Spends from one group while neighbours take its slot and many others.
        func run() {
            let me = threads.wrappingAdd(1, ordering: .relaxed).oldValue
            var entry = ledger.entry(42, now: LedgerRaceTests.start)
            for round in 0..<4000 {
                // Said before the clock is read: who is stopped between the two is waited for as well.
                let before = clock.load(ordering: .sequentiallyConsistent)
                stamps.withLock { $0[me] = before }
                let stamp = clock.wrappingAdd(40_000, ordering: .sequentiallyConsistent).newValue
                let isSpent = ledger.spend(&entry, LedgerTests.quota, now: stamp) == nil
                // A thread that was stopped while the others' clock went on for an hour may find
                // its group forgotten: what it sends goes out now, not at its stamp.
                let isFresh = clock.load(ordering: .relaxed) - stamp < LedgerTime.hour
                if isSpent, isFresh { spent.withLock { $0.append(stamp) } }
                stamps.withLock { $0[me] = Int64.max }
                guard round % 50 == 0 else { continue }
                // Nobody is stopped for days between its clock and its request: times that lie so far
                // ahead of it would be damage.
                while oldest < clock.load(ordering: .relaxed) - LedgerTime.day { sched_yield() }
                let now = clock.wrappingAdd(2 * LedgerTime.hour, ordering: .relaxed).newValue
                for _ in 0..<40 {
                    let number = visitors.wrappingAdd(1, ordering: .relaxed).newValue
                    let visitor = LedgerRaceTests.neighbour(of: 42, number)
                    var entry = ledger.entry(visitor, now: now)
                    _ = ledger.spend(&entry, LedgerTests.quota, now: now)
                }
            }
        }
    }

    @Test("threads that spend while slots change hands: no window sees more than the quota")
    func threads() throws {
        let spender = Spender(try scratch.open(now: Self.start))
        var threads: [UInt] = []
        for _ in 0..<4 {
            var thread: UInt = 0
            let context = unsafe Unmanaged.passUnretained(spender).toOpaque()
            let code = unsafe tvs_thread_start(
                { context in
                    guard let context = unsafe context else { return }
                    unsafe Unmanaged<Spender>.fromOpaque(context).takeUnretainedValue().run()
                }, context, 1 << 20, &thread)
            #expect(code == 0)
            threads.append(thread)
        }
        for thread in threads { tvs_thread_join(thread) }
        let spent = spender.spent.withLock { $0 }
        #expect(spent.count > 2000)
        #expect(violations(spent, LedgerTests.quota) == 0, "\(spender.ledger.describe())")
    }
}
