// HuntTests.swift - what a hunt asks next and what answers mean to it, without an engine: each account
// and each message once, what was found before what may be found, and an end to every search.

import Testing

@testable import TraceVaultCore

@Suite struct HuntTests {
    private let vault: Vault
    private let acme: Tenant
    private let globex: Tenant
    private let room = SearchRoom(maxReplyBytes: 1 << 20)
    /// One in which nobody has room for a page.
    private let full = SearchRoom(maxReplyBytes: 1 << 20)

    init() throws {
        (vault, acme, globex) = try HuntSupport.vault { edit in
            try edit.put("acme", Fake.account1, token: Fake.token1)
            try edit.put("globex", Fake.account1, token: Fake.token2)
            try edit.put("globex", Fake.account2, token: Fake.token2)
        }
        full.add(full.most, of: nil)
    }

    private func hunt(
        _ tenants: [Tenant], _ options: [String: String] = [:]
    ) throws -> HuntUnderWay {
        try HuntSupport.hunt(tenants, options)
    }

    /// The next request; fails where there is none.
    private func ask(_ hunt: HuntUnderWay) throws -> (HuntErrand, Request) {
        let step = try #require(hunt.next(now: 0, room))
        guard case .ask(let errand) = step else {
            Issue.record("it tells something")
            throw Failure(.other, "no request")
        }
        return (errand, errand.request)
    }

    private func search(
        _ refs: [String], next: String? = nil, warnings: [String] = []
    ) -> Answer {
        HuntSupport.found(refs, next: next, warnings: warnings)
    }

    private func failed(_ status: Status) -> Answer {
        Answer(failure: Failure(status, "a test"), document: Document(raw: nil))
    }

    private let traced = Answer(failure: nil, document: Document(raw: nil))

    private func cursor(_ request: Request) -> String? {
        guard case .search(let search) = request.kind else { return "no search" }
        return search.cursor
    }

    private func ref(_ request: Request) -> String? {
        guard case .trace(let ref) = request.kind else { return nil }
        return ref.text
    }

    // MARK: - Accounts

    @Test func anAccountOfTwoTenantsIsAskedOnceAndAgainOnlyWhereTheFirstFails() throws {
        let hunt = try hunt([acme, globex, acme])
        #expect(hunt.progress.accounts == 2)
        let (first, request) = try ask(hunt)
        #expect(first.place.tenant.name == "acme")
        #expect(request.account?.text == Fake.account1)
        #expect(hunt.take(failed(.credential), to: first, room) == nil)
        let (again, _) = try ask(hunt)
        #expect(again.place.tenant.name == "globex")
        #expect(again.place.account.text == Fake.account1)
        let finding = try #require(hunt.take(failed(.server), to: again, room))
        #expect(finding.failure?.status == .server)
        let (second, _) = try ask(hunt)
        #expect(second.place.account.text == Fake.account2)
        #expect(hunt.take(search([]), to: second, room) == nil)
        #expect(hunt.isOver)
        #expect((hunt.progress.done, hunt.progress.failed) == (2, 1))
    }

    @Test func whatATenantsCredentialHasFoundIsNotAskedThroughAnother() throws {
        let hunt = try hunt([acme, globex])
        let (first, _) = try ask(hunt)
        #expect(hunt.take(search(["a"], next: "c"), to: first, room) == nil)
        let (trace, _) = try ask(hunt)
        let (next, request) = try ask(hunt)
        #expect(cursor(request) == "c")
        let finding = try #require(hunt.take(failed(.server), to: next, room))
        #expect(finding.message == nil)
        #expect(next.place.tenant.name == "acme")
        #expect(hunt.take(traced, to: trace, room)?.message != nil)
        #expect(hunt.progress.failed == 1)
    }

    @Test func onlyTheAccountThatWasNamedIsAsked() throws {
        let named = try AccountID(Fake.account2)
        #expect(try HuntAccounts(named, of: [acme, globex]).count == 1)
        #expect(status { _ = try HuntAccounts(named, of: [acme]) } == .notFound)
        #expect(status { _ = try HuntAccounts(nil, of: []) } == .notFound)
    }

