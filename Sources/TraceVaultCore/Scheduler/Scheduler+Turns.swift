// Scheduler+Turns.swift - the queues: from a fetch that wants to go to one that goes.

extension Scheduler {
    /// A tenant may have this many times what is free under way, so that one whose requests hang
    /// always leaves room for the next (dynamic thresholds, Choudhury and Hahne, 1998).
    private static let shareOfFree: Int32 = 8

    // MARK: - In and out of the queues

    /// Lets a fetch that is in no queue wait for its turn.
    mutating func enqueue(_ fetch: Int32, inFront: Bool) {
        let flow = flow(of: fetch)
        fetches[fetch].phase = .queued
        sleeping -= 1
        if inFront {
            fetches.prepend(fetch, to: &flows[flow].waiting)
        } else {
            fetches.append(fetch, to: &flows[flow].waiting)
        }
        let seat = lanes[fetches[fetch].lane].seat
        groups[lanes[fetches[fetch].lane].group].queued += 1
        place(flow)
        if fetches[fetch].priority == .interactive { hurry(seat) }
    }

    /// Takes a waiting fetch out of its queue.
    mutating func dequeue(_ fetch: Int32) {
        let flow = flow(of: fetch)
        fetches.remove(fetch, from: &flows[flow].waiting)
        fetches[fetch].phase = .sleeping
        sleeping += 1
        groups[lanes[fetches[fetch].lane].group].queued -= 1
        if flows[flow].waiting.isEmpty { unplace(flow) }
    }

    /// Somebody waits for it now.
    mutating func promote(_ fetch: Int32) {
        let isQueued = fetches[fetch].phase == .queued
        if isQueued { dequeue(fetch) }
        fetches[fetch].priority = .interactive
        if isQueued { enqueue(fetch, inFront: false) }
    }

    private func flow(of fetch: Int32) -> Int32 {
        2 * fetches[fetch].lane + (fetches[fetch].priority == .bulk ? 1 : 0)
    }

    /// Puts a flow that has work into its seat's queue, if its lane may send.
    mutating func place(_ flow: Int32) {
        let lane = flow / 2
        guard !flows[flow].isPlaced, !flows[flow].waiting.isEmpty, lanes[lane].restsUntil == 0
        else { return }
        guard !lanes[lane].isProbing || lanes[lane].inFlight == 0 else { return }
        flows[flow].isPlaced = true
        let seat = lanes[lane].seat
        if flow & 1 == 0 {
            flows.append(flow, to: &seats[seat].interactive)
        } else {
            flows.append(flow, to: &seats[seat].bulk)
        }
        rank(seat)
    }

    /// Takes a flow out of its seat's queue.
    mutating func unplace(_ flow: Int32) {
        guard flows[flow].isPlaced else { return }
        flows[flow].isPlaced = false
        let seat = lanes[flow / 2].seat
        if flow & 1 == 0 {
            flows.remove(flow, from: &seats[seat].interactive)
        } else {
            flows.remove(flow, from: &seats[seat].bulk)
        }
        rank(seat)
    }

    // MARK: - Seats and tenants

    /// Puts a seat where it belongs after its work has changed.
    private mutating func rank(_ seat: Int32) {
        let isUrgent = !seats[seat].interactive.isEmpty
        let hasWork = isUrgent || !seats[seat].bulk.isEmpty
        switch seats[seat].place {
        case .group:
            if !hasWork { takeFromGroup(seat) }
        case .nowhere:
            if hasWork { stand(seat) }
        case .interactive where !isUrgent, .bulk where isUrgent || !hasWork:
            withdraw(seat)
            if hasWork { offer(seat) } else { recall(seat) }
        case .interactive, .bulk: break
        }
    }

    /// Puts a seat into its tenant's queue, and the tenant into the ring.
    mutating func offer(_ seat: Int32) {
        let tenant = seats[seat].tenant
        let isUrgent = !seats[seat].interactive.isEmpty
        if isUrgent {
            seats[seat].place = .interactive
            seats.append(seat, to: &tenants[tenant].interactive)
        } else {
            seats[seat].place = .bulk
            seats.append(seat, to: &tenants[tenant].bulk)
        }
        if tenants[tenant].place == .nowhere { enter(tenant, isUrgent: isUrgent) }
    }

