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
    /// The first way to an account, and how many of its tenant's come before it.
    private struct First {
        let way: Int32
        let rank: Int32
    }

    private var firsts: [First] = []

    /// The account, or all accounts, of these tenants as their vaults are now.
    init(_ account: AccountID?, of tenants: [Tenant]) throws(Failure) {
        try Hunt.check(tenants: tenants.count)
        self.tenants = tenants
        var known: Set<TenantKey> = []
        var lasts: [AccountID: Int] = [:]
        for (place, tenant) in tenants.enumerated() where known.insert(tenant.key).inserted {
            // Who was removed has no accounts any more.
            guard let look = try Self.look(at: tenant) else { continue }
            var rank: Int32 = 0
            for found in look.accounts where account == nil || account == found {
                if let last = lasts[found] {
                    ways[last].other = Int32(ways.count)
                } else {
                    guard firsts.count < Hunt.most else { throw Hunt.tooMany }
                    firsts.append(First(way: Int32(ways.count), rank: rank))
                    rank += 1
                }
                lasts[found] = ways.count
                ways.append(Way(account: found, tenant: Int32(place)))
                guard ways.count <= Hunt.most * 2 else { throw Hunt.tooMany }
            }
        }
        guard !firsts.isEmpty else {
            throw Failure(.notFound, "no tenant of the hunt has an account to ask")
        }
        // Each tenant's first account, then each one's second: they take turns.
        firsts.sort { ($0.rank, $0.way) < ($1.rank, $1.way) }
    }

    /// Nil for a tenant that was removed.
    private static func look(at tenant: Tenant) throws(Failure) -> TenantIndex? {
        do throws(Failure) {
            return try tenant.look()
        } catch {
            guard error.status == .notFound else { throw error }
            return nil
        }
    }

    /// Puts an account whose tenant may be asked now at this place; false when there is none among
    /// those that come next.
    mutating func bringForward(
        from place: Int, where mayAsk: (TenantKey) -> Bool
    ) -> Bool {
        for next in place..<min(place + Self.mostLookedAt, firsts.count)
        where mayAsk(tenant(firsts[next].way).key) {
            firsts.swapAt(place, next)
            return true
        }
        return false
    }

    private static let mostLookedAt = 256

    var count: Int { firsts.count }

    /// The first way to an account.
    func way(_ number: Int) -> Int32 { firsts[number].way }

    /// The way through the next tenant; nil when there is none.
    func other(than way: Int32) -> Int32? {
        let other = ways[Int(way)].other
        return other >= 0 ? other : nil
    }

    func tenant(_ way: Int32) -> Tenant { tenants[Int(ways[Int(way)].tenant)] }

    func account(_ way: Int32) -> AccountID { ways[Int(way)].account }
}
