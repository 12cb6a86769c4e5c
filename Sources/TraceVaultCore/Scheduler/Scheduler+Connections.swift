// Scheduler+Connections.swift - what carries the tries under way: connections that serve one
// request each, and the streams of those that serve many. There are so many of both, and a tenant
// has no more than are free.
//
// How many streams there are is what the settings allow, until the transport finds no room for a
// try: then there are as many as are under way. By then they may all be taken, so whoever has none
// takes one of the tenant that has most, as long as that has another.

extension Scheduler {
    /// For so long counts what the transport had room for. The server may allow more by then.
    static let roomHoldsUs: Int64 = 60_000_000

    // MARK: - What the server allows

    /// Whether the server takes many requests on one connection, as far as is known: otherwise each
    /// has one for itself.
    package mutating func note(sharesConnections: Bool) {
        guard sharesConnections != self.sharesConnections else { return }
        self.sharesConnections = sharesConnections
        mustLook = true
        if sharesConnections {
            var fetch = underWay.first
            while fetch != none {
                if fetches[fetch].carrier == .connection, !needsConnection(fetches[fetch].lane) {
                    carry(fetch, on: .stream)
                }
                fetch = fetches[fetch].next
            }
        }
        // Who waited for the one needs the other now.
        wakeAll()
    }

    /// The transport keeps this try waiting, as no connection has room for it: it is not sent, goes
    /// before the others of its lane, and there are no more streams than are under way. False where
    /// there is nobody to learn from: the transport may keep it.
    package mutating func noteNoRoom(for id: FetchID, now: Int64) -> Bool {
        guard let fetch = place(of: id), fetches[fetch].carrier == .stream, streams.used > 1
        else { return false }
        putBack(id, now: now)
        streams.most = streams.used
        if roomTimer == none {
            roomTimer = timers.add(Timer.room.payload, at: now + Self.roomHoldsUs)
        } else {
            timers.move(roomTimer, to: now + Self.roomHoldsUs)
        }
        return true
    }

    /// The try goes before the others of its lane, as if it had not been begun.
    package mutating func putBack(_ id: FetchID, now: Int64) {
        guard let fetch = place(of: id), fetches[fetch].phase == .flying else { return }
        refund(fetches[fetch].lane, now)
        goBack(fetch, now)
    }

    /// What was learned of the streams is old.
    mutating func forgetRoom() {
        roomTimer = none
        streams.most = limits.maxStreams
        wakeAll()
    }

    private mutating func wakeAll() {
        while connections.waiting.first != none { enterFirst(of: \.connections) }
        while streams.waiting.first != none { enterFirst(of: \.streams) }
        uncrowd()
    }

    /// Who waits longest for one of these goes to the ring.
    mutating func enterFirst(of bounded: WritableKeyPath<Scheduler, Bounded>) {
        var waiting = self[keyPath: bounded].waiting
        let tenant = waiting.first
        tenants.remove(tenant, from: &waiting)
        self[keyPath: bounded].waiting = waiting
        enter(tenant, isUrgent: !tenants[tenant].interactive.isEmpty)
    }

    // MARK: - Shares

    /// Whether a try of this lane has a connection for itself.
    func needsConnection(_ lane: LaneID) -> Bool {
        !sharesConnections || lanes[lane].needsConnection
    }

    func mayConnect(_ tenant: Int32) -> Bool { tenants[tenant].connections < connections.free }

    /// Who has no stream may also take one of a tenant that has many.
    func mayStream(_ tenant: Int32, _ now: Int64) -> Bool {
        tenants[tenant].streams < streams.free
            || (tenants[tenant].streams == 0 && newestOfGreedy(now) != none)
    }

    /// Where streams are fewer than was thought: what was begun last of the tenant that has most,
    /// if that has more than one. What could not go again, as its quota rests, is left alone.
    private func newestOfGreedy(_ now: Int64) -> Int32 {
        guard roomTimer != none else { return none }
        var (newest, most) = (none, Int32(1))
        var fetch = underWay.last
        while fetch != none {
            let lane = fetches[fetch].lane
            let has = tenants[seats[lanes[lane].seat].tenant].streams
            let rests = lanes[lane].restsUntil > now || groups[lanes[lane].group].refusedUntil > now
            if fetches[fetch].carrier == .stream, !rests, has > most {
                (newest, most) = (fetch, has)
            }
            fetch = fetches[fetch].previous
        }
        return newest
    }

    /// Ends the newest try of the tenant that has most; it goes again when it may.
    mutating func takeFromGreedy(_ now: Int64) {
        let fetch = newestOfGreedy(now)
        guard fetch != none else { return }
        emit(.abort(name(of: fetch)))
        goBack(fetch, now)
    }

    /// The try counts as none.
    private mutating func goBack(_ fetch: Int32, _ now: Int64) {
        land(fetch)
        fetches[fetch].tries -= 1
        wake(fetch, now)
    }

    // MARK: - Counting

    /// Notes what carries the try of a fetch.
    mutating func carry(_ fetch: Int32, on carrier: Carrier) {
        let tenant = seats[lanes[fetches[fetch].lane].seat].tenant
        count(fetches[fetch].carrier, of: tenant, -1)
        fetches[fetch].carrier = carrier
        count(carrier, of: tenant, 1)
    }

    private mutating func count(_ carrier: Carrier, of tenant: Int32, _ change: Int32) {
        switch carrier {
        case .nothing: break
        case .connection:
            connections.used += change
            tenants[tenant].connections += change
        case .stream:
            streams.used += change
            tenants[tenant].streams += change
        }
    }
}
