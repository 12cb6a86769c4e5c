// SchedulerPermitTests.swift - a permit that is there goes to somebody who waits for it, at once.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerPermitTests {
    private let slow = Quota(requests: 1, windowMs: 10_000, sharePercent: 100)
    private let fast = Quota(requests: 1_000_000, windowMs: 1000, sharePercent: 100)

    @Test func aPermitOfWhoDoesNotNeedItAnyMoreGoesToTheNext() {
        let rig = Rig(inFlight: 1, quota: slow)
        let (one, two) = (rig.lane(0), rig.lane(1))
        let before = rig.submit(one) ?? 0
        #expect(rig.advance() == [.start(before)])
        #expect(rig.finish(before, .final) == [.answer(1)])
        // Two wait for the quota; elsewhere one keeps the only connection.
        let first = rig.submit(one)
        let next = rig.submit(two) ?? 0
        let elsewhere = rig.submit(rig.lane(2, group: 1)) ?? 0
        #expect(rig.advance() == [.start(elsewhere)] && first != nil)
        #expect(rig.advance(to: 11 * second) == [])
        rig.scheduler.cancel(2)
        #expect(rig.said() == [.fail(2, .cancelled)])
        #expect(rig.finish(elsewhere, .final) == [.answer(4), .start(next)])
    }

    @Test func aPermitThatCameBackGoesToWhoWaitsForOne() throws {
        for ledger in [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)] as [any BudgetLedger] {
            let rig = Rig(inFlight: 2, quota: slow, ledger: ledger)
            let first = rig.submit(rig.lane(0)) ?? 0
            let next = rig.submit(rig.lane(1)) ?? 0
            #expect(rig.advance() == [.start(first)])
            #expect(rig.finish(first, .unsent) == [.answer(1), .start(next)])
        }
    }

    @Test func whoMissedThePermitOfTheAddressKeepsItsTurnAtTheQuota() {
        let ledger = MemoryLedger()
        let rig = Rig(
            inFlight: 8, quota: slow,
            originQuota: Quota(requests: 10, windowMs: 1000, sharePercent: 100), ledger: ledger)
        var group = LedgerEntry(key: Rig.key(ofGroup: 0), place: 0)
        ledger.park(&group, until: 10 * second, now: 0)
        let first = rig.submit(rig.lane(0)) ?? 0
        let next = rig.submit(rig.lane(1)) ?? 0
        #expect(rig.advance() == [])
        ledger.stolen = [Rig.originKey]
        #expect(rig.advance(to: 10 * second + 2000) == [])
        #expect(rig.next() == [.start(first)])
        #expect(rig.now < 11 * second && rig.countsPermits)
        #expect(rig.finish(first, .final) == [.answer(1)])
        #expect(rig.next() == [.start(next)])
    }

    @Test func aSlowPaceIsNotWaitedForWhenItHasEnded() throws {
        let quota = Quota(requests: 100, windowMs: 100_000, sharePercent: 100)
        for ledger in [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)] as [any BudgetLedger] {
            let rig = Rig(inFlight: 8, quota: quota, ledger: ledger)
            let lane = rig.lane()
            rig.submit(lane)
            _ = rig.advance()
            // Three in 30 s: one under way, so one in 15 s.
            rig.scheduler.note(lane, ServerQuota(pace: Pace(requests: 3, ms: 30_000)), now: rig.now)
            _ = rig.advance(to: 16 * second)
            let second16 = rig.submit(lane) ?? 0
            #expect(rig.advance() == [.start(second16)])
            let third = rig.submit(lane) ?? 0
            #expect(rig.next() == [.start(third)])
            // At the slow pace it would be 31 s.
            #expect(rig.now >= 30 * second && rig.now < 30 * second + 10_000, "\(rig.now)")
        }
    }

    @Test func whoPutsItsTurnsToAnotherUseHoldsNobodyUp() {
        let rig = Rig(inFlight: 1, quota: fast)
        var group = LedgerEntry(key: Rig.key(ofGroup: 0), place: 0)
        rig.ledger.park(&group, until: 10 * second, now: 0)
        // The busy tenant's bulk waits for the same quota as the other, and stays behind what is
        // interactive.
        rig.submit(rig.lane(0), .bulk)
        let other = rig.lane(1)
        let fetches = (0..<3).compactMap { _ in rig.submit(other, .bulk) }
        #expect(rig.advance() == [])
        let elsewhere = rig.lane(0, group: 1)
        _ = rig.advance(to: 10 * second - 1)
        for _ in 0..<100 { rig.submit(elsewhere) }
        var starts = rig.advance().starts
        _ = rig.advance(to: 10 * second + 2000)
        while let last = starts.last, last != fetches.last, starts.count < 150 {
            starts += rig.finish(last, .final).starts
            if starts.last == last { starts += rig.next().starts }
            #expect(rig.countsPermits)
        }
        #expect(starts.last == fetches.last)
        #expect(starts.count < 20, "\(starts.count)")
    }

    @Test func whoComesWhileSomebodyElseKeepsAPermitWaitsNoLongerForThat() {
        let rig = Rig(inFlight: 1, quota: fast)
        var group = LedgerEntry(key: Rig.key(ofGroup: 0), place: 0)
        rig.ledger.park(&group, until: 10 * second, now: 0)
        let before = rig.submit(rig.lane(9, group: 9), .bulk) ?? 0
        #expect(rig.advance() == [.start(before)])
        // In the ring stand the busy tenant, one that keeps the connection, and one that comes to
        // the quota when the busy one has its permit.
        rig.submit(rig.lane(0), .bulk)
        let between = rig.submit(rig.lane(8, group: 8), .bulk) ?? 0
        let last = rig.submit(rig.lane(1), .bulk) ?? 0
        #expect(rig.finish(before, .final) == [.answer(1), .start(between)])
        #expect(rig.advance(to: 10 * second + 2000) == [])
        let elsewhere = rig.lane(0, group: 1)
        for _ in 0..<100 { rig.submit(elsewhere) }
        let count = rig.starts(after: rig.finish(between, .final).starts, upTo: last)
        #expect(count < 20, "\(count)")
    }

    @Test func theOnlyPermitIsNotKeptForWhoPutsItsTurnsToAnotherUse() {
        let rig = Rig(inFlight: 1, quota: slow)
        var group = LedgerEntry(key: Rig.key(ofGroup: 0), place: 0)
        rig.ledger.park(&group, until: 10 * second, now: 0)
        rig.submit(rig.lane(0), .bulk, deadline: 1000 * second)
        let last = rig.submit(rig.lane(1), .bulk, deadline: 1000 * second) ?? 0
        #expect(rig.advance() == [])
        _ = rig.advance(to: 10 * second - 1)
        // Each of its other quotas lets one go.
        for other in 1...60 { rig.submit(rig.lane(0, group: other), deadline: 1000 * second) }
        let starts = rig.advance().starts
        _ = rig.advance(to: 10 * second + 2000)
        let count = rig.starts(after: starts, upTo: last)
        #expect(count < 20, "\(count)")
    }
}

extension Rig {
    /// Lets each of the requests end that were started, until the last wanted one is; answers how
    /// many there were.
    fileprivate func starts(after first: [FetchID], upTo last: FetchID) -> Int {
        var starts = first
        while let newest = starts.last, newest != last, starts.count < 150 {
            starts += finish(newest, .final).starts
            if starts.last == newest { starts += next().starts }
            #expect(countsPermits)
        }
        #expect(starts.last == last)
        return starts.count
    }

    /// Whether groups and tenants know how many seats keep a permit.
    fileprivate var countsPermits: Bool {
        let kept = (0..<scheduler.seats.end).filter { scheduler.seats[$0].isReleased }.count
        let ofGroups = (0..<scheduler.groups.end).map { Int(scheduler.groups[$0].released) }
        let ofTenants = (0..<scheduler.tenants.end).map { Int(scheduler.tenants[$0].released) }
        return ofGroups.reduce(0, +) == kept && ofTenants.reduce(0, +) == kept
    }
}
