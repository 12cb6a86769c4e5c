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

    @Test func aSlowPaceIsNotWaitedForWhenItHasEnded() throws {
        let quota = Quota(requests: 100, windowMs: 100_000, sharePercent: 100)
        for ledger in [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)] as [any BudgetLedger] {
            let rig = Rig(inFlight: 8, quota: quota, ledger: ledger)
            let lane = rig.lane()
            let first = rig.submit(lane) ?? 0
            _ = rig.advance()
            // Three in 30 s: one under way, so one in 15 s.
            rig.scheduler.note(first, remaining: 3, resetMs: 30_000, policy: nil, now: rig.now)
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
        }
        #expect(starts.last == fetches.last)
        #expect(starts.count < 20, "\(starts.count)")
    }
}
