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
    /// The first way to each account, a tenant's together: those that others have, too, first.
    private var firsts: [Int32] = []
    /// By tenant: where its part of these ends.
    private(set) var ends: [Int32] = []

    /// The account, or all accounts, of these tenants as their vaults are now.
    init(_ account: AccountID?, of tenants: [Tenant]) throws(Failure) {
        try Hunt.check(tenants: tenants.count)
        self.tenants = tenants
        var known: Set<TenantKey> = []
        var lasts: [AccountID: Int] = [:]
        for (place, tenant) in tenants.enumerated() {
            // Who was removed has no accounts any more.
            if known.insert(tenant.key).inserted, let look = try Self.look(at: tenant) {
                for found in look.accounts where account == nil || account == found {
                    try add(found, of: place, after: &lasts)
                }
            }
            ends.append(Int32(firsts.count))
        }
        guard !firsts.isEmpty else {
            throw Failure(.notFound, "no tenant of the hunt has an account to ask")
        }
        if ways.count > firsts.count { putSharedFirst() }
    }

    /// So those that need not wait for their tenant are found at its next place.
    private mutating func putSharedFirst() {
        var start = 0
        for end in ends {
            let part = firsts[start..<Int(end)]
            let shared = part.filter { other(than: $0) != nil }
            if !shared.isEmpty {
                let own = part.filter { other(than: $0) == nil }
                firsts.replaceSubrange(start..<Int(end), with: shared + own)
            }
            start = Int(end)
        }
    }

    private mutating func add(
        _ account: AccountID, of tenant: Int, after lasts: inout [AccountID: Int]
    ) throws(Failure) {
        if let last = lasts.updateValue(ways.count, forKey: account) {
            ways[last].other = Int32(ways.count)
        } else {
            guard firsts.count < Hunt.most else { throw Hunt.tooMany }
            firsts.append(Int32(ways.count))
        }
        ways.append(Way(account: account, tenant: Int32(tenant)))
        guard ways.count <= Hunt.most * 2 else { throw Hunt.tooMany }
    }

    /// Nil for a tenant that was removed. One whose vault cannot be followed has the accounts that
    /// it had: each is told with why it cannot be asked.
    private static func look(at tenant: Tenant) throws(Failure) -> TenantIndex? {
        do throws(Failure) {
            return try tenant.current()
        } catch {
            guard error.status == .notFound else { throw error }
            return nil
        }
    }

    var count: Int { firsts.count }

    /// The first way to an account.
    func way(_ number: Int32) -> Int32 { firsts[Int(number)] }

    /// The way through the next tenant; nil when there is none.
    func other(than way: Int32) -> Int32? {
        let other = ways[Int(way)].other
        return other >= 0 ? other : nil
    }

    /// The place of a way's tenant among those of the hunt.
    func owner(_ way: Int32) -> Int32 { ways[Int(way)].tenant }

    func tenant(_ owner: Int32) -> Tenant { tenants[Int(owner)] }

    /// The place of each tenant; of one that was named twice the first, which has the accounts.
    var owners: [TenantKey: Int32] {
        var owners: [TenantKey: Int32] = [:]
        for (place, tenant) in tenants.enumerated().reversed() {
            owners[tenant.key] = Int32(place)
        }
        return owners
    }

    func account(_ way: Int32) -> AccountID { ways[Int(way)].account }
}
