// SchedulerTests.swift - the scheduler's promises, in virtual time.

import Testing
import TraceVaultCore

/// µs.
private let second: Int64 = 1_000_000

private func ticket(
    _ id: JobID, tenant: Int = 0, group: Int = 0, deadline: Int64 = 100 * second,
    waitUntil: Int64 = 0
) -> Ticket {
    Ticket(id: id, tenant: tenant, group: group, deadline: deadline, waitUntil: waitUntil)
}

private func scheduler(
    inFlight: Int = 2, quota: Int64 = 0, windowMs: Int64 = 300_000, attempts: Int = 3
) -> Scheduler {
    Scheduler(
        limits: .init(
            maxInFlight: inFlight,
            quota: Quota(requests: quota, windowMs: windowMs, sharePercent: 100),
            retry: RetryPolicy(maxAttempts: attempts, baseMs: 1000, maxDelayMs: 8000)),
        seed: 7)
}

/// Runs virtual time forward until something happens.
private func next(_ scheduler: inout Scheduler, _ now: inout Int64) -> [Action] {
    while let wake = scheduler.nextWake {
        now = max(now, wake)
        let actions = scheduler.advance(now: now)
        if !actions.isEmpty { return actions }
    }
    return []
}

@Suite struct SchedulerTests {
    @Test func neverMoreInFlightThanAllowed() {
        var s = scheduler(inFlight: 2)
        var started = 0
        for id in 1...5 {
            started += s.submit(ticket(JobID(id)), now: 0).count
        }
        #expect(started == 2)
        #expect(s.finished(1, .final, now: 1) == [.answer(1), .start(3)])
    }

    @Test func tenantsTakeTurns() {
        var s = scheduler(inFlight: 1)
        #expect(s.submit(ticket(1, tenant: 0), now: 0) == [.start(1)])
        for id in 2...9 { _ = s.submit(ticket(JobID(id), tenant: 0), now: 0) }
        _ = s.submit(ticket(100, tenant: 1), now: 0)
        // A backlog of eight does not delay the other tenant by more than one request.
        #expect(s.finished(1, .final, now: 1) == [.answer(1), .start(2)])
        #expect(s.finished(2, .final, now: 2) == [.answer(2), .start(100)])
    }

    @Test func aTransientFailureIsRetriedUntilTheAttemptsEnd() {
        var s = scheduler(attempts: 3)
        var now: Int64 = 0
        #expect(s.submit(ticket(1), now: now) == [.start(1)])
        for attempt in 1...2 {
            #expect(s.finished(1, .retry(afterMs: nil), now: now) == [])
            let before = now
            #expect(next(&s, &now) == [.start(1)])
            #expect(now - before <= (1 << Int64(attempt - 1)) * second)
        }
        #expect(s.finished(1, .retry(afterMs: nil), now: now) == [.answer(1)])
    }

    @Test func retryAfterIsAFloor() {
        var s = scheduler()
        var now: Int64 = 0
        _ = s.submit(ticket(1), now: now)
        _ = s.finished(1, .retry(afterMs: 20_000), now: now)
        #expect(next(&s, &now) == [.start(1)])
        #expect(now >= 20 * second)
    }

    @Test func aRetryBeyondTheDeadlineIsAnsweredAtOnce() {
        var s = scheduler()
        _ = s.submit(ticket(1, deadline: 10 * second), now: 0)
        #expect(s.finished(1, .retry(afterMs: 60_000), now: 5) == [.answer(1)])
    }

    @Test func theDeadlineAbortsATryUnderWay() {
        var s = scheduler()
        var now: Int64 = 0
        _ = s.submit(ticket(1, deadline: 3 * second), now: 0)
        #expect(next(&s, &now) == [.abort(1), .fail(1, .deadline)])
        #expect(now == 3 * second)
        #expect(s.finished(1, .final, now: now) == [])
    }

    @Test func anExpiredRequestIsNeverStarted() {
        var s = scheduler()
        #expect(s.submit(ticket(1, deadline: 5), now: 5) == [.fail(1, .deadline)])
    }

