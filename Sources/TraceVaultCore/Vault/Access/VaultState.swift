// VaultState.swift - what an open vault holds: a value under the vault's lock, without I/O.

/// Whatever holds keys or secrets of an open vault and lets go of them when it is locked.
protocol KeyHolder: AnyObject, Sendable {
    func forget()
}

struct VaultState: Sendable {
    private struct Taken: Sendable {
        weak var tenant: Tenant?
    }

    private struct Held: Sendable {
        weak var holder: (any KeyHolder)?
    }

    /// Nil while the vault is locked.
    private(set) var snapshot: Snapshot?
    /// The newest state ever seen: an open vault never goes back behind it.
    private(set) var newest: VaultHeader
    /// The newest later state that was met in the store and that the vault's keys do not open: the
    /// vault was rekeyed. What opens with them from then on was put back, or made with a secret
    /// that the rekey has ended.
    private(set) var rekeyed: Revision?
    /// What a rekey of this process is storing. Looks may meet it before it is published.
    var coming: Revision?
    /// What a look found in the store last that could not be used.
    var refused: RefusedBytes?
    /// Tenants that hold a key, by the bytes of their names: every handle of one is the same
    /// object, so that no tenant takes more of the guarded memory than another.
    private var taken: [[UInt8]: Taken] = [:]
    private var pruneTakenAt = 64
    /// Edits.
    private var holders: [Held] = []
    private var pruneAt = 64

    init(_ snapshot: Snapshot) {
        self.snapshot = snapshot
        newest = snapshot.header
    }

    /// Makes a later state current, unless a still later one is, or the vault was locked meanwhile.
    mutating func publish(_ next: Snapshot) {
        if newest.generation < next.header.generation { newest = next.header }
        guard let held = snapshot, held.header.generation < next.header.generation else { return }
        snapshot = next
    }

    /// Notes a state that the vault's keys do not open.
    mutating func meet(rekeyed met: Revision) {
        guard met.generation > max(newest.generation, rekeyed?.generation ?? 0) else { return }
        rekeyed = met
    }

    /// Refuses what opens with the keys of before although the vault was rekeyed since.
    func checkFollowsRekey(_ header: VaultHeader) throws(Failure) {
        guard let rekeyed, header.revision != rekeyed else { return }
        throw Failure(
            .rollback,
            "the vault was rekeyed, and an older state of it was put back; close the vault and "
                + "open it again if that is meant")
    }

    /// Lets go of every key; answers who must do so too.
    mutating func lock() -> [any KeyHolder] {
        snapshot = nil
        let tenants: [any KeyHolder] = taken.values.compactMap { $0.tenant }
        return tenants + holders.compactMap(\.holder)
    }

    /// Holds an opened state: again, or in the place of an earlier one, which may be rekeyed since.
    /// False when a later state was seen meanwhile: then there is something newer to open.
    mutating func unlock(_ opened: Snapshot) -> Bool {
        guard newest.generation <= opened.header.generation else { return false }
        if snapshot?.header.revision != opened.header.revision { snapshot = opened }
        newest = opened.header
        rekeyed = nil
        return true
    }

    /// The tenant of this name that somebody holds already.
    func tenant(named name: String) -> Tenant? { taken[Array(name.utf8)]?.tenant }

    /// Notes a tenant; gives the one to use, which another thread may have taken meanwhile.
    mutating func share(_ tenant: Tenant) -> Tenant {
        if let known = self.tenant(named: tenant.name) { return known }
        if taken.count >= pruneTakenAt {
            taken = taken.filter { $0.value.tenant != nil }
            pruneTakenAt = max(64, 2 * taken.count)
        }
        taken[Array(tenant.name.utf8)] = Taken(tenant: tenant)
        return tenant
    }

    /// Notes who must let go when the vault is locked.
    mutating func add(_ holder: any KeyHolder) {
        if holders.count >= pruneAt {
            holders.removeAll { $0.holder == nil }
            pruneAt = max(64, 2 * holders.count)
        }
        holders.append(Held(holder: holder))
    }
}
