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
        vault = try Fake.memoryVault()
        let edit = vault.edit()
        for number in 0..<700 {
            let account = String(10_000 + number, radix: 16)
            let zeros = String(repeating: "0", count: 32 - account.utf8.count)
            let owner = number < 600 ? "acme" : "globex"
            try edit.put(owner, zeros + account, token: Fake.token1)
        }
        try edit.commit()
        (acme, globex) = (try vault.tenant(named: "acme"), try vault.tenant(named: "globex"))
    }

    /// A hunt, and its requests under way by their ids.
    private final class Play {
        let hunt: HuntUnderWay
        var underWay: [JobID: HuntErrand] = [:]
        private var last: JobID = 0

        init(_ tenants: [Tenant], _ options: [String: String] = [:]) throws {
            var hunt = try Hunt(accountID: RawSpan())
            for (name, value) in options { try hunt.set(name, to: value) }
            self.hunt = HuntUnderWay(
                id: 1, tag: 2, hunt, try HuntAccounts(nil, of: tenants))
        }

        /// Asks as long as the window allows; gives for whom.
        func ask(now: Int64 = 0) -> [String] {
            var asked: [String] = []
            while underWay.count < hunt.hunt.window,
                case .ask(let errand)? = hunt.next(now: now, hasRoom: { _ in true })
            {
                last += 1
                hunt.began(errand, as: last)
                underWay[last] = errand
                asked.append(errand.place.tenant.name)
            }
            return asked
        }

        /// Quotas rest until `time`; gives how many requests stay under way all the same.
        func rest(_ name: String, until time: Int64) -> Int {
            var stay = 0
            for (id, errand) in underWay where errand.place.tenant.name == name {
                if hunt.rests(errand) {
                    stay += 1
                } else {
                    errand.backAt = time
                    underWay[id] = nil
                    hunt.ended(errand, as: id)
                    hunt.takeBack(errand)
                }
            }
            return stay
        }

        /// Answers what is under way of a tenant; gives how many messages it tells of.
        @discardableResult
        func answer(_ name: String, _ answer: Answer, _ room: SearchRoom) -> Int {
            var told = 0
            for (id, errand) in underWay where errand.place.tenant.name == name {
                underWay[id] = nil
                hunt.ended(errand, as: id)
                if hunt.take(answer, to: errand, room)?.message != nil { told += 1 }
            }
            return told
        }
    }

    private func found(_ count: Int) -> Answer {
        let messages = (0..<count).map { "{\"message_ref\":\"m\($0)\",\"item\":{}}" }
        let text =
            "{\"complete\":true,\"next_cursor\":null,"
            + "\"messages\":[\(messages.joined(separator: ","))],\"warnings\":[]}"
        return Answer(failure: nil, document: Document(buffer(text), named: .search, raw: nil))
    }

    @Test func aTenantThatRestsStopsNoOtherHoweverManyAccountsItHas() throws {
        let play = try Play([acme, globex], ["traces": "false", "window": "16"])
        var asked: [String] = []
        for _ in 0..<200 {
            asked += play.ask()
            #expect(play.rest("acme", until: second) <= 4)
            play.answer("globex", found(0), room)
        }
        #expect(asked.count { $0 == "globex" } == 100)
        #expect(play.hunt.progress.done == 100)
        // Nor is each of them looked at again and again.
        #expect((100..<300).contains(asked.count { $0 == "acme" }))
        // When the rest is over all of the other's are asked.
        play.hunt.lookAgain(now: 2 * second)
        for _ in 0..<700 where !play.hunt.isOver {
            _ = play.ask(now: 2 * second)
            play.answer("acme", found(0), room)
        }
        #expect(play.hunt.isOver && play.hunt.progress.done == 700)
    }

    @Test func whatWasFoundWaitsAsItIsAndNoMessageIsLost() throws {
        let play = try Play([acme], ["window": "4"])
        #expect(play.ask().count == 3)
        play.answer("acme", found(8), room)
        let held = room.used
        // All that may be asked for rests, one after the other.
        for _ in 0..<400 where !play.ask().isEmpty {
            #expect(play.rest("acme", until: second) <= 1)
        }
        #expect(play.underWay.count == 1 && room.used == held)
        play.hunt.lookAgain(now: 2 * second)
        var told = 0
        for _ in 0..<700 where !play.hunt.isOver {
            _ = play.ask(now: 2 * second)
            told += play.answer("acme", found(0), room)
        }
        #expect(play.hunt.isOver && play.hunt.progress.found == 24 && told == 24)
        #expect(play.hunt.progress.done == 600 && room.used == 0)
    }

    @Test func aRestThatIsLiftedIsOverAtOnce() throws {
        let play = try Play([acme], ["traces": "false", "window": "1"])
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
        let play = try Play([acme], ["window": "1"])
        for _ in 0..<2 {
            _ = play.ask()
            let place = try #require(play.underWay.values.first).place
            play.answer("acme", found(0), room)
            play.hunt.lost(place)
            play.hunt.lost(place)
        }
        #expect((play.hunt.progress.done, play.hunt.progress.failed) == (2, 2))
    }

    @Test func aHuntThatWasEndedAsksNothingOfWhatRestsAgain() throws {
        let play = try Play([acme], ["window": "1"])
        _ = play.ask()
        _ = play.rest("acme", until: second)
        play.hunt.end(Failure(.cancelled, "a test"))
        #expect(play.hunt.wake == nil && play.hunt.isOver)
        play.hunt.lookAgain(now: nil)
        #expect(play.ask().isEmpty)
    }
}
