// Mailbox.swift - how host threads talk to the engine's thread.

/// A request with everything its answer needs. Made by a host thread, then the engine's alone.
final class Job: @unchecked Sendable {
    let id: JobID
    let tag: UInt64
    let tenant: Tenant
    let request: Request
    /// As it was when submitted; looked up again for every try.
    let credential: Credential
    /// µs on CLOCK_BOOTTIME.
    let submittedAt: Int64
    let deadline: Int64
    /// Who waits for the answer in tv_engine_fetch(); nil: it goes to the queue.
    let waiter: Waiter<RequestResult>?
    /// The engine thread's: what the request waits for, and the tries of that before it came.
    var fetch: FetchID = 0
    var triesBefore = 0
    /// What it waited for when it was ended before its time, and why it was.
    var waited: Wait?
    var stopped: Status?
    var progress: HTTPProgress?

    init(
        id: JobID, tag: UInt64, tenant: Tenant, request: Request, credential: Credential,
        submittedAt: Int64, deadline: Int64, waiter: Waiter<RequestResult>?
    ) {
        self.id = id
        self.tag = tag
        self.tenant = tenant
        self.request = request
        self.credential = credential
        self.submittedAt = submittedAt
        self.deadline = deadline
        self.waiter = waiter
    }
}

/// A question about the quota that a credential spends: how long `count` more requests take.
struct Estimate: Sendable {
    let tenant: Tenant
    let credential: Credential
    var count: Int64 = 0
}

enum Command: Sendable {
    case submit(Job)
    case cancel(JobID)
    /// The host has taken results of the tenant: it may go on.
    case goOn(TenantKey)
    /// Statistics.
    case describe(Waiter<Document>)
    case estimate(Estimate, Waiter<Result<Document, Failure>>)
    /// Ends the parking of the quota.
    case lift(Estimate, Waiter<Result<Void, Failure>>)
    case shutdown
}

/// Commands on their way, and which requests are alive.
final class Mailbox: Sendable {
    private struct State {
        var commands: [Command] = []
        /// The living request at each place, 0 where there is none: submitted, not yet answered.
        var living: [JobID] = []
        var freePlaces: [Int32] = []
        var serial: UInt64 = 0
        /// Living requests that the host has cancelled: the engine's thread is told once.
        var cancelled: Set<JobID> = []
        var total = Load()
        var byTenant: [TenantKey: Load] = [:]
        /// Tenants that wait until the host has taken results of theirs.
        var held: Set<TenantKey> = []
        /// Why no more requests are taken.
        var closed: Failure?

        mutating func count(_ tenant: TenantKey?, requests: Int, bytes: Int) {
            total.requests += requests
            total.bytes += bytes
            guard let tenant else { return }
            var load = byTenant[tenant] ?? Load()
            load.requests += requests
            load.bytes += bytes
            // Who waits in `fetch` may have its result before the engine has counted its bytes: the
            // sum is below zero for that moment, and is kept.
            byTenant[tenant] = load.requests > 0 || load.bytes != 0 ? load : nil
        }

        /// Whether a tenant's results take as much as is free. One that has none is never held.
        func isHeld(_ tenant: TenantKey, _ maxBytes: Int) -> Bool {
            guard let load = byTenant[tenant], load.bytes > 0 else { return false }
            return load.bytes >= maxBytes - total.bytes
        }
    }

    /// Requests submitted and not yet taken by the host, and what their results take in memory.
    private struct Load {
        var requests = 0
        var bytes = 0
    }

    /// So many times what is free one tenant may have waiting: there is always room for the next.
    private static let shareOfFree = 8

    private let state = Lock(State())
    private let maxOutstanding: Int
    /// 0: no bound of its own.
    private let maxPerTenant: Int
    private let maxBytes: Int

    init(maxOutstanding: Int, maxPerTenant: Int, maxBytes: Int) {
        self.maxOutstanding = maxOutstanding
        self.maxPerTenant = maxPerTenant
        self.maxBytes = maxBytes
    }

