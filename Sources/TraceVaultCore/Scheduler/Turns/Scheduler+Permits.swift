// Scheduler+Permits.swift - who waits for a permit of a group, and who gets it.

extension Scheduler {
    /// A seat that has work stands in the ring for its turn, or at its group where others wait for
    /// permits.
    mutating func stand(_ seat: Int32) {
        let group = seats[seat].group
        guard isContended(group) else { return offer(seat) }
        waitAtGroup(seat)
        // The time for which the others wait may be one that no longer holds.
        look(at: group)
    }

    /// Whether what permits the group has are for others: they wait, or were let go.
    func isContended(_ group: Int32) -> Bool {
        groups[group].released > 0 || !groups[group].waiting.isEmpty
    }

    /// Puts a seat into its group's queue.
    mutating func waitAtGroup(_ seat: Int32) {
        let group = seats[seat].group
        seats[seat].place = .group
        if seats[seat].isReleased {
            // Another process took the permit.
            unrelease(seat)
            groups[group].waiting.putBack(seat, in: &seats)
        } else {
            groups[group].waiting.append(
                seat, isUrgent: !seats[seat].interactive.isEmpty, in: &seats)
        }
    }

    /// A seat that its group let go does not need its permit any more: whoever waits may have it.
    mutating func recall(_ seat: Int32) {
        guard seats[seat].isReleased else { return }
        unrelease(seat)
        look(at: seats[seat].group)
    }

    mutating func unrelease(_ seat: Int32) {
        seats[seat].isReleased = false
        tenants[seats[seat].tenant].released -= 1
        groups[seats[seat].group].released -= 1
    }

    /// There may be a permit for those who wait: looks at once rather than at their time.
    mutating func look(at group: Int32) {
        if !groups[group].waiting.isEmpty { setTimer(of: group, at: 0) }
    }

    mutating func takeFromGroup(_ seat: Int32) {
        seats[seat].place = .nowhere
        groups[seats[seat].group].waiting.remove(seat, from: &seats)
    }

    mutating func setTimer(of group: Int32, at time: Int64) {
        if groups[group].timer == none {
            groups[group].timer = timers.add(Timer.group(group).payload, at: time)
        } else {
            timers.move(groups[group].timer, to: time)
        }
    }

    /// When to ask the ledger again that named this time.
    func nextLook(_ time: Int64, _ now: Int64) -> Int64 { min(time, now + ledger.longestLookUs) }

    /// The last of those let go has had its turn: the next round.
    mutating func releaseNext(_ group: Int32, _ now: Int64) {
        guard groups[group].released == 0, !groups[group].waiting.isEmpty else { return }
        release(group, now)
    }

    /// Lets seats go to their tenants' queues: one for each permit there is now. Those of the
    /// next round must wait until those of this one have had theirs, but not for ever.
    ///
    /// - Parameter isOverdue: those let go have had a turn, and used it for something else.
    mutating func release(
        _ group: Int32, isOverdue: Bool = false, promisesTwice: Bool = false, _ now: Int64
    ) {
        let available = ledger.available(&groups[group].entry, limits.quota, now: now)
        var permits = available - Int64(groups[group].released)
        // Whoever comes first has the permit then: the ledger gives it once.
        if promisesTwice { permits = max(permits, min(available, 1)) }
        while permits > 0,
            let seat = groups[group].waiting.popFirst(
                in: &seats, withinRound: groups[group].released > 0 && !isOverdue)
        {
            seats[seat].place = .nowhere
            offer(seat)
            // A seat whose tenant has enough under way waits at its tenant and keeps no permit.
            let tenant = seats[seat].tenant
            let place = tenants[tenant].place
            guard place == .ring || place == .turn else { continue }
            seats[seat].isReleased = true
            tenants[tenant].released += 1
            groups[group].released += 1
            permits -= 1
        }
        guard !groups[group].waiting.isEmpty else { return hold(group, false) }
        hold(group, available > 0 && groups[group].released > 0, isPromised: permits <= 0)
        let next = ledger.permittedAt(&groups[group].entry, limits.quota, now: now)
        // Those let go take what is there now; another permit comes an interval later at most.
        let wake = next > now ? next : now + max(1000, limits.quota.intervalUs)
        setTimer(of: group, at: nextLook(wake, now))
        noticeStandstill(group, now)
    }

    // MARK: - Rounds that somebody holds up

    /// Notes whether the group has a permit that the waiting seats may not use yet, because a seat
    /// that was let go has not used its own: they wait for the end of the round, or every permit is
    /// promised.
    mutating func hold(_ group: Int32, _ isHeld: Bool, isPromised: Bool = false) {
        guard isHeld != (groups[group].heldSince != 0) else { return }
        // After two rounds everybody in the ring has had a turn, except a tenant that had borrowed
        // one. It is not worth waiting for, unless it is its permit that is given away.
        groups[group].heldSince = isHeld ? ring.round + (isPromised ? 1 : 0) : 0
        groups[group].isPromised = isPromised
        if isHeld {
            groups.append(group, to: &held)
        } else {
            groups.remove(group, from: &held)
        }
    }

    /// Whoever was let go has had a turn of its tenant after two rounds of the ring. When that went
    /// to another of the tenant's seats, other tenants do not wait any longer.
    mutating func releaseOverdue(_ now: Int64) {
        while held.first != none, ring.round >= groups[held.first].heldSince + 2 {
            let group = held.first
            let isPromised = groups[group].isPromised
            // It may begin anew.
            hold(group, false)
            release(group, isOverdue: true, promisesTwice: isPromised, now)
        }
    }
}
