// TraceDialogue.swift - one message's delivery trace: one request, asked again while it is pending.

final class TraceDialogue: Dialogue {
    private let messageRef: String
    private let submission: Bool?
    /// Of the credential that the last try went out with.
    private var accountID = ""
    private var outcome: Result<Trace, Failure>
    /// The newest reply, and the one that `trace` came from.
    private var reply: HTTPReply?
    /// There is no room to keep the growing trace until the next look at it.
    private var lacksRoom = false
    /// An incomplete trace and its reply, kept while later tries go on.
    private var incomplete: (Trace, HTTPReply)?

    init(messageRef: String, submission: Bool?) {
        self.messageRef = messageRef
        self.submission = submission
        outcome = .failure(Failure(.other, "no try was made"))
    }

    func path(_ credential: Credential, _ authorization: SecretHeader) -> String {
        accountID = credential.accountID
        return CloudflareAPI.tracePath(
            accountID: accountID, messageRef: messageRef, submission: submission)
    }

    func read(_ reply: HTTPReply) -> Verdict {
        self.reply = reply
        lacksRoom = false
        if let refusal = CloudflareAPI.refusal(reply, .message) {
            outcome = .failure(refusal.failure)
            return refusal.verdict
        }
        do {
            let trace = try Trace.decode(reply.body)
            let subject = AskedAbout(accountID: accountID, messageRef: messageRef)
            // Where the tokens are: a mended text is not the reply's.
            try trace.tape.body.withBytes { (bytes) throws(Failure) in
                try subject.check(trace.tape, bytes)
            }
            outcome = .success(trace)
            guard trace.isPending else { return .final }
            incomplete = (trace, reply)
            return .pending
        } catch {
            let refusal = CloudflareAPI.judge(error, reply)
            outcome = .failure(refusal.failure)
            return refusal.verdict
        }
    }

    var proof: CredentialProof {
        switch outcome {
        case .success: .taken
        case .failure(let failure): failure.proof
        }
    }

    var isComplete: Bool {
        guard case .success(let trace) = outcome else { return false }
        return !trace.isPending
    }

    var trouble: Failure? {
        if case .failure(let failure) = outcome { failure } else { nil }
    }

    func rests(ms: Int64) {
        guard var failure = trouble else { return }
        failure.retryAfterMs = ms
        outcome = .failure(failure)
    }

    func fail(_ failure: Failure) {
        outcome = .failure(failure)
        reply = nil
    }

    func pause(_ place: ReplyRoom.Place) -> Bool {
        var bytes = 0
        if let (trace, earlier) = incomplete {
            // A mended text is another one than the reply's.
            let own = trace.tape.body === earlier.body ? 0 : trace.tape.body.count
            bytes = earlier.body.count + own + trace.tape.byteCount
        }
        lacksRoom = !place.grow(to: bytes)
        if lacksRoom { return false }
        if trouble == nil {
            place.shrink(to: bytes)
        } else {
            reply = reply?.shortened(beside: bytes, in: place)
        }
        return true
    }

    private static let noRoom: Failure = {
        var failure = Failure(
            .limit, "there is no room to keep the growing trace until the next look at it")
        failure.retriable = true
        return failure
    }()

    func answer(_ context: TraceContext) -> Answer {
        switch outcome {
        case .success(let trace):
            var context = context
            if lacksRoom { context.ended = context.ended ?? Self.noRoom }
            return answer(trace, reply, context, raw: reply?.body)
        case .failure(let failure):
            // A trace that was still growing is worth more than what ended the looks at it, or the
            // failure of the last one, which is told in it.
            if let (trace, earlier) = incomplete {
                var context = context
                context.ended = context.ended ?? failure
                let last = reply.flatMap { $0.body.count > 0 ? $0 : nil } ?? earlier
                return answer(trace, earlier, context, raw: last.body)
            }
            return Answer(failure: failure, document: Document(raw: reply?.body))
        }
    }

    private func answer(
        _ trace: Trace, _ reply: HTTPReply?, _ context: TraceContext, raw: ByteBuffer?
    ) -> Answer {
        var context = context
        context.messageRef = messageRef
        context.cfRay = reply?.headers.cfRay
        context.httpStatus = reply?.status
        return Answer(failure: nil, document: Document(trace, context, raw: raw))
    }
}
