// Scheduler+Server.swift - what the server says of a quota: whose word counts for whom, how far it
// is believed, and who is told.
//
// A group that a vault's owner made of several credentials is spoken for only by one that the
// server has taken: a bogus one rests alone. That it was taken is kept in the ledger for a day, so
// that the next process knows it.

extension Scheduler {
    private static let provenUs = LedgerTime.day

    /// Whether what the server says to this lane is said of its whole group. Another lane, or
    /// another process, may have proved the credential since the lane was made.
    private mutating func speaksForGroup(_ lane: LaneID, _ now: Int64) -> Bool {
        guard var proof = lanes[lane].proof else { return true }
        // Refused, be it for the first time: its next answer tells whether it is good still.
        guard !lanes[lane].isProbing else { return false }
        guard lanes[lane].provenUntil <= now else { return true }
        lanes[lane].provenUntil = ledger.parkedUntil(&proof, now: now)
        lanes[lane].proof = proof
        return lanes[lane].provenUntil > now
    }

    /// The server took the lane's credential. A rest that it took alone, as it might have been a
    /// bogus one, ends: from here on it is under its group's word, and speaks for it.
    mutating func prove(_ lane: LaneID, _ now: Int64) {
        lanes[lane].penalties.end()
        if lanes[lane].isDoubted { stopResting(lane, now) }
        guard var proof = lanes[lane].proof,
            lanes[lane].provenUntil < now + Self.provenUs / 2
        else { return }
        lanes[lane].provenUntil = now + Self.provenUs
        // A proof is a group of its own that is parked for as long as the proof holds.
        ledger.park(&proof, until: now + Self.provenUs, now: now)
        lanes[lane].proof = proof
    }

    // MARK: - HTTP 429

    /// Until when who was refused rests, of what the reply asks.
    mutating func penalise(_ lane: LaneID, _ asked: Int64, _ now: Int64) -> Int64 {
        guard speaksForGroup(lane, now) else {
            let isNew = lanes[lane].restsUntil <= now
            return now + lanes[lane].penalties.rest(asked, isNew: isNew, now: now)
        }
        let group = lanes[lane].group
        let isNew = restsUntil(lane, now: now) <= now
        return now + groups[group].penalties.rest(asked, isNew: isNew, now: now)
    }

    /// Lets nothing of the lane's group go before `time`, or of the lane alone.
    mutating func rest(_ lane: LaneID, until time: Int64, _ now: Int64) {
        let speaks = speaksForGroup(lane, now)
        if speaks, park(lanes[lane].group, until: time, now) { return }
        lanes[lane].isDoubted = !speaks && (lanes[lane].isDoubted || lanes[lane].restsUntil == 0)
        guard time > lanes[lane].restsUntil else { return }
        if lanes[lane].restsUntil == 0 {
            lanes[lane].timer = timers.add(Timer.lane(lane).payload, at: time)
            groups[lanes[lane].group].resting += 1
        }
        lanes[lane].restsUntil = time
        for flow in [2 * lane, 2 * lane + 1] {
            unplace(flow)
            refuse(flows[flow].waiting, until: time)
        }
    }

    /// Until when nothing of the lane goes after a 429; in the past: it may.
    package func restsUntil(_ lane: LaneID, now: Int64) -> Int64 {
        var entry = groups[lanes[lane].group].entry
        return max(lanes[lane].restsUntil, ledger.parkedUntil(&entry, now: now))
    }

    /// The budget group whose quota the lane spends.
    package func group(of lane: LaneID) -> Int32 { lanes[lane].group }

    mutating func endRest(of lane: LaneID, _ now: Int64) {
        lanes[lane].timer = none
        let until = lanes[lane].restsUntil
        guard until <= now else {
            lanes[lane].timer = timers.add(Timer.lane(lane).payload, at: until)
            return
        }
        stopResting(lane, now)
    }

    private mutating func stopResting(_ lane: LaneID, _ now: Int64) {
        guard lanes[lane].restsUntil != 0 else { return }
        (lanes[lane].restsUntil, lanes[lane].isDoubted) = (0, false)
        if lanes[lane].timer != none { timers.cancel(lanes[lane].timer) }
        lanes[lane].timer = none
        groups[lanes[lane].group].resting -= 1
        goOn(lane, now)
    }

    /// The requests of a lane that stood aside wait with the others of its group again, and are
    /// told what those have been told.
    mutating func goOn(_ lane: LaneID, _ now: Int64) {
        let until = standsUntil(lanes[lane].group, now)
        for flow in [2 * lane, 2 * lane + 1] {
            if until > now { refuse(flows[flow].waiting, until: until) }
            place(flow)
        }
    }

