// VaultState.swift - what an open vault holds, and when it looks for something newer.
//
// Values under the vault's mutex: they take the time and decide, but read no clock and do no I/O.

/// When an open vault looks again whether its store has changed: often enough that a change is
/// used within two seconds, rarely enough that looking up a credential stays cheap.
struct Freshness: Sendable {
    static let intervalMs: Int64 = 500

    private var lookedAtMs: Int64
    private var isLooking = false

    init(lookedAtMs: Int64) { self.lookedAtMs = lookedAtMs }

    /// Whether the caller shall look now. One looks at a time; `end` must follow.
    mutating func begin(nowMs: Int64) -> Bool {
        guard !isLooking, nowMs - lookedAtMs >= Self.intervalMs else { return false }
        isLooking = true
        lookedAtMs = nowMs
        return true
    }

    mutating func end() { isLooking = false }
}

struct VaultState: Sendable {
    private struct Taken: Sendable {
        weak var tenant: Tenant?
    }

    /// Nil while the vault is locked.
    private(set) var snapshot: Snapshot?
    /// The newest state ever seen: an open vault never goes back behind it.
    private(set) var newest: VaultHeader
    var freshness: Freshness
    /// Why the last look for a newer state failed.
    var lookFailure: Failure?
    /// Tenants that hold a key, by the bytes of their names: every handle of one is the same
    /// object, so that no tenant takes more of the guarded memory than another.
    private var taken: [[UInt8]: Taken] = [:]
    private var pruneAt = 64

    init(_ snapshot: Snapshot, nowMs: Int64) {
        self.snapshot = snapshot
        newest = snapshot.header
        freshness = Freshness(lookedAtMs: nowMs)
    }

    /// Makes a later state current, unless a still later one is, or the vault was locked meanwhile.
    mutating func publish(_ next: Snapshot) {
        if newest.generation < next.header.generation { newest = next.header }
        guard let held = snapshot, held.header.generation < next.header.generation else { return }
        snapshot = next
    }

    /// Lets go of every key; answers the tenants that must do so too.
    mutating func lock() -> [Tenant] {
        snapshot = nil
        return taken.values.compactMap(\.tenant)
    }

    /// Holds an opened state again; one that was opened meanwhile stays. False when a later state
    /// was seen meanwhile: then there is something newer to open.
    mutating func unlock(_ opened: Snapshot) -> Bool {
        guard snapshot == nil else { return true }
        guard newest.generation <= opened.header.generation else { return false }
        snapshot = opened
        newest = opened.header
        return true
    }

    /// The tenant of this name that somebody holds already.
    func tenant(named name: String) -> Tenant? { taken[Array(name.utf8)]?.tenant }

    /// Notes a tenant; gives the one to use, which another thread may have taken meanwhile.
    mutating func add(_ tenant: Tenant) -> Tenant {
        if let known = self.tenant(named: tenant.name) { return known }
        if taken.count >= pruneAt {
            taken = taken.filter { $0.value.tenant != nil }
            pruneAt = max(64, 2 * taken.count)
        }
        taken[Array(tenant.name.utf8)] = Taken(tenant: tenant)
        return tenant
    }
}
