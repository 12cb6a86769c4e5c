// SchedulerLaneTests.swift - refused credentials: nothing is hammered, nothing is lost, and whoever has
// another credential goes on.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerLaneTests {
    private let coolDown = 60 * second

    @Test func aRefusedCredentialStopsEverythingThatWaitsForIt() {
        let rig = Rig(inFlight: 1)
        let (lane, other) = (rig.lane(0), rig.lane(1, group: 1))
        let first = rig.submit(lane)
        rig.submit(lane, .bulk)
        rig.submit(lane)
        _ = rig.advance()
        let neighbour = rig.submit(other) ?? 0
        // The one that was asked has the server's answer, the others the scheduler's.
        #expect(
            Set(rig.reject(first, until: coolDown).map(String.init(describing:)))
                == Set(
                    [.answer(1), .fail(2, .credential), .fail(3, .credential), .start(neighbour)]
                        .map { (action: Action) in String(describing: action) }))
        #expect(rig.scheduler.closedUntil(lane) == coolDown)
        #expect(rig.submit(lane) == nil)
        #expect(rig.said() == [.fail(5, .credential)])
    }

    @Test func whatSleepsFailsWhenItWakesToARefusedCredential() {
        let rig = Rig(inFlight: 2)
        let lane = rig.lane()
        let (sleeper, refused) = (rig.submit(lane), rig.submit(lane))
        _ = rig.advance()
        _ = rig.finish(sleeper, .retry(afterMs: 2000))
        #expect(rig.reject(refused, until: coolDown) == [.answer(2)])
        #expect(rig.next() == [.choose(sleeper ?? 0)])
        // The vault has no other.
        rig.scheduler.restart(sleeper ?? 0, in: lane, now: rig.now)
        #expect(rig.advance() == [.fail(1, .credential)])
        #expect(rig.now < 10 * second && rig.isEmpty)
    }

    @Test func whatSleepsGoesOnWithACredentialThatCameMeanwhile() {
        let quota = Quota(requests: 1000, windowMs: 10_000, sharePercent: 100)
        let rig = Rig(inFlight: 2, quota: quota)
        let (old, new) = (rig.lane(0), rig.lane(0, group: 1))
        let (sleeper, refused) = (rig.submit(old) ?? 0, rig.submit(old))
        _ = rig.advance()
        _ = rig.finish(sleeper, .retry(afterMs: 2000))
        _ = rig.reject(refused, until: coolDown)
        #expect(rig.next() == [.choose(sleeper)])
        let before = rig.scheduler.state(of: rig.group(0), now: rig.now).available
        rig.scheduler.restart(sleeper, in: new, now: rig.now)
        #expect(rig.advance() == [.start(sleeper)])
        // It had no permit of the old group, so none is given back.
        #expect(rig.scheduler.state(of: rig.group(0), now: rig.now).available == before)
        #expect(rig.finish(sleeper, .final) == [.answer(1)])
        #expect(rig.isEmpty)
    }

    @Test func whoseTimeEndsBeforeItHasChosenHasItsAnswer() {
        let rig = Rig(inFlight: 2)
        let lane = rig.lane()
        let (sleeper, refused) = (rig.submit(lane) ?? 0, rig.submit(lane))
        _ = rig.advance()
        _ = rig.finish(sleeper, .retry(afterMs: 2000))
        _ = rig.reject(refused, until: coolDown)
        #expect(rig.next() == [.choose(sleeper)])
        rig.scheduler.cancel(1)
        rig.scheduler.restart(sleeper, in: lane, now: rig.now)
        #expect(rig.advance() == [.fail(1, .cancelled)])
        #expect(rig.isEmpty)
    }

    @Test func halfOfACheckIsNoAnswer() {
        let rig = Rig(inFlight: 2)
        let lane = rig.lane()
        let check = rig.submit(lane, deadline: 5 * second, isCheck: true) ?? 0
        let search = rig.submit(lane, deadline: 5 * second) ?? 0
        _ = rig.advance()
        #expect(rig.finish(check, .more) == [.start(check)])
        #expect(rig.finish(search, .more) == [.start(search)])
        let ends = rig.next() + rig.next()
        #expect(ends.contains(.fail(1, .deadline)) && ends.contains(.answer(2)))
    }

    @Test func whatCameBeforeTheRefusalIsTheBetterAnswer() {
        let rig = Rig(inFlight: 2)
        let lane = rig.lane()
        let search = rig.submit(lane, waitUntil: 50 * second)
        _ = rig.advance()
        _ = rig.finish(search, .pending)
        let other = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(other, until: coolDown)
        _ = rig.reject(other, until: coolDown)
        #expect(rig.next() == [.choose(search ?? 0)])
        rig.scheduler.restart(search ?? 0, in: lane, now: rig.now)
        #expect(rig.said() == [.answer(1)])
    }

    @Test func afterTheCoolDownOneAtATimeUntilOneWorks() {
        let rig = Rig(inFlight: 8)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(first, until: coolDown)
        _ = rig.advance(to: coolDown)
        let fetches = (0..<4).map { rig.submit(lane, $0 % 2 == 0 ? .bulk : .interactive) ?? 0 }
        #expect(rig.advance().starts == [fetches[1]])
        // What says nothing about the credential keeps the probation.
        #expect(rig.finish(fetches[1], .retry(afterMs: 60_000)).starts == [fetches[3]])
        #expect(rig.scheduler.inFlight == 1)
        #expect(
            Set(rig.finish(fetches[3], .final).starts) == [fetches[0], fetches[2]])
        #expect(rig.scheduler.closedUntil(lane) == 0)
    }

    @Test func aProbeThatIsRefusedClosesAgain() {
        let rig = Rig(inFlight: 8)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(first, until: coolDown)
        _ = rig.advance(to: coolDown)
        let probe = rig.submit(lane, deadline: 900 * second)
        rig.submit(lane, deadline: 900 * second)
        _ = rig.advance()
        #expect(rig.reject(probe, until: 2 * coolDown) == [.answer(2), .fail(3, .credential)])
        #expect(rig.submit(lane, deadline: 900 * second) == nil)
    }

    @Test func aCheckGoesOutAlthoughTheCredentialIsRefusedAndOpensIt() {
        let rig = Rig(inFlight: 8)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(first, until: coolDown)
        let check = rig.submit(lane, isCheck: true) ?? 0
        #expect(rig.advance().contains(.start(check)))
        #expect(rig.finish(check, .final) == [.answer(2)])
        let next = rig.submit(lane)
        #expect(rig.advance() == [.start(next ?? 0)])
    }

    @Test func halfOfACheckOpensNoClosedLane() {
        let rig = Rig(inFlight: 4)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(first, until: 60 * second)
        let check = rig.submit(lane, isCheck: true)
        _ = rig.advance()
        // The token is known, but not yet whether it may read what is asked with it.
        #expect(rig.finish(check, .more).starts == [check ?? 0])
        #expect(rig.scheduler.closedUntil(lane) == 60 * second)
        _ = rig.finish(check, .final)
        #expect(rig.scheduler.closedUntil(lane) == 0)
    }

    @Test func aCheckIsNotFailedByTheRefusalOfAnother() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane)
        _ = rig.advance()
        let check = rig.submit(lane, isCheck: true) ?? 0
        rig.submit(lane)
        let actions = rig.reject(first, until: coolDown)
        #expect(actions.contains(.fail(3, .credential)) && actions.starts == [check])
        #expect(rig.reject(check, until: coolDown) == [.answer(2)])
    }

    @Test func whatWaitsGoesOnWithTheRetiringCredential() {
        let rig = Rig(inFlight: 2)
        let (lane, retiring) = (rig.lane(0), rig.lane(0))
        let fetches = (0..<4).map { _ in rig.submit(lane) ?? 0 }
        _ = rig.advance()
        #expect(rig.reject(fetches[0], until: coolDown, fallback: retiring) == [.start(fetches[0])])
        #expect(fetches[1...].count { rig.scheduler.lane(of: $0) == retiring } == 2)
        // Under way with the refused one: the same when it comes back.
        #expect(rig.reject(fetches[1], until: coolDown, fallback: retiring).starts == [fetches[1]])
        for fetch in [fetches[0], fetches[1]] { _ = rig.finish(fetch, .final) }
        #expect(rig.finish(fetches[2], .final).first == .answer(3))
        #expect(rig.finish(fetches[3], .final).first == .answer(4))
        #expect(rig.isEmpty)
    }

    @Test func nobodyGoesBackAndForthBetweenTwoRefusedCredentials() {
        let rig = Rig(inFlight: 2)
        let (lane, retiring) = (rig.lane(0), rig.lane(0))
        let fetch = rig.submit(lane)
        _ = rig.advance()
        #expect(rig.reject(fetch, until: coolDown, fallback: retiring).starts == [fetch ?? 0])
        #expect(rig.reject(fetch, until: coolDown, fallback: lane) == [.answer(1)])
        #expect(rig.isEmpty)
    }

    @Test func aFallbackThatIsRefusedItselfIsNone() {
        let rig = Rig(inFlight: 2)
        let (lane, retiring) = (rig.lane(0), rig.lane(0))
        let (one, two) = (rig.submit(retiring), rig.submit(lane))
        _ = rig.advance()
        _ = rig.reject(one, until: coolDown)
        #expect(rig.reject(two, until: coolDown, fallback: retiring) == [.answer(2)])
    }

    @Test func aFetchIsStartedAnewInTheLaneOfANewCredential() {
        let quota = Quota(requests: 20, windowMs: 10_000, sharePercent: 100)
        let rig = Rig(inFlight: 2, quota: quota, attempts: 1)
        let (old, new) = (rig.lane(0, group: 0), rig.lane(0, group: 1))
        let before = rig.scheduler.state(of: rig.group(0), now: 0).available
        let fetch = rig.submit(old) ?? 0
        _ = rig.advance()
        rig.scheduler.restart(fetch, in: new, now: rig.now)
        #expect(rig.advance() == [.start(fetch)])
        #expect(rig.scheduler.lane(of: fetch) == new)
        // The old group has an unspent permit back; the try that never was does not count.
        let left = rig.scheduler.state(of: rig.group(0), now: 0).available
        #expect(left == before)
        #expect(rig.scheduler.state(of: rig.group(1), now: 0).available == before - 1)
        #expect(rig.finish(fetch, .final) == [.answer(1)])
        #expect(rig.scheduler.isIdle(old, now: 0) && rig.scheduler.isIdle(new, now: 0))
    }

    @Test func nothingMoreGoesOutWithARefusedCredentialAlsoNoPageAndNoRestart() {
        let rig = Rig(inFlight: 3)
        let lane = rig.lane()
        let (search, other) = (rig.submit(lane) ?? 0, rig.submit(lane) ?? 0)
        _ = rig.advance()
        _ = rig.reject(other, until: coolDown)
        // The search has a page already: that is its answer, no further page is asked for.
        rig.scheduler.finished(search, .more, now: rig.now)
        #expect(rig.said() == [.choose(search)])
        rig.scheduler.restart(search, in: lane, now: rig.now)
        #expect(rig.said() == [.answer(1)])
        let fresh = rig.lane(0, group: 1)
        let moved = rig.submit(fresh) ?? 0
        _ = rig.advance()
        rig.scheduler.restart(moved, in: lane, now: rig.now)
        #expect(rig.said() == [.fail(3, .credential)])
    }

    @Test func lanesAreForgottenWithWhatOnlyTheyUsed() {
        let rig = Rig(inFlight: 2)
        let lanes = [
            rig.lane(0, group: 0), rig.lane(0, group: 0), rig.lane(0, group: 1), rig.lane(1),
        ]
        let fetch = rig.submit(lanes[0])
        _ = rig.advance()
        #expect(!rig.scheduler.isIdle(lanes[0], now: 0))
        _ = rig.finish(fetch, .final)
        #expect(rig.scheduler.isIdle(lanes[0], now: 0))
        #expect(rig.scheduler.removeLane(lanes[0]) == (false, false, false))
        #expect(rig.scheduler.removeLane(lanes[1]) == (true, false, false))
        #expect(rig.scheduler.removeLane(lanes[2]) == (true, true, true))
        #expect(rig.scheduler.removeLane(lanes[3]) == (true, true, true))
        // The numbers are given anew and carry nothing of the old.
        for (tenant, group) in [(0, 0), (0, 1), (1, 0)] {
            rig.forget(tenant, group: group, (true, true, true))
        }
        let again = rig.lane(5, group: 5)
        let next = rig.submit(again)
        #expect(rig.advance() == [.start(next ?? 0)])
    }
}
