// Scheduler+Lanes.swift - credentials: where their requests stand, and the circuit breaker that
// keeps a refused one from being tried again and again.

extension Scheduler {
    // MARK: - Making and forgetting

    package mutating func addTenant() -> Int32 { tenants.add(RingTenant()) }

    package mutating func addGroup(_ key: UInt64, now: Int64) -> Int32 {
        groups.add(Group(entry: ledger.entry(key, now: now)))
    }

    package mutating func addSeat(tenant: Int32, group: Int32) -> Int32 {
        let position = Int32(clamping: groups[group].seats.count)
        let seat = seats.add(Seat(tenant: tenant, group: group, position: position))
        tenants[tenant].seats += 1
        groups[group].seats.append(seat)
        return seat
    }

    /// - Parameters:
    ///   - needsConnection: true where each try has a connection for itself.
    ///   - proof: where a credential of a group that others share proves itself.
    package mutating func addLane(
        seat: Int32, needsConnection: Bool = false, proof: UInt64? = nil, now: Int64 = 0
    ) -> LaneID {
        let group = seats[seat].group
        let lane = lanes.add(
            Lane(
                seat: seat, group: group, entry: groups[group].entry, serial: nextLaneSerial,
                needsConnection: needsConnection))
        if let proof {
            var entry = ledger.entry(proof, now: now)
            lanes[lane].provenUntil = ledger.parkedUntil(&entry, now: now)
            lanes[lane].proof = entry
        }
        nextLaneSerial &+= 1
        seats[seat].lanes += 1
        flows.cover(2 * Int(lane) + 1, filling: Flow())
        flows[2 * lane] = Flow()
        flows[2 * lane + 1] = Flow()
        return lane
    }

    /// Whether nothing would be lost by forgetting the lane: no request, no refusal to remember.
    package func isIdle(_ lane: LaneID, now: Int64) -> Bool {
        lanes[lane].fetches == 0 && lanes[lane].closedUntil <= now && lanes[lane].restsUntil == 0
    }

    /// Forgets an idle lane. Tells which of seat, group and tenant went with it.
    package mutating func removeLane(_ lane: LaneID) -> (seat: Bool, group: Bool, tenant: Bool) {
        let seat = lanes[lane].seat
        lanes[lane].serial = 0
        if lanes[lane].timer != none { timers.cancel(lanes[lane].timer) }
        lanes.remove(lane)
        seats[seat].lanes -= 1
        guard seats[seat].lanes == 0 else { return (false, false, false) }
        let (tenant, group) = (seats[seat].tenant, seats[seat].group)
        let position = seats[seat].position
        seats.remove(seat)
        tenants[tenant].seats -= 1
        if let last = groups[group].seats.popLast(), last != seat {
            groups[group].seats[Int(position)] = last
            seats[last].position = position
        }
        let (isLastOfGroup, isLastOfTenant) = (
            groups[group].seats.isEmpty, tenants[tenant].seats == 0
        )
        if isLastOfGroup {
            if groups[group].timer != none { timers.cancel(groups[group].timer) }
            hold(group, false)
            groups.remove(group)
        }
        if isLastOfTenant { tenants.remove(tenant) }
        return (true, isLastOfGroup, isLastOfTenant)
    }

    // MARK: - The breaker

    /// Until when the lane's credential is known to be refused; in the past: it is not.
    package func closedUntil(_ lane: LaneID) -> Int64 { lanes[lane].closedUntil }