    @Test func aTenantThatWasRemovedStopsNoHuntThroughTheOthers() throws {
        let edit = vault.edit()
        try edit.removeTenant("acme")
        try edit.commit()
        #expect(try HuntAccounts(nil, of: [acme, globex]).count == 2)
        #expect(status { _ = try HuntAccounts(nil, of: [acme]) } == .notFound)
    }

    // MARK: - Turns

    @Test func whoseAnswersDoNotComeLeavesAShareOfTheWindowToOthers() throws {
        let hunt = try hunt([acme, globex], ["window": "4"])
        let (first, _) = try ask(hunt)
        hunt.began(first, as: 1)
        #expect(first.tenant == acme.key)
        _ = hunt.take(search((0..<9).map { "m\($0)" }), to: first, room)
        hunt.ended(first, as: 1)
        var asked: [TenantKey] = []
        while asked.count < 4, case .ask(let errand)? = hunt.next(now: 0, room) {
            hunt.began(errand, as: JobID(asked.count + 2))
            asked.append(errand.tenant)
        }
        // Traces of the one whose page is there, as many as are free, then the other's account.
        #expect(asked == [acme.key, acme.key, acme.key, globex.key])
    }

    @Test func theFirstAccountsOfAllTenantsGoBeforeTheSecondOfAny() throws {
        let edit = vault.edit()
        for number in 0..<3 {
            let account = "0000000000000000000000000000000\(number)"
            try edit.put("acme", account, token: Fake.token1)
        }
        try edit.commit()
        let hunt = try hunt([acme, globex])
        let asked = try (0..<5).map { _ in try ask(hunt).0.tenant }
        #expect(asked == [acme.key, globex.key, acme.key, acme.key, acme.key])
    }

    // MARK: - Messages and pages

    @Test func messagesGoBeforeFurtherPagesAndThoseBeforeTheNextAccount() throws {
        let hunt = try hunt([globex])
        let (first, _) = try ask(hunt)
        #expect(hunt.take(search(["a", "b"], next: "c"), to: first, room) == nil)
        let asked = try (0..<4).map { _ in try ask(hunt).1 }
        #expect(asked.map(ref) == ["a", "b", nil, nil])
        #expect(cursor(asked[2]) == "c")
        #expect(asked[3].account?.text == Fake.account2)
        #expect(hunt.next(now: 0, room) == nil)
    }

    @Test func aMessageThatComesAgainIsNotToldAgain() throws {
        let hunt = try hunt([acme], ["traces": "false"])
        let (first, _) = try ask(hunt)
        _ = hunt.take(search(["a", "a", "b"], next: "c"), to: first, room)
        #expect(told(hunt) == 2)
        let (second, _) = try ask(hunt)
        _ = hunt.take(search(["b", "c"]), to: second, room)
        #expect(told(hunt) == 1)
        #expect(hunt.progress.found == 3)
        #expect(hunt.isOver)
    }

    /// How many findings it has to tell now.
    private func told(_ hunt: HuntUnderWay) -> Int {
        var count = 0
        while count < 1000, case .tell? = hunt.next(now: 0, full) { count += 1 }
        return count
    }

    @Test func everySearchEndsWhateverTheServerSays() throws {
        // The same cursor again; new cursors without anything new; no reason at all.
        let sayings: [(Int) -> Answer] = [
            { _ in search(["a"], next: "c") }, { search([], next: "c\($0)") },
            { _ in search(["a"], warnings: ["page_limit"]) },
        ]
        for (place, say) in sayings.enumerated() {
            let hunt = try hunt([acme], ["traces": "false"])
            var finding: Finding?
            var searches = 0
            while finding == nil, searches < 100 {
                _ = told(hunt)
                let (errand, _) = try ask(hunt)
                finding = hunt.take(say(searches), to: errand, room)
                searches += 1
            }
            #expect(finding?.failure?.status == .replyShape, "\(place)")
            _ = told(hunt)
            #expect(searches < 10)
            #expect(hunt.progress.failed == 1)
            #expect(hunt.isOver)
        }
    }

