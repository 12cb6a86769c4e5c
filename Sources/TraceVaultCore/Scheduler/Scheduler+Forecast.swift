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
        var atOnce = available(&entry, quota, now: now)
        if atOnce == 0 {
            // A burst has gathered by the end of a parking.
            let isParked = parkedUntil(&entry, now: now) >= first
            atOnce = isParked ? quota.burst : 0
        }
        let (wait, overflow) = max(0, ahead - atOnce).multipliedReportingOverflow(
            by: quota.intervalUs)
        return first + (overflow ? Self.never : min(wait, Self.never))
    }
}

extension Scheduler {
    /// What the quota says of a credential's requests.
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
    }

    /// When a newcomer's turn at its group comes, at the earliest, if those who wait go before it
    /// as they stand.
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
        return max(turn, lanes[lane].restsUntil)
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
        if lanes[lane].isProbing, lanes[lane].inFlight > 0 { return .credential }
        if lanes[lane].restsUntil > now { return .permit(at: permittedAt(lane, now)) }
        switch tenants[seats[seat].tenant].place {
        case .held: return .host
        case .unconnected: return .connection
        case .crowded, .full, .nowhere, .ring, .turn: break
        }
        let time = permittedAt(lane, now)
        return seats[seat].place == .group && time > now ? .permit(at: time) : .turn
    }

    /// How long `count` more requests of a lane take, if nobody else comes.
    package mutating func forecast(_ lane: LaneID, _ count: Int64, now: Int64) -> Forecast {
        let (group, seat) = (lanes[lane].group, lanes[lane].seat)
        let own = Int64(seats[seat].queued)
        let quota = limits.quota
        let ahead = own + turnsOfOthers(seat, rounds: own, atMost: Int.max)
        let all = own + count
        let last = all + turnsOfOthers(seat, rounds: all, atMost: Int.max) - 1
        // A permit comes an interval later than `permittedAt` says at most.
        func time(_ ahead: Int64, _ entry: inout LedgerEntry) -> Int64 {
            let time = ledger.permittedAt(&entry, quota, after: ahead, now: now)
            return time > now ? time + quota.intervalUs : time
        }
        return Forecast(
            available: ledger.available(&groups[group].entry, quota, now: now),
            burst: quota.burst, intervalUs: quota.intervalUs,
            parkedUntil: ledger.parkedUntil(&groups[group].entry, now: now), ahead: ahead,
            firstAt: time(ahead, &groups[group].entry),
            lastAt: time(max(0, last), &groups[group].entry))
    }
}
