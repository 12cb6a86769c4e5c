// HuntLoads.swift - which hunts there are, and how much of what they told the host has not taken.

/// Part of the mailbox, under its lock.
struct HuntLoads {
    private struct Load {
        var tenants: Set<TenantKey> = []
        var untaken = 0
        /// A progress that the host has not taken.
        var tellsProgress = false
        /// It goes on when the host has taken enough.
        var waits = false
        var window = 1
    }

    private var loads: [JobID: Load] = [:]
    private var byTenant: [TenantKey: Int] = [:]

    /// Hunts of one engine whose end the host has not taken.
    static let most = 32

    /// Why there cannot be another one; nil when there can.
    func refusal(_ tenants: Set<TenantKey>) -> String? {
        let free = Self.most - loads.count
        guard free > 0 else { return "\(Self.most) hunts are under way or not taken; end one" }
        guard tenants.contains(where: { byTenant[$0, default: 0] >= free }) else { return nil }
        return "a tenant of the hunt has its share of hunts under way; end one"
    }

    mutating func begin(_ id: JobID, for tenants: Set<TenantKey>) {
        loads[id] = Load(tenants: tenants)
        for tenant in tenants { byTenant[tenant, default: 0] += 1 }
    }

    mutating func mayGoOn(_ id: JobID, underWay: Int, window: Int) -> Bool {
        guard var load = loads[id] else { return false }
        load.window = window
        load.waits = load.untaken + underWay >= window
        loads[id] = load
        return !load.waits
    }

    mutating func told(_ id: JobID, _ kind: RequestResult.Kind) {
        if kind == .finding { loads[id]?.untaken += 1 }
        if kind == .progress { loads[id]?.tellsProgress = true }
    }

    func wantsProgress(_ id: JobID) -> Bool { loads[id].map { !$0.tellsProgress } ?? false }

    /// The host has taken something of a hunt. True when the hunt can go on by that.
    mutating func taken(_ result: RequestResult) -> Bool {
        guard var load = loads[result.id] else { return false }
        switch result.kind {
        case .finding:
            load.untaken -= 1
            // Not for each: half of the window is worth a round of the engine's thread.
            guard load.waits, load.untaken * 2 <= load.window else { break }
            load.waits = false
            loads[result.id] = load
            return true
        case .progress:
            load.tellsProgress = false
            loads[result.id] = load
            return true
        case .hunt:
            end(result.id, load)
            return false
        default: return false
        }
        loads[result.id] = load
        return false
    }

    private mutating func end(_ id: JobID, _ load: Load) {
        loads[id] = nil
        for tenant in load.tenants {
            let left = byTenant[tenant, default: 0] - 1
            byTenant[tenant] = left > 0 ? left : nil
        }
    }

    /// Whether a hunt may ask something for the tenant.
    func isAsking(_ tenant: TenantKey) -> Bool { byTenant[tenant] != nil }

    /// What was taken waits again.
    mutating func givenBack(_ result: RequestResult) {
        if result.kind == .hunt {
            loads[result.id] = Load()
        } else {
            told(result.id, result.kind)
        }
    }
}
