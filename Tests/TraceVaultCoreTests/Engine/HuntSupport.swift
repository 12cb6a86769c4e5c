// HuntSupport.swift - hunts without an engine: whose accounts they ask, and what a search brings them.

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