    @Test func cancelEndsARequestInEveryPhase() {
        var s = scheduler(inFlight: 1)
        var now: Int64 = 0
        _ = s.submit(ticket(1), now: 0)
        _ = s.submit(ticket(2), now: 0)
        #expect(s.cancel(2, as: .cancelled, now: 0) == [.fail(2, .cancelled)])
        #expect(s.cancel(1, as: .cancelled, now: 0) == [.abort(1), .fail(1, .cancelled)])
        #expect(s.submit(ticket(3), now: 0) == [.start(3)])
        _ = s.finished(3, .retry(afterMs: 1000), now: 0)
        #expect(s.cancel(3, as: .cancelled, now: 0) == [.fail(3, .cancelled)])
        #expect(next(&s, &now) == [])
        #expect(s.cancel(3, as: .cancelled, now: 0) == [])
    }

    @Test func aPendingTraceIsAskedForAgainUntilItsTimeIsUp() {
        var s = scheduler()
        var now: Int64 = 0
        _ = s.submit(ticket(1, waitUntil: 10 * second), now: 0)
        var looks = 1
        var actions = s.finished(1, .pending, now: now)
        while actions.isEmpty {
            actions = next(&s, &now)
            #expect(actions == [.start(1)])
            looks += 1
            actions = s.finished(1, .pending, now: now)
        }
        #expect(actions == [.answer(1)])
        #expect(looks > 2)
        #expect(now <= 10 * second && now >= 8 * second)
    }

    @Test func withoutAWaitThePendingTraceIsTheAnswer() {
        var s = scheduler()
        _ = s.submit(ticket(1), now: 0)
        #expect(s.finished(1, .pending, now: 1) == [.answer(1)])
    }

    @Test func theDeadlineOfAPendingTraceAnswersWithWhatCame() {
        var s = scheduler()
        var now: Int64 = 0
        _ = s.submit(ticket(1, deadline: 4 * second, waitUntil: 90 * second), now: 0)
        _ = s.finished(1, .pending, now: 0)
        #expect(next(&s, &now) == [.start(1)])
        #expect(next(&s, &now) == [.abort(1), .answer(1)])
    }

    @Test func a429ParksTheGroupAndNoOther() {
        var s = scheduler(inFlight: 8)
        var now: Int64 = 0
        _ = s.submit(ticket(1, tenant: 0, group: 0), now: 0)
        _ = s.finished(1, .rateLimited(afterMs: 30_000), now: 0)
        #expect(s.submit(ticket(2, tenant: 1, group: 0), now: 1) == [])
        #expect(s.submit(ticket(3, tenant: 1, group: 1), now: 1) == [.start(3)])
        let started = next(&s, &now)
        #expect(now >= 30 * second)
        #expect(started.contains(.start(1)) && started.contains(.start(2)))
    }

    @Test func a429ThatSaysAtOnceIsNotObeyedInATightLoop() {
        var s = scheduler()
        var now: Int64 = 0
        _ = s.submit(ticket(1), now: now)
        for _ in 1...5 {
            let before = now
            #expect(s.finished(1, .rateLimited(afterMs: 0), now: now) == [])
            #expect(next(&s, &now) == [.start(1)])
            #expect(now - before >= second)
        }
    }

    @Test func theWaitEndsInTimeWhateverALaterLookMeets() {
        for later in [nil, Verdict.retry(afterMs: 30_000), .rateLimited(afterMs: 30_000)] {
            var s = scheduler()
            var now: Int64 = 0
            _ = s.submit(ticket(1, waitUntil: 5 * second), now: 0)
            _ = s.finished(1, .pending, now: 0)
            #expect(next(&s, &now) == [.start(1)])
            if let later {
                #expect(s.finished(1, later, now: now) == [])
                #expect(next(&s, &now) == [.answer(1)])
            } else {
                #expect(next(&s, &now) == [.abort(1), .answer(1)])
            }
            #expect(now == 5 * second)
        }
    }

