// SchedulerStreamTests.swift - a greedy tenant meets a modest one at the streams of connections that
// serve many requests: as many as the settings allow, or fewer, because the server allows fewer.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerStreamTests {
    private func rig(
        _ streams: Int, quota: Quota = .unlimited, attempts: Int = 3,
        ledger: MemoryLedger = MemoryLedger()
    ) -> Rig {
        let rig = Rig(
            inFlight: 1000, streams: streams, quota: quota, attempts: attempts, ledger: ledger)
        rig.scheduler.note(sharesConnections: true)
        return rig
    }

    /// The transport has no room for these: as EngineLoop tells it.
    private func noRoom(_ rig: Rig, _ fetches: some Collection<FetchID>) -> [Action] {
        for fetch in fetches.reversed() {
            let waits = rig.scheduler.noteNoRoom(for: fetch, now: rig.now)
            #expect(waits)
        }
        return rig.advance()
    }

    @Test func slowRepliesOfOneTenantLeaveStreamsToTheOthers() {
        let rig = rig(80)
        let (greedy, modest) = (rig.lane(0), rig.lane(1))
        for _ in 0..<100 { rig.submit(greedy) }
        #expect(rig.advance().starts.count == 40)
        for _ in 0..<20 { rig.submit(modest) }
        #expect(rig.advance().starts.count == 20)
    }

    /// Nothing is lost, nothing is spent, and the order stays.
    @Test func whatFindsNoRoomGoesWhenThereIsSomeInItsOrder() {
        let ledger = MemoryLedger()
        let quota = Quota(requests: 1200, windowMs: 300_000, sharePercent: 100)
        let rig = rig(800, quota: quota, ledger: ledger)
        let lane = rig.lane()
        let fetches = (0..<20).compactMap { _ in rig.submit(lane) }
        var entry = ledger.entry(Rig.key(ofGroup: 0), now: 0)
        #expect(rig.advance().starts == fetches)
        let before = ledger.available(&entry, rig.scheduler.limits.quota, now: 0)
        #expect(noRoom(rig, fetches[8...]).isEmpty)
        #expect(rig.scheduler.inFlight == 8 && rig.scheduler.streams.most == 8)
        let after = ledger.available(&entry, rig.scheduler.limits.quota, now: 0)
        #expect(after == before + 12)
        // It has no more than are free from now on.
        for number in 0..<4 { #expect(rig.finish(fetches[number], .final).starts.isEmpty) }
        #expect(rig.finish(fetches[4], .final).starts == [fetches[8]])
        #expect(rig.finish(fetches[5], .final).starts == [fetches[9]])
        var under = Array(fetches[6...9])
        while !under.isEmpty { under += rig.finish(under.removeFirst(), .final).starts }
        #expect(rig.isEmpty && rig.scheduler.streams.used == 0)
    }

    @Test func whoHasNoStreamTakesOneOfTheTenantThatHasMost() {
        let rig = rig(800)
        let (greedy, other, modest) = (rig.lane(0), rig.lane(1), rig.lane(2))
        let mine = (0..<20).compactMap { _ in rig.submit(greedy) }
        let theirs = (0..<3).compactMap { _ in rig.submit(other) }
        #expect(rig.advance().starts.count == 23)
        #expect(noRoom(rig, mine[5...]).isEmpty)
        let wanted = rig.submit(modest) ?? 0
        #expect(rig.advance() == [.abort(mine[4]), .start(wanted)])
        // Only who has none: more of it waits until as many are free.
        rig.submit(modest)
        #expect(rig.advance().isEmpty)
        // What was ended goes again when its tenant may.
        for fetch in theirs { _ = rig.finish(fetch, .final) }
        #expect(rig.finish(mine[0], .final).starts.isEmpty)
        #expect(rig.finish(mine[1], .final).starts.isEmpty == false)
    }

    /// It would be refused, although it was sent: another's newest is taken, or none.
    @Test func whatCouldNotGoAgainKeepsItsStream() {
        let rig = rig(800, quota: Quota(requests: 1200, windowMs: 300_000, sharePercent: 100))
        let lanes = (0..<4).map { rig.lane($0, group: $0) }
        let mine = (0..<20).compactMap { _ in rig.submit(lanes[0]) }
        let theirs = (0..<3).compactMap { _ in rig.submit(lanes[1]) }
        #expect(rig.advance().starts.count == 23)
        #expect(noRoom(rig, mine[6...]).isEmpty)
        _ = rig.finish(mine[5], .rateLimited(afterMs: 60_000))
        let wanted = rig.submit(lanes[2]) ?? 0
        #expect(rig.advance() == [.start(wanted)])
        let next = rig.submit(lanes[3]) ?? 0
        #expect(rig.advance() == [.abort(theirs[2]), .start(next)])
    }

    @Test func ofTwoGreedyTenantsEachLosesStreamsToWhoHasNone() {
        let rig = rig(800)
        var under: [FetchID] = []
        let lanes = (0..<2).map { rig.lane($0) }
        for _ in 0..<4 { under += lanes.compactMap { rig.submit($0) } }
        let last = rig.submit(lanes[0]) ?? 0
        #expect(rig.advance().starts.count == 9)
        #expect(noRoom(rig, [last]).isEmpty)
        var ends: [Action] = []
        for tenant in 2..<10 {
            rig.submit(rig.lane(tenant))
            ends += rig.advance().filter { if case .abort = $0 { true } else { false } }
        }
        // Three of each; the ninth and tenth tenant wait: everybody has one.
        #expect(ends.count == 6)
        #expect((0..<8).allSatisfy { rig.scheduler.tenants[rig.tenant($0)].streams == 1 })
    }

    @Test func whoHasTheOnlyStreamKeepsIt() {
        let rig = rig(800)
        let (first, other) = (rig.lane(0), rig.lane(1))
        let fetch = rig.submit(first) ?? 0
        let kept = rig.submit(first) ?? 0
        #expect(rig.advance().starts.count == 2)
        #expect(noRoom(rig, [kept]).isEmpty)
        let wanted = rig.submit(other) ?? 0
        #expect(rig.advance().isEmpty)
        #expect(rig.finish(fetch, .final).starts == [wanted])
    }

    /// A server that refuses a stream may have counted it, and it is no failure of the request.
    @Test func whatWasRefusedUnreadGoesAgainWithAPermitOfItsOwn() {
        let quota = Quota(requests: 100, windowMs: 10_000, sharePercent: 100)
        let rig = Rig(inFlight: 2, quota: quota, attempts: 1)
        let fetch = rig.submit(rig.lane()) ?? 0
        let before = rig.scheduler.state(of: rig.group(0), now: 0).available
        #expect(rig.advance() == [.start(fetch)])
        for sent in 2...before {
            #expect(rig.finish(fetch, .unheard) == [.start(fetch)])
            #expect(rig.scheduler.state(of: rig.group(0), now: 0).available == before - sent)
        }
        // The quota is empty.
        #expect(rig.finish(fetch, .unheard).starts.isEmpty)
        rig.now += 10_000_000
        #expect(rig.advance().starts == [fetch])
        #expect(rig.finish(fetch, .final) == [.answer(1)])
    }

    /// Nothing shows how many streams there are.
    @Test func aTryThatIsAloneStaysWithTheTransport() {
        let rig = rig(800)
        let fetch = rig.submit(rig.lane()) ?? 0
        #expect(rig.advance().starts == [fetch])
        let waits = rig.scheduler.noteNoRoom(for: fetch, now: rig.now)
        #expect(!waits)
        #expect(rig.finish(fetch, .final) == [.answer(1)])
        #expect(rig.isEmpty)
    }

    @Test func whatFoundNoRoomIsNotSentWithACredentialThatWasRefusedMeanwhile() {
        let rig = rig(800)
        let (lane, other) = (rig.lane(), rig.lane())
        let fetches = (0..<3).compactMap { _ in rig.submit(lane) }
        #expect(rig.advance().starts.count == 3)
        #expect(rig.reject(fetches[0], until: 50 * second) == [.answer(1)])
        #expect(noRoom(rig, [fetches[2]]) == [.choose(fetches[2])])
        rig.scheduler.restart(fetches[2], in: other, now: rig.now)
        #expect(rig.finish(fetches[1], .final).starts == [fetches[2]])
    }

    @Test func whatAServerAllowsIsAskedAgainAfterAMinute() {
        let rig = rig(800)
        let lane = rig.lane()
        let fetches = (0..<20).compactMap { _ in rig.submit(lane) }
        #expect(rig.advance().starts.count == 20)
        #expect(noRoom(rig, fetches[8...]).isEmpty)
        #expect(rig.next().starts == Array(fetches[8...]))
        #expect(rig.now >= 60 * second && rig.now < 61 * second)
    }

    @Test func whatBeganBeforeTheServerSharedConnectionsHasAStream() {
        let rig = Rig(inFlight: 100, connections: 4, streams: 6)
        let (greedy, modest) = (rig.lane(0), rig.lane(1))
        for _ in 0..<10 { rig.submit(greedy) }
        #expect(rig.advance().starts.count == 2)
        rig.scheduler.note(sharesConnections: true)
        #expect(rig.advance().starts.count == 1)
        for _ in 0..<10 { rig.submit(modest) }
        #expect(rig.advance().starts.count == 2)
        #expect(rig.scheduler.connections.used == 0 && rig.scheduler.streams.used == 5)
    }

    /// It waits for a stream, says so at its deadline, and its tries were none.
    @Test func whoWaitsForAStreamIsToldSo() {
        let rig = rig(800, attempts: 1)
        let lane = rig.lane(0)
        let fetches = (0..<3).compactMap { _ in rig.submit(lane) }
        #expect(rig.advance().starts.count == 3)
        #expect(noRoom(rig, fetches[1...]).isEmpty)
        rig.submit(rig.lane(1), deadline: second)
        #expect(rig.next() == [.fail(4, .deadline)])
        #expect(rig.waits == [.stream])
        #expect(rig.finish(fetches[0], .final).starts == [fetches[1]])
        #expect(rig.finish(fetches[1], .retry(afterMs: nil)).starts == [fetches[2]])
    }

    /// A server that has room for `room` requests, tenants that come and go, and one whose requests
    /// hang: nobody who has nothing under way waits while another has two.
    @Test(arguments: 0..<40) func nobodyIsLeftWithoutAStream(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let room = Int.random(in: 2...12, using: &random)
        let rig = rig(Int.random(in: 0...1, using: &random) * 800)
        let lanes = (0..<4).map { rig.lane($0) }
        var under: [FetchID] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: for _ in 0..<10 { rig.submit(lanes[0], deadline: 1 << 50) }
            case 1...5:
                rig.submit(lanes[Int.random(in: 1..<4, using: &random)], deadline: 1 << 50)
            case 6 where Int.random(in: 0..<20, using: &random) == 0: rig.now += 61 * second
            default:
                let ready = under.filter { rig.scheduler.lane(of: $0) != lanes[0] }
                if let one = ready.randomElement(using: &random) {
                    under.removeAll { $0 == one }
                    rig.scheduler.finished(one, .final, now: rig.now)
                }
            }
            var kept: [FetchID] = []
            repeat {
                for fetch in kept.reversed() {
                    let waits = rig.scheduler.noteNoRoom(for: fetch, now: rig.now)
                    if waits { under.removeAll { $0 == fetch } }
                }
                for action in rig.advance() {
                    if case .abort(let fetch) = action { under.removeAll { $0 == fetch } }
                    if case .start(let fetch) = action { under.append(fetch) }
                }
                kept = Array(under.dropFirst(room))
            } while !kept.isEmpty
            let has = (0..<4).map { rig.scheduler.tenants[rig.tenant($0)].streams }
            let all = has.reduce(0, +)
            #expect(all == Int32(under.count) && all == rig.scheduler.streams.used)
            for tenant in 0..<4 {
                let waits = has[tenant] == 0 && rig.scheduler.hasSeats(rig.tenant(tenant))
                #expect(!waits || has.max() == 1, "\(has) of \(room), \(tenant) waits")
            }
        }
    }
}
