// SchedulerPatienceTests.swift - what only has to wait is not lost, and what cannot be met is told at
// once: deadlines and the quota.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerPatienceTests {
    /// One request in ten seconds, and one at once.
    private let slow = Quota(intervalUs: 10 * second, toleranceUs: 0)

    @Test func waitingForAPermitDoesNotUseUpThePatient() {
        let rig = Rig(quota: slow)
        let lane = rig.lane()
        for _ in 0..<20 { rig.submit(lane, .bulk, deadline: 2 * second, isPatient: true) }
        for count in 1...20 {
            let started = rig.next().starts
            #expect(started.count == 1)
            rig.now += second
            #expect(rig.finish(started.first, .final).contains(.answer(JobID(count))))
        }
        #expect(rig.now >= 190 * second && rig.isEmpty)
    }

    @Test func waitingForATurnDoesNotEither() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane)
        rig.submit(lane, .bulk, deadline: 2 * second, isPatient: true)
        _ = rig.advance()
        #expect(rig.advance(to: 50 * second) == [])
        #expect(rig.finish(first, .final).starts.count == 1)
    }

    @Test func theTimeOfATryAndOfABackoffIsCounted() {
        let rig = Rig(quota: slow, attempts: 20)
        let lane = rig.lane()
        rig.submit(lane)
        let fetch = rig.submit(lane, .bulk, deadline: 5 * second, isPatient: true) ?? 0
        _ = rig.advance()
        #expect(rig.next() == [.start(fetch)])
        let begun = rig.now
        rig.now += 3 * second
        #expect(rig.finish(fetch, .retry(afterMs: 1_000)) == [])
        // The second of the backoff counts, the wait for the next permit does not.
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.now >= begun + 10 * second)
        let again = rig.now
        #expect(rig.next() == [.abort(fetch), .fail(2, .deadline)])
        #expect(rig.now - again <= second + 4096 && rig.now - again > 500_000)
    }

    @Test func aParkingIsWaitedOut() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane, .bulk, deadline: 5 * second, isPatient: true) ?? 0
        let hasty = rig.submit(lane, .bulk, deadline: 5 * second) ?? 0
        _ = rig.advance()
        #expect(rig.finish(fetch, .rateLimited(afterMs: 300_000)) == [])
        #expect(rig.scheduler.queued == 1)
        let late = rig.submit(lane, .bulk, deadline: 5 * second, isPatient: true) ?? 0
        #expect(rig.next() == [.abort(hasty), .fail(2, .deadline)])
        #expect(Set(rig.next().starts) == [fetch, late])
        #expect(rig.now >= 300 * second)
    }

    @Test func aWaitForAPendingTraceBeginsWhenItsTurnCame() {
        let rig = Rig(quota: slow)
        let lane = rig.lane()
        rig.submit(lane)
        let fetch = rig.submit(
            lane, .bulk, deadline: 60 * second, isPatient: true, waitUntil: 4 * second)
        _ = rig.advance()
        #expect(rig.next() == [.start(fetch ?? 0)])
        #expect(rig.finish(fetch, .pending) == [])
    }

    @Test func whoHasAnAnswerThatIsStillGrowingDoesNotWaitOutAParking() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane, .bulk, isPatient: true, waitUntil: 30 * second)
        let other = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.finish(fetch, .pending) == [])
        #expect(rig.finish(other, .rateLimited(afterMs: 300_000)) == [.answer(2)])
        #expect(rig.next() == [.answer(1)])
        #expect(rig.now <= 31 * second && rig.isEmpty)
    }

    @Test func whoStoodBehindAProbeIsToldOfAParkingToo() {
        let rig = Rig(inFlight: 4)
        let (refused, sound) = (rig.lane(0), rig.lane(1))
        let first = rig.submit(refused) ?? 0
        _ = rig.advance()
        rig.scheduler.reject(first, until: 10 * second, fallback: nil, now: rig.now)
        _ = rig.advance(to: 11 * second)
        let probe = rig.submit(refused)
        rig.submit(refused)
        let limited = rig.submit(sound)
        #expect(Set(rig.advance().starts) == [probe ?? 0, limited ?? 0])
        _ = rig.finish(limited, .rateLimited(afterMs: 300_000))
        let said = rig.finish(probe, .final)
        #expect(said.contains(.answer(2)))
        #expect(said.contains { if case .refuse(3, _) = $0 { true } else { false } })
    }

    @Test func aPatientOneThatWaitsCanBeCancelledAndShutDown() {
        let rig = Rig(quota: slow)
        let lane = rig.lane()
        let first = rig.submit(lane) ?? 0
        for _ in 0..<2 { rig.submit(lane, .bulk, deadline: second, isPatient: true) }
        _ = rig.advance()
        rig.scheduler.cancel(2)
        #expect(rig.said() == [.fail(2, .cancelled)])
        rig.scheduler.shutdown()
        #expect(rig.said() == [.abort(first), .fail(1, .shutdown), .fail(3, .shutdown)])
        #expect(rig.isEmpty)
    }

    @Test func whoWantsToKnowIsToldOfARestAndCanBeTakenBackWithWhatItHas() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane, .bulk, isPatient: true, tellsRest: true) ?? 0
        rig.submit(lane, .bulk, isPatient: true, tellsRest: true)
        let third = rig.submit(lane, .bulk, isPatient: true) ?? 0
        _ = rig.advance()
        #expect(rig.scheduler.restsUntil(lane, now: rig.now) <= rig.now)
        #expect(!rig.scheduler.isQueued(1) && rig.scheduler.isQueued(2))
        #expect(rig.finish(first, .more).starts == [first])
        let until = 30 * second
        let said = rig.finish(first, .rateLimited(afterMs: 30_000))
        #expect(said == [.rests(2, until: until), .rests(1, until: until)])
        #expect(rig.scheduler.restsUntil(lane, now: rig.now) == until)
        rig.scheduler.takeBack(1)
        rig.scheduler.takeBack(2)
        rig.scheduler.takeBack(2)
        #expect(rig.said() == [.answer(1), .fail(2, .cancelled)])
        #expect(rig.next() == [.start(third)])
    }

    // MARK: - What cannot be met

    @Test func aDeadlineThatTheQueueAtTheQuotaPassesIsRefusedAtOnce() {
        let rig = Rig(quota: slow)
        let lane = rig.lane()
        for _ in 0..<4 { rig.submit(lane) }
        _ = rig.advance()
        // Three wait: their permits come after 10, 20 and 30 seconds.
        #expect(rig.submit(lane, deadline: 40 * second) == nil)
        #expect(rig.said() == [.refuse(5, until: 40 * second)])
        #expect(rig.submit(lane, deadline: 40 * second + 1) != nil)
    }

    @Test func interactiveRequestsDoNotCountWhatIsBulk() {
        let rig = Rig(quota: slow)
        let lane = rig.lane()
        for _ in 0..<5 { rig.submit(lane, .bulk) }
        _ = rig.advance()
        #expect(rig.submit(lane, deadline: 11 * second) != nil)
        #expect(rig.submit(lane, .bulk, deadline: 45 * second) == nil)
    }

    @Test func theTurnsOfOthersAtTheSameQuotaCount() {
        let rig = Rig(quota: slow)
        let (mine, other) = (rig.lane(0), rig.lane(1))
        for lane in [mine, other] { for _ in 0..<4 { rig.submit(lane) } }
        _ = rig.advance()
        // Seven wait. Three or four of its own, and at least two of the other's, go before.
        #expect(rig.submit(mine, deadline: 50 * second) == nil)
        #expect(rig.submit(mine, deadline: 90 * second) != nil)
        // A stranger's first turn comes early.
        #expect(rig.submit(rig.lane(2), deadline: 30 * second) != nil)
    }

    @Test func theForecastTellsWhenMoreWillBeDone() {
        let rig = Rig(quota: Quota(intervalUs: second, toleranceUs: 9 * second))
        let lane = rig.lane()
        var forecast = rig.scheduler.forecast(lane, 10, now: 0)
        #expect(forecast.available == 10 && forecast.burst == 10 && forecast.intervalUs == second)
        #expect(forecast.ahead == 0 && forecast.firstAt == 0 && forecast.lastAt <= second)
        forecast = rig.scheduler.forecast(lane, 110, now: 0)
        #expect((99 * second...101 * second).contains(forecast.lastAt))
        for _ in 0..<30 { rig.submit(lane) }
        _ = rig.advance()
        forecast = rig.scheduler.forecast(lane, 100, now: 0)
        #expect(forecast.available <= 8 && forecast.ahead == 28)
        #expect((117 * second...122 * second).contains(forecast.lastAt))
        #expect(rig.scheduler.forecast(lane, Int64.max / 2, now: 0).lastAt > 1 << 60)
    }
}
