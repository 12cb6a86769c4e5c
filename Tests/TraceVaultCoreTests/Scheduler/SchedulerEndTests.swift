// SchedulerEndTests.swift - waits and ends: every request has one answer, in time, whatever its tries
// bring.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerEndTests {
    // MARK: - Failures that may pass

    @Test func aTransientFailureIsRetriedUntilTheAttemptsEnd() {
        let rig = Rig(attempts: 3)
        let fetch = rig.submit(rig.lane()) ?? 0
        #expect(rig.advance() == [.start(fetch)])
        for attempt in 1...2 {
            let before = rig.now
            #expect(rig.finish(fetch, .retry(afterMs: nil)) == [])
            #expect(rig.next() == [.start(fetch)])
            #expect(rig.now - before <= (1 << Int64(attempt - 1)) * second + 1024)
        }
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(1)])
        #expect(rig.ended == [fetch] && rig.isEmpty)
    }

    @Test func retryAfterIsAFloor() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane()) ?? 0
        _ = rig.advance()
        #expect(rig.finish(fetch, .retry(afterMs: 20_000)) == [])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.now >= 20 * second)
    }

    @Test func aRetryBeyondTheDeadlineIsAnsweredAtOnce() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane(), deadline: 10 * second)
        _ = rig.advance()
        #expect(rig.finish(fetch, .retry(afterMs: 60_000)) == [.answer(1)])
        #expect(rig.isEmpty)
    }

    @Test func whatComesBackGoesBeforeWhatHasNotBeenTried() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let (first, second) = (rig.submit(lane) ?? 0, rig.submit(lane) ?? 0)
        rig.submit(lane)
        _ = rig.advance()
        #expect(rig.finish(first, .retry(afterMs: 0)).starts == [second])
        _ = rig.advance(to: 2_000_000)
        #expect(rig.finish(second, .final).starts == [first])
    }

    // MARK: - Deadlines

    @Test func theDeadlineAbortsATryUnderWay() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane(), deadline: 3 * second) ?? 0
        _ = rig.advance()
        #expect(rig.next() == [.abort(fetch), .fail(1, .deadline)])
        #expect(rig.now >= 3 * second && rig.now < 3 * second + 2048)
        #expect(rig.finish(fetch, .final) == [])
        #expect(rig.isEmpty)
    }

    @Test func theDeadlineEndsWhatStillWaits() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        rig.submit(lane)
        rig.submit(lane, deadline: 2 * second)
        _ = rig.advance()
        #expect(rig.next() == [.fail(2, .deadline)])
        #expect(rig.scheduler.queued == 0)
    }

    @Test func anExpiredRequestIsNeverStarted() {
        let rig = Rig()
        rig.now = 5
        #expect(rig.submit(rig.lane(), deadline: 5) == nil)
        #expect(rig.advance() == [.fail(1, .deadline)])
    }

    // MARK: - The host ends it

    @Test func cancelEndsARequestInEveryPhase() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane) ?? 0
        rig.submit(lane)
        _ = rig.advance()
        rig.scheduler.cancel(2)
        #expect(rig.said() == [.fail(2, .cancelled)])
        rig.scheduler.cancel(1)
        #expect(rig.said() == [.abort(first), .fail(1, .cancelled)])
        let third = rig.submit(lane) ?? 0
        #expect(rig.advance() == [.start(third)])
        #expect(rig.finish(third, .retry(afterMs: 1000)) == [])
        rig.scheduler.cancel(3)
        #expect(rig.said() == [.fail(3, .cancelled)])
        rig.scheduler.cancel(3)
        #expect(rig.next() == [] && rig.isEmpty)
    }

    @Test func shutdownAnswersEverything() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let fetch = rig.submit(lane) ?? 0
        for _ in 0..<2 { rig.submit(lane) }
        _ = rig.advance()
        rig.scheduler.shutdown()
        #expect(
            rig.said() == [
                .abort(fetch), .fail(1, .shutdown), .fail(2, .shutdown), .fail(3, .shutdown),
            ])
        #expect(rig.ended.count == 3 && rig.isEmpty)
    }

    @Test func aPlaceThatIsUsedAgainIsAnotherRequest() {
        let rig = Rig(inFlight: 4)
        let lane = rig.lane()
        let old = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(old, .final)
        let new = rig.submit(lane) ?? 0
        _ = rig.advance()
        #expect(new != old && UInt32(truncatingIfNeeded: new) == UInt32(truncatingIfNeeded: old))
        // The same place of a million: only the whole name counts.
        rig.scheduler.cancel(2 + JobID(Ticket.maxJobs))
        #expect(rig.finish(old, .final) == [])
        #expect(rig.reject(old, until: 50 * second) == [])
        #expect(rig.scheduler.lane(of: old) == nil && rig.scheduler.leader(of: old) == nil)
        #expect(rig.submit(lane, joining: old) != new)
        #expect(rig.finish(new, .final).first == .answer(2))
    }

    // MARK: - Answers that still grow

    @Test func aPendingTraceIsAskedForAgainUntilItsTimeIsUp() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane(), waitUntil: 10 * second) ?? 0
        _ = rig.advance()
        var looks = 1
        var actions = rig.finish(fetch, .pending)
        while actions.isEmpty {
            actions = rig.next()
            guard actions == [.start(fetch)] else { break }
            looks += 1
            actions = rig.finish(fetch, .pending)
        }
        #expect(actions == [.answer(1)])
        #expect(looks > 2 && rig.now >= 8 * second && rig.now < 10 * second + 2048)
        #expect(rig.isEmpty)
    }

    @Test func withoutAWaitThePendingTraceIsTheAnswer() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane())
        _ = rig.advance()
        #expect(rig.finish(fetch, .pending) == [.answer(1)])
    }

    @Test func theDeadlineOfAPendingTraceAnswersWithWhatCame() {
        let rig = Rig()
        let fetch = rig.submit(rig.lane(), deadline: 4 * second, waitUntil: 90 * second) ?? 0
        _ = rig.advance()
        #expect(rig.finish(fetch, .pending) == [])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.next() == [.abort(fetch), .answer(1)])
    }

    @Test func theWaitEndsInTimeWhateverALaterLookMeets() {
        for later in [nil, Verdict.retry(afterMs: 30_000), .rateLimited(afterMs: 30_000)] {
            let rig = Rig()
            let fetch = rig.submit(rig.lane(), waitUntil: 5 * second) ?? 0
            _ = rig.advance()
            _ = rig.finish(fetch, .pending)
            #expect(rig.next() == [.start(fetch)])
            if let later {
                // It cannot be asked again in time: what came before is the answer.
                #expect(rig.finish(fetch, later) == [.answer(1)])
            } else {
                #expect(rig.next() == [.abort(fetch), .answer(1)])
                #expect(rig.now >= 5 * second && rig.now < 5 * second + 2048)
            }
            #expect(rig.isEmpty)
        }
    }

    @Test func theNextPartIsAskedForAtOnceAndFirst() {
        let rig = Rig(inFlight: 1, attempts: 1)
        let lane = rig.lane()
        let search = rig.submit(lane) ?? 0
        rig.submit(lane)
        _ = rig.advance()
        for _ in 0..<20 { #expect(rig.finish(search, .more) == [.start(search)]) }
        // A failure in the middle: what came before is the answer, not a loss.
        #expect(rig.finish(search, .retry(afterMs: nil)).first == .answer(1))
    }

    @Test func aDeadlineBetweenPartsAnswersWithThoseThatCame() {
        let rig = Rig(inFlight: 1)
        let search = rig.submit(rig.lane(), deadline: 2 * second) ?? 0
        _ = rig.advance()
        _ = rig.finish(search, .more)
        #expect(rig.next() == [.abort(search), .answer(1)])
    }

    @Test func whatTheServerStillWorksOnIsAskedForLater() {
        let rig = Rig(attempts: 1)
        let fetch = rig.submit(rig.lane()) ?? 0
        _ = rig.advance()
        #expect(rig.finish(fetch, .later(afterMs: 7000)) == [])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.now >= 7 * second)
        // "At once" and "never" are both bounded.
        var before = rig.now
        #expect(rig.finish(fetch, .later(afterMs: 0)) == [])
        #expect(rig.next() == [.start(fetch)] && rig.now - before >= second)
        before = rig.now
        #expect(rig.finish(fetch, .later(afterMs: nil)) == [])
        #expect(rig.next() == [.start(fetch)] && rig.now - before <= 31 * second)
        #expect(rig.finish(fetch, .later(afterMs: Int64.max)) == [.answer(1)])
    }

    // MARK: - Requests that share a fetch

    @Test func whoeverJoinsHasItsOwnDeadlineAndTheSameAnswer() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane, .bulk) ?? 0
        _ = rig.advance()
        #expect(rig.submit(lane, deadline: 2 * second, joining: fetch) == fetch)
        #expect(rig.submit(lane, deadline: 50 * second, joining: fetch) == fetch)
        #expect(rig.scheduler.inFlight == 1 && rig.scheduler.alive == 3)
        #expect(rig.next() == [.fail(2, .deadline)])
        #expect(rig.finish(fetch, .final) == [.answer(1), .answer(3)])
        #expect(rig.ended == [fetch] && rig.isEmpty)
    }

    @Test func theLastOneWhoLeavesAborts() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane) ?? 0
        rig.submit(lane, joining: fetch)
        _ = rig.advance()
        rig.scheduler.cancel(1)
        #expect(rig.said() == [.fail(1, .cancelled)])
        #expect(rig.scheduler.leader(of: fetch) == 2)
        rig.scheduler.cancel(2)
        #expect(rig.said() == [.abort(fetch), .fail(2, .cancelled)])
        #expect(rig.isEmpty)
    }

    @Test func whoJoinsInteractivelyHurriesWhatWaits() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane, .bulk)
        _ = rig.advance()
        for _ in 0..<5 { rig.submit(lane, .bulk) }
        let wanted = rig.submit(lane, .bulk) ?? 0
        rig.submit(lane, .interactive, joining: wanted)
        #expect(rig.finish(first, .final).starts == [wanted])
        #expect(rig.finish(wanted, .final).prefix(2) == [.answer(7), .answer(8)])
    }

    @Test func ofThoseWhoShareOnlyWhoWaitsIsLeftWithAPendingTrace() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane) ?? 0
        rig.submit(lane, waitUntil: 20 * second, joining: fetch)
        _ = rig.advance()
        #expect(rig.finish(fetch, .pending) == [.answer(1)])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.finish(fetch, .final) == [.answer(2)])
    }

    @Test func whatIsOverCannotBeJoined() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(fetch, .final)
        let next = rig.submit(lane, joining: fetch)
        #expect(next != fetch && rig.advance() == [.start(next ?? 0)])
    }

    @Test func requestsThatEndedLeaveNothingBehind() {
        let rig = Rig()
        let lane = rig.lane()
        for _ in 0..<10_000 {
            let fetch = rig.submit(lane, deadline: 86_400 * second)
            _ = rig.advance()
            _ = rig.finish(fetch, .final)
        }
        #expect(rig.scheduler.timers.count == 0)
        #expect(rig.scheduler.fetches.end <= 4)
        #expect(rig.isEmpty)
    }
}
