// RoomLine.swift - tenants whose next reply needs more room than there is, in the order in which
// they came. Whoever is called has its room for a while: its quota's turn may have to come first.

struct RoomLine {
    struct Waiting {
        let tenant: TenantKey
        let need: Int
        /// Its place in the order, kept until it has its room.
        let number: UInt64
    }

    private struct Promise {
        let waiting: Waiting
        let untilUs: Int64
    }

    private(set) var waiting: [Waiting] = []
    private var tenants: Set<TenantKey> = []
    private var promises: [TenantKey: Promise] = [:]
    /// For those who were called and have not come.
    private(set) var promised = 0
    /// What those have under way who went past the first.
    private var passed: [TenantKey: Int] = [:]
    private(set) var past = 0
    private var numbers: UInt64 = 0

    /// How long room is kept for who was called: longer than the turns of a quota take that some
    /// tenants share.
    static let promiseUs: Int64 = 3_000_000

    var isEmpty: Bool { waiting.isEmpty }

    func contains(_ tenant: TenantKey) -> Bool { tenants.contains(tenant) }

    /// Stands at the end, or where it stood before it was called.
    mutating func stand(_ tenant: TenantKey, need: Int, as before: Waiting?) {
        if before == nil { numbers += 1 }
        let number = before?.number ?? numbers
        let place = before == nil ? nil : waiting.firstIndex { $0.number > number }
        let one = Waiting(tenant: tenant, need: need, number: number)
        waiting.insert(one, at: place ?? waiting.count)
        tenants.insert(tenant)
    }

    mutating func leave(at place: Int) -> Waiting {
        let one = waiting.remove(at: place)
        tenants.remove(one.tenant)
        return one
    }

    // MARK: - Those who were called

    /// Keeps its room for who was just called.
    mutating func promise(_ one: Waiting, nowUs: Int64) {
        promises[one.tenant] = Promise(waiting: one, untilUs: nowUs + Self.promiseUs)
        promised += one.need
    }

    /// It comes, and its room is kept no longer. Nil for one that was not called.
    mutating func comes(_ tenant: TenantKey) -> Waiting? {
        guard let promise = promises.removeValue(forKey: tenant) else { return nil }
        promised -= promise.waiting.need
        return promise.waiting
    }

    /// Whether somebody was called so long ago that its room is for others.
    func isOverdue(nowUs: Int64) -> Bool { promises.values.contains { $0.untilUs <= nowUs } }

    mutating func forgetOverdue(nowUs: Int64) {
        for (tenant, promise) in promises where promise.untilUs <= nowUs {
            _ = comes(tenant)
            went(promise.waiting.need, of: tenant)
        }
    }

    // MARK: - Those who go past the first

    mutating func passes(_ tenant: TenantKey, _ bytes: Int) {
        passed[tenant, default: 0] += bytes
        past += bytes
    }

    /// The tenant has so much under way: no more of it went past the first. What it had under way
    /// before counts as ended first, or who always has many would pass again with each that ends.
    mutating func hasUnderWay(_ bytes: Int, of tenant: TenantKey) {
        guard let own = passed[tenant] else { return }
        let most = max(0, bytes) + (promises[tenant]?.waiting.need ?? 0)
        if own > most { went(own - most, of: tenant) }
    }

    /// So much of what went past the first did not come, or has ended.
    mutating func went(_ bytes: Int, of tenant: TenantKey) {
        guard !passed.isEmpty, let own = passed[tenant] else { return }
        let back = min(own, bytes)
        passed[tenant] = own > back ? own - back : nil
        past -= back
    }
}
