// Mailbox.swift - how host threads talk to the engine's thread.

import CSystem

/// Commands on their way, and which requests are alive.
final class Mailbox: Sendable {
    private struct State {
        /// All but submitted requests.
        var commands: [Command] = []
        /// Submitted requests that the engine's thread has not seen yet.
        var submitted = RoundRobin<TenantKey, Job>()
        /// By place: whether the request there is one of them.
        var isSubmitted: [Bool] = []
        /// The living request at each place, 0 where there is none: submitted, not yet answered.
        var living: [JobID] = []
        var freePlaces: [Int32] = []
        var serial: UInt64 = 0
        /// Living requests that the host has cancelled: the engine's thread is told once.
        var cancelled: Set<JobID> = []
        var loads: Loads
        var hunts = HuntLoads()
        /// Why no more requests are taken.
        var closed: Failure?

        var isEmpty: Bool { commands.isEmpty && submitted.isEmpty }

        mutating func letGo() -> [TenantKey] {
            let hunts = hunts
            return loads.letGo(nowUs: tvs_boot_us()) { hunts.isAsking($0) }
        }

        /// True when the engine's thread must be woken.
        mutating func add(_ command: Command) -> Bool {
            let wasEmpty = isEmpty
            commands.append(command)
            return wasEmpty
        }
    }

    /// So many times what is free one tenant may have waiting: there is always room for the next.
    private static let shareOfFree = 8

    private let state: Lock<State>
    private let maxOutstanding: Int
    /// 0: no bound of its own.
    private let maxPerTenant: Int

    /// - Parameter maxComing: for what large replies under way become.
    init(maxOutstanding: Int, maxPerTenant: Int, maxBytes: Int, maxComing: Int) {
        self.maxOutstanding = maxOutstanding
        self.maxPerTenant = maxPerTenant
        state = Lock(State(loads: Loads(maxBytes: maxBytes, maxComing: maxComing)))
    }

    /// Admits a request, made for the id it gets; nobody sees it before `make` is done. True when
    /// the engine's thread must be woken.
    func submit(
        for tenant: TenantKey, _ make: (JobID) -> Job
    ) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            if let closed = state.closed { throw closed }
            let free = maxOutstanding - state.loads.total.requests
            guard free > 0 else {
                throw Self.full("engine.max_queued requests are waiting; take results first")
            }
            let count = state.loads.requests(of: tenant)
            guard count < (maxPerTenant > 0 ? maxPerTenant : Self.shareOfFree * free) else {
                throw Self.full(
                    (maxPerTenant > 0 ? "engine.max_queued_per_tenant" : "its share of the queue's")
                        + " requests of this tenant are waiting; take results first")
            }
            state.loads.count(tenant, requests: 1)
            let wasEmpty = state.isEmpty
            let id = Self.name(&state)
            state.submitted.append(make(id), of: tenant)
            state.isSubmitted[Self.place(of: id)] = true
            return wasEmpty
        }
    }

    /// The id of a new request. Its low 20 bits are a place, which is free again once the request
    /// is answered. There are enough for a million requests and for all that hunts may ask.
    private static func name(_ state: inout State) -> JobID {
        let place: Int
        if let free = state.freePlaces.popLast() {
            place = Int(free)
        } else {
            place = state.living.count
            state.living.append(0)
            state.isSubmitted.append(false)
        }
        state.serial += 1
        let id = state.serial << 20 | JobID(place)
        state.living[place] = id
        return id
    }

    private static func place(of id: JobID) -> Int { Int(id & JobID(Ticket.maxJobs - 1)) }

    /// Frees the place of a request that is answered. False when it was answered before.
    private static func end(_ id: JobID, _ state: inout State) -> Bool {
        let place = place(of: id)
        guard place < state.living.count, state.living[place] == id else { return false }
        state.living[place] = 0
        state.freePlaces.append(Int32(clamping: place))
        if !state.cancelled.isEmpty { state.cancelled.remove(id) }
        return true
    }

    // MARK: - Hunts

    /// Admits a hunt for these tenants. True when the engine's thread must be woken.
    func hunt(
        for tenants: Set<TenantKey>, _ make: (JobID) -> HuntUnderWay
    ) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            if let closed = state.closed { throw closed }
            if let reason = state.hunts.refusal(tenants) { throw Self.full(reason) }
            let id = Self.name(&state)
            state.hunts.begin(id, for: tenants)
            return state.add(.hunt(make(id)))
        }
    }

    /// The id of a request that a hunt makes. It has no part in the queue: hunts are few, and
    /// each has a window.
    func nameOfErrand() -> JobID { state.withLock { Self.name(&$0) } }

    /// A hunt's request is answered.
    func errandEnded(_ id: JobID) { state.withLock { _ = Self.end(id, &$0) } }

    /// Whether a hunt with so many requests under way may make or tell one thing more. If not, the
    /// engine's thread hears when the host has taken enough.
    func mayGoOn(_ id: JobID, underWay: Int, window: Int) -> Bool {
        state.withLock { $0.hunts.mayGoOn(id, underWay: underWay, window: window) }
    }

    /// A hunt tells a finding, or how far it is.
    func tells(_ id: JobID, _ kind: RequestResult.Kind) {
        state.withLock { $0.hunts.told(id, kind) }
    }

    /// Whether the host has taken the last progress of a hunt.
    func wantsProgress(_ id: JobID) -> Bool { state.withLock { $0.hunts.wantsProgress(id) } }

    private static func full(_ message: String) -> Failure {
        var failure = Failure(.queueFull, message)
        failure.retriable = true
        return failure
    }

    func cancel(_ id: JobID) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            let place = Self.place(of: id)
            guard id != 0, place < state.living.count, state.living[place] == id else {
                throw Failure(.notFound, "no request with this id is waiting or under way")
            }
            guard state.cancelled.insert(id).inserted, !state.isSubmitted[place] else {
                return false
            }
            return state.add(.cancel(id))
        }
    }

    /// Asks the engine's thread something. Nil when it has ended; else whether to wake it.
    func ask(_ command: Command) -> Bool? {
        state.withLock { state in
            state.closed == nil ? state.add(command) : nil
        }
    }

    /// Closes the door. True for the first caller.
    func close(
        because reason: Failure = Failure(.shutdown, "the engine is shut down")
    ) -> Bool {
        state.withLock { state in
            guard state.closed == nil else { return false }
            state.closed = reason
            _ = state.add(.shutdown)
            return true
        }
    }

    /// Why no more requests are taken; nil while they are.
    var closed: Failure? { state.withLock { $0.closed } }

    /// So many requests are taken in before the engine's thread sees to connections again.
    static let mostAtOnce = 512

    /// What has come, requests before the rest, those of tenants in turns; and whether that is all.
    func drain() -> (commands: [Command], isAll: Bool) {
        state.withLock { state in
            let most = state.closed == nil ? Self.mostAtOnce : Int.max
            var commands: [Command] = []
            while commands.count < most, let job = state.submitted.popFirst() {
                state.isSubmitted[Self.place(of: job.id)] = false
                commands.append(.submit(job))
                let isCancelled = !state.cancelled.isEmpty && state.cancelled.contains(job.id)
                if isCancelled { commands.append(.cancel(job.id)) }
            }
            commands += state.commands
            state.commands = []
            return (commands, state.submitted.isEmpty)
        }
    }
}

