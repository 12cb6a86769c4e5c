// ObjectStore+Writing.swift - storing a vault as an object, and what became of it.
//
// An answer may be lost although the bytes were stored. The sealed bytes tell: their file_id is
// drawn for one snapshot alone. So whoever is in doubt reads, and never reports what is not known.

import CSystem

extension ObjectStore {
    /// What is at the object's place after a request to store there.
    private enum Found {
        /// What was to be stored.
        case own
        /// What was there before; nothing is stored as yet.
        case old
        case other(Revision)
        case nothing
    }

    private static let firstPauseMs: Int64 = 50
    private static let longestPauseMs: Int64 = 1000

    // MARK: - Create

    /// One change, all its requests together: one that gets no answer, and the question what became
    /// of it.
    private var changeMs: Int64 { 2 * Int64(settings.timeoutMs) }

    package func create(_ bytes: ByteBuffer) throws(Failure) {
        let endMs = tvs_monotonic_ms() + changeMs
        // Asked first: a store that ignores conditions would overwrite what is there.
        let reply = try ask(nil, .none, until: endMs)
        if reply.status == 200 { throw Self.exists }
        guard reply.status == 404, StoreWords.code(reply.body) != "NoSuchBucket" else {
            throw words.failure(reply)
        }
        guard try store(bytes, .absent, in: nil, until: endMs) else { throw Self.exists }
        try probe(bytes, until: endMs)
    }

    private static let exists = Failure(
        .exists, "there is an object at the vault's place already")

    /// Both conditions must be refused now. What a store that ignores them takes are the same
    /// bytes again.
    private func probe(_ bytes: ByteBuffer, until endMs: Int64) throws(Failure) {
        let never = "\"00000000000000000000000000000000\""
        for condition in [Condition.absent, .unchanged(since: never)] {
            guard let cause = try whyNotRefused(bytes, condition, until: endMs) else { continue }
            var failure = cause
            failure.message += "; remove the empty vault that was stored"
            failure.retriable = false
            throw failure
        }
    }

    /// Why the store is not known to refuse what the condition forbids; nil when it refuses it.
    private func whyNotRefused(
        _ bytes: ByteBuffer, _ condition: Condition, until endMs: Int64
    ) throws(Failure) -> Failure? {
        var pauseMs = Self.firstPauseMs
        while true {
            let reply = try ask(bytes, condition, until: endMs)
            let failure: Failure
            switch (reply.fault, reply.status) {
            case (nil, 409), (nil, 412): return nil
            case (nil, 200...299): return words.ignoresConditions
            case (_, _): failure = words.failure(reply)
            }
            // What passes says nothing of conditions.
            guard reply.fault != nil || StoreWords.passes(reply.status),
                tvs_monotonic_ms() + pauseMs < endMs
            else { return failure }
            pause(pauseMs)
            pauseMs = min(2 * pauseMs, Self.longestPauseMs)
        }
    }

    // MARK: - Replace