    /// Takes a seat out of its tenant's queue; a tenant without any leaves the ring.
    private mutating func withdraw(_ seat: Int32) {
        let tenant = seats[seat].tenant
        if seats[seat].place == .interactive {
            seats.remove(seat, from: &tenants[tenant].interactive)
        } else {
            seats.remove(seat, from: &tenants[tenant].bulk)
        }
        seats[seat].place = .nowhere
        guard !hasSeats(tenant) else { return }
        switch tenants[tenant].place {
        case .turn: return
        case .ring: ring.remove(tenant, from: &tenants)
        case .crowded: crowded.removeAll { $0 == tenant }
        case .full, .nowhere: break
        }
        tenants[tenant].place = .nowhere
    }

    private func hasSeats(_ tenant: Int32) -> Bool {
        !tenants[tenant].interactive.isEmpty || !tenants[tenant].bulk.isEmpty
    }

    private mutating func enter(_ tenant: Int32, isUrgent: Bool) {
        mustLook = true
        tenants[tenant].place = .ring
        ring.append(tenant, isUrgent: isUrgent, in: &tenants)
    }

    /// Something interactive came: the seat, or its tenant, borrows a turn if it may.
    private mutating func hurry(_ seat: Int32) {
        switch seats[seat].place {
        case .group: groups[seats[seat].group].waiting.hurry(seat, in: &seats)
        case .interactive where tenants[seats[seat].tenant].place == .ring:
            ring.hurry(seats[seat].tenant, in: &tenants)
        default: break
        }
    }

    // MARK: - Turns

    /// Starts what may start.
    mutating func dispatch(_ now: Int64) {
        while inFlight < limits.maxInFlight, !ring.isEmpty, isOriginOpen(now),
            let tenant = ring.popFirst(in: &tenants)
        {
            // Not in the ring any more, should it lose its seats meanwhile.
            tenants[tenant].place = .turn
            if held.first != none { releaseOverdue(now) }
            let underWay = tenants[tenant].inFlight
            if limits.maxInFlightPerTenant > 0, underWay >= limits.maxInFlightPerTenant {
                tenants[tenant].place = .full
                recallSeats(of: tenant)
                continue
            }
            if underWay >= Self.shareOfFree * (limits.maxInFlight - inFlight) {
                tenants[tenant].place = .crowded
                recallSeats(of: tenant)
                crowded.append(tenant)
                continue
            }
            let isTaken = takeTurn(of: tenant, now)
            tenants[tenant].place = .nowhere
            if isTaken { ring.spend(tenant, in: &tenants) }
            guard hasSeats(tenant) else { continue }
            if isTaken {
                enter(tenant, isUrgent: !tenants[tenant].interactive.isEmpty)
            } else {
                tenants[tenant].place = .ring
                ring.putBack(tenant, in: &tenants)
            }
        }
    }

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

    /// Starts one fetch of the tenant. False when none of its seats had a permit, or the origin has
    /// none any more.
    private mutating func takeTurn(of tenant: Int32, _ now: Int64) -> Bool {
        while true {
            var seat = tenants[tenant].interactive.first
            if seat == none { seat = tenants[tenant].bulk.first }
            guard seat != none else { return false }
            withdraw(seat)
            guard spend(seat, now) else {
                if originTimer != none { return false }
                continue
            }
            start(seat, now)
            releaseNext(seats[seat].group, now)
            return true
        }
    }

    /// Starts the seat's next fetch and lets the seat wait for another turn.
    private mutating func start(_ seat: Int32, _ now: Int64) {
        var flow = seats[seat].interactive.first
        if flow == none { flow = seats[seat].bulk.first }
        let fetch = flows[flow].waiting.first
        let lane = flow / 2
        bringAhead()
        bringTimer(of: fetch)
        dequeue(fetch)
        fetches[fetch].phase = .flying
        sleeping -= 1
        fetches[fetch].attempts += 1
        fetches[fetch].isProbe = lanes[lane].isProbing
        inFlight += 1
        lanes[lane].inFlight += 1
        tenants[seats[seat].tenant].inFlight += 1
        groups[seats[seat].group].inFlight += 1
        // The seat's other flows come first next time; a lane on probation sends one at a time.
        unplace(flow)
        if lanes[lane].isProbing { unplace(flow ^ 1) }
        place(flow)
        emit(.start(name(of: fetch)))
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
        tenants[seats[seat].tenant].inFlight -= 1
        groups[seats[seat].group].inFlight -= 1
        if lanes[lane].isProbing {
            place(2 * lane)
            place(2 * lane + 1)
        }
        let tenant = seats[seat].tenant
        if tenants[tenant].place == .full { enter(tenant, isUrgent: false) }
        // More is free now: whoever left room for others may have more.
        while let tenant = crowded.popLast() { enter(tenant, isUrgent: false) }
    }
}
