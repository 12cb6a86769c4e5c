// Scheduler+Dispatch.swift - who has the next turn, and who leaves it to others.

extension Scheduler {
    /// A tenant may have this many times what is free under way, so that one whose requests hang
    /// always leaves room for the next (dynamic thresholds, Choudhury and Hahne, 1998).
    private static let shareOfFree: Int32 = 8

    /// What came of a tenant's turn.
    private enum Turn {
        case taken
        /// None of its seats had a permit, or the origin has none any more.
        case unpermitted
        /// Its next request needs a connection, or a stream, and it may have no other now.
        case unconnected, unstreamed
    }

    /// Starts what may start.
    mutating func dispatch(_ now: Int64) {
        if hasOneByOne {
            hasOneByOne = false
            uncrowd()
        }
        while inFlight < limits.maxInFlight, hasSomebody(now), isOriginOpen(now),
            let tenant = ring.popFirst(in: &tenants)
        {
            // Not in the ring any more, should it lose its seats meanwhile.
            tenants[tenant].place = .turn
            if held.first != none { releaseOverdue(now) }
            if let place = restingPlace(of: tenant) {
                rest(tenant, place)
                continue
            }
            let turn = takeTurn(of: tenant, now)
            // While one is free it is its share that is used up.
            if turn == .unconnected {
                rest(tenant, connections.free > 0 ? .crowded : .unconnected)
                continue
            }
            if turn == .unstreamed {
                let hasAny = tenants[tenant].streams > 0
                rest(tenant, hasAny || streams.free > 0 ? .crowded : .unstreamed)
                continue
            }
            tenants[tenant].place = .nowhere
            if turn == .taken { ring.spend(tenant, in: &tenants) }
            guard hasSeats(tenant) else { continue }
            if turn == .taken, tenants[tenant].goesOneByOne {
                tenants[tenant].goesOneByOne = false
                hasOneByOne = true
                rest(tenant, .crowded)
            } else if turn == .taken {
                enter(tenant, isUrgent: !tenants[tenant].interactive.isEmpty)
            } else {
                tenants[tenant].place = .ring
                ring.putBack(tenant, in: &tenants)
            }
        }
    }

    /// Whether the ring has somebody; whoever waits for a connection or a stream comes back when
    /// there is one.
    private mutating func hasSomebody(_ now: Int64) -> Bool {
        if connections.waiting.first != none, connections.free > 0 {
            enterFirst(of: \.connections)
        }
        let first = streams.waiting.first
        if first != none, mayStream(first, now) {
            enterFirst(of: \.streams)
        }
        return !ring.isEmpty
    }

    /// Where a tenant waits that may not have a turn now, whatever it wants.
    private func restingPlace(of tenant: Int32) -> TenantPlace? {
        if tenants[tenant].isHeld { return .held }
        let underWay = tenants[tenant].inFlight
        if limits.maxInFlightPerTenant > 0, underWay >= limits.maxInFlightPerTenant {
            return .full
        }
        return underWay >= Self.shareOfFree * (limits.maxInFlight - inFlight) ? .crowded : nil
    }

    private mutating func rest(_ tenant: Int32, _ place: TenantPlace) {
        tenants[tenant].place = place
        recallSeats(of: tenant)
        switch place {
        case .crowded: crowded.append(tenant)
        case .unconnected: tenants.append(tenant, to: &connections.waiting)
        case .unstreamed: tenants.append(tenant, to: &streams.waiting)
        default: break
        }
    }

    /// The tenant has to wait for room for its results before more is asked for, or has some.
    package mutating func hold(tenant: Int32, _ isHeld: Bool) {
        tenants[tenant].isHeld = isHeld
        if !isHeld, tenants[tenant].place == .held { enter(tenant, isUrgent: false) }
    }

    /// How much room the tenant's results need is known after each try: the next one begins in
    /// the next look, not in this one. Holds for one try.
    package mutating func goOneByOne(tenant: Int32) { tenants[tenant].goesOneByOne = true }

