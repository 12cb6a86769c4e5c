// Scheduler+Turns.swift - who of those waiting goes next: lanes, tenants' turns, groups' permits.

extension Scheduler {
    mutating func dispatch(_ now: Int64) {
        while inFlight < limits.maxInFlight, let tenant = ring.popFirst() {
            guard let key = turns[tenant]?.popFirst() else {
                turns[tenant] = nil
                continue
            }
            let stays = dispatchOne(of: key, now)
            if stays { turns[tenant]?.append(key) }
            if turns[tenant]?.isEmpty ?? true {
                turns[tenant] = nil
            } else {
                ring.append(tenant)
            }
        }
    }

    /// Starts the lane's first request if its group permits. True when the lane keeps its turn.
    private mutating func dispatchOne(of key: LaneKey, _ now: Int64) -> Bool {
        // Taken out and put back: each change in place would allocate and look up once more.
        guard var lane = lanes.removeValue(forKey: key) else { return false }
        while let id = lane.waiting.first {
            guard var job = jobs[id], job.phase == .queued else {
                _ = lane.waiting.popFirst()  // cancelled or timed out while it waited
                continue
            }
            var budget = groups[key.group]?.budget ?? Budget()
            let permittedAt = budget.permittedAt(limits.quota)
            if permittedAt >= job.ticket.deadline {
                _ = lane.waiting.popFirst()
                refuse(job, until: permittedAt)
                continue
            }
            guard permittedAt <= now else {
                lanes[key] = lane
                groups[key.group, default: Group()].lanes.append(key)
                setTimer(of: key.group, at: permittedAt)
                return false
            }
            budget.spend(limits.quota, at: now)
            groups[key.group, default: Group()].budget = budget
            _ = lane.waiting.popFirst()
            job.phase = .flying
            job.attempts += 1
            jobs[id] = job
            inFlight += 1
            actions.append(.start(id))
            break
        }
        if lane.waiting.isEmpty { return false }
        lanes[key] = lane
        return true
    }

    /// Lets lanes of a group back into their tenants' turns: one for each permit there is now.
    mutating func release(_ number: Int, _ now: Int64) {
        guard var group = groups[number] else { return }
        var trial = group.budget
        while trial.permittedAt(limits.quota) <= now, let key = group.lanes.popFirst() {
            trial.spend(limits.quota, at: now)
            takeTurn(key)
        }
        groups[number] = group
        if !group.lanes.isEmpty { setTimer(of: number, at: trial.permittedAt(limits.quota)) }
    }

    private mutating func setTimer(of group: Int, at time: Int64) {
        guard groups[group]?.hasTimer == false else { return }
        groups[group]?.hasTimer = true
        timers.add(.group(group), at: time)
    }

    mutating func enqueue(_ ticket: Ticket, inFront: Bool) {
        let key = LaneKey(tenant: ticket.tenant, group: ticket.group)
        var lane = lanes.removeValue(forKey: key) ?? Lane()
        if inFront { lane.waiting.prepend(ticket.id) } else { lane.waiting.append(ticket.id) }
        let isNew = !lane.isPlaced
        lane.isPlaced = true
        lanes[key] = lane
        if isNew { takeTurn(key) }
    }

    private mutating func takeTurn(_ key: LaneKey) {
        if turns[key.tenant] == nil { ring.append(key.tenant) }
        turns[key.tenant, default: Queue()].append(key)
    }
}
