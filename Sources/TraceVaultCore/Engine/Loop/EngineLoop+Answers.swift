// EngineLoop+Answers.swift - how a request gets its one answer: what its fetch brought, or why
// there is nothing.

import CSystem

extension EngineLoop {
    /// Answers with what the fetch has brought.
    func answer(_ id: JobID) {
        guard let job = remove(id) else { return }
        guard let fetch = begunFetch(of: job) else {
            let failure = Failure(.other, "no try was made")
            return deliver(job, Answer(failure: failure, document: Document(raw: nil)))
        }
        let answer = stopped(job, fetch) ?? current(fetch)
        if fetch.isOver, answer.failure == nil { keep(answer.document, fetch, job) }
        deliver(job, answer)
    }

    /// What came so far, and why there is no more; nil where nothing ended it. If the time ends
    /// between two looks at a growing trace, that is the normal end of the wait, not a failure.
    private func stopped(_ job: Job, _ fetch: BegunFetch) -> Answer? {
        guard let status = job.stopped else { return nil }
        var text = reason(status)
        if case .trace = job.request.kind, status == .deadline {
            if case .pause? = job.waited { return nil }
            text = "the last look at the growing trace had no answer in time"
        }
        var failure = reason(status, text, job, fetch)
        if case .permit(let time)? = job.waited, status == .rateLimited {
            failure = notPermitted(until: time)
        }
        // For this request alone: others who share the fetch may go on.
        return fetch.dialogue.answer(context(fetch, ended: failure))
    }

    /// Answers with a failure of the engine's own; what came so far is in the view "raw".
    func fail(_ id: JobID, _ status: Status) {
        guard let job = remove(id) else { return }
        if status == .shutdown, let closed = mailbox.closed, closed.status == .descriptorsLost {
            let raw = begunFetch(of: job).flatMap { try? current($0).document.view("raw") }
            return deliver(job, Answer(failure: closed, document: Document(raw: raw)))
        }
        let fetch = begunFetch(of: job)
        let failure = reason(status, reason(status), job, fetch)
        let raw = fetch.flatMap { try? current($0).document.view("raw") }
        deliver(job, Answer(failure: failure, document: Document(raw: raw)))
    }

    /// Why the engine itself ended a request.
    private func reason(
        _ status: Status, _ text: String, _ job: Job, _ fetch: BegunFetch?
    ) -> Failure {
        var failure = Failure(status, text)
        failure.retriable = status == .deadline || status == .credential
        if status == .deadline { failure.message += waited(job, fetch) }
        // The deadline's failure carries what the last try met: that is what to look into.
        if status == .deadline, let fetch, fetch.ended > job.triesBefore,
            let last = fetch.dialogue.trouble
        {
            failure.message += "; the last try that ended: " + last.message
            failure.httpStatus = last.httpStatus
            failure.codes = last.codes
            failure.cfRay = last.cfRay
            failure.cause = last.cause
            failure.systemError = last.systemError
            failure.curlCode = last.curlCode
        }
        // At most: the lane opens by then.
        if status == .credential { failure.retryAfterMs = settings.credentialRetryMs }
        return failure
    }

    /// Answers that the quota allows no try in time.
    func refuse(_ id: JobID, until: Int64) {
        guard let job = remove(id) else { return }
        deliver(job, Answer(failure: notPermitted(until: until), document: Document(raw: nil)))
    }

    private func notPermitted(until: Int64) -> Failure {
        let waitMs = (max(0, until - tvs_boot_us()) + 999) / 1000
        var text = "the quota, or this host's address, allows no try before the deadline"
        if let time = Timestamp.text(milliseconds: tvs_wall_ms() + waitMs) {
            text += "; the next at " + time
        }
        var failure = Failure(.rateLimited, text)
        failure.retriable = true
        failure.retryAfterMs = waitMs
        return failure
    }

    func deliver(_ job: Job, _ answer: Answer) {
        if let errand = job.errand {
            if errand.backAt != 0, answer.failure?.status == .cancelled {
                return takeBack(job, errand)
            }
            counts.answers[Int((answer.failure?.status ?? .ok).rawValue), default: 0] += 1
            counts.latency.add(us: tvs_boot_us() - job.submittedAt)
            return ended(job, errand, answer)
        }
        let result = RequestResult(
            id: job.id, tag: job.tag, kind: job.request.resultKind, tenant: job.tenant.key,
            failure: answer.failure?.settled, document: answer.document)
        counts.answers[Int(result.status.rawValue), default: 0] += 1
        counts.latency.add(us: tvs_boot_us() - job.submittedAt)
        sizes.note(atLeast: result.byteCount, of: job.tenant.key)
        answered.append(result)
        if let waiter = job.waiter { waiter.answer(result) } else { queued.append(result) }
    }

    private func remove(_ id: JobID) -> Job? {
        let place = Int(Scheduler.place(of: id))
        guard place < jobs.count, let job = jobs[place], job.id == id else { return nil }
        jobs[place] = nil
        return job
    }

    /// The fetch a request waits for, if it has begun.
    private func begunFetch(of job: Job) -> BegunFetch? {
        let place = Self.place(of: job.fetch)
        guard job.fetch != 0, place < fetches.count else { return nil }
        return fetches[place]
    }

    /// What the dialogue says now; the same object for all who share the fetch.
    func current(_ fetch: BegunFetch) -> Answer {
        if let answer = fetch.answer { return answer }
        let answer = fetch.dialogue.answer(context(fetch))
        fetch.answer = answer
        return answer
    }

    private func context(_ fetch: BegunFetch, ended: Failure? = nil) -> TraceContext {
        TraceContext(
            tenant: fetch.job.tenant.name, accountID: fetch.job.credential.accountID,
            fetchedAtMs: tvs_wall_ms(), attempts: fetch.tries, ended: ended)
    }

    private func keep(_ document: Document, _ fetch: BegunFetch, _ job: Job) {
        guard case .trace(let messageRef) = job.request.kind,
            let credential = fetch.credential
        else { return }
        let key = TraceKey(
            credential, messageRef: messageRef, submission: job.request.submission)
        cache.add(document, key, key.hash, now: tvs_boot_us())
    }

    private func reason(_ status: Status) -> String {
        switch status {
        case .cancelled: return "the host cancelled the request"
        case .deadline: return "no answer within the request's deadline"
        case .shutdown: return "the engine was shut down before the request was done"
        case .credential:
            return
                "Cloudflare refused this credential before; it is tried again when the vault has "
                + "another one or credential.retry_ms is over"
        default: return "the request was ended"
        }
    }
}
