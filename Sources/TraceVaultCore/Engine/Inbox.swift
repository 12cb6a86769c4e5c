// Inbox.swift - submitted requests on their way to the engine's thread: tenants take turns, however
// many requests one of them has.

struct Inbox: Sendable {
    private var jobs: [TenantKey: Queue<Job>] = [:]
    /// Tenants with a request here, each once.
    private var turns = Queue<TenantKey>()

    var isEmpty: Bool { turns.isEmpty }

    mutating func add(_ job: Job, of tenant: TenantKey) {
        if jobs[tenant] == nil { turns.append(tenant) }
        jobs[tenant, default: Queue()].append(job)
    }

    /// The oldest request of the tenant whose turn it is.
    mutating func next() -> Job? {
        guard let tenant = turns.popFirst(), let job = jobs[tenant]?.popFirst() else { return nil }
        if jobs[tenant]?.isEmpty == false { turns.append(tenant) } else { jobs[tenant] = nil }
        return job
    }
}
