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
    /// Tenants whose share is used up: each waits until it is not.
    private var full: Set<TenantKey> = []
    /// Tenants whose next reply needs room, in the order in which they came, and how much each
    /// needs.
    private var line: [TenantKey] = []
    private var needs: [TenantKey: Int] = [:]
    /// Those who left the line and have not taken their room yet: whoever took it meanwhile does
    /// not cost them their turn.
    private var called: Set<TenantKey> = []
    /// What others give back is kept for the first in the line that has nothing of its own.
    private var isKept = false

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

    private func hasNothing(_ tenant: TenantKey) -> Bool { (byTenant[tenant]?.all ?? 0) <= 0 }

    private func isWaiting(_ tenant: TenantKey) -> Bool {
        needs[tenant] != nil || full.contains(tenant)
    }

    /// Whether a reply of the tenant, which counts for `own` so far, may become so much more, where
    /// so many bytes are promised to others. One at a time always may, where the tenant has no
    /// other result.
    private func hasRoom(
        for more: Int, beside own: Int, promised: Int = 0, _ tenant: TenantKey
    ) -> Bool {
        let load = byTenant[tenant] ?? Load()
        let coming = total.coming + promised
        guard load.coming + more <= maxComing - coming - more else { return false }
        return load.all - own <= 0 || load.all + more <= free - promised - more
    }

    /// Whether a reply under way may grow: nobody in the line keeps it from that, as it would have
    /// to be asked for again.
    mutating func mayCome(_ more: Int, beside own: Int, _ tenant: TenantKey) -> Bool {
        guard hasRoom(for: more, beside: own, tenant) else { return false }
        count(tenant, coming: more)
        return true
    }

    /// Expects so much of a reply that is about to be asked for; without room for it the tenant
    /// stands in the line until there is some.
    mutating func expect(_ bytes: Int, of tenant: TenantKey) -> Bool {
        guard !isWaiting(tenant) else { return false }
        let isCalled = called.remove(tenant) != nil
        if isCalled || !isKept, mayCome(bytes, beside: 0, tenant) { return true }
        needs[tenant] = bytes
        line.insert(tenant, at: isCalled ? 0 : line.count)
        if hasNothing(tenant) { isKept = true }
        return false
    }

    /// Whether the tenant must wait from now on, its share being used up.
    mutating func mustWait(_ tenant: TenantKey) -> Bool {
        guard isHeld(tenant), !isWaiting(tenant) else { return false }
        full.insert(tenant)
        return true
    }

    /// Somebody was called and has not come, which others wait for: they are called next.
    var isCalling: Bool { !called.isEmpty && !line.isEmpty }

    /// Those who need wait no longer, after somebody has given something back or has not come.
    mutating func letGo() -> [TenantKey] {
        let relieved = full.filter { !isHeld($0) }
        full.subtract(relieved)
        return Array(relieved) + call()
    }

    /// Calls those in the line for whom there is room beside those who are called before them. The
    /// first that has nothing of its own and no room stops the others, so that its turn comes; who
    /// has something waits for that, and stops nobody.
    private mutating func call() -> [TenantKey] {
        isKept = false
        guard !line.isEmpty else {
            called = []
            return []
        }
        var (ready, promised): ([TenantKey], Int) = ([], 0)
        for tenant in line {
            let need = needs[tenant] ?? 0
            if hasRoom(for: need, beside: 0, promised: promised, tenant) {
                ready.append(tenant)
                promised += need
            } else if hasNothing(tenant) {
                isKept = true
                break
            }
        }
        guard !ready.isEmpty else { return [] }
        for tenant in ready { needs[tenant] = nil }
        called.formUnion(ready)
        line.removeAll { needs[$0] == nil }
        return ready
    }
}
