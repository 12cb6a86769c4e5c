// Scheduler+Forecast.swift - when what waits can go, as far as the quota decides it.

extension Quota {
    /// How many requests pass at once after a rest; 0: there is no limit.
    var burst: Int64 { intervalUs > 0 ? toleranceUs / intervalUs + 1 : 0 }
}

extension BudgetLedger {
    /// Longer than any wait there is, and still a time that can be added to.
    private static var never: Int64 { Int64.max / 4 }

    /// When the request may go that `ahead` others of its group precede; not before, whatever the
    /// others are, and an interval later at most when they go as soon as they may.
    func permittedAt(
        _ entry: inout LedgerEntry, _ quota: Quota, after ahead: Int64, now: Int64
    ) -> Int64 {
        let first = max(now, permittedAt(&entry, quota, now: now))
        guard quota.intervalUs > 0, ahead > 0 else { return first }
        let rest = max(0, ahead - atOnce(&entry, quota, burst: quota.burst, first, now))
        return Self.sum(first, rest, quota.intervalUs)
    }

    /// The same with what the server said of its quota and of what is left, which may end sooner.
    func expectedAt(
        _ entry: inout LedgerEntry, _ quota: Quota, after ahead: Int64, now: Int64
    ) -> Int64 {
        let pace = pace(&entry, quota, now: now)
        let first = max(now, permittedAt(&entry, quota, now: now))
        guard ahead > 0 else { return first }
        if pace.gapUs > 0, pace.until > first {
            // The first of them goes at `first`, and from then on one in each gap.
            let slow = (pace.until - first) / pace.gapUs + 1
            guard ahead >= slow else { return Self.sum(first, ahead, pace.gapUs) }
            return Self.sum(pace.until, ahead - slow, pace.lasting.intervalUs)
        }
        guard pace.lasting.intervalUs > 0 else { return first }
        let now = atOnce(&entry, quota, burst: pace.lasting.burst, first, now)
        return Self.sum(first, max(0, ahead - now), pace.lasting.intervalUs)
    }

    /// How many may go together at `first`.
    private func atOnce(
        _ entry: inout LedgerEntry, _ quota: Quota, burst: Int64, _ first: Int64, _ now: Int64
    ) -> Int64 {
        let available = available(&entry, quota, now: now)
        // A burst has gathered by the end of a parking.
        return available > 0 || parkedUntil(&entry, now: now) < first ? available : burst
    }

    private static func sum(_ start: Int64, _ count: Int64, _ interval: Int64) -> Int64 {
        let (wait, overflow) = count.multipliedReportingOverflow(by: interval)
        return start + (overflow ? never : min(wait, never))
    }
}

extension Scheduler {
    /// What the quota says of a credential's requests, the server's word counted in.
    package struct Forecast: Sendable {
        /// How many could go at once, and how many after a rest.
        package let available: Int64
        package let burst: Int64
        /// Between two requests of a steady flow, in µs; 0: there is no limit.
        package let intervalUs: Int64
        package let parkedUntil: Int64
        /// What waits already and goes before, of the same tenant and of others.
        package let ahead: Int64
        /// When the first and the last of those asked about may go.
        package let firstAt: Int64
        package let lastAt: Int64
        /// What this host's address may send at once, whoever asks, and between two requests of a
        /// steady flow, in µs; 0: there is no limit.
        package let addressAvailable: Int64
        package let addressIntervalUs: Int64
    }

    /// When a newcomer's turn at its group and at this host's address comes, at the earliest, if
    /// those who wait go before it as they stand.
    mutating func turnAt(_ lane: LaneID, _ ticket: Ticket, _ now: Int64) -> Int64 {
        let group = lanes[lane].group
        let seat = lanes[lane].seat
        let flow = 2 * lane + (ticket.priority == .bulk ? 1 : 0)
        var ahead = Int64(flows[flow].count)
        if ticket.priority == .bulk { ahead += Int64(seats[seat].urgent) }
        // The others take turns with it: of each as many, and one that it borrowed.
        if ahead > 1 { ahead += turnsOfOthers(seat, rounds: ahead - 1, atMost: 16) }
        let turn = ledger.permittedAt(
            &groups[group].entry, limits.quota, after: ahead, now: now)
        let rest = max(turn, lanes[lane].restsUntil)
        guard limits.originQuota.intervalUs > 0 else { return rest }
        // Whoever else waits for the address may end before.
        return max(rest, ledger.permittedAt(&origin, limits.originQuota, after: ahead, now: now))
    }