// MARK: - Room for results

extension Mailbox: ResultRoom {
    /// Notes answers. Gives the tenants that must wait now until the host takes results of theirs.
    func answered(_ results: [RequestResult]) -> [TenantKey] {
        state.withLock { state in
            var held: [TenantKey] = []
            for result in results {
                let isPart = result.kind == .finding || result.kind == .progress
                guard isPart || Self.end(result.id, &state) else { continue }
                state.loads.count(result.tenant, bytes: result.byteCount)
                if let tenant = result.tenant, state.loads.mustWait(tenant) { held.append(tenant) }
            }
            return held
        }
    }

    /// The host has a result; its bytes count on unless it is as good as freed. True when the
    /// engine's thread must be woken.
    func taken(_ result: RequestResult, isFreed: Bool) -> Bool {
        state.withLock { state in
            let requests = result.kind.isOfHunt ? 0 : 1
            let bytes = isFreed ? result.byteCount : 0
            state.loads.count(result.tenant, requests: -requests, bytes: -bytes)
            let wasEmpty = state.isEmpty
            let goesOn = requests == 0 && state.hunts.taken(result)
            guard state.closed == nil else { return false }
            if goesOn { state.commands.append(.huntOn(result.id)) }
            if isFreed { Self.letGo(&state) }
            return wasEmpty && !state.isEmpty
        }
    }

    /// The host has freed a result that counted until now. True when the engine's thread must be
    /// woken.
    func freed(_ result: RequestResult) -> Bool {
        state.withLock { state in
            state.loads.count(result.tenant, bytes: -result.byteCount)
            let wasEmpty = state.isEmpty
            guard state.closed == nil else { return false }
            Self.letGo(&state)
            return wasEmpty && !state.isEmpty
        }
    }

    private static func letGo(_ state: inout State) {
        for tenant in state.letGo() { state.commands.append(.goOn(tenant)) }
    }

    /// What was taken waits again, also beyond the limit.
    func givenBack(_ result: RequestResult) {
        state.withLock { state in
            let requests = result.kind.isOfHunt ? 0 : 1
            state.loads.count(result.tenant, requests: requests, bytes: result.byteCount)
            if requests == 0 { state.hunts.givenBack(result) }
        }
    }

    // MARK: - Replies under way

    func mayCome(_ more: Int, beside own: Int, of tenant: TenantKey) -> Bool {
        state.withLock { $0.loads.mayCome(more, beside: own, tenant) }
    }

    func went(_ count: Int, of tenant: TenantKey) {
        state.withLock { $0.loads.count(tenant, coming: -count) }
    }

    /// Expects so many bytes of a result; without room for them the tenant waits for `letGo`, or
    /// until the host has taken results.
    func expect(_ bytes: Int, of tenant: TenantKey) -> Bool {
        state.withLock { $0.loads.expect(bytes, of: tenant) }
    }

    /// The tenants for which there is room now, once replies have ended, or somebody has not come
    /// for the room that was kept for it.
    func letGo(repliesEnded: Bool) -> [TenantKey] {
        state.withLock { state in
            repliesEnded || state.loads.isOverdue(nowUs: tvs_boot_us()) ? state.letGo() : []
        }
    }

    // MARK: - Statistics

    var outstanding: Int { state.withLock { $0.loads.total.requests } }
    var heldBytes: Int { state.withLock { $0.loads.total.bytes } }
}
