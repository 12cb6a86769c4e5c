// EngineLoop+Tries.swift - one try: which credential, what is sent, what its end means.

import CSystem

extension EngineLoop {
    /// The credential to use now for the account of `credential`, and its lane: the active one, or
    /// the retiring one while Cloudflare refuses the active one.
    func choose(
        for job: Job, _ credential: Credential, _ now: Int64
    ) throws(Failure) -> (lane: LaneID, credential: Credential) {
        let lane = try lanes.lane(of: credential, job.tenant, in: &scheduler, now: now)
        guard scheduler.closedUntil(lane) > now, job.request.topic != .check,
            let other = try job.tenant.fallback(for: credential)
        else { return (lane, credential) }
        let fallback = try lanes.lane(of: other, job.tenant, in: &scheduler, now: now)
        return scheduler.closedUntil(fallback) > now ? (lane, credential) : (fallback, other)
    }

    /// The credential of a fetch was refused while it slept: it goes on with what the vault has
    /// now, or ends in its lane.
    @_optimize(size) func chooseAnew(_ id: FetchID) {
        guard let leader = scheduler.leader(of: id), var lane = scheduler.lane(of: id),
            let job = jobs[Int(Scheduler.place(of: leader))]
        else { return }
        let now = tvs_boot_us()
        if let newest = try? job.tenant.credential(of: job.credential.account),
            let chosen = try? choose(for: job, newest, now)
        {
            lane = chosen.lane
        }
        scheduler.restart(id, in: lane, now: now)
    }

    /// Begins a try; what goes wrong before the first byte ends the fetch.
    func start(_ id: FetchID) {
        guard let leader = scheduler.leader(of: id),
            let job = jobs[Int(Scheduler.place(of: leader))]
        else { return }
        let fetch = begun(id, job)
        do {
            let now = tvs_boot_us()
            // As the vault is now: a rotated token is used at once.
            let newest = try job.tenant.credential(of: job.credential.account)
            let (lane, credential) = try choose(for: job, newest, now)
            guard lane == scheduler.lane(of: id) else {
                return scheduler.restart(id, in: lane, now: now)
            }
            let authorization = try job.tenant.authorization(for: credential)
            let request = HTTPRequest(
                path: try fetch.dialogue.path(credential, authorization),
                authorization: authorization, email: credential.email,
                timeoutMs: Self.timeout(until: scheduler.deadline(of: id) ?? now, now))
            try transport.start(id, request, to: credential.origin)
            fetch.tries += 1
            fetch.startedAt = now
            fetch.credential = credential
        } catch {
            fetch.dialogue.fail(error)
            fetch.answer = nil
            scheduler.finished(id, .unsent, now: tvs_boot_us())
        }
    }

    private func begun(_ id: FetchID, _ job: Job) -> Fetch {
        let place = Self.place(of: id)
        while fetches.count <= place { fetches.append(nil) }
        if let fetch = fetches[place] { return fetch }
        let fetch = Fetch(job, job.request.dialogue(settings.base, searches))
        fetches[place] = fetch
        return fetch
    }

    /// A second later than the scheduler would end the request: only a belt.
    private static func timeout(until deadline: Int64, _ now: Int64) -> Int {
        Int(clamping: max(0, deadline - now) / 1000 + 1000)
    }

    /// Takes in how a try ended.
    func ended(_ id: FetchID, _ reply: HTTPReply) {
        let place = Self.place(of: id)
        guard place < fetches.count, let fetch = fetches[place] else { return }
        let now = tvs_boot_us()
        let verdict = fetch.dialogue.take(reply)
        fetch.answer = nil
        counts.countTry(verdict)
        counts.tryLatency.add(us: now - fetch.startedAt)
        note(id, reply, now)
        switch verdict {
        case .rejected: reject(id, fetch, now)
        default:
            fetch.isOver = verdict == .final && fetch.dialogue.isComplete
            scheduler.finished(
                id, verdict,
                provesCredential: reply.fault == nil && fetch.dialogue.provesCredential,
                wasSent: reply.wasSent, now: now)
        }
    }

    /// The server refused the credential: nobody tries it again for a while.
    private func reject(_ id: FetchID, _ fetch: Fetch, _ now: Int64) {
        counts.rejected += 1
        var fallback: LaneID?
        if let lane = scheduler.lane(of: id), let refused = lanes.credential(of: lane),
            let other = try? fetch.job.tenant.fallback(for: refused)
        {
            fallback = try? lanes.lane(of: other, fetch.job.tenant, in: &scheduler, now: now)
        }
        scheduler.reject(
            id, until: now + settings.credentialRetryMs * 1000, fallback: fallback, now: now)
    }

    /// What the reply tells of the quota.
    private func note(_ id: FetchID, _ reply: HTTPReply, _ now: Int64) {
        let headers = reply.headers
        // That an answer says nothing of it tells something, too; a failure may not be the API's.
        guard reply.status == 200 || !headers.rateLimit.isEmpty || !headers.rateLimitPolicy.isEmpty
        else { return }
        let remaining = RateLimitHeaders.remaining(headers.rateLimit)
        let policy = RateLimitHeaders.policy(headers.rateLimitPolicy)
        scheduler.note(
            id, remaining: remaining.map { $0.requests * settings.sharePercent / 100 },
            resetMs: (remaining?.seconds ?? 0) * 1000,
            policy: policy.map {
                Quota(
                    requests: $0.requests, windowMs: $0.seconds * 1000,
                    sharePercent: settings.sharePercent)
            }, now: now)
    }
}
