// EngineLoop+Tries.swift - one try: which credential, what is sent, what its end means.

import CSystem

extension EngineLoop {
    /// The credential to use now, as one look at the vault finds it, and its lane: the active one,
    /// or the retiring one while Cloudflare refuses the active one. The secret comes from the same
    /// look, so that no change of the vault can come between.
    func choose(
        for job: Job, _ look: TenantIndex, _ now: Int64
    ) throws(Failure) -> (lane: LaneID, credential: Credential) {
        try choose(
            for: job.credential.account, look, mayFallBack: job.request.resultKind != .check, now)
    }

    /// The lane that an account's requests go through now.
    func choose(
        for account: AccountID, _ look: TenantIndex, mayFallBack: Bool = true, _ now: Int64
    ) throws(Failure) -> (lane: LaneID, credential: Credential) {
        let credential = try look.credential(of: account)
        let lane = try lanes.lane(of: credential, look, in: &scheduler, now: now)
        guard scheduler.closedUntil(lane) > now, mayFallBack,
            let other = try look.fallback(for: credential)
        else { return (lane, credential) }
        let fallback = try lanes.lane(of: other, look, in: &scheduler, now: now)
        return scheduler.closedUntil(fallback) > now ? (lane, credential) : (fallback, other)
    }

    /// The credential of a fetch was refused while it slept: it goes on with what the vault has
    /// now, or ends in its lane.
    @_optimize(size) func chooseAnew(_ id: FetchID) {
        guard let leader = scheduler.leader(of: id), var lane = scheduler.lane(of: id),
            let job = jobs[Int(Scheduler.place(of: leader))]
        else { return }
        let now = tvs_boot_us()
        if let look = try? job.tenant.look(), let chosen = try? choose(for: job, look, now) {
            lane = chosen.lane
        }
        scheduler.restart(id, in: lane, now: now)
    }

    /// Begins a try; what goes wrong before the first byte ends the fetch, but what this host lacks
    /// may be there again for the next try.
    func start(_ id: FetchID) {
        guard let leader = scheduler.leader(of: id),
            let job = jobs[Int(Scheduler.place(of: leader))]
        else { return }
        var place: ReplyRoom.Place?
        guard makesRoom(id, job, &place) else { return }
        if let errand = job.errand { goes(errand) }
        let fetch = begun(id, job)
        do {
            let now = tvs_boot_us()
            // As the vault is now: a rotated token is used at once.
            let look = try job.tenant.look()
            let (lane, credential) = try choose(for: job, look, now)
            guard lane == scheduler.lane(of: id) else {
                return scheduler.restart(id, in: lane, now: now)
            }
            tellUse(lane, credential, look, job, now)
            let authorization = try look.authorization(for: credential)
            var request = HTTPRequest(
                path: try fetch.dialogue.path(credential, authorization),
                authorization: authorization, email: credential.email,
                timeoutMs: Self.longestTryMs)
            request.tenant = look.tenant
            try transport.start(id, request, to: credential.origin, in: place)
            fetch.tries += 1
            fetch.startedAt = now
            fetch.credential = credential
            fetch.lane = lane
        } catch {
            fetch.dialogue.fail(error)
            fetch.answer = nil
            guard error.status == .noDescriptors || error.status == .noMemory else {
                return scheduler.finished(id, .unsent, now: tvs_boot_us())
            }
            let now = tvs_boot_us()
            // A try that has ended, although nothing of it was sent: who gives up is told of it.
            fetch.tries += 1
            fetch.ended += 1
            fetch.lane = scheduler.lane(of: id)
            scheduler.finished(id, .retry(afterMs: nil), wasSent: false, now: now)
            tellRetry(id, fetch, http: 0, now)
        }
    }

    /// Whether the vault still lends a try under way what it was begun with.
    func isStillLent(_ id: FetchID) -> Bool {
        let place = Self.place(of: id)
        guard place < fetches.count, let fetch = fetches[place], let lent = fetch.credential,
            let look = try? fetch.job.tenant.look()
        else { return false }
        return look.lends(lent)
    }

    /// The vault took back what a try was begun with before it was sent: the request goes on with
    /// what there is now, or ends.
    private func goOn(_ id: FetchID, _ fetch: BegunFetch) {
        let now = tvs_boot_us()
        fetch.tries -= 1
        do {
            let chosen = try choose(for: fetch.job, try fetch.job.tenant.look(), now)
            scheduler.restart(id, in: chosen.lane, now: now)
        } catch {
            fetch.dialogue.fail(error)
            fetch.answer = nil
            scheduler.finished(id, .final, proof: .none, wasSent: false, now: now)
        }
    }

    private func begun(_ id: FetchID, _ job: Job) -> BegunFetch {
        let place = Self.place(of: id)
        while fetches.count <= place { fetches.append(nil) }
        if let fetch = fetches[place] { return fetch }
        let fetch = BegunFetch(job, job.request.dialogue(settings.base, searches))
        fetches[place] = fetch
        return fetch
    }

    /// A second longer than the longest deadline, a day: only a belt. The scheduler ends each
    /// request in time, also one that joins a try under way and has more time than who began it.
    private static let longestTryMs = 86_400_000 + 1000

