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
    let waiter: Waiter<Event>?
    /// The engine thread's: what the request waits for.
    var fetch: FetchID = 0

    init(
        id: JobID, tag: UInt64, tenant: Tenant, request: Request, credential: Credential,
        submittedAt: Int64, deadline: Int64, waiter: Waiter<Event>?
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

enum Command: Sendable {
    case submit(Job)
    case cancel(JobID)
    /// Statistics.
    case describe(Waiter<Document>)
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
        /// Submitted and not yet taken by the host, in all and by tenant.
        var outstanding = 0
        var byTenant: [String: Int] = [:]
        var isClosed = false
    }

    private let state = Lock(State())
    private let maxOutstanding: Int
    /// 0: no bound of its own.
    private let maxPerTenant: Int

    init(maxOutstanding: Int, maxPerTenant: Int) {
        self.maxOutstanding = maxOutstanding
        self.maxPerTenant = maxPerTenant
    }

    /// Admits a request, made for the id it gets; nobody sees it before `make` is done. True when
    /// the engine's thread must be woken.
    func submit(
        for tenant: String, _ make: (JobID) -> Job
    ) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            guard !state.isClosed else { throw Failure(.shutdown, "the engine is shut down") }
            guard state.outstanding < maxOutstanding else {
                throw Self.full("engine.max_queued requests are waiting; take events first")
            }
            if maxPerTenant > 0 {
                let count = state.byTenant[tenant] ?? 0
                guard count < maxPerTenant else {
                    throw Self.full(
                        "engine.max_queued_per_tenant requests of this tenant are waiting; "
                            + "take events first")
                }
                state.byTenant[tenant] = count + 1
            }
            state.outstanding += 1
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
            state.commands.append(.cancel(id))
            return state.commands.count == 1
        }
    }

    /// Asks the engine's thread for its state. Nil when it has ended; else whether to wake it.
    func ask(_ waiter: Waiter<Document>) -> Bool? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.commands.append(.describe(waiter))
            return state.commands.count == 1
        }
    }

    /// Closes the door. True for the first caller.
    func close() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.isClosed = true
            state.commands.append(.shutdown)
            return true
        }
    }

    func drain() -> [Command] {
        state.withLock { state in
            guard !state.commands.isEmpty else { return [] }
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    func answered(_ events: [Event]) {
        state.withLock { state in
            for event in events {
                let place = Int(event.id & JobID(Ticket.maxJobs - 1))
                guard place < state.living.count, state.living[place] == event.id else { continue }
                state.living[place] = 0
                state.freePlaces.append(Int32(clamping: place))
            }
        }
    }

    func taken(of tenant: String) {
        state.withLock { state in
            state.outstanding -= 1
            guard maxPerTenant > 0, let count = state.byTenant[tenant] else { return }
            state.byTenant[tenant] = count > 1 ? count - 1 : nil
        }
    }

    /// What was taken waits again, also beyond the limit.
    func givenBack(of tenant: String) {
        state.withLock { state in
            state.outstanding += 1
            if maxPerTenant > 0 { state.byTenant[tenant, default: 0] += 1 }
        }
    }

    var outstanding: Int { state.withLock { $0.outstanding } }
}