    /// Nothing of the group goes before `time`, and who cannot wait so long is told. False where
    /// the ledger has no place for the group.
    private mutating func park(_ group: Int32, until time: Int64, _ now: Int64) -> Bool {
        guard ledger.park(&groups[group].entry, until: time, now: now) else { return false }
        if groups[group].timer != none {
            timers.move(groups[group].timer, to: nextLook(time, now))
        }
        noticeStandstill(group, now)
        return true
    }

    /// Ends what the server asked for of the lane's group, and the lane's own rest: somebody knows
    /// better. Should the server refuse again, it begins anew.
    package mutating func lift(_ lane: LaneID, now: Int64) {
        let group = lanes[lane].group
        ledger.lift(&groups[group].entry, now: now)
        groups[group].penalties.end()
        groups[group].refusedUntil = 0
        lanes[lane].penalties.end()
        stopResting(lane, now)
        look(at: group)
        mustLook = true
    }

    // MARK: - Who is told

    /// Each 429 that was under way ends the parking a little later: not worth another look at all.
    private static let sameParkingUs: Int64 = 1_000_000

    /// Tells those who cannot wait until something of the group may go: for the end of a parking,
    /// also of one by another process, or for a slow pace. Once for each.
    mutating func noticeStandstill(_ group: Int32, _ now: Int64) {
        let until = standsUntil(group, now)
        let told = groups[group].refusedUntil
        guard until > now, told <= now || until > told + Self.sameParkingUs else { return }
        groups[group].refusedUntil = until
        for seat in groups[group].seats where hasWork(seat) {
            refuseFlows(seats[seat].interactive, until: until)
            refuseFlows(seats[seat].bulk, until: until)
        }
    }

    private mutating func standsUntil(_ group: Int32, _ now: Int64) -> Int64 {
        let parked = ledger.parkedUntil(&groups[group].entry, now: now)
        // What is under way may bring better news.
        guard parked <= now, groups[group].inFlight == 0 else { return parked }
        let next = ledger.permittedAt(&groups[group].entry, limits.quota, now: now)
        return next > now + Self.sameParkingUs ? next : parked
    }

    private mutating func refuseFlows(_ list: List, until time: Int64) {
        var flow = list.first
        while flow != none {
            let next = flows[flow].next
            refuse(flows[flow].waiting, until: time)
            flow = next
        }
    }

    private mutating func refuse(_ waiting: List, until time: Int64) {
        var fetch = waiting.first
        while fetch != none {
            let next = fetches[fetch].next
            refuse(fetch, until: time)
            fetch = next
        }
    }

    /// Who comes to a group that is parked, or to a lane that rests, is told, too: the others have
    /// been.
    mutating func refuseParked(_ fetch: Int32, _ now: Int64) {
        let lane = fetches[fetch].lane
        let until = max(
            lanes[lane].restsUntil, ledger.parkedUntil(&groups[lanes[lane].group].entry, now: now))
        if until > now { refuse(fetch, until: until) }
    }

    // MARK: - Ratelimit and Ratelimit-Policy

    /// What the headers of a reply said of the quota, or that they said nothing. Told when the try
    /// has ended, so that it is not under way any more.
    package mutating func note(_ lane: LaneID, _ said: ServerQuota, now: Int64) {
        // Who lifts the limit means the server's word too.
        guard limits.quota.intervalUs > 0, speaksForGroup(lane, now) else { return }
        let group = lanes[lane].group
        let isBelieved = believes(said, of: group, now)
        let policy = isBelieved ? said.doubtfulPolicy ?? said.policy : said.policy
        // Who waits there does so at another pace now.
        if ledger.setPolicy(&groups[group].entry, policy, now: now) { look(at: group) }
        if said.emptyMs > 0 {
            let rest = groups[group].penalties.bounded(Self.us(said.emptyMs), now: now)
            self.rest(lane, until: now + rest, now)
        }
        var pace = said.pace
        if isBelieved, let slower = said.doubtfulPace, slower.isSlower(than: pace) { pace = slower }
        guard let pace else { return }
        // Others of this group are under way and may not be in the server's number yet. Only the
        // server's own zero stops the group: theirs come in a moment, with a newer number.
        let left = max(1, pace.requests - Int64(groups[group].inFlight))
        ledger.slow(
            &groups[group].entry, remaining: left, until: now + Self.us(pace.ms), now: now)
        look(at: group)
    }

    /// A doubtful word counts when a reply at least a second later says one again.
    private mutating func believes(_ said: ServerQuota, of group: Int32, _ now: Int64) -> Bool {
        guard said.isDoubtful else {
            if said.policy != nil || said.pace != nil { groups[group].doubtedSince = 0 }
            return false
        }
        let age = now - groups[group].doubtedSince
        let isFirst = groups[group].doubtedSince == 0 || age > LedgerTime.policyHeld
        guard !isFirst, age >= Self.sameParkingUs else {
            if isFirst { groups[group].doubtedSince = now }
            return false
        }
        // The next one confirms it as well.
        groups[group].doubtedSince = now - Self.sameParkingUs
        return true
    }
}
