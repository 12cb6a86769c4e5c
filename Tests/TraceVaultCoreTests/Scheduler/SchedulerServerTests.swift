// SchedulerServerTests.swift - what the server says of a quota: how far it is believed, whose word counts
// for whom, and who is told.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerServerTests {
    @Test func theRestThatIsToldIsTheOneThatIsKept() {
        let rig = Rig(quota: Quota(intervalUs: second, toleranceUs: 0))
        let lane = rig.lane()
        var rests: [Int64] = []
        for asked in [86_400_000, 30_000, 1000, 1000] as [Int64] {
            let fetch = rig.submit(lane, deadline: rig.now + 2 * second)
            _ = rig.advance()
            _ = rig.finish(fetch, .rateLimited(afterMs: asked))
            let until = rig.scheduler.restsUntil(lane, now: rig.now)
            rests.append((until - rig.now) / second)
            #expect(rig.submit(lane, deadline: until) == nil)
            _ = rig.advance(to: until + second)
        }
        // What one reply asks is bounded, and grows where it asks for little again and again.
        #expect(rests == [300, 30, 4, 8])
    }

    private let fast = Quota(requests: 1_000_000, windowMs: 1000, sharePercent: 100)
    private let slow = Quota(requests: 1, windowMs: 10_000, sharePercent: 100)

    private func ledgers() throws -> [any BudgetLedger] {
        [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)]
    }

    @Test func a429ThatSaysAtOnceIsObeyedLessAndLessOften() {
        let rig = Rig(attempts: 2)
        let fetch = rig.submit(rig.lane(), deadline: 1 << 50) ?? 0
        _ = rig.advance()
        var waits: [Int64] = []
        for _ in 1...12 {
            let before = rig.now
            #expect(rig.finish(fetch, .rateLimited(afterMs: 0)) == [])
            #expect(rig.next() == [.start(fetch)])
            waits.append((rig.now - before) / second)
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
        // Nor does it use up the request's own tries.
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [])
        #expect(rig.next() == [.start(fetch)])
        // An answer ends it.
        #expect(rig.finish(fetch, .more).starts == [fetch])
        let before = rig.now
        #expect(rig.finish(fetch, .rateLimited(afterMs: 0)) == [])
        #expect(rig.next() == [.start(fetch)] && rig.now - before < 2 * second)
    }

    @Test func a429ThatAsksForMoreThanIsDocumentedIsConfirmedFirst() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, ledger: ledger)
            let fetches = (0..<3).map { _ in rig.submit(rig.lane(), deadline: 1 << 50) ?? 0 }
            #expect(rig.advance().starts == fetches)
            // An epoch number, of all that were under way: one word, however often.
            for fetch in fetches {
                #expect(rig.finish(fetch, .rateLimited(afterMs: 1 << 50)) == [])
            }
            #expect(rig.next().starts.count == 3 && rig.now == 300 * second + Rig.tick(rig.now))
            var before = rig.now
            // Again after the wait: believed, for an hour, and then it is asked again.
            for _ in 1...3 {
                let first = fetches[0]
                #expect(rig.finish(first, .rateLimited(afterMs: 1 << 50)) == [])
                #expect(rig.next() == [.start(first)])
                #expect(rig.now - before >= 3600 * second && rig.now - before < 3601 * second)
                before = rig.now
            }
            // An answer: the next one is doubted as the first was.
            #expect(rig.finish(fetches[0], .more).starts == [fetches[0]])
            #expect(rig.finish(fetches[0], .rateLimited(afterMs: 1 << 50)) == [])
            #expect(rig.next() == [.start(fetches[0])] && rig.now - before < 301 * second)
        }
    }

    // MARK: - Whose word counts

    @Test func aCredentialThatIsNotProvenRestsAlone() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: fast, ledger: ledger)
            let (bogus, good) = (rig.lane(0, proof: 71), rig.lane(1, proof: 72))
            let bad = rig.submit(bogus, deadline: 200 * second) ?? 0
            let one = rig.submit(good) ?? 0
            #expect(Set(rig.advance().starts) == [bad, one])
            // In the bogus one's lane some can wait and some cannot.
            let (patient, hasty) = (rig.submit(bogus, deadline: 200 * second) ?? 0, JobID(4))
            rig.submit(bogus, deadline: 50 * second)
            let told = rig.finish(bad, .rateLimited(afterMs: 100_000))
            #expect(
                told.filter { if case .start = $0 { false } else { true } }
                    == [.refuse(hasty, until: 100 * second)])
            rig.scheduler.note(bogus, ServerQuota(policy: slow, emptyMs: 90_000), now: rig.now)
            // The other goes on as if nothing had been said.
            _ = rig.finish(one, .final)
            for _ in 0..<5 {
                let next = rig.submit(good) ?? 0
                #expect(rig.advance().starts == [next])
                _ = rig.finish(next, .final)
            }
            #expect(rig.submit(bogus, deadline: 60 * second) == nil)
            _ = rig.said()
            #expect(rig.next().starts.sorted() == [bad, patient].sorted())
            #expect(rig.now >= 100 * second)
        }
    }

    @Test(arguments: [CredentialProof.none, .notRefused, .taken])
    func onlyOneThatTheServerTookStopsItsGroup(proof: CredentialProof) throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: fast, ledger: ledger)
            let (bogus, good) = (rig.lane(0, proof: 71), rig.lane(1, proof: 72))
            let first = rig.submit(bogus) ?? 0
            _ = rig.advance()
            _ = rig.finish(first, .final, proof: proof)
            let second = rig.submit(bogus) ?? 0
            _ = rig.advance()
            _ = rig.finish(second, .rateLimited(afterMs: 100_000))
            let one = rig.submit(good) ?? 0
            #expect(rig.advance().starts == (proof == .taken ? [] : [one]))
        }
    }

    @Test func aCredentialThatTheServerTookSpeaksForItsGroupInEveryProcess() throws {
        let ledger = try MappedLedger(.ofProcess, now: 0)
        let rig = Rig(inFlight: 8, ledger: ledger)
        let one = rig.submit(rig.lane(0, proof: 71)) ?? 0
        _ = rig.advance()
        _ = rig.finish(one, .final)
        // Another process, with the same credential and with one that never was tried.
        let next = Rig(inFlight: 8, ledger: ledger)
        let proven = next.submit(next.lane(0, proof: 71)) ?? 0
        _ = next.advance()
        _ = next.finish(proven, .rateLimited(afterMs: 30_000))
        let other = next.submit(next.lane(1, proof: 72)) ?? 0
        #expect(next.next().starts.contains(other) && next.now >= 30 * second)
    }

    @Test func aCredentialThatProvesItselfRestsNoLongerAndSpeaksForItsGroup() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: fast, ledger: ledger)
            let lane = rig.lane(0, proof: 71)
            let one = rig.submit(lane, deadline: 200 * second) ?? 0
            let two = rig.submit(lane) ?? 0
            #expect(rig.advance().starts.count == 2)
            let told = rig.finish(one, .rateLimited(afterMs: 100_000)) + rig.advance()
            #expect(told.starts.isEmpty)
            // It was under way: the server takes the credential, so the doubt is over.
            let proven = rig.finish(two, .final) + rig.advance()
            #expect(proven.starts == [one])
            _ = rig.finish(one, .rateLimited(afterMs: 30_000))
            let other = rig.submit(rig.lane(1, proof: 72)) ?? 0
            #expect(rig.advance().starts.isEmpty)
            let before = rig.now
            #expect(rig.next().starts.contains(other) && rig.now >= before + 30 * second)
        }
    }

    @Test func aProofOfAnotherProcessCountsForALaneThatWasThereBefore() throws {
        let ledger = try MappedLedger(.ofProcess, now: 0)
        let early = Rig(inFlight: 8, ledger: ledger)
        let lane = early.lane(0, proof: 71)
        let rig = Rig(inFlight: 8, ledger: ledger)
        let one = rig.submit(rig.lane(0, proof: 71)) ?? 0
        _ = rig.advance()
        _ = rig.finish(one, .final)
        let refused = early.submit(lane) ?? 0
        _ = early.next()
        _ = early.finish(refused, .rateLimited(afterMs: 30_000))
        let before = early.now
        let other = early.submit(early.lane(1, proof: 72)) ?? 0
        #expect(early.next().starts.contains(other) && early.now >= before + 30 * second)
    }

    @Test func aCredentialThatWasRefusedSpeaksForNobodyAnyMore() {
        let rig = Rig(inFlight: 8)
        let lane = rig.lane(0, proof: 71)
        let one = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(one, .final)
        let refused = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.reject(refused, until: rig.now)
        let again = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(again, .rateLimited(afterMs: 30_000))
        let other = rig.submit(rig.lane(1, proof: 72)) ?? 0
        #expect(rig.advance() == [.start(other)])
        #expect(!rig.scheduler.isIdle(lane, now: rig.now + 60 * second))
    }

    /// One that has worked is asked about once more: until that is answered it may be a bogus one.
    @Test func aCredentialThatIsDoubtedSpeaksForNobodyEither() {
        let rig = Rig(inFlight: 8)
        let lane = rig.lane(0, proof: 71)
        let one = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(one, .final)
        let doubted = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.reject(doubted, until: rig.now + 60 * second)
        _ = rig.advance()
        _ = rig.finish(doubted, .rateLimited(afterMs: 30_000))
        let other = rig.submit(rig.lane(1, proof: 72)) ?? 0
        #expect(rig.advance().starts == [other])
    }

    // MARK: - What is left

    @Test func whatIsUnderWayIsNotTakenForSpentAndAnEmptyQuotaIsTheServersToSay() throws {
        let quota = Quota(requests: 1200, windowMs: 300_000, sharePercent: 90)
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 64, quota: quota, ledger: ledger)
            let lane = rig.lane()
            let fetches = (0..<54).map { _ in rig.submit(lane) ?? 0 }
            #expect(rig.advance().starts.count == 54)
            // 55 were left before the burst; each reply tells what is left after it.
            for (done, fetch) in fetches.enumerated() {
                rig.scheduler.finished(fetch, .final, now: rig.now)
                let left = Pace(requests: Int64(54 - done), ms: 120_000)
                rig.scheduler.note(lane, ServerQuota(pace: left), now: rig.now)
            }
            _ = rig.advance()
            #expect(rig.scheduler.state(of: rig.group(0), now: rig.now).parkedUntil <= rig.now)
            // One is left: it goes when the burst is over, not when the server's window is.
            let last = rig.submit(lane) ?? 0
            #expect(rig.next() == [.start(last)] && rig.now < 17 * second)
            #expect(rig.finish(last, .final) == [.answer(55)])
            // The next one goes with the next window, unless the server says that there is nothing.
            let waits = rig.submit(lane, deadline: 130 * second)
            #expect(waits != nil && rig.advance() == [])
            let end = rig.now + 119 * second
            rig.scheduler.note(lane, ServerQuota(emptyMs: 119_000), now: rig.now)
            #expect(rig.advance() == [.refuse(56, until: end)])
        }
    }

    @Test func whoCannotWaitForASlowPaceIsTold() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 1, quota: fast, ledger: ledger)
            let lane = rig.lane()
            let first = rig.submit(lane) ?? 0
            _ = rig.advance()
            rig.submit(lane, deadline: 200 * second)
            rig.submit(lane, deadline: 50 * second)
            rig.scheduler.finished(first, .final, now: rig.now)
            rig.scheduler.note(lane, ServerQuota(pace: Pace(requests: 1, ms: 100_000)), now: 0)
            #expect(rig.said() == [.answer(1)])
            let next = rig.next().starts
            #expect(next.count == 1 && rig.now < second)
            let said = rig.finish(next.first, .final)
            #expect(said.count == 2 && said.first == .answer(2))
            // The next one may go when the server's window ends.
            guard case .refuse(3, let until) = said.last else {
                Issue.record("not told")
                return
            }
            #expect(abs(until - 100 * second) < second)
        }
    }

    @Test func aStrayWordOfTheServerStopsNobodyAndASecondOneDoesNotForEver() throws {
        let stray = ServerQuota(
            RateLimitHeaders.policies(#""x";q=1;w=86400"#),
            RateLimitHeaders.remaining(#""x";r=1;t=86400"#), sharePercent: 90)
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: fast, ledger: ledger)
            let lane = rig.lane()
            func goes() -> Bool {
                guard let fetch = rig.submit(lane, deadline: 1 << 50) else { return false }
                guard rig.advance().starts == [fetch] else { return false }
                _ = rig.finish(fetch, .final)
                return true
            }
            #expect(goes())
            // In a burst, however often: it is one word.
            for _ in 0..<5 { rig.scheduler.note(lane, stray, now: rig.now) }
            #expect(goes() && goes())
            _ = rig.advance(to: rig.now + 2 * second)
            rig.scheduler.note(lane, ServerQuota(policy: fast), now: rig.now)
            rig.scheduler.note(lane, stray, now: rig.now)
            #expect(goes() && goes())
            // Said again later: it holds, and ends although no answer comes that could end it.
            _ = rig.advance(to: rig.now + 2 * second)
            rig.scheduler.note(lane, stray, now: rig.now)
            #expect(goes())
            let before = rig.now
            #expect(!goes())
            #expect(rig.next().starts.count == 1 && rig.now - before <= 901 * second)
        }
    }

    @Test func whatTheServerSaysSlowsTheGroup() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: fast, ledger: ledger)
            let lane = rig.lane()
            rig.submit(lane)
            _ = rig.advance()
            rig.scheduler.note(
                lane, ServerQuota(pace: Pace(requests: 11, ms: 20_000)), now: 0)
            for _ in 0..<5 { rig.submit(lane) }
            var times: [Int64] = []
            while times.count < 5 { times += rig.next().starts.map { _ in rig.now } }
            // 11 in 20 s, of which one is under way: one in 2 s.
            for (one, next) in zip(times, times.dropFirst()) { #expect(next - one >= 2 * second) }
        }
    }

    @Test func whoLiftsTheLimitLiftsTheServersWordToo() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, ledger: ledger)
            let lane = rig.lane()
            rig.submit(lane)
            _ = rig.advance()
            rig.scheduler.note(lane, ServerQuota(policy: slow, emptyMs: 20_000), now: 0)
            let second = rig.submit(lane) ?? 0
            #expect(rig.advance() == [.start(second)])
        }
    }

    @Test func aPolicyOnlyTightens() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: slow, ledger: ledger)
            let lane = rig.lane()
            rig.submit(lane)
            _ = rig.advance()
            let loose = Quota(requests: 1000, windowMs: 1000, sharePercent: 100)
            rig.scheduler.note(lane, ServerQuota(policy: loose), now: 0)
            #expect(rig.scheduler.permittedAt(lane, 0) == 10 * second)
            let strict = Quota(requests: 1, windowMs: 40_000, sharePercent: 100)
            rig.scheduler.note(lane, ServerQuota(policy: strict), now: 0)
            let (two, three) = (rig.submit(lane) ?? 0, rig.submit(lane) ?? 0)
            #expect(rig.next() == [.start(two)] && rig.now >= 10 * second)
            #expect(rig.next() == [.start(three)] && rig.now >= 50 * second)
        }
    }

    @Test(arguments: [true, false])
    func aPolicyThatIsLargerAgainOrNamedNoMoreEndsAndWhoWaitsGoesAtOnce(
        isNamed: Bool
    ) throws {
        // 49 at once, one in 91 s; the server says one in 2,000 s for a while.
        let quota = Quota(requests: 1000, windowMs: 86_400_000, sharePercent: 100)
        let strict = Quota(requests: 1, windowMs: 2_000_000, sharePercent: 100)
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 64, quota: quota, ledger: ledger)
            let lane = rig.lane()
            let fetches = (0..<12).map { _ in rig.submit(rig.lane(), deadline: 1 << 50) ?? 0 }
            #expect(rig.advance().starts.count == 12)
            rig.scheduler.note(lane, ServerQuota(policy: strict), now: 0)
            for fetch in fetches[1...] { _ = rig.finish(fetch, .final) }
            let waiting = (0..<2).map { _ in rig.submit(rig.lane(), deadline: 1 << 50) ?? 0 }
            #expect(rig.advance(to: 650 * second) == [])
            rig.scheduler.note(lane, ServerQuota(policy: nil), now: rig.now)
            #expect(rig.advance() == [])
            if isNamed {
                rig.scheduler.note(lane, ServerQuota(policy: quota), now: rig.now)
            } else {
                #expect(rig.advance(to: 899 * second) == [])
                rig.now = 900 * second
                rig.scheduler.note(lane, ServerQuota(policy: nil), now: rig.now)
            }
            #expect(rig.advance().starts == waiting)
        }
    }
}
