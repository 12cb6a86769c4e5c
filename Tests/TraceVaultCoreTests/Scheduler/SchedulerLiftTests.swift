// SchedulerLiftTests.swift - a parking that somebody lifts, and forecasts that know the server's word.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerLiftTests {
    private func ledgers() throws -> [any BudgetLedger] {
        [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)]
    }

    @Test func whoWaitsForTheEndOfAParkingGoesWhenItIsLifted() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 4, ledger: ledger)
            let lane = rig.lane()
            let first = rig.submit(lane, deadline: 1 << 50) ?? 0
            _ = rig.advance()
            #expect(rig.finish(first, .rateLimited(afterMs: 300_000)) == [])
            let second = rig.submit(lane, deadline: 1 << 50) ?? 0
            #expect(rig.advance(to: 10_000_000) == [])
            rig.scheduler.lift(lane, now: rig.now)
            #expect(Set(rig.advance().starts) == [first, second])
            // Should the server refuse again, it rests again.
            #expect(rig.finish(first, .rateLimited(afterMs: 300_000)) == [])
            #expect(rig.scheduler.forecast(lane, 1, now: rig.now).parkedUntil > rig.now)
        }
    }

    @Test func anEngineOfAnotherProcessNoticesWithinFiveSeconds() throws {
        let ledger = try MappedLedger(.ofProcess, now: 0)
        let (rig, other) = (Rig(ledger: ledger), Rig(ledger: ledger))
        let (lane, elsewhere) = (rig.lane(), other.lane())
        let fetch = rig.submit(lane, deadline: 1 << 50) ?? 0
        _ = rig.advance()
        _ = rig.finish(fetch, .rateLimited(afterMs: 300_000))
        let waiting = other.submit(elsewhere, deadline: 1 << 50) ?? 0
        #expect(other.advance(to: 60_000_000) == [])
        rig.now = other.now
        rig.scheduler.lift(lane, now: rig.now)
        #expect(other.next() == [.start(waiting)])
        #expect(other.now - rig.now <= 5_000_000 + Scheduler.timerTickUs)
    }

    @Test func aCredentialThatRestsAloneGoesToo() {
        let rig = Rig(inFlight: 4)
        let lane = rig.lane(proof: 77)
        let fetch = rig.submit(lane, deadline: 1 << 50) ?? 0
        _ = rig.advance()
        #expect(rig.finish(fetch, .rateLimited(afterMs: 300_000)) == [])
        #expect(rig.advance(to: 10_000_000) == [])
        rig.scheduler.lift(lane, now: rig.now)
        #expect(rig.advance().starts == [fetch])
        #expect(rig.scheduler.state(of: rig.group(0), now: rig.now).resting == 0)
        // The timer of the rest that was lifted ends nothing.
        #expect(rig.finish(fetch, .rateLimited(afterMs: 200_000)) == [])
        #expect(rig.scheduler.state(of: rig.group(0), now: rig.now).resting == 1)
        #expect(rig.next().starts == [fetch])
        #expect(rig.now >= 210_000_000)
        #expect(rig.scheduler.state(of: rig.group(0), now: rig.now).resting == 0)
    }

    /// A server may ask for a day each time.
    @Test func restsThatAreLiftedLeaveNoTimersBehind() {
        let rig = Rig(inFlight: 4)
        let lane = rig.lane(proof: 77)
        let fetch = rig.submit(lane, deadline: 1 << 50) ?? 0
        _ = rig.advance()
        _ = rig.finish(fetch, .rateLimited(afterMs: 300_000))
        let before = rig.scheduler.timers.count
        for _ in 0..<20 {
            rig.scheduler.lift(lane, now: rig.now)
            #expect(rig.advance().starts == [fetch])
            _ = rig.finish(fetch, .rateLimited(afterMs: 300_000))
        }
        #expect(rig.scheduler.timers.count == before)
    }

    @Test func liftingWhatDoesNotRestChangesNothing() {
        let quota = Quota(requests: 10, windowMs: 10_000, sharePercent: 100)
        let rig = Rig(inFlight: 64, quota: quota)
        let lane = rig.lane()
        for _ in 0..<20 { rig.submit(lane, deadline: 1 << 50) }
        let started = rig.advance().starts.count
        rig.scheduler.lift(lane, now: rig.now)
        #expect(rig.advance().starts.isEmpty && started < 20)
    }

    // MARK: - Forecasts

    @Test func theForecastKnowsAStricterPolicyOfTheServer() throws {
        let quota = Quota(requests: 1200, windowMs: 300_000, sharePercent: 90)
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 1024, quota: quota, ledger: ledger)
            let lane = rig.lane()
            let before = rig.scheduler.forecast(lane, 1000, now: 0)
            let policy = Quota(requests: 120, windowMs: 300_000, sharePercent: 90)
            rig.scheduler.note(lane, ServerQuota(policy: policy), now: 0)
            let after = rig.scheduler.forecast(lane, 1000, now: 0)
            #expect(after.burst < before.burst && after.intervalUs >= 9 * before.intervalUs)
            #expect(after.lastAt > 9 * before.lastAt)
            // As it comes: the last of a thousand goes when the forecast says.
            for _ in 0..<100 { rig.submit(lane, deadline: 1 << 50) }
            let expected = rig.scheduler.forecast(lane, 1, now: 0).firstAt
            var (started, last) = (0, Int64(0))
            while started < 100 {
                for fetch in rig.next().starts {
                    started += 1
                    last = rig.now
                    rig.scheduler.finished(fetch, .final, now: rig.now)
                }
            }
            #expect(last <= expected && last > expected / 10 * 9)
        }
    }

    @Test func theForecastKnowsASlowerPaceAndItsEnd() throws {
        let quota = Quota(requests: 1200, windowMs: 300_000, sharePercent: 90)
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 1024, quota: quota, ledger: ledger)
            let lane = rig.lane()
            // Ten in the next hundred seconds, and then as before.
            rig.scheduler.note(
                lane, ServerQuota(pace: Pace(requests: 10, ms: 100_000)), now: 0)
            let few = rig.scheduler.forecast(lane, 5, now: 0)
            #expect((30 * second...60 * second).contains(few.lastAt))
            let many = rig.scheduler.forecast(lane, 100, now: 0)
            #expect((110 * second...150 * second).contains(many.lastAt))
        }
    }
}
