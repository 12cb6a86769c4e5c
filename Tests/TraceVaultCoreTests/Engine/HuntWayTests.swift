// HuntWayTests.swift - an account that several tenants have, while the quota of one rests: another
// tenant's credential is tried, one way at a time, and the account is asked exactly once.

import Testing

@testable import TraceVaultCore

@Suite struct HuntWayTests {
    private let room = SearchRoom(maxReplyBytes: 1 << 20)

    /// A hunt of `acme`, `globex` and `initech`, who have these accounts.
    private func play(_ rows: [(String, Range<Int>)], window: Int = 16) throws -> HuntPlay {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        for (name, numbers) in rows {
            for number in numbers {
                try edit.put(name, HuntSupport.account(number), token: Fake.token1)
            }
        }
        try edit.commit()
        var names: [String] = []
        for (name, _) in rows where !names.contains(name) { names.append(name) }
        let tenants = try names.map { try vault.tenant(named: $0) }
        return try HuntPlay(tenants, ["traces": "false", "window": "\(window)"], room)
    }

    @Test func anAccountWhoseTenantRestsIsAskedThroughTheNext() throws {
        let play = try play([("acme", 0..<1), ("globex", 0..<1)])
        #expect(play.ask() == ["acme"])
        #expect(play.rest("acme", until: 300 * second) == 0)
        #expect(play.ask() == ["globex"])
        play.answer("globex")
        #expect(play.hunt.isOver && play.hunt.wake == nil)
        #expect((play.hunt.progress.done, play.hunt.progress.failed) == (1, 0))
    }

    @Test func whereAllRestTheFirstThatRestsNoLongerIsAsked() throws {
        let play = try play([("acme", 0..<1), ("globex", 0..<1), ("initech", 0..<1)])
        #expect(play.ask() == ["acme"])
        play.rest("acme", until: 300 * second)
        #expect(play.ask() == ["globex"])
        play.rest("globex", until: 100 * second)
        #expect(play.ask() == ["initech"])
        #expect(play.rest("initech", until: 200 * second) == 0)
        #expect(play.ask(now: 99 * second).isEmpty)
        #expect(play.ask(now: 101 * second) == ["globex"])
        // It rests again, as short as the others: it keeps its place, and nobody is sent round.
        #expect(play.rest("globex", until: 200 * second) == 1)
        play.answer("globex")
        #expect(play.hunt.isOver)
    }

    @Test func theOneThatRestsComesBackWhereTheOthersFail() throws {
        let play = try play([("acme", 0..<1), ("globex", 0..<1), ("initech", 0..<1)])
        play.ask()
        play.rest("acme", until: 300 * second)
        #expect(play.ask() == ["globex"])
        #expect(play.answer("globex", .credential).isEmpty)
        #expect(play.ask() == ["initech"])
        #expect(play.answer("initech", .credential).isEmpty)
        #expect(play.ask().isEmpty && !play.hunt.isOver)
        #expect(play.ask(now: 301 * second) == ["acme"])
        // Nobody is left then.
        #expect(play.answer("acme", .server).map { $0.failure?.status } == [.server])
        #expect(play.hunt.isOver)
        #expect((play.hunt.progress.done, play.hunt.progress.failed) == (1, 1))
    }

    @Test func whoFailsFirstIsNotAskedAgainWhereTheNextRests() throws {
        let play = try play([("acme", 0..<1), ("globex", 0..<1)])
        play.ask()
        play.answer("acme", .credential)
        #expect(play.ask() == ["globex"])
        #expect(play.rest("globex", until: 300 * second) == 1)
        #expect(play.answer("globex", .credential).count == 1)
        #expect(play.hunt.isOver)
    }

    @Test func aLiftedRestIsNoRest() throws {
        let play = try play([("acme", 0..<1), ("globex", 0..<1)], window: 1)
        play.ask()
        play.rest("acme", until: 300 * second)
        #expect(play.ask() == ["globex"])
        play.hunt.lookAgain(now: nil)
        play.rest("globex", until: 100 * second)
        #expect(play.ask(now: second) == ["acme"])
    }

