// Loads.swift - what the host has not taken, tenant by tenant: requests, their results' bytes, and
// what replies under way are becoming. All of it has one bound, and each tenant as much as is free.

/// Requests submitted and not yet taken by the host, and what their results take in memory.
struct Load {
    var requests = 0
    var bytes = 0
    /// What the results of large replies under way will take.
    var coming = 0

    var all: Int { bytes + coming }
    var isNothing: Bool { requests <= 0 && bytes == 0 && coming == 0 }
}

struct Loads {
    private let maxBytes: Int
    /// For all replies under way that are large.
    private let maxComing: Int
    private(set) var total = Load()
    private var byTenant: [TenantKey: Load] = [:]
    /// Tenants that wait until there is room, and for how much; 0: for any in their share.
    private var held: [TenantKey: Int] = [:]

    init(maxBytes: Int, maxComing: Int) {
        self.maxBytes = maxBytes
        self.maxComing = maxComing
    }

    func requests(of tenant: TenantKey) -> Int { byTenant[tenant]?.requests ?? 0 }

    mutating func count(_ tenant: TenantKey?, requests: Int = 0, bytes: Int = 0, coming: Int = 0) {
        total.requests += requests
        total.bytes += bytes
        total.coming += coming
        guard let tenant else { return }
        var load = byTenant[tenant] ?? Load()
        load.requests += requests
        load.bytes += bytes
        load.coming += coming
        // Who waits in `fetch` may have its result before the engine has counted its bytes: the
        // sum is below zero for that moment, and is kept.
        byTenant[tenant] = load.isNothing ? nil : load
    }

    // MARK: - Room for results

    private var free: Int { maxBytes - total.all }

    /// Whether a tenant's results take as much as is free. One that has none is never held.
    private func isHeld(_ tenant: TenantKey) -> Bool {
        guard let load = byTenant[tenant], load.all > 0 else { return false }
        return load.all >= free
    }

    /// Whether a reply of the tenant, which counts for `own` so far, may become so much more. One
    /// at a time always may, where the tenant has no other result.
    private func hasRoom(for more: Int, beside own: Int, _ tenant: TenantKey) -> Bool {
        let load = byTenant[tenant] ?? Load()
        guard load.coming + more <= maxComing - total.coming - more else { return false }
        return load.all - own <= 0 || load.all + more <= free - more
    }

    mutating func mayCome(_ more: Int, beside own: Int, _ tenant: TenantKey) -> Bool {
        guard hasRoom(for: more, beside: own, tenant) else { return false }
        count(tenant, coming: more)
        return true
    }

    /// Expects so much of a reply that is about to be asked for; without room for it the tenant
    /// waits until there is some.
    mutating func expect(_ bytes: Int, of tenant: TenantKey) -> Bool {
        if mayCome(bytes, beside: 0, tenant) { return true }
        held[tenant] = bytes
        return false
    }

    /// Whether the tenant must wait from now on, its share being used up.
    mutating func mustWait(_ tenant: TenantKey) -> Bool {
        guard isHeld(tenant), held[tenant] == nil else { return false }
        held[tenant] = 0
        return true
    }

    /// Those who need wait no longer: what one has given back is room for all.
    mutating func letGo() -> [TenantKey] {
        guard !held.isEmpty else { return [] }
        let free = held.filter { tenant, need in
            need > 0 ? hasRoom(for: need, beside: 0, tenant) : !isHeld(tenant)
        }
        for tenant in free.keys { held[tenant] = nil }
        return Array(free.keys)
    }
}
