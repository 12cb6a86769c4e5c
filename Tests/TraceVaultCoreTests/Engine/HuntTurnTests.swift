// HuntTurnTests.swift - a hunt some of whose tenants' quotas rest: others have their places, and what
// rested is asked for later, each thing once.

import Testing

@testable import TraceVaultCore

@Suite struct HuntTurnTests {
    private let vault: Vault
    private let acme: Tenant
    private let globex: Tenant
    private let room = SearchRoom(maxReplyBytes: 1 << 20)

    init() throws {
        (vault, acme, globex) = try HuntSupport.vault { edit in
            for number in 0..<700 {
                let owner = number < 600 ? "acme" : "globex"
                try edit.put(owner, HuntSupport.account(number), token: Fake.token1)
            }
        }
    }

    private func found(_ count: Int) -> Answer {
        HuntSupport.found((0..<count).map { "m\($0)" })
    }

    @Test func aTenantThatRestsStopsNoOtherHoweverManyAccountsItHas() throws {
        let play = try HuntPlay([acme, globex], ["traces": "false", "window": "16"], room)
        var asked: [String] = []
        for _ in 0..<200 {
            asked += play.ask()
            #expect(play.rest("acme", until: second) <= 4)
            play.answer("globex", found(0))
        }
        #expect(asked.count { $0 == "globex" } == 100)
        #expect(play.hunt.progress.done == 100)
        // Nor is each of them looked at again and again.
        #expect((100..<300).contains(asked.count { $0 == "acme" }))
        // When the rest is over all of the other's are asked.
        play.hunt.lookAgain(now: 2 * second)
        for _ in 0..<700 where !play.hunt.isOver {
            play.ask(now: 2 * second)
            play.answer("acme", found(0))
        }
        #expect(play.hunt.isOver && play.hunt.progress.done == 700)
    }

    @Test func whatWasFoundWaitsAsItIsAndNoMessageIsLost() throws {
        let play = try HuntPlay([acme], ["window": "4"], room)
        #expect(play.ask().count == 3)
        play.answer("acme", found(8))
        let held = room.used
        // All that may be asked for rests, one after the other.
        for _ in 0..<400 where !play.ask().isEmpty {
            #expect(play.rest("acme", until: second) <= 1)
        }
        #expect(play.underWay.count == 1 && room.used == held)
        play.hunt.lookAgain(now: 2 * second)
        var told = 0
        for _ in 0..<700 where !play.hunt.isOver {
            play.ask(now: 2 * second)
            told += play.answer("acme", found(0)).count { $0.message != nil }
        }
        #expect(play.hunt.isOver && play.hunt.progress.found == 24 && told == 24)
        #expect(play.hunt.progress.done == 600 && room.used == 0)
    }

    @Test func aRestThatIsLiftedIsOverAtOnce() throws {
        let play = try HuntPlay([acme], ["traces": "false", "window": "1"], room)
        #expect(play.ask() == ["acme"])
        #expect(play.rest("acme", until: 300 * second) == 0)
        let wake = try #require(play.hunt.wake)
        #expect(wake >= 300 * second && wake < 301 * second)
        play.hunt.lookAgain(now: wake - 1)
        #expect(play.hunt.wake == wake)
        play.hunt.lookAgain(now: nil)
        #expect(play.hunt.wake == nil)
        #expect(play.ask() == ["acme"])
    }

    @Test func anAccountWhoseFindingIsLostHasFailedOnce() throws {
        let play = try HuntPlay([acme], ["window": "1"], room)
        for _ in 0..<2 {
            play.ask()
            let place = try #require(play.underWay.values.first).place
            play.answer("acme", found(0))
            play.hunt.lost(place)
            play.hunt.lost(place)
        }
        #expect((play.hunt.progress.done, play.hunt.progress.failed) == (2, 2))
    }

    @Test func aHuntThatWasEndedAsksNothingOfWhatRestsAgain() throws {
        let play = try HuntPlay([acme], ["window": "1"], room)
        play.ask()
        play.rest("acme", until: second)
        play.hunt.end(Failure(.cancelled, "a test"))
        #expect(play.hunt.wake == nil && play.hunt.isOver)
        play.hunt.lookAgain(now: nil)
        #expect(play.ask().isEmpty)
    }

    // MARK: - Room

    /// As many turns as there are tenants, none of whose pages has room before all hold 50.
    private func roomless(_ count: Int32) -> HuntTurns {
        var turns = HuntTurns(window: 256, ends: Array(1...count))
        while let turn = turns.next(tellsOnly: false, taken: 100, now: 0) {
            turns.lacksRoom(turn, most: turn.owner == 7 ? 60 : 50)
        }
        return turns
    }

    /// Whose turns are looked at while so much is taken, each of which takes 10.
    private func looks(_ turns: inout HuntTurns, taken: Int) -> [Int32] {
        var (taken, looks) = (taken, [Int32]())
        while looks.count < 1000, let turn = turns.next(tellsOnly: false, taken: taken, now: 0) {
            looks.append(turn.owner)
            #expect(turns.spend(turn, way: { $0 }) != nil)
            taken += 10
        }
        return looks
    }

    @Test func whatIsGivenBackHasAsManyTenantsLookedAtAsFindRoomThen() {
        var turns = roomless(100_000)
        #expect(turns.left == 100_000 && turns.lacksRoom)
        #expect(looks(&turns, taken: 61).isEmpty)
        // Whose page is smaller or who holds less goes first, then who waits longest.
        #expect(looks(&turns, taken: 41) == [7])
        #expect(looks(&turns, taken: 31) == [0, 1])
        #expect(looks(&turns, taken: 50) == [2])
        #expect(turns.left == 99_996)
    }

    @Test func whoGivesBackItselfIsLookedAtAgainAndStandsInOnePlaceOnly() {
        var turns = roomless(100)
        for _ in 0..<1000 {
            turns.rouse(9)
            let turn = turns.next(tellsOnly: false, taken: 100, now: 0)
            #expect(turn?.owner == 9)
            if let turn { turns.lacksRoom(turn, most: 55) }
        }
        #expect(looks(&turns, taken: 45) == [7, 9])
        for owner in 0..<100 as Range<Int32> { turns.rouse(owner) }
        #expect(looks(&turns, taken: 1000).count == 98)
        #expect(!turns.lacksRoom && turns.left == 0)
    }

    @Test func roomThatACrowdedTenantMayNotUseIsAnothers() throws {
        let play = try HuntPlay([acme, globex], ["window": "4"], room)
        play.ask()
        let ofAcme = try #require(play.underWay.values.first { $0.owner == 0 })
        var turns = HuntTurns(window: 4, ends: [600, 700])
        for _ in 0..<2 {
            let next = turns.next(tellsOnly: false, taken: 1000, now: 0)
            let turn = try #require(next)
            turns.lacksRoom(turn, most: turn.owner == 0 ? 60 : 50)
        }
        for _ in 0..<3 { turns.began(ofAcme) }
        let next = turns.next(tellsOnly: false, taken: 40, now: 0)
        #expect(next?.owner == 1)
    }
}