    package func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        let endMs = tvs_monotonic_ms() + changeMs
        if tag(of: expected) == nil {
            guard try Revision(of: read(until: endMs)) == expected else { return false }
        }
        guard let etag = tag(of: expected) else {
            throw Failure(
                .other,
                "the object store \(words.store) gives no ETag that tells states of an object "
                    + "apart: nothing is stored")
        }
        let isStored = try store(bytes, .unchanged(since: etag), in: expected, until: endMs)
        // Who lost a race lets others go on before he comes again.
        if !isStored { pause(Int64.random(in: 0...50)) }
        return isStored
    }

    /// What became of one request to store.
    private enum Sent {
        case stored
        /// Somebody else was faster, where there is somebody else's.
        case lost(Failure)
        /// Nothing is stored, and the next one may be.
        case busy(Failure)
        /// The store may have taken it or not.
        case unknown(Failure)
    }

    /// Stores the bytes under a condition, in the place of `old`; false when somebody else was
    /// faster. Sends again what may be lost: the condition lets one of both through at most.
    private func store(
        _ bytes: ByteBuffer, _ first: Condition, in old: Revision?, until endMs: Int64
    ) throws(Failure) -> Bool {
        let own = try Revision(of: bytes)
        var condition = first
        /// Why an earlier request of this call may still be stored.
        var doubt: Failure?
        var deadline: Int64?
        var pauseMs = Self.firstPauseMs
        while true {
            var trouble: Failure?
            var refusal: Failure?
            switch try send(bytes, condition, inDoubt: doubt != nil, until: endMs) {
            case .stored: return true
            case .lost(let failure): refusal = failure
            case .busy(let failure): trouble = failure
            case .unknown(let failure): doubt = doubt ?? failure
            }
            let there = try? found(own, old, until: endMs)
            switch there {
            case .own: return true
            case .other(let revision):
                // Each commit adds one: in our own place, or before it, is somebody else's.
                guard let doubt, revision.generation > own.generation else { return false }
                throw unknown(doubt)
            case .old:
                if let old, let etag = tag(of: old) { condition = .unchanged(since: etag) }
            // Gone: whoever reads next is told.
            case .nothing where old != nil && doubt == nil: return false
            case .nothing, nil: break
            }
            let now = tvs_monotonic_ms()
            let until = deadline ?? min(endMs, now + Int64(settings.timeoutMs))
            deadline = until
            guard now + pauseMs < until else {
                if let doubt { throw unknown(doubt) }
                if let trouble { throw trouble }
                // No object is in the way of a new one, whatever the store says.
                if let refusal, case .nothing = there { throw refusal }
                return false
            }
            pause(pauseMs)
            pauseMs = min(2 * pauseMs, Self.longestPauseMs)
        }
    }

    /// Sends the bytes once. Throws what is final, unless an earlier one may still be stored.
    private func send(
        _ bytes: ByteBuffer, _ condition: Condition, inDoubt: Bool, until endMs: Int64
    ) throws(Failure) -> Sent {
        let reply = try ask(bytes, condition, until: endMs)
        let failure: Failure
        switch (reply.fault, reply.status) {
        case (nil, 200...299):
            note(reply, of: bytes)
            return .stored
        case (nil, 409), (nil, 412): return .lost(words.failure(reply))
        case (nil, 429): return .busy(words.failure(reply))
        // Any other 503 may be a gateway's that gave the bytes on and lost the answer.
        case (nil, 503) where StoreWords.code(reply.body) == "SlowDown":
            return .busy(words.failure(reply))
        case (nil, let status) where StoreWords.passes(status):
            return .unknown(words.failure(reply))
        case (nil, _): failure = words.failure(reply)
        case (_, _):
            failure = words.failure(reply)
            if reply.wasSent { return .unknown(failure) }
        }
        guard inDoubt else { throw failure }
        return .unknown(failure)
    }

    /// Reads what is there now.
    private func found(
        _ own: Revision, _ old: Revision?, until endMs: Int64
    ) throws(Failure) -> Found {
        do throws(Failure) {
            let revision = try Revision(of: read(until: endMs))
            return revision == own ? .own : revision == old ? .old : .other(revision)
        } catch {
            guard error.status == .noVault else { throw error }
            return .nothing
        }
    }

    private func unknown(_ cause: Failure?) -> Failure {
        var failure = Failure(
            .durabilityUnknown,
            "whether the change is stored is not known: look before it is made again"
                + (cause.map { "; " + $0.message } ?? ""))
        failure.httpStatus = cause?.httpStatus ?? 0
        failure.cause = cause?.cause ?? .none
        return failure
    }

    private func pause(_ ms: Int64) {
        let held = tvs_fork_pause()
        tvs_sleep_ms(ms)
        tvs_fork_resume(held)
    }

    // MARK: - One writer of this process at a time

    package func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try lease(timeoutMs: timeoutMs, unless: { false })
    }

    package func lease(
        timeoutMs: Int, unless isCancelled: () -> Bool
    ) throws(Failure) -> any StoreLease {
        let deadline = tvs_monotonic_ms() + Int64(timeoutMs)
        let place = WriterQueue.Place(in: queue)
        guard try place.wait(until: deadline, unless: isCancelled) else { throw Self.busy }
        return WriterQueue.Turn(place)
    }

    private static var busy: Failure {
        var failure = Failure(
            .busy, "another thread of this process held the vault too long; try again")
        failure.retriable = true
        return failure
    }
}
