// Scheduler+Groups.swift - budget groups, and the limit of this host's address: what is spent. What
// the server says of it is in Scheduler+Server.swift; who waits for a permit in
// Scheduler+Permits.swift.

extension Scheduler {
    /// When the lane may send at the earliest.
    mutating func permittedAt(_ lane: LaneID, _ now: Int64) -> Int64 {
        let group = lanes[lane].group
        let permitted = ledger.permittedAt(&groups[group].entry, limits.quota, now: now)
        return max(permitted, lanes[lane].restsUntil)
    }

    /// Gives back the permit of a try that was never sent: whoever waits may have it.
    package mutating func refund(_ lane: LaneID, _ now: Int64) {
        let group = lanes[lane].group
        ledger.refund(&groups[group].entry, limits.quota, now: now)
        if limits.originQuota.intervalUs > 0 {
            ledger.refund(&origin, limits.originQuota, now: now)
        }
        look(at: group)
    }

    /// Spends one permit for a seat, or lets it wait at its group.
    mutating func spend(_ seat: Int32, _ now: Int64) -> Bool {
        let group = seats[seat].group
        if !seats[seat].isReleased, isContended(group) {
            waitAtGroup(seat)
            release(group, now)
            return false
        }
        if let permittedAt = ledger.spend(&groups[group].entry, limits.quota, now: now) {
            waitAtGroup(seat)
            setTimer(of: group, at: nextLook(permittedAt, now))
            noticeStandstill(group, now)
            return false
        }
        if limits.originQuota.intervalUs > 0,
            let permittedAt = ledger.spend(&origin, limits.originQuota, now: now)
        {
            // Another process took the origin's permit since `isOriginOpen` looked. The seat keeps
            // what its group promised, and its turn there.
            ledger.refund(&groups[group].entry, limits.quota, now: now)
            setOriginTimer(at: permittedAt)
            offer(seat)
            return false
        }
        if seats[seat].isReleased {
            unrelease(seat)
            groups[group].waiting.spend(seat, in: &seats)
        }
        return true
    }

    /// Whether this host's address may send towards the origin; sets a timer when not.
    mutating func isOriginOpen(_ now: Int64) -> Bool {
        guard limits.originQuota.intervalUs > 0 else { return true }
        guard originTimer == none else { return false }
        let permittedAt = ledger.permittedAt(&origin, limits.originQuota, now: now)
        if permittedAt > now { setOriginTimer(at: permittedAt) }
        return permittedAt <= now
    }

    private mutating func setOriginTimer(at time: Int64) {
        if originTimer == none { originTimer = timers.add(Timer.origin.payload, at: time) }
    }

    /// What statistics tell of a group.
    package struct GroupState: Sendable {
        package let queued: Int32
        package let inFlight: Int32
        /// How many requests could go at once.
        package let available: Int64
        /// How many after a rest, and the time between two of a steady flow; 0: there is no limit.
        package let burst: Int64
        package let intervalUs: Int64
        /// How many of these are promised to tenants that stand in the ring.
        package let promised: Int32
        /// Whether seats wait for a permit.
        package let isWaitedFor: Bool
        package let permittedAt: Int64
        package let parkedUntil: Int64
        /// Credentials that a 429 lets rest alone: the server has never taken them.
        package let resting: Int32
        /// When the last of what is queued may go.
        package let emptyAt: Int64
    }

    package var groupCount: Int { groups.count }

    /// The groups to look at first, at most `most`: with the most waiting, then the parked ones,
    /// then those with something under way. A look at each and no more: there may be 100,000.
    @_optimize(size) package func busiest(_ most: Int, now: Int64) -> [Int32] {
        // How busy, and the group in the low half.
        var found: [Int] = []
        for group in 0..<groups.end {
            let busy =
                Int(groups[group].queued) * 4 + (groups[group].refusedUntil > now ? 2 : 0)
                + (groups[group].inFlight > 0 ? 1 : 0)
            let key = busy << 32 | Int(Int32.max - group)
            // The record of a group that is gone has no seat.
            guard found.count < most || key > found[found.count - 1], !groups[group].seats.isEmpty
            else { continue }
            if found.count == most { found.removeLast() }
            var place = found.count
            while place > 0, found[place - 1] < key { place -= 1 }
            found.insert(key, at: place)
        }
        return found.map { Int32.max - Int32(truncatingIfNeeded: $0) }
    }

    package func state(of group: Int32, now: Int64) -> GroupState {
        var entry = groups[group].entry
        let quota = limits.quota
        let lasting = ledger.pace(&entry, quota, now: now).lasting
        return GroupState(
            queued: groups[group].queued, inFlight: groups[group].inFlight,
            available: ledger.available(&entry, limits.quota, now: now),
            burst: lasting.burst, intervalUs: lasting.intervalUs,
            promised: groups[group].released, isWaitedFor: !groups[group].waiting.isEmpty,
            permittedAt: ledger.permittedAt(&entry, limits.quota, now: now),
            parkedUntil: ledger.parkedUntil(&entry, now: now), resting: groups[group].resting,
            emptyAt: ledger.expectedAt(
                &entry, quota, after: max(0, Int64(groups[group].queued) - 1), now: now))
    }

    /// For how many rounds of the ring somebody has held up the others of a group, at most; 0 or
    /// less: nobody does, or not for a whole one.
    package var roundsHeldUp: Int64 {
        guard held.first != none else { return 0 }
        return Int64(bitPattern: ring.round &- groups[held.first].heldSince)
    }

    /// Whether a seat's next turn is its tenant's in the ring, not its group's.
    package func isInRing(_ seat: Int32) -> Bool {
        seats[seat].place == .interactive || seats[seat].place == .bulk
    }
}
