// Scheduler.swift - who goes next, and when a request has its answer. Events with a time in,
// actions out: it never reads a clock, does no I/O and knows no secret, so a simulation drives it
// through days.
//
// Tenants take turns; within a tenant interactive requests come before bulk ones, then first come,
// first served. Who has no permit of the budget group waits at the group, whose one timer brings
// back as many as there are permits. Every step costs the same with ten and with a million waiting.
// SchedulerRecords.swift says what is kept; Scheduler+….swift what is done with it.

package struct Scheduler: Sendable {
    package struct Limits: Sendable {
        package var maxInFlight: Int32
        /// Of one tenant; 0: no bound but the one that keeps room for others.
        package var maxInFlightPerTenant: Int32
        /// Of those that serve one request at a time, and of requests under way on those that serve
        /// many, as far as the settings go; `Int32.max`: no bound.
        package var maxConnections: Int32
        package var maxStreams: Int32
        /// Of one budget group, and of the address of this host towards the origin.
        package var quota: Quota
        package var originQuota: Quota
        package var retry: RetryPolicy

        package init(
            maxInFlight: Int, maxInFlightPerTenant: Int = 0, maxConnections: Int = 0,
            maxStreams: Int = 0, quota: Quota, originQuota: Quota = .unlimited, retry: RetryPolicy
        ) {
            self.maxInFlight = Int32(clamping: maxInFlight)
            self.maxInFlightPerTenant = Int32(clamping: maxInFlightPerTenant)
            self.maxConnections = maxConnections > 0 ? Int32(clamping: maxConnections) : .max
            self.maxStreams = maxStreams > 0 ? Int32(clamping: maxStreams) : .max
            self.quota = quota
            self.originQuota = originQuota
            self.retry = retry
        }
    }

    /// Timers fire up to so much late.
    package static let timerTickUs: Int64 = 1 << TimerWheel.tickShift

    let limits: Limits
    let ledger: any BudgetLedger
    var members = Slab<Member>()
    var fetches = Slab<Fetch>()
    var lanes = Slab<Lane>()
    /// Two for each lane, at the same places.
    var flows = Slab<Flow>()
    var seats = Slab<Seat>()
    var tenants = Slab<RingTenant>()
    var groups = Slab<Group>()
    var ring = TurnQueue()
    /// Groups of which somebody holds up the next round, in the order in which that began.
    var held = List()
    /// Tenants that leave room to others: each has more under way than is free, or large results
    /// that come one by one.
    var crowded: [Int32] = []
    /// Some of them had one turn in this look, and may have another in the next.
    var hasOneByOne = false
    /// Connections that serve one request at a time, the streams of the others, and whether the
    /// server has others, as far as is known.
    var connections: Bounded
    var streams: Bounded
    var sharesConnections = false
    /// Fetches with a try under way, in the order in which they began.
    var underWay = List()
    /// Runs while `streams.most` is what the transport had room for.
    var roomTimer = none
    var origin: LedgerEntry
    var originTimer = none
    var timers: TimerWheel
    var random: SplitMix64
    /// True when somebody may be able to go since the last look.
    var mustLook = false
    private var nextGeneration: UInt32 = 1
    var nextLaneSerial: UInt32 = 1
    private var actions: [Action] = []
    private var nextAction = 0

    package internal(set) var inFlight: Int32 = 0
    package internal(set) var sleeping = 0
    /// Waiting for their turn or a permit.
    package var queued: Int { fetches.count - Int(inFlight) - sleeping }
    /// Requests without an answer.
    package internal(set) var alive = 0

    /// - Parameters:
    ///   - originKey: names this host's address towards the origin in the ledger.
    ///   - now: the time, in µs.
    package init(
        limits: Limits, ledger: any BudgetLedger, originKey: UInt64, seed: UInt64, now: Int64
    ) {
        self.limits = limits
        self.ledger = ledger
        connections = Bounded(most: limits.maxConnections)
        streams = Bounded(most: limits.maxStreams)
        origin = ledger.entry(originKey, now: now)
        timers = TimerWheel(now: now)
        random = SplitMix64(seed: seed)
    }

    // MARK: - Requests

    /// Takes a request in. It joins `joining`, a fetch of this lane, if that is alive and wakes in
    /// time, and has one of its own otherwise. Gives the fetch; nil when the request has had its
    /// answer at once.
    package mutating func submit(
        _ ticket: Ticket, to lane: LaneID, joining: FetchID? = nil, now: Int64
    ) -> FetchID? {
        guard ticket.deadline > now else {
            emit(.fail(ticket.id, .deadline))
            return nil
        }
        if !ticket.isCheck, lanes[lane].closedUntil > now {
            emit(.fail(ticket.id, .credential))
            return nil
        }
        bring(lane, ticket.priority)
        let joined = joining.flatMap { place(of: $0) }
        let isUnderWay = joined.map { fetches[$0].phase == .flying } ?? false
        if !ticket.isPatient, !isUnderWay {
            let time = joined == nil ? turnAt(lane, ticket, now) : permittedAt(lane, now)
            guard time < ticket.deadline else {
                emit(.refuse(ticket.id, until: time))
                return nil
            }
        }
        if let joining, let joined, joins(joined, ticket, now) { return joining }
        let fetch = fetches.add(
            Fetch(
                generation: nextGeneration, lane: lane, priority: ticket.priority,
                isCheck: ticket.isCheck))
        nextGeneration &+= 1
        sleeping += 1
        lanes[lane].fetches += 1
        // Waits, as far as its time is concerned.
        fetches[fetch].phase = .queued
        add(ticket, to: fetch, now)
        fetches[fetch].phase = .sleeping
        enqueue(fetch, inFront: false, now)
        return name(of: fetch)
    }

    /// Ends a request early; nothing when it is not known.
    package mutating func cancel(_ id: JobID, as status: Status = .cancelled) {
        let member = Self.place(of: id)
        guard isAlive(member, id) else { return }
        leave(member, .fail(id, status))
    }

    /// Whether a request waits for its turn or a permit.
    package func isQueued(_ id: JobID) -> Bool {
        let member = Self.place(of: id)
        return isAlive(member, id) && fetches[members[member].fetch].phase == .queued
    }

    /// Ends a request early with what it has; `.cancelled` where it has nothing.
    package mutating func takeBack(_ id: JobID) {
        let member = Self.place(of: id)
        guard isAlive(member, id) else { return }
        let hasAnswer = fetches[members[member].fetch].hasAnswer
        leave(member, hasAnswer ? .answer(id) : .fail(id, .cancelled))
    }

    /// Ends everything.
    package mutating func shutdown() {
        for member in 0..<members.end where members[member].fetch != none {
            leave(member, .fail(members[member].id, .shutdown))
        }
    }

    /// Lets time pass: timers fire, and who may go goes. Call it after every batch of events.
    package mutating func advance(now: Int64) {
        while let payload = timers.popDue(at: now) { fire(Timer(payload), now) }
        dispatch(now)
        mustLook = hasOneByOne
    }

    /// When `advance` must be called at the latest, 0: at once; nil when nothing is timed.
    package var nextWake: Int64? { mustLook ? 0 : timers.nextTime }

    /// A request that waits for this fetch.
    package func leader(of id: FetchID) -> JobID? {
        place(of: id).map { members[fetches[$0].members.first].id }
    }

    /// The lane in which a fetch stands now.
    package func lane(of id: FetchID) -> LaneID? { place(of: id).map { fetches[$0].lane } }

    /// Until when a fetch sleeps; nil: it does not.
    package func sleepsUntil(_ id: FetchID) -> Int64? {
        guard let fetch = place(of: id), fetches[fetch].timer != none else { return nil }
        return timers.time(of: fetches[fetch].timer)
    }

    // MARK: - Actions

    /// The next thing to do. Events may be told between two.
    package mutating func popAction() -> Action? {
        guard nextAction < actions.count else {
            actions.removeAll(keepingCapacity: true)
            nextAction = 0
            return nil
        }
        defer { nextAction += 1 }
        return actions[nextAction]
    }

    mutating func emit(_ action: Action) { actions.append(action) }

    // MARK: - Names

    static func place(of id: JobID) -> Int32 { Int32(id & JobID(Ticket.maxJobs - 1)) }

    func isAlive(_ member: Int32, _ id: JobID) -> Bool {
        member < members.end && members[member].fetch != none && members[member].id == id
    }

    func name(of fetch: Int32) -> FetchID {
        FetchID(fetches[fetch].generation) << 32 | FetchID(UInt32(bitPattern: fetch))
    }

    /// The place of a living fetch.
    func place(of fetch: FetchID) -> Int32? {
        let place = Int32(truncatingIfNeeded: fetch)
        guard place >= 0, place < fetches.end, name(of: place) == fetch,
            !fetches[place].members.isEmpty
        else { return nil }
        return place
    }
}
