// SchedulerJoinTests.swift - requests that want what another waits for: they share its tries, not its
// deadline, its used-up tries or its patience.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerJoinTests {
    /// A fetch whose first try has failed; it sleeps.
    private func asleep(
        _ priority: Priority = .interactive, afterMs: Int64? = nil, attempts: Int = 3
    ) -> (rig: Rig, lane: LaneID, fetch: FetchID) {
        let rig = Rig(attempts: attempts)
        let lane = rig.lane()
        let fetch = rig.submit(lane, priority) ?? 0
        #expect(rig.advance() == [.start(fetch)])
        #expect(rig.finish(fetch, .retry(afterMs: afterMs)) == [])
        return (rig, lane, fetch)
    }

    @Test func aParkedGroupRefusesWhoJoinsAsItRefusesOthers() {
        let rig = Rig()
        let lane = rig.lane()
        let fetch = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.finish(fetch, .rateLimited(afterMs: 60_000)) == [])
        #expect(rig.submit(lane, deadline: 10 * second, joining: fetch) == nil)
        #expect(rig.submit(lane, deadline: 10 * second) == nil)
        #expect(rig.said() == [.refuse(2, until: 60 * second), .refuse(3, until: 60 * second)])
        #expect(rig.submit(lane, deadline: 70 * second, joining: fetch) == fetch)
    }

    @Test func aTryUnderWayIsJoinedAlsoWhileTheGroupIsParked() {
        let rig = Rig()
        let lane = rig.lane()
        let (first, second) = (rig.submit(lane), rig.submit(lane))
        _ = rig.advance()
        _ = rig.finish(first, .rateLimited(afterMs: 60_000))
        #expect(rig.submit(lane, deadline: 5_000_000, joining: second) == second)
        #expect(rig.finish(second, .final) == [.answer(2), .answer(3)])
    }

    @Test func aRefusedCredentialRefusesWhoJoins() {
        let rig = Rig()
        let lane = rig.lane()
        let (first, second) = (rig.submit(lane), rig.submit(lane))
        _ = rig.advance()
        _ = rig.reject(first, until: 60_000_000)
        #expect(rig.submit(lane, joining: second) == nil)
        #expect(rig.said() == [.fail(3, .credential)])
    }

    @Test func whoCannotWaitForTheWakeHasAFetchOfItsOwn() {
        let (rig, lane, fetch) = asleep(afterMs: 30_000)
        let own = rig.submit(lane, deadline: 10 * second, joining: fetch) ?? 0
        #expect(own != fetch)
        #expect(rig.advance() == [.start(own)])
        #expect(rig.submit(lane, deadline: 40 * second, joining: fetch) == fetch)
        #expect(rig.advance() == [])
    }

    @Test func triesAreCountedForEachMember() {
        let (rig, lane, fetch) = asleep(attempts: 2)
        rig.submit(lane, joining: fetch)
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(1)])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(2)])
        #expect(rig.isEmpty)
    }

    @Test func theTryUnderWayIsTheNewcomersToo() {
        let rig = Rig(attempts: 2)
        let lane = rig.lane()
        let fetch = rig.submit(lane) ?? 0
        _ = rig.advance()
        _ = rig.finish(fetch, .retry(afterMs: nil))
        #expect(rig.next() == [.start(fetch)])
        rig.submit(lane, joining: fetch)
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(1)])
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.finish(fetch, .retry(afterMs: nil)) == [.answer(2)])
    }

    @Test func somebodyWhoWaitsDoesNotSleepOutABackoffOfBulkWork() {
        let (rig, lane, fetch) = asleep(.bulk, attempts: 9)
        let before = rig.now
        #expect(rig.submit(lane, .bulk, joining: fetch) == fetch)
        #expect(rig.advance() == [])
        #expect(rig.submit(lane, joining: fetch) == fetch)
        #expect(rig.advance() == [.start(fetch)] && rig.now == before)
    }

    @Test func whatTheServerAskedForIsKeptByWhoeverWaits() {
        let (rig, lane, fetch) = asleep(.bulk, afterMs: 20_000)
        #expect(rig.submit(lane, joining: fetch) == fetch)
        #expect(rig.advance() == [])
        let own = rig.submit(lane, deadline: 10 * second, joining: fetch) ?? 0
        #expect(own != fetch && rig.advance() == [.start(own)])
        _ = rig.finish(own, .final)
        #expect(rig.next() == [.start(fetch)])
        #expect(rig.now >= 20 * second && rig.now < 20 * second + 2048)
    }

    @Test func whoWakesIntoAParkedGroupIsToldAtOnce() {
        let (rig, lane, fetch) = asleep()
        let other = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.finish(other, .rateLimited(afterMs: 200_000)) == [.answer(2)])
        let until = rig.now + 200 * second
        #expect(rig.next() == [.refuse(1, until: until)])
        #expect(rig.now < 2 * second && rig.ended.contains(fetch))
    }
}
