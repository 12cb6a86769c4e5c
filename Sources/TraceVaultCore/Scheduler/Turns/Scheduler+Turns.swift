// Scheduler+Turns.swift - the queues: from a fetch that wants to go to one that goes.

extension Scheduler {
    // MARK: - In and out of the queues

    /// Lets a fetch that is in no queue wait for its turn.
    mutating func enqueue(_ fetch: Int32, inFront: Bool, _ now: Int64) {
        let flow = flow(of: fetch)
        fetches[fetch].phase = .queued
        sleeping -= 1
        pause(fetch, now)
        if inFront {
            fetches.prepend(fetch, to: &flows[flow].waiting)
        } else {
            fetches.append(fetch, to: &flows[flow].waiting)
        }
        let seat = lanes[fetches[fetch].lane].seat
        groups[lanes[fetches[fetch].lane].group].queued += 1
        count(fetch, flow, seat, 1)
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
        count(fetch, flow, lanes[fetches[fetch].lane].seat, -1)
        if flows[flow].waiting.isEmpty { unplace(flow) }
    }

    private mutating func count(_ fetch: Int32, _ flow: Int32, _ seat: Int32, _ change: Int32) {
        flows[flow].count += change
        seats[seat].queued += change
        if fetches[fetch].priority == .interactive { seats[seat].urgent += change }
    }

    /// Somebody waits for it now.
    mutating func promote(_ fetch: Int32, _ now: Int64) {
        let isQueued = fetches[fetch].phase == .queued
        if isQueued { dequeue(fetch) }
        fetches[fetch].priority = .interactive
        if isQueued { enqueue(fetch, inFront: false, now) }
    }

    private func flow(of fetch: Int32) -> Int32 {
        2 * fetches[fetch].lane + (fetches[fetch].priority == .bulk ? 1 : 0)
    }

    /// Puts a flow that has work into its seat's queue, if its lane may send.
    mutating func place(_ flow: Int32) {
        let lane = flow / 2
        guard !flows[flow].isPlaced, !flows[flow].waiting.isEmpty, lanes[lane].restsUntil == 0
        else { return }
        guard !lanes[lane].isProbing || lanes[lane].probes == 0 else { return }
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
    mutating func withdraw(_ seat: Int32) {
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
        case .unconnected: tenants.remove(tenant, from: &connections.waiting)
        case .unstreamed: tenants.remove(tenant, from: &streams.waiting)
        case .full, .held, .nowhere: break
        }
        tenants[tenant].place = .nowhere
    }

    func hasSeats(_ tenant: Int32) -> Bool {
        !tenants[tenant].interactive.isEmpty || !tenants[tenant].bulk.isEmpty
    }

    mutating func enter(_ tenant: Int32, isUrgent: Bool) {
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
}
