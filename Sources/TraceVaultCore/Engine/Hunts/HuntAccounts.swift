// HuntAccounts.swift - the accounts of a hunt, each once, and the tenants that have each of them.

struct HuntAccounts: Sendable {
    /// An account as one tenant has it.
    private struct Way {
        let account: AccountID
        /// Its place in `tenants`.
        let tenant: Int32
        /// The way through the next tenant that has the account; -1: there is none.
        var other: Int32 = -1
    }

    private let tenants: [Tenant]
    private var ways: [Way] = []
    /// The first way to each account.
    private var firsts: [Int32] = []

    /// The account, or all accounts, of these tenants as their vaults are now.
    init(_ account: AccountID?, of tenants: [Tenant]) throws(Failure) {
        try Hunt.check(tenants: tenants.count)
        self.tenants = tenants
        var known: Set<TenantKey> = []
        var lasts: [AccountID: Int] = [:]
        for (place, tenant) in tenants.enumerated() where known.insert(tenant.key).inserted {
            let look = try tenant.look()
            for found in look.accounts where account == nil || account == found {
                if let last = lasts[found] {
                    ways[last].other = Int32(ways.count)
                } else {
                    guard firsts.count < Hunt.most else { throw Hunt.tooMany }
                    firsts.append(Int32(ways.count))
                }
                lasts[found] = ways.count
                ways.append(Way(account: found, tenant: Int32(place)))
                guard ways.count <= Hunt.most * 2 else { throw Hunt.tooMany }
            }
        }
        guard !firsts.isEmpty else { throw Tenant.unknownAccount }
    }

    var count: Int { firsts.count }

    /// The first way to an account.
    func way(_ number: Int) -> Int32 { firsts[number] }

    /// The way through the next tenant; nil when there is none.
    func other(than way: Int32) -> Int32? {
        let other = ways[Int(way)].other
        return other >= 0 ? other : nil
    }

    func tenant(_ way: Int32) -> Tenant { tenants[Int(ways[Int(way)].tenant)] }

    func account(_ way: Int32) -> AccountID { ways[Int(way)].account }
}
