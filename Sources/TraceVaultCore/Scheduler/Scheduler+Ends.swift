// Scheduler+Ends.swift - how tries end, and what a fetch waits for between two.

extension Scheduler {
    /// A server that says "at once" is still not asked in a tight loop.
    private static let shortestWaitUs: Int64 = 1_000_000
    private static let longestPauseUs: Int64 = 30_000_000

    /// Notes how a try ended. `rejected` is told with `reject`.
    ///
    /// - Parameters:
    ///   - proof: what the reply shows of the credential.
    ///   - wasSent: false where the server cannot have seen the request: nothing was spent.
    package mutating func finished(
        _ id: FetchID, _ verdict: Verdict, proof: CredentialProof = .taken, wasSent: Bool = true,
        now: Int64
    ) {
        guard let fetch = place(of: id), fetches[fetch].phase == .flying else { return }
        land(fetch)
        if !wasSent || verdict == .unsent { refund(fetches[fetch].lane, now) }
        switch verdict {
        case .final, .pending, .more, .later:
            // Half of a check says nothing of the credential.
            guard proof != .none, verdict != .more || !fetches[fetch].isCheck else { break }
            if fetches[fetch].isProbe { openLane(of: fetch, now) }
            let lane = fetches[fetch].lane
            if !lanes[lane].isProbing { lanes[lane].hasWorked = true }
            guard proof == .taken else { break }
            prove(fetches[fetch].lane, now)
            groups[lanes[fetches[fetch].lane].group].penalties.end()
        case .unsent, .retry, .roomless, .unheard, .rateLimited, .rejected: break
        }
        switch verdict {
        case .unsent, .final, .rejected: answerAll(fetch)
        case .pending: lookAgain(fetch, now)
        case .more:
            // A page of a search is an answer, half of a check is none.
            fetches[fetch].hasAnswer = !fetches[fetch].isCheck
            fetches[fetch].settle()
            wake(fetch, now)
        case .later(let afterMs):
            // The server works on it: a wait, not a failure.
            fetches[fetch].settle()
            fetches[fetch].polls += 1
            let delay = afterMs.map { Self.us($0) } ?? Self.backoff(fetches[fetch].polls)
            let until = now + max(delay, Self.shortestWaitUs)
            fetches[fetch].floor = until
            sleep(fetch, until: until, now)
        case .retry(let afterMs): tryAgain(fetch, afterMs, now)
        case .roomless, .unheard:
            // What only has to wait is no failure of it.
            fetches[fetch].tries -= 1
            wake(fetch, now)
        case .rateLimited(let afterMs):
            // A try that was refused for everybody's sake does not use up this request's own tries.
            fetches[fetch].tries -= 1
            let until = penalise(fetches[fetch].lane, Self.us(afterMs), now)
            waitForQuota(fetch, until: until, now)
        }
    }

    /// Milliseconds from outside as µs, bounded to a day over the longest deadline.
    static func us(_ ms: Int64) -> Int64 { min(max(0, ms), 172_800_000) * 1000 }

    // MARK: - Waiting within a request

    /// Each request has its own tries: who came late has not used up those before it.
    private mutating func tryAgain(_ fetch: Int32, _ afterMs: Int64?, _ now: Int64) {
        let delay = limits.retry.delayMs(
            attempts: Int(fetches[fetch].failures), retryAfterMs: afterMs, random: &random)
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            let before = max(members[member].triesBefore, fetches[fetch].settled)
            if fetches[fetch].tries - before >= limits.retry.maxAttempts {
                leave(member, .answer(members[member].id))
            }
            member = next
        }
        guard !fetches[fetch].members.isEmpty else { return }
        fetches[fetch].floor = now + Self.us(afterMs ?? 0)
        sleep(fetch, until: now + Self.us(delay), now)
    }

    /// The server lets nothing of the group (or lane) through before `time`: the fetch waits
    /// there, the first of its flow, and who cannot wait so long has its answer.
    private mutating func waitForQuota(_ fetch: Int32, until time: Int64, _ now: Int64) {
        var member = fetches[fetch].members.first
        while member != none {
            let next = members[member].next
            if !standsStill(member), members[member].deadline <= time {
                leave(member, .answer(members[member].id))
            }
            member = next
        }
        rest(fetches[fetch].lane, until: time, now)
        guard !fetches[fetch].members.isEmpty else { return }
        enqueue(fetch, inFront: true, now)
        refuse(fetch, until: time)
    }

    /// An answer that is still growing: those who do not wait get it, for the others it is looked
    /// at again.
    private mutating func lookAgain(_ fetch: Int32, _ now: Int64) {
        fetches[fetch].hasAnswer = true
        // An answer is not a failure: the tries of the next look count anew.
        fetches[fetch].settle()
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
        let pause = min(Self.backoff(fetches[fetch].polls), (last - now) / 2)
        let delay = max(Self.shortestWaitUs, pause)
        sleep(fetch, until: now + delay, now)
    }

    /// 1 s, doubling to 30 s.
    private static func backoff(_ polls: Int32) -> Int64 {
        min(longestPauseUs, shortestWaitUs << Int64(min(max(0, polls - 1), 5)))
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
            let (id, fetch) = (members[member].id, members[member].fetch)
            emit(.waited(id, wait(of: fetch, now), .deadline))
            // An incomplete result is a better answer than none.
            leave(member, fetches[fetch].hasAnswer ? .answer(id) : .fail(id, .deadline))
        case .fetch(let fetch):
            fetches[fetch].timer = none
            wake(fetch, now)
        case .group(let group):
            groups[group].timer = none
            release(group, now)
        case .lane(let lane): endRest(of: lane, now)
        case .origin:
            originTimer = none
        case .room: forgetRoom()
        }
    }

    mutating func wake(_ fetch: Int32, _ now: Int64) {
        let lane = fetches[fetch].lane
        guard lanes[lane].closedUntil > now, !fetches[fetch].isCheck else {
            enqueue(fetch, inFront: true, now)
            return refuseParked(fetch, now)
        }
        // The credential was refused meanwhile.
        if let fallback = fallback(of: lane, now), !fetches[fetch].hasFallenBack {
            fetches[fetch].hasFallenBack = true
            move(fetch, to: fallback, inFront: true, now)
        } else {
            emit(.choose(name(of: fetch)))
        }
    }
}