    @Test func theLimitIsForEachAccountAndWhatIsLeftIsAskedForNoMore() throws {
        let hunt = try hunt([acme], ["traces": "false", "limit": "3", "per_page": "2"])
        let (first, request) = try ask(hunt)
        guard case .search(let search) = request.kind else { return }
        #expect((search.limit, search.perPage) == (2, 2))
        _ = hunt.take(self.search(["a", "b"], next: "c"), to: first, room)
        _ = told(hunt)
        let (second, last) = try ask(hunt)
        guard case .search(let rest) = last.kind else { return }
        #expect((rest.limit, rest.perPage) == (1, 2))
        let finding = hunt.take(self.search(["d"], next: "e"), to: second, room)
        #expect(finding?.failure?.status == .limit)
        #expect(told(hunt) == 1)
        #expect(hunt.isOver)
    }

    // MARK: - Room

    @Test func aPageTakesRoomUntilItsMessagesAreToldAndNoOtherIsAskedForWithoutRoom() throws {
        let hunt = try hunt([globex], ["traces": "false"])
        let (first, _) = try ask(hunt)
        _ = hunt.take(search(["a", "b"]), to: first, room)
        #expect(room.used > 0)
        #expect(told(hunt) == 2)
        #expect(room.used == 0)
        #expect(hunt.next(now: 0, full) == nil)
        #expect(hunt.lacksRoom)
        #expect(hunt.next(now: 0, room) != nil)
        #expect(!hunt.lacksRoom)
    }

    /// The engine's thread would look again at once, and again, until the host takes.
    @Test func aHuntThatWaitsForItsHostHasNothingToLookAt() throws {
        let edit = vault.edit()
        let names = (0..<300).map { "tenant \($0)" }
        for (number, name) in names.enumerated() {
            let account = String(10_000 + number, radix: 16)
            let zeros = String(repeating: "0", count: 32 - account.utf8.count)
            try edit.put(name, zeros + account, token: Fake.token1)
        }
        try edit.commit()
        let hunt = try hunt(names.map { try vault.tenant(named: $0) })
        #expect(hunt.next(now: 0, full) == nil && hunt.mustLookOn)
        #expect(hunt.next(now: 0, full, isFull: true) == nil && !hunt.mustLookOn)
        #expect(hunt.next(now: 0, room) != nil)
    }

    @Test func aPageThatFindsNoRoomIsAskedForAgainWhenThereIsSome() throws {
        let small = SearchRoom(maxReplyBytes: 1024)
        let hunt = try hunt([acme], ["traces": "false"])
        let (first, _) = try ask(hunt)
        small.add(10_000, of: globex.key)
        #expect(hunt.take(search(["a"]), to: first, small) == nil)
        #expect(hunt.progress.found == 0 && !hunt.isOver)
        small.add(-10_000, of: globex.key)
        #expect(small.gaveBack() == [globex.key])
        #expect(small.gaveBack() == nil)
        let (again, request) = try ask(hunt)
        #expect(cursor(request) == nil)
        _ = hunt.take(search(["a"]), to: again, small)
        #expect(told(hunt) == 1)
        #expect(hunt.isOver)
    }

    @Test func aMessageTakesRoomUntilItsTraceIsToldAlsoIfItIsTheLastOfItsPage() throws {
        let hunt = try hunt([acme])
        let (first, _) = try ask(hunt)
        _ = hunt.take(search(["a"]), to: first, room)
        let held = room.used
        var trace: HuntErrand? = try ask(hunt).0
        #expect(held > 0 && room.used == held)
        if let trace { _ = hunt.take(traced, to: trace, room) }
        trace = nil
        #expect(room.used == 0)
    }

    @Test func aHuntThatWasEndedAsksAndTellsNothingMoreAndGivesItsRoomBack() throws {
        let hunt = try hunt([globex])
        let (first, _) = try ask(hunt)
        _ = hunt.take(search(["a", "b"], next: "c"), to: first, room)
        var trace: HuntErrand? = try ask(hunt).0
        if let trace { hunt.began(trace, as: 9) }
        hunt.end(Failure(.cancelled, "a test"))
        #expect(hunt.next(now: 0, room) == nil)
        if let trace { #expect(hunt.take(traced, to: trace, room) == nil) }
        #expect(!hunt.isOver)
        if let trace { hunt.ended(trace, as: 9) }
        trace = nil
        #expect(room.used == 0)
        #expect(hunt.isOver)
        #expect(hunt.ended?.status == .cancelled)
    }
}
