// HuntSupport.swift - hunts without an engine: whose accounts they ask, what a search brings them, and
// who plays the engine for one.

import Testing

@testable import TraceVaultCore

enum HuntSupport {
    /// A vault of these accounts, and its tenants acme and globex.
    static func vault(
        _ put: (Edit) throws -> Void
    ) throws -> (Vault, acme: Tenant, globex: Tenant) {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try put(edit)
        try edit.commit()
        return (vault, try vault.tenant(named: "acme"), try vault.tenant(named: "globex"))
    }

    static func account(_ number: Int) -> String {
        let digits = String(10_000 + number, radix: 16)
        return String(repeating: "0", count: 32 - digits.utf8.count) + digits
    }

    static func hunt(_ tenants: [Tenant], _ options: [String: String]) throws -> HuntUnderWay {
        var hunt = try Hunt(accountID: RawSpan())
        for (name, value) in options { try hunt.set(name, to: value) }
        return HuntUnderWay(id: 1, tag: 2, hunt, try HuntAccounts(nil, of: tenants))
    }

    /// What a search of these messages answers.
    static func found(
        _ refs: [String], next: String? = nil, warnings: [String] = []
    ) -> Answer {
        let messages = refs.map { "{\"message_ref\":\"\($0)\",\"item\":{}}" }
        let codes = warnings.map { "{\"code\":\"\($0)\"}" }
        let cursor = next.map { "\"\($0)\"" } ?? "null"
        let text =
            "{\"complete\":\(next == nil && warnings.isEmpty),\"next_cursor\":\(cursor),"
            + "\"messages\":[\(messages.joined(separator: ","))],"
            + "\"warnings\":[\(codes.joined(separator: ","))]}"
        return Answer(failure: nil, document: Document(buffer(text), named: .search, raw: nil))
    }

    /// Two tenants of one opened vault, as the engine's tables know them.
    static func keys() throws -> (acme: TenantKey, globex: TenantKey) {
        let opened = Identifier.random()
        return (
            TenantKey(opened: opened, name: try TenantName("acme")),
            TenantKey(opened: opened, name: try TenantName("globex"))
        )
    }
}

/// A hunt, and its requests under way by their ids.
final class HuntPlay {
    let hunt: HuntUnderWay
    private(set) var underWay: [JobID: HuntErrand] = [:]
    /// How often an answer without a failure came, by account.
    private(set) var answered: [String: Int] = [:]
    private let room: SearchRoom
    private var last: JobID = 0

    init(_ tenants: [Tenant], _ options: [String: String] = [:], _ room: SearchRoom) throws {
        hunt = try HuntSupport.hunt(tenants, options)
        self.room = room
    }

    /// Asks as long as the window allows; gives for whom. No account is searched in two ways at a time.
    @discardableResult
    func ask(now: Int64 = 0) -> [String] {
        hunt.lookAgain(now: now)
        var asked: [String] = []
        var looks = 0
        while underWay.count < hunt.hunt.window, looks < 10_000 {
            looks += 1
            guard case .ask(let errand)? = hunt.next(now: now, room) else {
                guard hunt.mustLookOn else { break }
                continue
            }
            last += 1
            hunt.began(errand, as: last)
            underWay[last] = errand
            asked.append(errand.place.tenant.name)
        }
        #expect(looks < 10_000)
        let searched = underWay.values.filter { $0.message == nil }.map(\.place.account)
        #expect(Set(searched).count == searched.count)
        return asked
    }

    /// A tenant's quota rests until `time`; gives how many requests stay under way all the same.
    @discardableResult
    func rest(_ name: String, until time: Int64) -> Int {
        var stay = 0
        for (id, errand) in underWay where errand.place.tenant.name == name {
            if hunt.rests(errand, until: time) {
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

    /// Answers what is under way of a tenant; gives what the hunt tells of it.
    @discardableResult
    func answer(_ name: String, _ answer: Answer = HuntSupport.found([])) -> [Finding] {
        var told: [Finding] = []
        for (id, errand) in underWay where errand.place.tenant.name == name {
            underWay[id] = nil
            hunt.ended(errand, as: id)
            if answer.failure == nil { answered[errand.place.account.text, default: 0] += 1 }
            if let finding = hunt.take(answer, to: errand, room) { told.append(finding) }
        }
        return told
    }

    /// The request of a tenant fails.
    @discardableResult
    func answer(_ name: String, _ status: Status) -> [Finding] {
        answer(name, Answer(failure: Failure(status, "a test"), document: Document(raw: nil)))
    }
}
