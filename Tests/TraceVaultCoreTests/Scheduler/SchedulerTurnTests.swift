// SchedulerTurnTests.swift - who goes next: priorities, turns of tenants, room for others, caps.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerTurnTests {
    @Test func neverMoreInFlightThanAllowed() {
        let rig = Rig(inFlight: 2)
        let lane = rig.lane()
        let fetches = (0..<5).map { _ in rig.submit(lane) }
        #expect(rig.advance() == [.start(fetches[0] ?? 0), .start(fetches[1] ?? 0)])
        #expect(rig.scheduler.inFlight == 2 && rig.scheduler.queued == 3)
        #expect(rig.finish(fetches[0], .final) == [.answer(1), .start(fetches[2] ?? 0)])
    }

    @Test func whatEndsWhileActionsAreDoneMakesRoomAtOnce() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let (first, second) = (rig.submit(lane) ?? 0, rig.submit(lane) ?? 0)
        #expect(rig.scheduler.nextWake == 0)
        #expect(rig.advance() == [.start(first)])
        #expect(rig.scheduler.nextWake != 0)
        // The caller found, between two actions, that nothing could be sent.
        rig.scheduler.finished(first, .unsent, now: 0)
        #expect(rig.scheduler.nextWake == 0)
        #expect(rig.next() == [.answer(1), .start(second)])
    }

    @Test func withinATenantTheFirstComeIsTheFirstServed() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        var expected = (0..<20).map { _ in rig.submit(lane, .bulk) ?? 0 }
        var started = rig.advance().starts
        while let fetch = started.first {
            #expect(fetch == expected.removeFirst())
            started = rig.finish(fetch, .final).starts
        }
        #expect(expected.isEmpty)
    }

    @Test func interactiveComesBeforeBulkOfTheSameTenant() {
        let rig = Rig(inFlight: 1)
        let (lane, other) = (rig.lane(), rig.lane())
        let first = rig.submit(lane, .bulk)
        _ = rig.advance()
        for _ in 0..<5 { rig.submit(lane, .bulk) }
        let urgent = [rig.submit(other), rig.submit(lane)]
        #expect(rig.finish(first, .final).starts == [urgent[0] ?? 0])
        #expect(rig.finish(urgent[0], .final).starts == [urgent[1] ?? 0])
    }

    @Test func aBacklogDelaysNobodyWhoHadNoTurnYet() {
        let rig = Rig(inFlight: 1)
        let (many, few) = (rig.lane(0), rig.lane(1))
        let first = rig.submit(many, .bulk)
        _ = rig.advance()
        let second = rig.submit(many, .bulk)
        for _ in 0..<100 { rig.submit(many, .bulk) }
        let other = rig.submit(few, .bulk)
        rig.submit(few, .bulk)
        #expect(rig.finish(first, .final).starts == [other ?? 0])
        #expect(rig.finish(other, .final).starts == [second ?? 0])
    }

    @Test func interactiveWorkOfATenantThatHadNothingGoesAtOnce() {
        let rig = Rig(inFlight: 1)
        let lanes = (0..<8).map { rig.lane($0) }
        for lane in lanes { for _ in 0..<10 { rig.submit(lane, .bulk) } }
        let first = rig.advance().starts[0]
        let urgent = rig.submit(rig.lane(99))
        #expect(rig.finish(first, .final).starts == [urgent ?? 0])
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func overAnyNumberOfRoundsNobodyGetsMoreThanOneTurnMore(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let rig = Rig(inFlight: Int.random(in: 1...4, using: &random))
        let count = Int.random(in: 2...7, using: &random)
        let lanes = (0..<count).map { rig.lane($0, group: $0) }
        let urgency = (0..<count).map { _ in Int.random(in: 0...4, using: &random) }
        var owner: [FetchID: Int] = [:]
        var flying: [FetchID] = []
        var waiting = [Int](repeating: 0, count: count)
        var had = [Int](repeating: 0, count: count)
        for _ in 0..<400 {
            for tenant in 0..<count {
                let isUrgent = Int.random(in: 0..<4, using: &random) < urgency[tenant]
                // Everybody always has something; how much and of what kind is left to chance.
                while waiting[tenant] < 8 || Int.random(in: 0..<3, using: &random) == 0 {
                    let fetch = rig.submit(
                        lanes[tenant], isUrgent ? .interactive : .bulk, deadline: 1 << 50)
                    owner[fetch ?? 0] = tenant
                    waiting[tenant] += 1
                }
            }
            for fetch in rig.advance().starts {
                flying.append(fetch)
                waiting[owner[fetch] ?? 0] -= 1
                had[owner[fetch] ?? 0] += 1
                // One of this round that others wait for yet, and one of the next that is borrowed.
                #expect((had.max() ?? 0) - (had.min() ?? 0) <= 2, "\(had)")
            }
            let place = Int.random(in: 0..<flying.count, using: &random)
            rig.scheduler.finished(flying.remove(at: place), .final, now: rig.now)
        }
    }

    @Test func aHangingTenantLeavesRoom() {
        let rig = Rig(inFlight: 90)
        let hanging = rig.lane(0)
        for _ in 0..<500 { rig.submit(hanging, .bulk) }
        // Eight times what is free, and no more.
        #expect(rig.advance().count == 80)
        let others = (1...5).map { rig.submit(rig.lane($0)) ?? 0 }
        #expect(rig.advance().starts == others)
        // What is freed by others may be used again.
        for fetch in others { _ = rig.finish(fetch, .final) }
        #expect(rig.scheduler.inFlight == 80)
    }

    @Test func aSecondHangingTenantLeavesRoomToo() {
        let rig = Rig(inFlight: 256)
        for tenant in 0..<2 {
            let lane = rig.lane(tenant)
            for _ in 0..<400 { rig.submit(lane) }
            _ = rig.advance()
        }
        #expect(rig.scheduler.inFlight < 256)
        let one = rig.submit(rig.lane(7))
        #expect(rig.advance().starts == [one ?? 0])
    }

    @Test func aTenantHasNoMoreUnderWayThanItsCap() {
        let rig = Rig(inFlight: 50, perTenant: 3)
        let (lane, other) = (rig.lane(0, group: 0), rig.lane(0, group: 1))
        let fetches = (0..<6).map { rig.submit($0 % 2 == 0 ? lane : other) ?? 0 }
        #expect(rig.advance().starts == Array(fetches[0..<3]))
        let neighbour = rig.submit(rig.lane(1))
        #expect(rig.advance().starts == [neighbour ?? 0])
        #expect(rig.finish(fetches[1], .final) == [.answer(2), .start(fetches[3])])
        // Cancelling what waits and what flies keeps the count right.
        rig.scheduler.cancel(5)
        rig.scheduler.cancel(1)
        #expect(rig.advance().starts == [fetches[5]])
        #expect(rig.scheduler.queued == 0)
    }

    @Test func seatsOfATenantShareItsTurns() {
        let rig = Rig(inFlight: 1)
        let lanes = (0..<3).map { rig.lane(0, group: $0) }
        var owner: [FetchID: Int] = [:]
        for _ in 0..<6 { for seat in 0..<3 { owner[rig.submit(lanes[seat], .bulk) ?? 0] = seat } }
        var started = rig.advance().starts
        var order: [Int] = []
        while let fetch = started.first {
            order.append(owner[fetch] ?? -1)
            started = rig.finish(fetch, .final).starts
        }
        #expect(order.count == 18)
        for round in 0..<6 { #expect(Set(order[3 * round..<3 * round + 3]) == [0, 1, 2]) }
    }
}