    /// The server refused the credential of this fetch: nothing more is sent with it before
    /// `until`. What waits goes to `fallback`, another credential of the same account, or fails at
    /// once. One that has worked is asked about once more first, with a single try, while nothing
    /// else is sent with it: a refusal in the midst of good answers may be a stray one.
    package mutating func reject(_ id: FetchID, until: Int64, fallback: LaneID?, now: Int64) {
        guard let fetch = place(of: id), fetches[fetch].phase == .flying else { return }
        land(fetch)
        let lane = fetches[fetch].lane
        guard !isDoubtful(fetch) else { return doubt(fetch, now) }
        lanes[lane].hasWorked = false
        lanes[lane].closedUntil = max(lanes[lane].closedUntil, until)
        lanes[lane].isProbing = true
        lanes[lane].provenUntil = 0
        lanes[lane].fallback = fallback ?? none
        lanes[lane].fallbackSerial = fallback.map { lanes[$0].serial } ?? 0
        if let fallback, fallback != lane, lanes[fallback].closedUntil <= now,
            !fetches[fetch].hasFallenBack, !fetches[fetch].isCheck
        {
            fetches[fetch].hasFallenBack = true
            move(fetch, to: fallback, inFront: true, now)
            drain(lane) { (self, fetch) in self.move(fetch, to: fallback, inFront: false, now) }
        } else {
            answerAll(fetch)
            drain(lane) { (self, fetch) in self.failAll(fetch, .credential) }
        }
    }

    private func isDoubtful(_ fetch: Int32) -> Bool {
        lanes[fetches[fetch].lane].hasWorked && !fetches[fetch].isProbe
            && !fetches[fetch].wasDoubted
    }

    /// The fetch goes again, as the one that shows what is the case.
    private mutating func doubt(_ fetch: Int32, _ now: Int64) {
        let lane = fetches[fetch].lane
        fetches[fetch].wasDoubted = true
        // Not one of the request's own tries.
        fetches[fetch].tries -= 1
        lanes[lane].isProbing = true
        if lanes[lane].probes > 0 {
            unplace(2 * lane)
            unplace(2 * lane + 1)
        }
        enqueue(fetch, inFront: true, now)
        refuseParked(fetch, now)
    }

    /// The credential of a fetch has changed, either just after it was started or when it must
    /// `choose`: the fetch goes to the lane of the new one. Its permit, if any, is given back.
    package mutating func restart(_ id: FetchID, in lane: LaneID, now: Int64) {
        guard let fetch = place(of: id), fetches[fetch].phase != .queued else { return }
        if fetches[fetch].phase == .flying {
            refund(fetches[fetch].lane, now)
            land(fetch)
            fetches[fetch].tries -= 1
        }
        if lanes[lane].closedUntil > now, !fetches[fetch].isCheck {
            failAll(fetch, .credential)
        } else {
            move(fetch, to: lane, inFront: true, now)
        }
    }

    /// The server took the credential after it had refused it: it is good again.
    mutating func openLane(of fetch: Int32, _ now: Int64) {
        let lane = fetches[fetch].lane
        guard lanes[lane].isProbing else { return }
        lanes[lane].closedUntil = 0
        lanes[lane].isProbing = false
        goOn(lane, now)
    }

    /// Where requests of a refused credential may go, if that is still so.
    func fallback(of lane: LaneID, _ now: Int64) -> LaneID? {
        let fallback = lanes[lane].fallback
        guard fallback != none, lanes[fallback].serial == lanes[lane].fallbackSerial,
            fallback != lane, lanes[fallback].closedUntil <= now
        else { return nil }
        return fallback
    }

    mutating func move(_ fetch: Int32, to lane: LaneID, inFront: Bool, _ now: Int64) {
        if fetches[fetch].phase == .queued { dequeue(fetch) }
        lanes[fetches[fetch].lane].fetches -= 1
        fetches[fetch].lane = lane
        fetches[fetch].wasDoubted = false
        lanes[lane].fetches += 1
        enqueue(fetch, inFront: inFront, now)
        refuseParked(fetch, now)
    }

    /// Takes everything that waits in a lane out of it; checks stay.
    private mutating func drain(_ lane: LaneID, _ body: (inout Scheduler, Int32) -> Void) {
        for flow in [2 * lane, 2 * lane + 1] {
            var fetch = flows[flow].waiting.first
            while fetch != none {
                let next = fetches[fetch].next
                if !fetches[fetch].isCheck { body(&self, fetch) }
                fetch = next
            }
        }
    }
}