    @Test func whatTheQuotaForbidsUntilAfterTheDeadlineIsRefusedAtOnce() {
        var s = scheduler(inFlight: 8)
        _ = s.submit(ticket(1), now: 0)
        _ = s.finished(1, .rateLimited(afterMs: 30_000), now: 0)
        let short = ticket(2, deadline: 20 * second)
        #expect(s.submit(short, now: 1) == [.refuse(2, until: 30 * second)])
        #expect(s.submit(ticket(3, deadline: 40 * second), now: 1) == [])
        // Also when the quota itself, not a 429, is in the way.
        var slow = scheduler(inFlight: 8, quota: 1, windowMs: 10_000)
        #expect(slow.submit(ticket(1), now: 0) == [.start(1)])
        #expect(
            slow.submit(ticket(2, deadline: 5 * second), now: 1) == [.refuse(2, until: 10 * second)]
        )
        #expect(slow.queued == 0)
    }

    @Test func requestsThatEndedLeaveNoTimersBehind() {
        var s = scheduler()
        for id in 1...10_000 as ClosedRange<JobID> {
            _ = s.submit(ticket(id, deadline: 86_400 * second), now: 0)
            _ = s.finished(id, .final, now: 0)
        }
        #expect(s.timerCount < 100)
    }

    @Test func shutdownAnswersEverything() {
        var s = scheduler(inFlight: 1)
        for id in 1...3 { _ = s.submit(ticket(JobID(id)), now: 0) }
        let actions = s.shutdown()
        #expect(
            actions == [
                .abort(1), .fail(1, .shutdown), .fail(2, .shutdown), .fail(3, .shutdown),
            ])
        #expect(s.inFlight == 0 && s.queued == 0)
    }

    @Test func whatWasNeverSentCostsNoQuota() {
        var s = scheduler(inFlight: 1, quota: 2, windowMs: 10_000)
        for id in 1...50 as ClosedRange<JobID> {
            #expect(s.submit(ticket(id), now: 0) == [.start(id)])
            #expect(s.finished(id, .unsent, now: 0) == [.answer(id)])
        }
    }

    @Test func noWindowEverHoldsMoreThanTheQuota() {
        // 100 requests per 10 s; 1,000 waiting; every reply at once.
        var s = scheduler(inFlight: 64, quota: 100, windowMs: 10_000)
        var now: Int64 = 0
        var starts: [Int64] = []
        var actions: [Action] = []
        for id in 1...1000 {
            actions += s.submit(
                ticket(JobID(id), tenant: id % 7, deadline: 1000 * second), now: 0)
        }
        while starts.count < 1000, !actions.isEmpty || s.nextWake != nil {
            if actions.isEmpty { actions = next(&s, &now) }
            var following: [Action] = []
            for case .start(let id) in actions {
                starts.append(now)
                following += s.finished(id, .final, now: now).filter { $0 != .answer(id) }
            }
            actions = following
        }
        #expect(starts.count == 1000)
        var first = 0
        for (index, time) in starts.enumerated() {
            while starts[first] <= time - 10 * second { first += 1 }
            #expect(index - first + 1 <= 100)
        }
        // And the quota is used: 1,000 requests at 100 per 10 s take about 100 s, not 200.
        #expect(now < 110 * second)
    }

    @Test func everyRequestIsAnsweredOnceUnderRandomTraffic() {
        for seed in 0..<50 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var s = scheduler(inFlight: 4, quota: 60, windowMs: 10_000, attempts: 3)
            var now: Int64 = 0
            var flying: Set<JobID> = []
            var answers: [JobID: Int] = [:]
            func note(_ actions: [Action]) {
                for action in actions {
                    switch action {
                    case .start(let id):
                        #expect(flying.insert(id).inserted)
                    case .abort(let id): #expect(flying.remove(id) != nil)
                    case .answer(let id), .fail(let id, _), .refuse(let id, _):
                        answers[id, default: 0] += 1
                    }
                }
            }
            for id in 1...200 as ClosedRange<JobID> {
                now += Int64.random(in: 0...second / 4, using: &random)
                let deadline = now + Int64.random(in: 1...40, using: &random) * second
                note(
                    s.submit(
                        ticket(
                            id, tenant: Int(id % 5), group: Int(id % 3), deadline: deadline,
                            waitUntil: Bool.random(using: &random) ? deadline : 0), now: now))
                note(s.advance(now: now))
                while flying.count > 2, let done = flying.sorted().randomElement(using: &random) {
                    flying.remove(done)
                    let verdicts: [Verdict] = [
                        .final, .pending, .retry(afterMs: nil), .rateLimited(afterMs: 900),
                    ]
                    let verdict = verdicts[Int.random(in: 0...3, using: &random)]
                    note(s.finished(done, verdict, now: now))
                }
                if id % 9 == 0 { note(s.cancel(id / 2, as: .cancelled, now: now)) }
            }
            while let wake = s.nextWake {
                now = max(now, wake)
                note(s.advance(now: now))
                for done in flying.sorted() {
                    flying.remove(done)
                    note(s.finished(done, .final, now: now))
                }
            }
            #expect(answers.count == 200 && answers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(s.inFlight == 0 && s.queued == 0)
        }
    }
}
