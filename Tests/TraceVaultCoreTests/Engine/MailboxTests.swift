// MailboxTests.swift - what may wait, and whose: a greedy tenant meets a modest one at the queue and at
// the results that nobody takes.

import Testing

@testable import TraceVaultCore

@Suite struct MailboxTests {
    private let tenant: Tenant
    private let credential: Credential
    private let request: Request

    init() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        tenant = try vault.tenant(named: "acme")
        credential = try tenant.look().credential(account: nil)
        request = try .check(accountID: RawSpan())
    }

    /// Another tenant of the same vault.
    private func key(_ name: String) throws(Failure) -> TenantKey {
        TenantKey(opened: tenant.key.opened, name: try TenantName(name))
    }

    @discardableResult private func submit(
        _ mailbox: Mailbox, _ name: String
    ) throws(Failure) -> JobID {
        var given: JobID = 0
        _ = try mailbox.submit(for: key(name)) { id in
            given = id
            return Job(
                id: id, tag: 0, tenant: tenant, request: request, credential: credential,
                submittedAt: 0, deadline: 1, waiter: nil)
        }
        return given
    }

    private func result(_ id: JobID, _ name: String, bytes: Int) throws(Failure) -> RequestResult {
        let body = buffer(String(repeating: "x", count: bytes))
        return RequestResult(
            id: id, tag: 0, tenant: try key(name), failure: nil, document: Document(raw: body))
    }

    private func mailbox(queue: Int = 1000, perTenant: Int = 0, bytes: Int = 1 << 30) -> Mailbox {
        Mailbox(
            maxOutstanding: queue, maxPerTenant: perTenant, maxBytes: bytes, maxComing: 1 << 40)
    }

    // MARK: - The queue

    @Test func aGreedyTenantLeavesRoomInTheQueue() throws {
        let mailbox = mailbox()
        let filled = status { while true { try submit(mailbox, "greedy") } }
        #expect(filled == .queueFull)
        #expect((880...890).contains(mailbox.outstanding))
        for _ in 0..<90 { try submit(mailbox, "modest") }
        #expect(status { while true { try submit(mailbox, "second") } } == .queueFull)
        try submit(mailbox, "third")
    }

    @Test func oneTenantAloneMayFillASmallQueueAndABoundOfItsOwnHolds() throws {
        let small = mailbox(queue: 8)
        for _ in 0..<8 { try submit(small, "acme") }
        #expect(status { try submit(small, "acme") } == .queueFull)
        let bound = mailbox(queue: 8, perTenant: 3)
        for _ in 0..<3 { try submit(bound, "acme") }
        #expect(status { try submit(bound, "acme") } == .queueFull)
        try submit(bound, "globex")
    }

    /// The ids of submitted requests among commands.
    private func ids(_ commands: [Command]) -> [JobID] {
        commands.compactMap { if case .submit(let job) = $0 { job.id } else { nil } }
    }

    @Test func whoSubmitsMuchHoldsUpNobodyOnTheWayToTheEngine() throws {
        let mailbox = mailbox(queue: 100_000)
        for _ in 0..<5000 { try submit(mailbox, "greedy") }
        let modest = try [submit(mailbox, "modest"), submit(mailbox, "modest")]
        let first = mailbox.drain()
        #expect(!first.isAll && first.commands.count == Mailbox.mostAtOnce)
        #expect(Array(ids(first.commands).prefix(4).filter(modest.contains)) == modest)
        // Who comes now is not behind what is left.
        let next = try submit(mailbox, "modest")
        #expect(ids(mailbox.drain().commands).prefix(2).contains(next))
        var taken = first.commands.count + Mailbox.mostAtOnce
        var isAll = false
        while !isAll {
            let (commands, all) = mailbox.drain()
            taken += commands.count
            isAll = all
        }
        #expect(taken == 5003)
    }

    @Test func theEndTakesAllThatWasSubmitted() throws {
        let mailbox = mailbox(queue: 100_000)
        for _ in 0..<2000 { try submit(mailbox, "greedy") }
        _ = mailbox.close()
        let (commands, isAll) = mailbox.drain()
        #expect(isAll && ids(commands).count == 2000)
        guard case .shutdown? = commands.last else {
            Issue.record("the end is not the last")
            return
        }
    }

    @Test func aRequestThatWaitsForItsTurnIsCancelledOnceItComes() throws {
        let mailbox = mailbox(queue: 100_000)
        for _ in 0..<1000 { try submit(mailbox, "greedy") }
        let last = try submit(mailbox, "greedy")
        _ = mailbox.drain()
        #expect(try mailbox.cancel(last) == false)
        let commands = mailbox.drain().commands
        guard case .cancel(last)? = commands.last else {
            Issue.record("it was not cancelled after it was submitted")
            return
        }
        #expect(ids(commands).last == last)
    }

    // MARK: - Results that nobody takes

    @Test func aTenantWhoseResultsFillTheRoomIsHeldAlone() throws {
        let mailbox = mailbox(bytes: 1000)
        let greedy = try (0..<6).map { _ in try submit(mailbox, "greedy") }
        let modest = try submit(mailbox, "modest")
        let results = try greedy.map { try result($0, "greedy", bytes: 200) }
        #expect(mailbox.answered(Array(results[..<2])) == [])
        // 600 of 1,000: more than is free. Told once.
        #expect(try mailbox.answered([results[2]]) == [key("greedy")])
        #expect(mailbox.answered([results[3]]) == [])
        #expect(try mailbox.answered([result(modest, "modest", bytes: 50)]) == [])
        #expect(mailbox.heldBytes == 850)
        _ = mailbox.drain()
        #expect(!mailbox.taken(results[0], isFreed: true))
        // 400 of 450.
        #expect(mailbox.taken(results[1], isFreed: true))
        let commands = mailbox.drain().commands
        #expect(commands.count == 1)
        guard case .goOn(let free) = commands.first else {
            Issue.record("the tenant was not let go")
            return
        }
        #expect(free == (try key("greedy")))
    }

    @Test func aResultThatCountsUntilItIsFreedHoldsItsTenantUntilThen() throws {
        let mailbox = mailbox(bytes: 1000)
        let greedy = try (0..<2).map { _ in try submit(mailbox, "greedy") }
        let results = try greedy.map { try result($0, "greedy", bytes: 400) }
        #expect(try mailbox.answered(results) == [key("greedy")])
        _ = mailbox.drain()
        #expect(!mailbox.taken(results[0], isFreed: false))
        #expect(!mailbox.taken(results[1], isFreed: false))
        #expect(mailbox.heldBytes == 800 && mailbox.outstanding == 0)
        #expect(mailbox.freed(results[0]))
        #expect(mailbox.drain().commands.count == 1)
        #expect(!mailbox.freed(results[1]))
        #expect(mailbox.heldBytes == 0)
    }

    @Test func whoHasNoResultsIsNeverHeldHoweverMuchTheOthersHave() throws {
        let mailbox = mailbox(bytes: 1000)
        let greedy = try submit(mailbox, "greedy")
        #expect(try mailbox.answered([result(greedy, "greedy", bytes: 5000)]) == [key("greedy")])
        let modest = try submit(mailbox, "modest")
        #expect(try mailbox.answered([result(modest, "modest", bytes: 0)]) == [])
    }

    /// The thread that waits in `fetch` may be faster than the engine's, which counts at the end of
    /// its round.
    @Test func resultsThatAreTakenBeforeTheyAreCountedLeaveNothing() throws {
        let mailbox = mailbox(bytes: 1000)
        let fetched = try result(try submit(mailbox, "acme"), "acme", bytes: 400)
        #expect(!mailbox.taken(fetched, isFreed: true))
        #expect(mailbox.answered([fetched]) == [])
        #expect(mailbox.heldBytes == 0)
        // 400 would be more than is free now; but it has none.
        let greedy = try submit(mailbox, "greedy")
        #expect(try mailbox.answered([result(greedy, "greedy", bytes: 700)]) == [key("greedy")])
        let next = try submit(mailbox, "acme")
        #expect(try mailbox.answered([result(next, "acme", bytes: 0)]) == [])
    }

    // MARK: - Cancels

    @Test func cancellingTheSameRequestAgainAndAgainIsOneCommand() throws {
        let mailbox = mailbox()
        let id = try submit(mailbox, "acme")
        for _ in 0..<1000 { _ = try mailbox.cancel(id) }
        #expect(mailbox.drain().commands.count == 2)
        for _ in 0..<1000 { _ = try mailbox.cancel(id) }
        #expect(mailbox.drain().commands.isEmpty)
        #expect(try mailbox.answered([result(id, "acme", bytes: 1)]) == [])
        #expect(status { _ = try mailbox.cancel(id) } == .notFound)
        let next = try submit(mailbox, "acme")
        #expect(try mailbox.cancel(next) == false)
        #expect(mailbox.drain().commands.count == 2)
    }

    // MARK: - What replies are becoming

    @Test func whatRepliesAreBecomingCountsAsResults() throws {
        let mailbox = mailbox(bytes: 1000)
        let (greedy, modest) = (try key("greedy"), try key("modest"))
        var begun = 0
        while begun < 100, mailbox.expect(100, of: greedy) { begun += 1 }
        #expect(begun == 5)
        // The other finds its share, and may have one whatever it takes.
        #expect(mailbox.expect(200, of: modest))
        #expect(!mailbox.expect(200, of: modest))
        #expect(mailbox.expect(5000, of: try key("third")))
        mailbox.went(5000, of: try key("third"))
        // What comes beyond what was expected needs room as well.
        #expect(!mailbox.mayCome(400, beside: 100, of: greedy))
        // A reply has become a result, which is as large: who waits goes on waiting.
        let id = try submit(mailbox, "greedy")
        mailbox.went(100, of: greedy)
        _ = mailbox.answered([try result(id, "greedy", bytes: 100)])
        #expect(!mailbox.letGo(repliesEnded: true).contains(greedy))
        for _ in 0..<4 { mailbox.went(100, of: greedy) }
        #expect(Set(mailbox.letGo(repliesEnded: true)) == [greedy, modest])
        #expect(mailbox.letGo(repliesEnded: true).isEmpty)
    }

    @Test func whoseOnlyReplyIsLargerThanAllRoomGetsItAndWaitsForNothingElse() throws {
        let mailbox = mailbox(bytes: 1000)
        let acme = try key("acme")
        #expect(mailbox.expect(4000, of: acme))
        #expect(mailbox.mayCome(4000, beside: 4000, of: acme))
        #expect(!mailbox.expect(10, of: acme))
        mailbox.went(8000, of: acme)
        #expect(mailbox.letGo(repliesEnded: true) == [acme])
    }

    @Test func repliesUnderWayHaveABoundOfTheirOwn() throws {
        let mailbox = Mailbox(maxOutstanding: 9, maxPerTenant: 0, maxBytes: 1 << 30, maxComing: 80)
        let acme = try key("acme")
        #expect((0..<9).filter { _ in mailbox.expect(10, of: acme) }.count == 4)
        #expect(mailbox.expect(10, of: try key("globex")))
    }
}
