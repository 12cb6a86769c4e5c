// Dialogue.swift - what one request says and hears: what to ask Cloudflare next, what a reply
// means, what to answer. The engine runs every kind of request through this one seam; when and
// with which credential a try is made is the scheduler's and the loop's business.

/// One request under way. Made and used by the engine's thread alone.
///
/// For every try the loop asks for a path, sends it with the credential, and hands the reply over.
/// The verdict decides what the scheduler does; `answer` may be asked for at any moment after the
/// first reply, because a deadline or a cancel can end the request between two tries.
protocol Dialogue: AnyObject {
    /// The path and query of the next try, below the base URL; only characters that need no escape.
    /// A repeated try asks again, so nothing may change here.
    func path(_ credential: Credential, _ authorization: SecretHeader) throws(Failure) -> String

    /// Takes what a try brought.
    func read(_ reply: HTTPReply) -> Verdict

    /// A try could not be made, or brought nothing.
    func fail(_ failure: Failure)

    /// Another try will come, perhaps much later. Keeps of the last reply what an answer needs, as
    /// far as `place` has room, and no more. False where that has none: the answer is given now.
    func pause(_ place: ReplyRoom.Place) -> Bool

    /// What to answer if nothing more is done. An incomplete result is worth more than the failure
    /// of a later look.
    func answer(_ context: TraceContext) -> Answer

    /// What the last try met; nil when it brought an answer, or a part of one.
    var trouble: Failure? { get }

    /// The quota rests so long after the last reply, whatever that asked for.
    func rests(ms: Int64)

    /// What the last reply shows of the credential.
    var proof: CredentialProof { get }

    /// Whether the last reply was a whole answer, which may be given to others who ask the same.
    var isComplete: Bool { get }
}

extension Dialogue {
    var isComplete: Bool { false }
}

extension Failure {
    var proof: CredentialProof {
        switch status {
        case _ where isOfEdge: .none
        // Whether there is such a message is told only who may see the account's.
        case .noMessage: .taken
        case .forbidden, .replyRefused, .replyDeferred, .http: .notRefused
        default: .none
        }
    }
}

/// What a request came to.
struct Answer {
    /// nil when the document has a result.
    let failure: Failure?
    let document: Document
    /// Why there is not more in the document, where it could tell something all the same.
    var later: Failure?
}