    /// How many tries of a fetch have ended.
    func triesEnded(_ id: FetchID) -> Int {
        let place = Self.place(of: id)
        return place < fetches.count ? fetches[place]?.ended ?? 0 : 0
    }

    /// What the transport keeps waiting, in an order of its own, waits at the scheduler instead,
    /// which knows whose turn it is. True when there may be more to do at once.
    func letKeptWait() -> Bool {
        guard let kept = transport.kept() else { return true }
        var isAny = false
        // The newest goes to the front first, so all stand as they began.
        for id in kept.reversed() {
            guard scheduler.noteNoRoom(for: id, now: tvs_boot_us()) else { continue }
            isAny = true
            transport.abort(id)
            let place = Self.place(of: id)
            if place < fetches.count { fetches[place]?.tries -= 1 }
        }
        return isAny
    }

    /// Nobody waits for the try any more, or another tenant has its stream now.
    func giveUp(_ id: FetchID) {
        let wasSent = transport.wasSent(id)
        transport.abort(id)
        let place = Self.place(of: id)
        guard place < fetches.count, let fetch = fetches[place] else { return }
        let now = tvs_boot_us()
        counts.tries += 1
        counts.givenUp += 1
        counts.tryLatency.add(us: now - fetch.startedAt)
        if !wasSent, let lane = fetch.lane { scheduler.refund(lane, now) }
    }

    private static let mostUnheard = 5

    /// Takes in how a try ended.
    func ended(_ id: FetchID, _ reply: HTTPReply) {
        let place = Self.place(of: id)
        guard place < fetches.count, let fetch = fetches[place] else { return }
        if reply.isTakenBack { return goOn(id, fetch) }
        let now = tvs_boot_us()
        var verdict = fetch.dialogue.read(reply)
        // As often as libcurl would send it again by itself, that is no failure.
        if case .retry = verdict, reply.isRepeat, fetch.unheard < Self.mostUnheard {
            fetch.unheard += 1
            verdict = .unheard
        } else {
            fetch.unheard = 0
        }
        note(reply, verdict, of: fetch.job.tenant.key)
        tried.append(id)
        fetch.answer = nil
        fetch.ended += 1
        // A key's connection never carries several.
        if reply.sharedConnection == false, fetch.credential?.email == nil {
            transport.noteHTTP1()
            scheduler.note(sharesConnections: false)
        }
        counts.countTry(verdict)
        counts.tryLatency.add(us: now - fetch.startedAt)
        let lane = scheduler.lane(of: id)
        switch verdict {
        case .rejected: reject(id, fetch, now)
        default:
            fetch.isOver = verdict == .final && fetch.dialogue.isComplete
            scheduler.finished(
                id, verdict,
                proof: reply.fault == nil ? fetch.dialogue.proof : .none,
                wasSent: reply.wasSent, now: now)
        }
        switch verdict {
        case .retry: tellRetry(id, fetch, http: reply.status, now)
        case .rateLimited:
            guard let lane else { break }
            // What is told is what is kept, before anybody is answered.
            let rest = scheduler.restsUntil(lane, now: now) - now
            fetch.dialogue.rests(ms: (max(0, rest) + 999) / 1000)
            tellResting(lane, fetch.job, isOwn: true, now)
        default: break
        }
        if let lane { note(lane, reply, now) }
    }

    /// Those who are answered have their answers: fetches that go on keep no more until the next
    /// try than they have room for. Where a growing trace finds none, it is the answer as it is.
    func keepLittle() {
        for id in tried where scheduler.lane(of: id) != nil {
            let place = Self.place(of: id)
            guard place < fetches.count, let fetch = fetches[place] else { continue }
            let kept = fetch.kept ?? waiting.place(for: fetch.job.tenant.key)
            fetch.kept = kept
            fetch.answer = nil
            if !fetch.dialogue.pause(kept) { scheduler.answerAll(of: id) }
        }
        tried.removeAll(keepingCapacity: true)
    }

    /// The server refused the credential: nobody tries it again for a while.
    private func reject(_ id: FetchID, _ fetch: BegunFetch, _ now: Int64) {
        counts.rejected += 1
        var fallback: LaneID?
        let refusedLane = scheduler.lane(of: id)
        if let lane = refusedLane, let refused = lanes.credential(of: lane),
            let look = try? fetch.job.tenant.look(),
            let other = try? look.fallback(for: refused)
        {
            fallback = try? lanes.lane(of: other, look, in: &scheduler, now: now)
        }
        scheduler.reject(
            id, until: now + settings.credentialRetryMs * 1000, fallback: fallback, now: now)
        if let refusedLane {
            tellRefused(refusedLane, fetch.job, hasOther: fallback != nil, now)
        }
    }

    /// What the reply tells of the quota.
    private func note(_ lane: LaneID, _ reply: HTTPReply, _ now: Int64) {
        let headers = reply.headers
        // That an answer says nothing of it tells something, too; a failure may not be the API's.
        guard reply.status == 200 || !headers.rateLimit.isEmpty || !headers.rateLimitPolicy.isEmpty
        else { return }
        let said = ServerQuota(
            RateLimitHeaders.policies(headers.rateLimitPolicy),
            RateLimitHeaders.remaining(headers.rateLimit), sharePercent: settings.sharePercent)
        scheduler.note(lane, said, now: now)
    }
}
