// SchedulerShareTests.swift - a greedy tenant meets a modest one: at connections that serve one request
// at a time, and where the host does not take results.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerShareTests {
    /// Others' credentials have taken every slot of the ledger in reach.
    private func crowdedRig() throws -> Rig {
        let ledger = try MappedLedger(.ofProcess, now: 0)
        for number in 0..<UInt64(LedgerTable.reach) {
            var taken = ledger.entry(LedgerRaceTests.neighbour(of: 42, number), now: 0)
            #expect(ledger.spend(&taken, LedgerTests.quota, now: 0) == nil)
        }
        return Rig(inFlight: 10, attempts: 2, ledger: ledger)
    }

    /// Of a group that finds no place there.
    private func crowdedLane(_ rig: Rig, _ tenant: Int, proof: UInt64? = nil) -> LaneID {
        let key = LedgerRaceTests.neighbour(of: 42, UInt64(100 + tenant))
        let group = rig.scheduler.addGroup(key, now: 0)
        let seat = rig.scheduler.addSeat(tenant: rig.tenant(tenant), group: group)
        return rig.scheduler.addLane(seat: seat, proof: proof, now: 0)
    }

    /// The lane rests in the ledger's stead. Its own reply that was under way does not end that.
    @Test(arguments: [nil, 71] as [UInt64?])
    func aRestThatTheLedgerHasNoPlaceForIsNotEndedByALaterAnswer(proof: UInt64?) throws {
        let rig = try crowdedRig()
        let lane = crowdedLane(rig, 0, proof: proof)
        let first = rig.submit(lane, deadline: 1 << 50)
        #expect(rig.advance().starts == [first])
        // The server takes the credential: from here on it speaks for its group.
        #expect(rig.finish(first, .final) == [.answer(1)])
        let (refused, late) = (rig.submit(lane, deadline: 1 << 50), rig.submit(lane))
        #expect(rig.advance().starts == [refused, late])
        let before = rig.now
        #expect(rig.finish(refused, .rateLimited(afterMs: 60_000)) == [])
        #expect(rig.finish(late, .final) == [.answer(3)])
        #expect(rig.next().starts == [refused])
        #expect(rig.now - before >= 60 * second)
    }

    /// Who finds no slot shares a budget with others, and nothing else.
    @Test func whoFindsNoRoomInTheLedgerIsNotStoppedByThe429OfAnother() throws {
        let rig = try crowdedRig()
        let (greedy, modest) = (crowdedLane(rig, 0), crowdedLane(rig, 1))
        let refused = rig.submit(greedy, deadline: 1 << 50)
        #expect(rig.advance().starts == [refused])
        #expect((rig.ledger as? MappedLedger)?.describe().crowdings == 1)
        #expect(rig.finish(refused, .rateLimited(afterMs: 60_000)) == [])
        // Its own requests wait as they would anywhere, the other's go.
        rig.submit(greedy, deadline: 1 << 50)
        let wanted = rig.submit(modest)
        #expect(rig.advance().starts == [wanted])
        #expect(rig.finish(wanted, .final) == [.answer(3)])
        #expect(rig.next().starts.count == 2)
        #expect(rig.now >= 60 * second && rig.now < 62 * second)
    }

    @Test func slowRepliesOfOneTenantLeaveConnectionsToTheOthers() {
        let rig = Rig(inFlight: 100, connections: 4)
        let (greedy, modest, third) = (rig.lane(0), rig.lane(1), rig.lane(2))
        for _ in 0..<50 { rig.submit(greedy) }
        #expect(rig.advance().starts.count == 2)
        let wanted = rig.submit(modest) ?? 0
        #expect(rig.advance() == [.start(wanted)])
        let another = rig.submit(third) ?? 0
        #expect(rig.advance() == [.start(another)])
        #expect(rig.finish(wanted, .final) == [.answer(51)])
        // All is free again but for the greedy one's: it has half of what there is.
        #expect(rig.finish(another, .final).starts.isEmpty)
    }

    @Test func whoFirstLeftConnectionsToOthersHasTheNextOne() {
        let rig = Rig(inFlight: 100, connections: 4)
        let (urgent, patient) = (rig.lane(0), rig.lane(1))
        var mine: [FetchID] = []
        for _ in 0..<20 {
            rig.submit(urgent)
            mine.append(rig.submit(patient, .bulk) ?? 0)
        }
        let started = rig.advance().starts
        let theirs = started.filter { !mine.contains($0) }
        #expect(started.count == 3 && theirs.count == 2)
        // Its one try hangs; of what the other gives back it has the next all the same.
        let next = rig.finish(theirs.first, .final).starts
        #expect(next.count == 1 && mine.contains(next.first ?? 0))
    }

    @Test func whoWaitsForAConnectionHasTheNextOneThatIsFree() {
        let rig = Rig(inFlight: 100, connections: 4)
        let fetches = (0..<8).compactMap { rig.submit(rig.lane($0)) }
        #expect(rig.advance().starts == Array(fetches[..<4]))
        #expect(rig.finish(fetches[2], .final).starts == [fetches[4]])
        #expect(rig.finish(fetches[0], .final).starts == [fetches[5]])
        rig.scheduler.cancel(7)
        rig.scheduler.cancel(2)
        _ = rig.said()
        #expect(rig.advance().starts == [fetches[7]])
        for fetch in [fetches[3], fetches[4], fetches[5], fetches[7]] {
            _ = rig.finish(fetch, .final)
        }
        #expect(rig.isEmpty && rig.scheduler.connections.used == 0)
    }

    @Test func aServerThatSharesConnectionsIsAskedManyThingsAtOnce() {
        let rig = Rig(inFlight: 100, connections: 4)
        let lane = rig.lane()
        let fetches = (0..<20).compactMap { _ in rig.submit(lane) }
        #expect(rig.advance().starts.count == 2)
        rig.scheduler.note(sharesConnections: true)
        #expect(rig.finish(fetches[0], .final).starts.count == 18)
        #expect(rig.scheduler.connections.used == 0 && rig.scheduler.streams.used == 19)
    }

    @Test func aCredentialThatNeedsItsOwnConnectionHasItThereToo() {
        let rig = Rig(inFlight: 100, connections: 4)
        rig.scheduler.note(sharesConnections: true)
        let (key, token) = (rig.lane(0, needsConnection: true), rig.lane(1))
        for _ in 0..<10 { rig.submit(key) }
        for _ in 0..<10 { rig.submit(token) }
        #expect(rig.advance().starts.count == 12)
    }

    @Test func aTenantWhoseResultsNobodyTakesWaitsAlone() {
        let rig = Rig(inFlight: 100)
        let (greedy, modest) = (rig.lane(0), rig.lane(1))
        rig.scheduler.hold(tenant: rig.tenant(0), true)
        let held = rig.submit(greedy, .bulk, deadline: second, isPatient: true) ?? 0
        rig.submit(greedy, deadline: second)
        let wanted = rig.submit(modest) ?? 0
        #expect(rig.advance() == [.start(wanted)])
        #expect(rig.next() == [.fail(2, .deadline)])
        rig.scheduler.hold(tenant: rig.tenant(0), false)
        #expect(rig.advance() == [.start(held)])
    }

    @Test func whatFindsNoRoomGoesAgainFirstAndHasLostNoTry() throws {
        let rig = Rig(inFlight: 10, attempts: 1)
        let lane = rig.lane(0)
        let first = rig.submit(lane) ?? 0
        #expect(rig.advance().starts == [first])
        let second = rig.submit(lane) ?? 0
        for _ in 0..<5 {
            rig.scheduler.hold(tenant: rig.tenant(0), true)
            #expect(rig.finish(first, .roomless) == [])
            #expect(rig.advance().starts == [])
            rig.scheduler.hold(tenant: rig.tenant(0), false)
            rig.scheduler.goOneByOne(tenant: rig.tenant(0))
            #expect(rig.advance().starts == [first])
        }
        // One in each look, which comes at once.
        #expect(rig.scheduler.nextWake == 0)
        #expect(rig.advance().starts == [second])
        #expect(rig.finish(first, .final) == [.answer(1)])
        // What was not begun is put back, and its permit with it.
        rig.scheduler.putBack(second, now: rig.now)
        #expect(rig.advance().starts == [second])
        #expect(rig.finish(second, .final) == [.answer(2)])
    }
}
