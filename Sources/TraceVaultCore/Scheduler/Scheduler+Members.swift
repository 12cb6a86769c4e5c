// Scheduler+Members.swift - requests and the fetches they wait for: who comes to whom, whose time
// stands still, who leaves.

extension Scheduler {
    // MARK: - Coming

    /// Lets a request wait for a fetch that is alive. False where it is better off with one of its
    /// own: the fetch sleeps beyond its deadline.
    mutating func joins(_ fetch: Int32, _ ticket: Ticket, _ now: Int64) -> Bool {
        guard fetches[fetch].phase == .sleeping, fetches[fetch].timer != none else {
            add(ticket, to: fetch, now)
            return true
        }
        var wake = timers.time(of: fetches[fetch].timer)
        if fetches[fetch].hasAnswer, fetches[fetch].failures == 0 {
            // A newcomer to a wait for a growing answer gets a look of its own: the next may be
            // half a minute away.
            wake = now
        } else if ticket.priority == .interactive, fetches[fetch].priority == .bulk {
            // Somebody waits for it now: no longer than the server asks for.
            wake = min(wake, max(now, fetches[fetch].floor))
        }
        guard wake < ticket.deadline else { return false }
        add(ticket, to: fetch, now)
        guard wake <= now else {
            timers.move(fetches[fetch].timer, to: wake)
            return true
        }
        timers.cancel(fetches[fetch].timer)
        fetches[fetch].timer = none
        self.wake(fetch, now)
        return true
    }

    /// Notes that a request waits for a fetch.
    mutating func add(_ ticket: Ticket, to fetch: Int32, _ now: Int64) {
        let member = Self.place(of: ticket.id)
        members.cover(Int(member), filling: Member())
        var record = Member(
            id: ticket.id, deadline: ticket.deadline, waitUntil: ticket.waitUntil, fetch: fetch)
        record.isPatient = ticket.isPatient
        record.tellsRest = ticket.tellsRest
        // The try that is under way is its own, too.
        record.triesBefore =
            fetches[fetch].tries - (fetches[fetch].phase == .flying ? 1 : 0)
        if record.isPatient, fetches[fetch].phase == .queued {
            record.pausedAt = max(1, now)
        } else {
            record.timer = timers.add(Timer.member(member).payload, at: ticket.deadline)
        }
        members[member] = record
        members.append(member, to: &fetches[fetch].members)
        alive += 1
        if ticket.priority == .interactive, fetches[fetch].priority == .bulk {
            promote(fetch, now)
        }
    }

    // MARK: - Patience

    /// The fetch waits for its turn or a permit: the time of those who are patient stands still.
    mutating func pause(_ fetch: Int32, _ now: Int64) {
        var member = fetches[fetch].members.first
        while member != none {
            if standsStill(member), members[member].pausedAt == 0 {
                members[member].pausedAt = max(1, now)
                timers.cancel(members[member].timer)
                members[member].timer = none
            }
            member = members[member].next
        }
    }

    /// The fetch goes: their time goes on.
    mutating func resume(_ fetch: Int32, _ now: Int64) {
        var member = fetches[fetch].members.first
        while member != none {
            if members[member].pausedAt != 0 {
                let waited = max(0, now - members[member].pausedAt)
                members[member].pausedAt = 0
                members[member].deadline += waited
                if members[member].waitUntil != 0 { members[member].waitUntil += waited }
                members[member].timer = timers.add(
                    Timer.member(member).payload, at: members[member].deadline)
            }
            member = members[member].next
        }
    }

    /// Whether waiting for a turn or the quota does not count for the member's request. Who has an
    /// answer that is still growing waits no longer for the rest than it wanted.
    func standsStill(_ member: Int32) -> Bool {
        let hasAnswer = fetches[members[member].fetch].hasAnswer
        let growsUntil = members[member].waitUntil
        let isGrowing = hasAnswer && growsUntil != 0 && members[member].deadline <= growsUntil
        return members[member].isPatient && !isGrowing
    }

    /// Whether a member's request must have its answer before `time` is over.
    func mustEnd(_ member: Int32, by time: Int64) -> Bool {
        members[member].pausedAt == 0 && members[member].deadline <= time
    }

    // MARK: - Leaving

    /// Gives a request its answer. The fetch goes with the last one who waits for it.
    mutating func leave(_ member: Int32, _ action: Action) {
        let fetch = members[member].fetch
        if members[member].timer != none { timers.cancel(members[member].timer) }
        members[member].timer = none
        members[member].fetch = none
        members.remove(member, from: &fetches[fetch].members)
        alive -= 1
        let isLast = fetches[fetch].members.isEmpty
        if isLast, fetches[fetch].phase == .flying {
            emit(.abort(name(of: fetch)))
            land(fetch)
        }
        emit(action)
        if isLast { end(fetch) }
    }

    /// Nothing more is waited for: all who wait for the fetch get what it has brought.
    package mutating func answerAll(of id: FetchID) {
        if let fetch = place(of: id) { answerAll(fetch) }
    }

    mutating func answerAll(_ fetch: Int32) {
        while fetches[fetch].members.first != none {
            let member = fetches[fetch].members.first
            leave(member, .answer(members[member].id))
        }
    }

    /// Ends a fetch whose credential is refused; what came before is a better answer.
    mutating func failAll(_ fetch: Int32, _ status: Status) {
        let hasAnswer = fetches[fetch].hasAnswer
        while fetches[fetch].members.first != none {
            let member = fetches[fetch].members.first
            let id = members[member].id
            if hasAnswer { emit(.waited(id, .credential, status)) }
            leave(member, hasAnswer ? .answer(id) : .fail(id, status))
        }
    }

    /// Tells those who cannot wait so long for a permit, or want to know of it.
    mutating func refuse(_ fetch: Int32, until time: Int64) {
        let hasAnswer = fetches[fetch].hasAnswer
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            if mustEnd(member, by: time) {
                let id = members[member].id
                if hasAnswer { emit(.waited(id, .permit(at: time), .rateLimited)) }
                leave(member, hasAnswer ? .answer(id) : .refuse(id, until: time))
            } else if members[member].tellsRest, members[member].pausedAt != 0 {
                emit(.rests(members[member].id, until: time))
            }
            member = next
        }
    }

    private mutating func end(_ fetch: Int32) {
        if fetches[fetch].timer != none { timers.cancel(fetches[fetch].timer) }
        if fetches[fetch].phase == .queued { dequeue(fetch) }
        sleeping -= 1
        lanes[fetches[fetch].lane].fetches -= 1
        emit(.end(name(of: fetch)))
        fetches.remove(fetch)
    }
}
