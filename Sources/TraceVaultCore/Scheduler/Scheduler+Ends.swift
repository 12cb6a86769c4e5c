// Scheduler+Ends.swift - how tries end, and how requests get their one answer.

extension Scheduler {
    /// A server that refuses and says "at once" is still not asked in a tight loop.
    private static let shortestParkUs: Int64 = 1_000_000

    /// Notes how a try ended. `rejected` is told with `reject`.
    ///
    /// - Parameter provesCredential: false where an answer is none to the credential.
    /// - Parameter wasSent: false where the server cannot have seen the request: nothing was spent.
    package mutating func finished(
        _ id: FetchID, _ verdict: Verdict, provesCredential: Bool = true, wasSent: Bool = true,
        now: Int64
    ) {
        guard let fetch = place(of: id), fetches[fetch].phase == .flying else { return }
        land(fetch)
        if !wasSent || verdict == .unsent { refund(fetch, now) }
        switch verdict {
        case .final, .pending, .more, .later:
            if provesCredential, fetches[fetch].isProbe { openLane(of: fetch) }
        case .unsent, .retry, .rateLimited, .rejected: break
        }
        switch verdict {
        case .final, .rejected, .unsent:
            answerAll(fetch)
        case .pending: lookAgain(fetch, now)
        case .more:
            // Half of a check says nothing of the credential, a page of a search is one.
            fetches[fetch].hasAnswer = !fetches[fetch].isCheck
            fetches[fetch].attempts = 0
            wake(fetch, now)
        case .later(let afterMs):
            // The server works on it: a wait, not a failure.
            fetches[fetch].attempts = 0
            fetches[fetch].polls += 1
            let delay = afterMs.map { Self.us($0) } ?? Self.backoff(fetches[fetch].polls)
            sleep(fetch, until: now + max(delay, Self.shortestParkUs), now)
        case .retry(let afterMs):
            let attempts = fetches[fetch].attempts
            let delay = limits.retry.delayMs(
                attempts: Int(attempts), retryAfterMs: afterMs, random: &random)
            if attempts >= limits.retry.maxAttempts {
                answerAll(fetch)
            } else {
                sleep(fetch, until: now + Self.us(delay), now)
            }
        case .rateLimited(let afterMs):
            let until = now + max(Self.us(afterMs), Self.shortestParkUs)
            // The group's parking is the wait; a try that was refused for everybody's sake does not
            // use up this request's own tries.
            fetches[fetch].attempts -= 1
            sleep(fetch, until: until, now)
            park(lanes[fetches[fetch].lane].group, until: until, now)
        }
    }

    /// Milliseconds from outside as µs, bounded to a day over the longest deadline.
    static func us(_ ms: Int64) -> Int64 { min(max(0, ms), 172_800_000) * 1000 }

    // MARK: - Waiting within a request

    /// An answer that is still growing: those who do not wait get it, for the others it is looked
    /// at again.
    private mutating func lookAgain(_ fetch: Int32, _ now: Int64) {
        fetches[fetch].hasAnswer = true
        // An answer is not a failure: the tries of the next look count anew.
        fetches[fetch].attempts = 0
        fetches[fetch].polls += 1
        var last: Int64 = 0
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            let end = min(members[member].waitUntil, members[member].deadline)
            if end <= now {
                leave(member, .answer(members[member].id))
            } else if end < members[member].deadline {
                // Ends the wait whatever later looks meet: silence, failures, a parked group.
                members[member].deadline = end
                timers.move(members[member].timer, to: end)
            }
            last = max(last, end)
            member = next
        }
        guard last > now else { return }
        // Never so long that the last look comes long before the wait is over.
        let delay = max(1_000_000, min(Self.backoff(fetches[fetch].polls), (last - now) / 2))
        sleep(fetch, until: now + delay, now)
    }

    /// 1 s, doubling to 30 s.
    private static func backoff(_ polls: Int32) -> Int64 {
        min(30_000_000, 1_000_000 << Int64(min(max(0, polls - 1), 5)))
    }

    /// Sleeps until `time`; who cannot wait so long is answered at once.
    mutating func sleep(_ fetch: Int32, until time: Int64, _ now: Int64) {
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            if members[member].deadline <= time { leave(member, .answer(members[member].id)) }
            member = next
        }
        guard !fetches[fetch].members.isEmpty else { return }
        fetches[fetch].timer = timers.add(Timer.fetch(fetch).payload, at: time)
    }

    mutating func fire(_ timer: Timer, _ now: Int64) {
        switch timer {
        case .member(let member):
            members[member].timer = none
            let id = members[member].id
            // An incomplete result is a better answer than none.
            leave(
                member,
                fetches[members[member].fetch].hasAnswer ? .answer(id) : .fail(id, .deadline))
        case .fetch(let fetch):
            fetches[fetch].timer = none
            wake(fetch, now)
        case .group(let group):
            groups[group].timer = none
            release(group, now)
        case .origin:
            originTimer = none
        }
    }

    private mutating func wake(_ fetch: Int32, _ now: Int64) {
        let lane = fetches[fetch].lane
        guard lanes[lane].closedUntil > now, !fetches[fetch].isCheck else {
            return enqueue(fetch, inFront: true)
        }
        // The credential was refused meanwhile.
        if let fallback = fallback(of: lane, now), !fetches[fetch].hasFallenBack {
            fetches[fetch].hasFallenBack = true
            move(fetch, to: fallback, inFront: true)
        } else {
            emit(.choose(name(of: fetch)))
        }
    }

    // MARK: - Members

    mutating func join(_ fetch: Int32, _ ticket: Ticket) {
        let member = Self.place(of: ticket.id)
        members.cover(Int(member), filling: Member())
        members[member] = Member(
            id: ticket.id, deadline: ticket.deadline, waitUntil: ticket.waitUntil, fetch: fetch,
            timer: timers.add(Timer.member(member).payload, at: ticket.deadline))
        members.append(member, to: &fetches[fetch].members)
        alive += 1
        if ticket.priority == .interactive, fetches[fetch].priority == .bulk { promote(fetch) }
    }

    /// A newcomer to a wait for a growing answer gets a look of its own: the next may be half a
    /// minute away. Not where a failure or the server's own wish is what it sleeps for.
    mutating func lookNow(_ fetch: Int32, _ now: Int64) {
        guard fetches[fetch].timer != none, fetches[fetch].hasAnswer, fetches[fetch].attempts == 0
        else { return }
        timers.cancel(fetches[fetch].timer)
        fetches[fetch].timer = none
        wake(fetch, now)
    }

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
            leave(member, hasAnswer ? .answer(id) : .fail(id, status))
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
