// Scheduler+Ahead.swift - has the processor bring near what the next steps need. Touching a
// record that is not in the cache costs 100 ns; prefetching hides it. Hints only: nothing here
// changes what is decided.

extension Scheduler {
    /// A request comes to this lane: all it touches at once instead of one after another.
    func bring(_ lane: LaneID, _ priority: Priority) {
        let flow = 2 * lane + (priority == .bulk ? 1 : 0)
        flows.bring(flow)
        groups.bring(lanes[lane].group)
        ledger.bring(lanes[lane].entry)
        fetches.bring(flows[flow].waiting.last)
    }

    /// Those whose turns come next. A record tells where the next one is, so each turn brings one
    /// of every kind: the nearer the turn, the further along the chain.
    func bringAhead() {
        let first = ring.head
        guard first != none else { return }
        bringRequest(of: first)
        let second = tenants[first].next
        guard second != none else { return }
        bringPermit(of: second)
        let third = tenants[second].next
        guard third != none else { return }
        bringSeat(of: third)
        let fourth = tenants[third].next
        guard fourth != none else { return }
        seats.bring(nextSeat(of: fourth))
        tenants.bring(tenants[fourth].next)
    }

    private func nextSeat(of tenant: Int32) -> Int32 {
        let seat = tenants[tenant].interactive.first
        return seat == none ? tenants[tenant].bulk.first : seat
    }

    private func nextFlow(of tenant: Int32) -> Int32 {
        let seat = nextSeat(of: tenant)
        return seat == none ? none : nextFlow(ofSeat: seat)
    }

    private func bringSeat(of tenant: Int32) {
        let flow = nextFlow(of: tenant)
        guard flow != none else { return }
        flows.bring(flow)
        lanes.bring(flow / 2)
        groups.bring(seats[nextSeat(of: tenant)].group)
    }

    private func bringPermit(of tenant: Int32) {
        let flow = nextFlow(of: tenant)
        guard flow != none else { return }
        ledger.bring(lanes[flow / 2].entry)
        fetches.bring(flows[flow].waiting.first)
    }

    private func bringRequest(of tenant: Int32) {
        let flow = nextFlow(of: tenant)
        guard flow != none else { return }
        let fetch = flows[flow].waiting.first
        guard fetch != none else { return }
        fetches.bring(fetches[fetch].next)
        members.bring(fetches[fetch].members.first)
    }

    /// Of a fetch that starts now: its end cancels the timer.
    mutating func bringTimer(of fetch: Int32) {
        timers.bring(members[fetches[fetch].members.first].timer)
    }
}
