// Scheduler+Groups.swift - permits: budget groups, and the limit of this host's address.

extension Scheduler {
    /// When the lane's group may send at the earliest.
    mutating func permittedAt(_ lane: LaneID, _ now: Int64) -> Int64 {
        let group = lanes[lane].group
        return ledger.permittedAt(&groups[group].entry, limits.quota, now: now)
    }

    mutating func withGroup(
        of fetch: Int32, _ body: (inout Group, Quota, any BudgetLedger) -> Void
    ) {
        let group = lanes[fetches[fetch].lane].group
        body(&groups[group], limits.quota, ledger)
    }

    /// Spends one permit for a seat, or lets it wait at its group.
    mutating func spend(_ seat: Int32, _ now: Int64) -> Bool {
        let group = seats[seat].group
        if !seats[seat].isReleased, groups[group].released > 0 || !groups[group].waiting.isEmpty {
            // Others were here before: what permits there are is theirs. Their timer is set anew,
            // as it may be of a pace that has ended.
            waitAtGroup(
                seat, ledger.permittedAt(&groups[group].entry, limits.quota, now: now))
            return false
        }
        if let permittedAt = ledger.spend(&groups[group].entry, limits.quota, now: now) {
            waitAtGroup(seat, permittedAt)
            noticeParking(group, now)
            return false
        }
        if seats[seat].isReleased {
            recall(seat)
            groups[group].waiting.spend(seat, in: &seats)
        }
        guard limits.originQuota.intervalUs > 0,
            let permittedAt = ledger.spend(&origin, limits.originQuota, now: now)
        else { return true }
        // Another process took the origin's permit since `isOriginOpen` looked.
        ledger.refund(&groups[group].entry, limits.quota, now: now)
        setOriginTimer(at: permittedAt)
        offer(seat)
        return false
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

    // MARK: - Seats that wait for a permit

    /// Puts a seat into its group's queue.
    private mutating func waitAtGroup(_ seat: Int32, _ permittedAt: Int64) {
        let group = seats[seat].group
        seats[seat].place = .group
        if seats[seat].isReleased {
            // Another process took the permit.
            recall(seat)
            groups[group].waiting.putBack(seat, in: &seats)
        } else {
            groups[group].waiting.append(
                seat, isUrgent: !seats[seat].interactive.isEmpty, in: &seats)
        }
        setTimer(of: group, at: permittedAt)
    }

    /// A seat that its group let go has used that, or does not need it any more.
    mutating func recall(_ seat: Int32) {
        guard seats[seat].isReleased else { return }
        seats[seat].isReleased = false
        groups[seats[seat].group].released -= 1
    }

    mutating func takeFromGroup(_ seat: Int32) {
        seats[seat].place = .nowhere
        groups[seats[seat].group].waiting.remove(seat, from: &seats)
    }

    private mutating func setTimer(of group: Int32, at time: Int64) {
        if groups[group].timer == none {
            groups[group].timer = timers.add(Timer.group(group).payload, at: time)
        } else {
            timers.move(groups[group].timer, to: time)
        }
    }

    /// Lets seats go to their tenants' queues: one for each permit there is now.
    mutating func release(_ group: Int32, _ now: Int64) {
        var permits =
            ledger.available(&groups[group].entry, limits.quota, now: now)
            - Int64(groups[group].released)
        while permits > 0,
            let seat = groups[group].waiting.popFirst(
                in: &seats, withinRound: groups[group].released > 0)
        {
            seats[seat].place = .nowhere
            offer(seat)
            // Whose tenant has enough under way waits there, and keeps no permit.
            guard tenants[seats[seat].tenant].place == .ring else { continue }
            seats[seat].isReleased = true
            groups[group].released += 1
            permits -= 1
        }
        guard !groups[group].waiting.isEmpty else { return }
        let next = ledger.permittedAt(&groups[group].entry, limits.quota, now: now)
        // Those let go will take what is there now; at the latest they come back here.
        setTimer(of: group, at: next > now ? next : now + max(1000, limits.quota.intervalUs))
        noticeParking(group, now)
    }

    /// What statistics tell of a group.
    package struct GroupState: Sendable {
        package let queued: Int32
        package let inFlight: Int32
        /// How many requests could go at once.
        package let available: Int64
        package let permittedAt: Int64
        package let parkedUntil: Int64
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
        return GroupState(
            queued: groups[group].queued, inFlight: groups[group].inFlight,
            available: ledger.available(&entry, limits.quota, now: now),
            permittedAt: ledger.permittedAt(&entry, limits.quota, now: now),
            parkedUntil: ledger.parkedUntil(&entry, now: now))
    }

    // MARK: - What the server says

    /// HTTP 429: nothing of the group goes before `time`, and who cannot wait so long is told.
    mutating func park(_ group: Int32, until time: Int64, _ now: Int64) {
        ledger.park(&groups[group].entry, until: time, now: now)
        if groups[group].timer != none { timers.move(groups[group].timer, to: time) }
        noticeParking(group, now)
    }

    /// Each 429 that was under way ends the parking a little later: not worth another look at all.
    private static let sameParkingUs: Int64 = 1_000_000

    /// Tells those who cannot wait for the end of a parking, also of one by another process; once.
    private mutating func noticeParking(_ group: Int32, _ now: Int64) {
        let until = ledger.parkedUntil(&groups[group].entry, now: now)
        let told = groups[group].refusedUntil
        guard until > now, told <= now || until > told + Self.sameParkingUs else { return }
        groups[group].refusedUntil = until
        for seat in groups[group].seats where hasWork(seat) {
            refuse(seats[seat].interactive, until: until)
            refuse(seats[seat].bulk, until: until)
        }
    }

    private mutating func refuse(_ list: List, until time: Int64) {
        var flow = list.first
        while flow != none {
            let nextFlow = flows[flow].next
            var fetch = flows[flow].waiting.first
            while fetch != none {
                let nextFetch = fetches[fetch].next
                refuse(fetch, until: time)
                fetch = nextFetch
            }
            flow = nextFlow
        }
    }

    private mutating func refuse(_ fetch: Int32, until time: Int64) {
        let hasAnswer = fetches[fetch].hasAnswer
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            if members[member].deadline <= time {
                let id = members[member].id
                leave(member, hasAnswer ? .answer(id) : .refuse(id, until: time))
            }
            member = next
        }
    }

    /// The quota's state as an answer told it (`Ratelimit`, `Ratelimit-Policy`), or did not.
    package mutating func note(
        _ id: FetchID, remaining: Int64?, resetMs: Int64, policy: Quota?, now: Int64
    ) {
        // Who lifts the limit means the server's word too.
        guard limits.quota.intervalUs > 0, let fetch = place(of: id) else { return }
        let group = lanes[fetches[fetch].lane].group
        if ledger.setPolicy(&groups[group].entry, policy, now: now), groups[group].timer != none {
            // Who waits there does so at another pace now.
            setTimer(
                of: group, at: ledger.permittedAt(&groups[group].entry, limits.quota, now: now))
        }
        guard let remaining else { return }
        // Others of this group are under way and not in the server's number yet.
        let left = remaining - Int64(groups[group].inFlight)
        ledger.slow(
            &groups[group].entry, remaining: max(0, left), until: now + Self.us(resetMs), now: now)
    }
}