    @Test func noAccountWaitsForATenantWithManyThatRests() throws {
        // More than are tried of a tenant whose quota rests; the last hundred it has alone.
        let play = try play([("acme", 0..<1100), ("globex", 0..<1000)])
        var (asked, rounds) = (0, 0)
        while play.hunt.progress.done < 1000, rounds < 1000 {
            rounds += 1
            asked += play.ask().count { $0 == "acme" }
            play.rest("acme", until: 300 * second)
            play.answer("globex")
        }
        #expect(play.hunt.progress.done == 1000)
        #expect(asked < 400)
        #expect(play.answered.values.allSatisfy { $0 == 1 })
        finish(play, now: 301 * second)
        #expect(play.hunt.progress.done == 1100)
    }

    @Test func ofTenantsThatAllRestAFewAccountsAreTriedEachTime() throws {
        let play = try play([("acme", 0..<1000), ("globex", 0..<1000)])
        for now in [0, 301 * second, 602 * second] {
            var asked = 0
            for _ in 0..<1000 {
                asked += play.ask(now: now).count
                play.rest("acme", until: now + 300 * second)
                play.rest("globex", until: now + 300 * second)
            }
            #expect((2...600).contains(asked))
        }
        finish(play, now: 903 * second)
        #expect(play.hunt.progress.done == 1000)
    }

    @Test func whoRestsForLongHoldsUpNobodyWhoWasSentThere() throws {
        // All of globex stands aside before acme rests for a moment.
        let play = try play([("globex", 1000..<1600), ("acme", 0..<400), ("globex", 0..<400)])
        for _ in 0..<400 {
            play.ask()
            play.rest("globex", until: 3600 * second)
        }
        for _ in 0..<400 {
            play.rest("acme", until: 5 * second)
            play.ask(now: second)
            play.rest("globex", until: 3600 * second)
        }
        #expect(play.hunt.progress.done == 0)
        for step in 0..<400 as Range<Int64> where play.hunt.progress.done < 400 {
            play.ask(now: (6 + step) * second)
            play.rest("globex", until: 3600 * second)
            play.answer("acme")
        }
        #expect(play.hunt.progress.done == 400)
        finish(play, now: 3601 * second)
        #expect(play.hunt.progress.done == 1000)
    }

    private func finish(_ play: HuntPlay, now: Int64) {
        for _ in 0..<2000 where !play.hunt.isOver {
            play.ask(now: now)
            for name in ["acme", "globex", "initech"] { play.answer(name) }
        }
        #expect(play.hunt.isOver)
        #expect(play.answered.values.allSatisfy { $0 == 1 })
    }

    /// Rests, failures, lifts and answers in any order: each account has exactly one end.
    @Test(arguments: 0..<40 as Range<UInt64>) func everyAccountHasOneEndWhateverRests(
        seed: UInt64
    ) throws {
        var random = LedgerChance(state: seed)
        let play = try play(
            [("acme", 0..<300), ("globex", 100..<400), ("initech", 0..<330)],
            window: Int.random(in: 1...24, using: &random))
        var (now, failed): (Int64, Int) = (0, 0)
        let names = ["acme", "globex", "initech"]
        for _ in 0..<300 {
            now += Int64.random(in: 0...second, using: &random)
            play.ask(now: now)
            let name = names[Int.random(in: 0..<3, using: &random)]
            switch Int.random(in: 0..<12, using: &random) {
            case 0: failed += play.answer(name, .server).count
            case 1: play.answer(name)
            case 2: play.hunt.lookAgain(now: nil)
            default:
                play.rest(name, until: now + Int64.random(in: 1...(9 * second), using: &random))
            }
        }
        finish(play, now: now + 10 * second)
        #expect(play.hunt.progress.done == 400)
        #expect(play.hunt.progress.failed == failed)
        #expect(play.answered.count + failed == 400)
    }
}
