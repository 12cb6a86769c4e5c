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

    /// What an unlock must not go behind.
    struct Past: Sendable {
        let newest: VaultHeader
        let rekeyed: Revision?
        let locks: UInt64
    }

    /// Nil while the vault is locked.
    private(set) var snapshot: Snapshot?
    /// The newest state ever seen: an open vault never goes back behind it.
    private(set) var newest: VaultHeader
    /// The newest later state that was met in the store and that the keys of `snapshot` do not
    /// open: the vault was rekeyed. What opens with them from then on was put back, or made with a
    /// secret that the rekey has ended. Nil again with other keys, or once it is unlocked anew.
    private(set) var rekeyed: Revision?
    /// What a rekey of this process is storing. Looks may meet it before it is published.
    var coming: Revision?
    /// What a look found in the store last that could not be used.
    private(set) var refused: RefusedBytes?
    /// How often the vault was locked.
    private(set) var locks: UInt64 = 0
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

    /// Makes a later state current that was opened with the keys of `base`, or is its rekey; unless
    /// a still later one is, or the vault has other keys or was locked meanwhile. Who has unlocked
    /// it again has the same keys another time.
    mutating func publish(_ next: Snapshot, over base: Snapshot) {
        if let snapshot, snapshot.keys !== base.keys,
            snapshot.header.revision != base.header.revision
        {
            return
        }
        refused = nil
        if newest.generation < next.header.generation { newest = next.header }
        guard let held = snapshot, held.header.generation < next.header.generation else { return }
        if next.keys !== base.keys { rekeyed = nil }
        snapshot = next
    }

    /// Notes a state that the keys of `held` do not open; not where the vault has others by now.
    /// True when it is this vault's own, which its thread publishes in a moment.
    mutating func meet(rekeyed met: Revision, keysOf held: Snapshot) -> Bool {
        guard met != coming else { return true }
        if snapshot?.keys === held.keys,
            met.generation > max(newest.generation, rekeyed?.generation ?? 0)
        {
            rekeyed = met
        }
        return false
    }

    /// Refuses what opens with keys that the vault has no more, or that a rekey has ended.
    func checkIsNotEnded(_ opened: Snapshot) throws(Failure) {
        if let snapshot, snapshot.keys !== opened.keys {
            throw Failure(.rollback, "the vault has other keys since; an older state was put back")
        }
        guard rekeyed == nil else {
            throw Failure(
                .rollback,
                "the vault was rekeyed, and an older state of it was put back; close the vault and "
                    + "open it again if that is meant")
        }
    }

    /// Notes what came in the place of a state and cannot be used; false when the vault has another
    /// state by now.
    mutating func refuse(_ bytes: RefusedBytes?, inPlaceOf held: Snapshot) -> Bool {
        guard snapshot === held else { return false }
        refused = bytes ?? refused
        return true
    }

    /// Lets go of every key; answers who must do so too.
    mutating func lock() -> [any KeyHolder] {
        snapshot = nil
        locks &+= 1
        let tenants: [any KeyHolder] = taken.values.compactMap { $0.tenant }
        return tenants + holders.compactMap(\.holder)
    }

    var past: Past { Past(newest: newest, rekeyed: rekeyed, locks: locks) }

    /// Holds an opened state: again, or in the place of an earlier one, which may be rekeyed since.
    /// False when more was seen since `before`: then there is something newer to open.
    mutating func unlock(_ opened: Snapshot, after before: inout Past) throws(Failure) -> Bool {
        guard locks == before.locks else {
            throw Failure(.locked, "the vault was locked again while it was being unlocked")
        }
        guard newest.generation <= opened.header.generation, rekeyed == before.rekeyed else {
            before = past
            return false
        }
        if snapshot?.header.revision != opened.header.revision { snapshot = opened }
        newest = opened.header
        (rekeyed, refused) = (nil, nil)
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
