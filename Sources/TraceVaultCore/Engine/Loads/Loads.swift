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
    /// Tenants that wait until more of their share is free, and for how much; 0: for any of it.
    private var full: [TenantKey: Int] = [:]
    /// Those of them who have given something back since they were looked at.
    private var relieved: Set<TenantKey> = []
    /// The least that was free since all of them were looked at.
    private var leastFree: Int
    /// Tenants that have nothing, and whose next reply needs more room than all have left.
    private var line = RoomLine()

    init(maxBytes: Int, maxComing: Int) {
        self.maxBytes = maxBytes
        self.maxComing = maxComing
        leastFree = maxBytes
    }

    func requests(of tenant: TenantKey) -> Int { byTenant[tenant]?.requests ?? 0 }

    mutating func count(_ tenant: TenantKey?, requests: Int = 0, bytes: Int = 0, coming: Int = 0) {
        total.requests += requests
        total.bytes += bytes
        total.coming += coming
        leastFree = min(leastFree, free)
        guard let tenant else { return }
        var load = byTenant[tenant] ?? Load()
        load.requests += requests
        load.bytes += bytes
        load.coming += coming
        // Who waits in `fetch` may have its result before the engine has counted its bytes: the
        // sum is below zero for that moment, and is kept.
        byTenant[tenant] = load.isNothing ? nil : load
        if coming < 0 { line.hasUnderWay(load.coming, of: tenant) }
        if bytes + coming < 0, full[tenant] != nil { relieved.insert(tenant) }
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
        full[tenant] != nil || line.contains(tenant)
    }

    /// Whether a reply of the tenant, which counts for `own` so far, may become so much more. One
    /// at a time always may, where the tenant has no other result.
    private func hasRoom(for more: Int, beside own: Int, _ tenant: TenantKey) -> Bool {
        let load = byTenant[tenant] ?? Load()
        let coming = total.coming + line.promised
        guard load.coming + more <= maxComing - coming - more else { return false }
        return load.all - own <= 0 || load.all + more <= free - line.promised - more
    }

    /// Whether a reply under way may grow: nobody in the line keeps it from that, as it would have
    /// to be asked for again.
    mutating func mayCome(_ more: Int, beside own: Int, _ tenant: TenantKey) -> Bool {
        guard hasRoom(for: more, beside: own, tenant) else { return false }
        count(tenant, coming: more)
        return true
    }

    // MARK: - Who begins a large reply

    /// Expects so much of a reply that is about to be asked for; without room for it the tenant
    /// waits until it is let go.
    mutating func expect(_ bytes: Int, of tenant: TenantKey) -> Bool {
        guard !isWaiting(tenant) else { return false }
        let called = line.comes(tenant)
        let isPassing = called == nil && !line.isEmpty
        let isKept = called.map { bytes <= $0.need && fits(bytes) } ?? false
        if isKept || (hasRoom(for: bytes, beside: 0, tenant) && (!isPassing || mayPass(bytes))) {
            count(tenant, coming: bytes)
            if isPassing { line.passes(tenant, bytes) }
            // It had been called for more than it takes now.
            if let called, called.need > bytes { line.went(called.need - bytes, of: tenant) }
            return true
        }
        if let called { line.went(called.need, of: tenant) }
        wait(tenant, for: bytes, as: called)
        return false
    }

    /// Whether what was promised is still there.
    private func fits(_ bytes: Int) -> Bool {
        total.coming + line.promised + bytes <= maxComing
    }

    /// What the others give back is for the first in the line. Past it others may begin as long as
    /// they have no more than an eighth of all: small ones need not wait for what large ones need.
    private func mayPass(_ bytes: Int) -> Bool { line.past + bytes <= maxComing / 8 }

    private mutating func wait(_ tenant: TenantKey, for bytes: Int, as called: RoomLine.Waiting?) {
        if hasNothing(tenant) {
            line.stand(tenant, need: bytes, as: called)
        } else {
            full[tenant] = bytes
        }
    }

    /// Whether the tenant must wait from now on, its share being used up.
    mutating func mustWait(_ tenant: TenantKey) -> Bool {
        guard isHeld(tenant), !isWaiting(tenant) else { return false }
        full[tenant] = 0
        return true
    }

    // MARK: - Who is let go

    /// Whether room that was kept for somebody is free for others now.
    func isOverdue(nowUs: Int64) -> Bool { line.isOverdue(nowUs: nowUs) }

    /// Those who need wait no longer, after something was given back. Room is kept for those who
    /// have something to ask: `mayAsk` says so of those without requests of the host.
    mutating func letGo(nowUs: Int64, mayAsk: (TenantKey) -> Bool) -> [TenantKey] {
        line.forgetOverdue(nowUs: nowUs)
        return relieve() + call(nowUs, mayAsk)
    }

    /// Looks at those in `full` who gave something back, and at all of them where much more is free
    /// than before.
    private mutating func relieve() -> [TenantKey] {
        let isMuchMore = free - leastFree >= min(maxBytes, maxComing) / 16
        if isMuchMore { leastFree = free }
        let looked = isMuchMore ? Array(full.keys) : Array(relieved)
        relieved.removeAll(keepingCapacity: true)
        return looked.filter { tenant in
            guard let need = full[tenant] else { return false }
            if need == 0 ? !isHeld(tenant) : mayBegin(need, tenant) {
                full[tenant] = nil
                return true
            }
            if need > 0, hasNothing(tenant) {
                full[tenant] = nil
                line.stand(tenant, need: need, as: nil)
            }
            return false
        }
    }

    private func mayBegin(_ need: Int, _ tenant: TenantKey) -> Bool {
        hasRoom(for: need, beside: 0, tenant) && (line.isEmpty || mayPass(need))
    }

    /// So many of the line are looked at for those who may pass.
    private static let mostLooks = 32

    private mutating func call(
        _ nowUs: Int64, _ mayAsk: (TenantKey) -> Bool
    ) -> [TenantKey] {
        var ready: [TenantKey] = []
        var place = 0
        while place < min(line.waiting.count, Self.mostLooks) {
            let one = line.waiting[place]
            let isFirst = place == 0
            if hasRoom(for: one.need, beside: 0, one.tenant), isFirst || mayPass(one.need) {
                _ = line.leave(at: place)
                ready.append(one.tenant)
                guard requests(of: one.tenant) > 0 || mayAsk(one.tenant) else { continue }
                line.promise(one, nowUs: nowUs)
                if !isFirst { line.passes(one.tenant, one.need) }
            } else if hasNothing(one.tenant) {
                place += 1
            } else {
                // It got something meanwhile, as an answer that another tenant's request brought.
                full[one.tenant] = line.leave(at: place).need
            }
        }
        return ready
    }
}