    // MARK: - Starting

    /// A tenant that may not go now keeps no permit from others.
    private mutating func recallSeats(of tenant: Int32) {
        for list in [tenants[tenant].interactive, tenants[tenant].bulk] {
            var seat = list.first
            // It may have ten thousand seats, and comes here with each turn when it is busy.
            while seat != none, tenants[tenant].released > 0 {
                recall(seat)
                seat = seats[seat].next
            }
        }
    }

    /// Starts one fetch of the tenant, if it may.
    private mutating func takeTurn(of tenant: Int32, _ now: Int64) -> Turn {
        while true {
            var seat = tenants[tenant].interactive.first
            if seat == none { seat = tenants[tenant].bulk.first }
            guard seat != none else { return .unpermitted }
            let isAlone = needsConnection(nextFlow(ofSeat: seat) / 2)
            if isAlone, !mayConnect(tenant) { return .unconnected }
            if !isAlone, !mayStream(tenant, now) { return .unstreamed }
            withdraw(seat)
            guard spend(seat, now) else {
                if originTimer != none { return .unpermitted }
                continue
            }
            if !isAlone, streams.free <= 0 { takeFromGreedy(now) }
            start(seat, now)
            releaseNext(seats[seat].group, now)
            return .taken
        }
    }

    /// Starts the seat's next fetch and lets the seat wait for another turn.
    private mutating func start(_ seat: Int32, _ now: Int64) {
        let flow = nextFlow(ofSeat: seat)
        let fetch = flows[flow].waiting.first
        let lane = flow / 2
        bringAhead()
        bringTimer(of: fetch)
        dequeue(fetch)
        fetches[fetch].phase = .flying
        sleeping -= 1
        fetches[fetch].tries += 1
        resume(fetch, now)
        fetches[fetch].isProbe = lanes[lane].isProbing
        if fetches[fetch].isProbe { lanes[lane].probes += 1 }
        inFlight += 1
        lanes[lane].inFlight += 1
        fetches.append(fetch, to: &underWay)
        carry(fetch, on: needsConnection(lane) ? .connection : .stream)
        tenants[seats[seat].tenant].inFlight += 1
        groups[seats[seat].group].inFlight += 1
        // The seat's other flows come first next time; a lane on probation sends one at a time.
        unplace(flow)
        if lanes[lane].isProbing { unplace(flow ^ 1) }
        place(flow)
        emit(.start(name(of: fetch)))
    }

    /// Whose turn it is within a seat that has work.
    func nextFlow(ofSeat seat: Int32) -> Int32 {
        let flow = seats[seat].interactive.first
        return flow == none ? seats[seat].bulk.first : flow
    }

    func hasWork(_ seat: Int32) -> Bool {
        !seats[seat].interactive.isEmpty || !seats[seat].bulk.isEmpty
    }

    /// A try is over, however it ended.
    mutating func land(_ fetch: Int32) {
        fetches[fetch].phase = .sleeping
        sleeping += 1
        inFlight -= 1
        mustLook = true
        let lane = fetches[fetch].lane
        let seat = lanes[lane].seat
        lanes[lane].inFlight -= 1
        if fetches[fetch].isProbe { lanes[lane].probes -= 1 }
        tenants[seats[seat].tenant].inFlight -= 1
        fetches.remove(fetch, from: &underWay)
        carry(fetch, on: .nothing)
        groups[seats[seat].group].inFlight -= 1
        if lanes[lane].isProbing {
            place(2 * lane)
            place(2 * lane + 1)
        }
        let tenant = seats[seat].tenant
        if tenants[tenant].place == .full { enter(tenant, isUrgent: false) }
        uncrowd()
    }

    /// More is free now: whoever left room for others may have more, who did so first before the
    /// others.
    mutating func uncrowd() {
        for tenant in crowded { enter(tenant, isUrgent: false) }
        crowded.removeAll(keepingCapacity: true)
    }
}
