// SchedulerDoubtTests.swift - one stray refusal closes nothing: it is confirmed first.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerDoubtTests {
    private let coolDown = 60 * second

    /// A lane whose credential has worked.
    private func worked(_ rig: Rig) -> LaneID {
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.finish(first, .final) == [.answer(1)])
        return lane
    }

    @Test func aStrayRefusalOfACredentialThatHasWorkedIsAskedAboutOnceMore() {
        let rig = Rig(inFlight: 4)
        let lane = worked(rig)
        let fetches = (0..<8).map { _ in rig.submit(lane) }
        #expect(rig.advance().starts.count == 4)
        // The refused one goes again, and nothing beside it.
        #expect(rig.reject(fetches[1], until: coolDown) == [.start(fetches[1] ?? 0)])
        #expect(rig.scheduler.closedUntil(lane) == 0)
        // Answers to what began before are answers, but no proof.
        #expect(rig.finish(fetches[0], .final) == [.answer(2)])
        #expect(rig.finish(fetches[2], .final) == [.answer(4)])
        #expect(rig.finish(fetches[1], .final).starts.count == 3)
        for fetch in [3, 4, 5, 6, 7] { _ = rig.finish(fetches[fetch], .final) }
        #expect(rig.isEmpty)
    }

    @Test func aRefusalThatIsConfirmedClosesTheLane() {
        let rig = Rig(inFlight: 4)
        let lane = worked(rig)
        let fetches = (0..<8).map { _ in rig.submit(lane) }
        _ = rig.advance()
        // All four meet it. One of them shows what is the case: five requests in all.
        #expect(rig.reject(fetches[0], until: coolDown).starts.count == 1)
        for fetch in 1..<4 { #expect(rig.reject(fetches[fetch], until: coolDown) == []) }
        let ends = rig.reject(fetches[0], until: coolDown)
        #expect(ends.contains(.answer(2)) && ends.count == 8)
        #expect(
            ends.filter { if case .fail(_, .credential) = $0 { true } else { false } }.count == 7)
        #expect(rig.scheduler.closedUntil(lane) == coolDown && rig.isEmpty)
    }

    @Test func aCredentialThatHasNeverWorkedIsNotAskedAboutAgain() {
        let rig = Rig(inFlight: 4)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.reject(first, until: coolDown) == [.answer(1)])
        #expect(rig.scheduler.closedUntil(lane) == coolDown)
    }

    @Test func aRefusalAfterTheCoolDownNeedsNoSecondOne() {
        let rig = Rig(inFlight: 4)
        let lane = worked(rig)
        let first = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(first, until: coolDown)
        _ = rig.reject(first, until: coolDown)
        _ = rig.advance(to: coolDown)
        let probe = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.reject(probe, until: 2 * coolDown) == [.answer(3)])
        #expect(rig.scheduler.closedUntil(lane) == 2 * coolDown)
    }

    @Test func aRequestThatIsRefusedAgainAndAgainIsSentThreeTimesAtMost() {
        let rig = Rig(inFlight: 4)
        let lane = worked(rig)
        let (odd, other) = (rig.submit(lane), rig.submit(lane))
        _ = rig.advance()
        _ = rig.reject(odd, until: coolDown)
        _ = rig.finish(other, .final)
        #expect(rig.reject(odd, until: coolDown) == [.answer(2)])
    }

    @Test func whoHasAnotherCredentialGoesToItWhenTheRefusalIsConfirmed() {
        let rig = Rig(inFlight: 4)
        let lane = worked(rig)
        let fallback = rig.lane(0, group: 1)
        let fetch = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.reject(fetch, until: coolDown, fallback: fallback).starts == [fetch ?? 0])
        #expect(rig.scheduler.lane(of: fetch ?? 0) == lane)
        #expect(rig.reject(fetch, until: coolDown, fallback: fallback).starts == [fetch ?? 0])
        #expect(rig.scheduler.lane(of: fetch ?? 0) == fallback)
    }

    @Test func theConfirmationIsNoneOfTheRequestsOwnTries() {
        let rig = Rig(inFlight: 4, attempts: 1)
        let lane = worked(rig)
        let fetch = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(fetch, until: coolDown)
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(2)])
        // What says nothing of the credential leaves it on probation.
        let next = (0..<2).map { _ in rig.submit(lane) }
        #expect(rig.advance().starts == [next[0] ?? 0])
    }
}