    /// Admits a request, made for the id it gets; nobody sees it before `make` is done. True when
    /// the engine's thread must be woken.
    func submit(
        for tenant: TenantKey, _ make: (JobID) -> Job
    ) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            if let closed = state.closed { throw closed }
            let free = maxOutstanding - state.total.requests
            guard free > 0 else {
                throw Self.full("engine.max_queued requests are waiting; take results first")
            }
            let count = state.byTenant[tenant]?.requests ?? 0
            guard count < (maxPerTenant > 0 ? maxPerTenant : Self.shareOfFree * free) else {
                throw Self.full(
                    (maxPerTenant > 0 ? "engine.max_queued_per_tenant" : "its share of the queue's")
                        + " requests of this tenant are waiting; take results first")
            }
            state.count(tenant, requests: 1, bytes: 0)
            let place = Self.place(&state)
            state.serial += 1
            let id = state.serial << 20 | JobID(place)
            state.living[place] = id
            state.commands.append(.submit(make(id)))
            return state.commands.count == 1
        }
    }

    /// The low 20 bits of an id; free again once the request is answered.
    private static func place(_ state: inout State) -> Int {
        if let place = state.freePlaces.popLast() { return Int(place) }
        state.living.append(0)
        return state.living.count - 1
    }

    private static func full(_ message: String) -> Failure {
        var failure = Failure(.queueFull, message)
        failure.retriable = true
        return failure
    }

    func cancel(_ id: JobID) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            let place = Int(id & JobID(Ticket.maxJobs - 1))
            guard id != 0, place < state.living.count, state.living[place] == id else {
                throw Failure(.notFound, "no request with this id is waiting or under way")
            }
            guard state.cancelled.insert(id).inserted else { return false }
            state.commands.append(.cancel(id))
            return state.commands.count == 1
        }
    }

    /// Asks the engine's thread something. Nil when it has ended; else whether to wake it.
    func ask(_ command: Command) -> Bool? {
        state.withLock { state in
            guard state.closed == nil else { return nil }
            state.commands.append(command)
            return state.commands.count == 1
        }
    }

    /// Closes the door. True for the first caller.
    func close(
        because reason: Failure = Failure(.shutdown, "the engine is shut down")
    ) -> Bool {
        state.withLock { state in
            guard state.closed == nil else { return false }
            state.closed = reason
            state.commands.append(.shutdown)
            return true
        }
    }

    /// Why no more requests are taken; nil while they are.
    var closed: Failure? { state.withLock { $0.closed } }

    func drain() -> [Command] {
        state.withLock { state in
            guard !state.commands.isEmpty else { return [] }
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Notes answers. Gives the tenants that must wait now until the host takes results of theirs.
    func answered(_ results: [RequestResult]) -> [TenantKey] {
        state.withLock { state in
            var held: [TenantKey] = []
            for result in results {
                let place = Int(result.id & JobID(Ticket.maxJobs - 1))
                guard place < state.living.count, state.living[place] == result.id else { continue }
                state.living[place] = 0
                state.freePlaces.append(Int32(clamping: place))
                if !state.cancelled.isEmpty { state.cancelled.remove(result.id) }
                state.count(result.tenant, requests: 0, bytes: result.byteCount)
                if let tenant = result.tenant, state.isHeld(tenant, maxBytes),
                    state.held.insert(tenant).inserted
                {
                    held.append(tenant)
                }
            }
            return held
        }
    }

    /// The host has a result. True when the engine's thread must be woken.
    func taken(_ result: RequestResult) -> Bool {
        state.withLock { state in
            state.count(result.tenant, requests: -1, bytes: -result.byteCount)
            guard !state.held.isEmpty, state.closed == nil else { return false }
            // What one has given back is room for all.
            let free = state.held.filter { !state.isHeld($0, maxBytes) }
            state.held.subtract(free)
            for tenant in free { state.commands.append(.goOn(tenant)) }
            return !free.isEmpty && state.commands.count == free.count
        }
    }

    /// What was taken waits again, also beyond the limit.
    func givenBack(_ result: RequestResult) {
        state.withLock { $0.count(result.tenant, requests: 1, bytes: result.byteCount) }
    }

    var outstanding: Int { state.withLock { $0.total.requests } }
    var heldBytes: Int { state.withLock { $0.total.bytes } }
}
