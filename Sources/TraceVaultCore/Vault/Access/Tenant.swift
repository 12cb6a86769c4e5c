// Tenant.swift - the right to list and use one tenant's accounts, and nothing else.
//
// Holds this tenant's key and index only. It asks its source for a newer index while there is one;
// tenants of a vault that was closed go on with what they know, as long as its settings allow.

import CSystem

/// Where a tenant learns that the vault has changed.
protocol TenantSource: AnyObject, Sendable {
    /// The newest index of the tenant; `known` when nothing has changed.
    func tenantIndex(_ name: TenantName, known: TenantIndex?) throws(Failure) -> TenantIndex
    /// Whether it has wiped its keys, so that its tenants must not keep theirs.
    var isLocked: Bool { get }
    var following: Following { get }
}

package final class Tenant: Sendable {
    /// The same for an account that does not exist and one of another tenant.
    static let unknownAccount = Failure(.notFound, "the tenant has no such account")

    package let name: String
    let key: TenantKey
    /// Weak: a tenant must not keep the keys of all others in memory.
    private weak let source: (any TenantSource)?
    let following: Following
    /// Or why there is none: the vault was locked, the tenant removed.
    private let index: Lock<Result<TenantIndex, Failure>>

    init(_ name: TenantName, from source: any TenantSource) throws(Failure) {
        self.name = name.text
        self.source = source
        following = source.following
        let first = try source.tenantIndex(name, known: nil)
        key = first.tenant
        index = Lock(.success(first))
    }

    /// Throws what keeps it from being used now.
    func check() throws(Failure) { _ = try current() }

    /// This tenant's accounts: metadata only.
    package func list() throws(Failure) -> ByteBuffer { try current().list() }

    /// The tenant as the vault has it now, to lend its secrets: ask one look for all that must fit
    /// together. Throws `.stale` when nobody knows any more what the vault has.
    package func look() throws(Failure) -> TenantIndex {
        let newest = try current()
        try following.check(nowMs: tvs_boot_us() / 1000)
        return newest
    }

    var holdsKey: Bool { index.withLock { (try? $0.get()) != nil } }

    private func forget(_ why: Failure) { index.withLock { $0 = .failure(why) } }

    /// The tenant as the vault was seen last, to list what it has.
    func current() throws(Failure) -> TenantIndex {
        let known = index.withLock { $0 }
        guard let source else { return try known.get() }
        let newest: TenantIndex
        do throws(Failure) {
            newest = try source.tenantIndex(key.name, known: try? known.get())
        } catch {
            if error.status == .notFound { forget(error) }
            throw error
        }
        index.withLock { held in
            let heldGeneration = (try? held.get())?.generation ?? 0
            // Asked while no `forget` can come in between: the vault locks before it calls it.
            if !source.isLocked, heldGeneration <= newest.generation { held = .success(newest) }
        }
        return newest
    }
}

extension Tenant: KeyHolder {
    func forget() { forget(Failure(.locked, "the vault was locked and closed")) }
}