    /// How many turns the other seats of a group have in so many rounds, as far as they have work.
    private func turnsOfOthers(_ seat: Int32, rounds: Int64, atMost count: Int) -> Int64 {
        var turns: Int64 = 0
        for other in groups[seats[seat].group].seats.prefix(count) where other != seat {
            turns += min(rounds, Int64(seats[other].queued))
        }
        return turns
    }

    /// What a fetch waits for now.
    mutating func wait(of fetch: Int32, _ now: Int64) -> Wait {
        let lane = fetches[fetch].lane
        switch fetches[fetch].phase {
        case .flying: return .reply
        case .sleeping:
            let timer = fetches[fetch].timer
            return .pause(until: timer == none ? now : timers.time(of: timer))
        case .queued: break
        }
        let seat = lanes[lane].seat
        if lanes[lane].isProbing, lanes[lane].probes > 0 { return .credential }
        if lanes[lane].restsUntil > now { return .permit(at: permittedAt(lane, now)) }
        switch tenants[seats[seat].tenant].place {
        case .held: return .host
        case .unconnected: return .connection
        case .unstreamed: return .stream
        case .crowded, .full, .nowhere, .ring, .turn: break
        }
        let time = permittedAt(lane, now)
        if seats[seat].place == .group, time > now { return .permit(at: time) }
        return originTimer == none ? .turn : .address(until: timers.time(of: originTimer))
    }

    /// How long `count` more requests of a lane take, if nobody else comes.
    package mutating func forecast(_ lane: LaneID, _ count: Int64, now: Int64) -> Forecast {
        let (group, seat) = (lanes[lane].group, lanes[lane].seat)
        let own = Int64(seats[seat].queued)
        let ahead = own + turnsOfOthers(seat, rounds: own, atMost: Int.max)
        let all = own + count
        let last = all + turnsOfOthers(seat, rounds: all, atMost: Int.max) - 1
        let pace = ledger.pace(&groups[group].entry, limits.quota, now: now)
        let rest = lanes[lane].restsUntil
        let quota = limits.originQuota
        let address = ledger.available(&origin, quota, now: now)
        let first = addressAt(own + turnsAtAddress(seat, rounds: own), now)
        let final = addressAt(all + turnsAtAddress(seat, rounds: all) - 1, now)
        return Forecast(
            available: rest > now
                ? 0 : min(address, ledger.available(&groups[group].entry, limits.quota, now: now)),
            burst: pace.lasting.burst, intervalUs: pace.lasting.intervalUs,
            parkedUntil: max(rest, ledger.parkedUntil(&groups[group].entry, now: now)),
            ahead: ahead, firstAt: max(rest, first, expectedAt(group, ahead, pace, now)),
            lastAt: max(rest, final, expectedAt(group, max(0, last), pace, now)),
            addressAvailable: address, addressIntervalUs: quota.intervalUs)
    }

    /// How many turns all other seats have in so many rounds: this host's address is everybody's.
    private func turnsAtAddress(_ seat: Int32, rounds: Int64) -> Int64 {
        guard limits.originQuota.intervalUs > 0 else { return 0 }
        var turns: Int64 = 0
        // In a place that is free nothing is queued.
        for other in 0..<seats.end where other != seat {
            turns += min(rounds, Int64(seats[other].queued))
        }
        return turns
    }

    /// A permit comes an interval later than the ledger says at most.
    private mutating func expectedAt(
        _ group: Int32, _ ahead: Int64, _ pace: LedgerPace, _ now: Int64
    ) -> Int64 {
        let time = ledger.expectedAt(&groups[group].entry, limits.quota, after: ahead, now: now)
        return time > now ? time + max(pace.lasting.intervalUs, pace.gapUs) : time
    }

    /// The same of this host's address.
    private mutating func addressAt(_ ahead: Int64, _ now: Int64) -> Int64 {
        let quota = limits.originQuota
        let time = ledger.permittedAt(&origin, quota, after: ahead, now: now)
        return time > now ? time + quota.intervalUs : time
    }
}
