// SchedulerEvents.swift - what the scheduler is told and what it tells.

/// The caller's name for a request; never used twice. The low 20 bits are a small number that no
/// other living request has: the scheduler keeps its record there.
package typealias JobID = UInt64

/// The scheduler's name for a fetch: one or more requests that want the same; never used twice.
package typealias FetchID = UInt64

/// The scheduler's name for a lane: one credential of one tenant.
package typealias LaneID = Int32

package enum Priority: Sendable {
    /// Somebody waits for it.
    case interactive
    case bulk
}

/// What the scheduler must know about a request. Times are µs on CLOCK_BOOTTIME.
package struct Ticket: Sendable {
    /// So many requests may be alive at once.
    package static let maxJobs = 1 << 20

    package let id: JobID
    package let priority: Priority
    /// When the request must be answered.
    package let deadline: Int64
    /// Moves its deadline on by the time in which it waits for its turn or for a permit.
    package let isPatient: Bool
    /// Until when a trace that is still pending is asked for again; 0: take the first answer.
    package let waitUntil: Int64
    /// Goes out even while its credential is refused: it asks whether that is still so.
    package let isCheck: Bool
    /// Whoever asks wants to know when its quota rests, while its time stands still.
    package let tellsRest: Bool

    package init(
        id: JobID, priority: Priority = .interactive, deadline: Int64, isPatient: Bool = false,
        waitUntil: Int64 = 0, isCheck: Bool = false, tellsRest: Bool = false
    ) {
        self.id = id
        self.priority = priority
        self.deadline = deadline
        self.isPatient = isPatient
        self.waitUntil = waitUntil
        self.isCheck = isCheck
        self.tellsRest = tellsRest
    }
}

/// What a reply shows of the credential that it was asked with.
package enum CredentialProof: Sendable {
    /// Nothing: it is a page of somebody else's, nothing whole, or the credential was refused.
    case none
    /// The API says something else than that it refuses the credential, as it may before it looks
    /// at that: there is no such path, or the answer comes later.
    case notRefused
    /// The server has looked at the credential and has taken it.
    case taken
}

/// How one try ended.
package enum Verdict: Sendable, Equatable {
    /// An answer, or a failure that no second try would mend.
    case final
    /// As final, and nothing left this machine.
    case unsent
    /// An answer that is still growing: look again while the request waits.
    case pending
    /// A part of the answer; the next part may be asked for at once.
    case more
    /// The server answers later (HTTP 202): look again then.
    case later(afterMs: Int64?)
    /// A failure that may pass; the floor is the server's Retry-After.
    case retry(afterMs: Int64?)
    /// Other replies left no room for this one: it goes again when its turn comes.
    case roomless
    /// The server refused the request unread, or the connection ended before a byte of a reply: it
    /// goes again when its turn comes.
    case unheard
    /// HTTP 429: the whole group must wait so long.
    case rateLimited(afterMs: Int64)
    /// The server refuses the credential, whatever is asked with it.
    case rejected
}

/// What a request waits for.
package enum Wait: Sendable, Equatable {
    /// For its turn among the others.
    case turn
    /// For a permit of its quota, which may come then.
    case permit(at: Int64)
    /// For the limit of this host's address, which lets the next one go then.
    case address(until: Int64)
    /// For a connection, of which each request needs one for itself.
    case connection
    /// For a stream of a connection that serves many requests.
    case stream
    /// For room: the host has to take results of its tenant, or large replies to end.
    case host
    /// For another request to show whether its credential is accepted again.
    case credential
    /// Between two tries, until then.
    case pause(until: Int64)
    /// For the answer to its try.
    case reply
}

/// What the caller must do now, in this order.
package enum Action: Sendable, Equatable {
    /// Begin a try. Exactly one `finished` must follow, unless an `abort` comes first.
    case start(FetchID)
    /// The credential was refused while the fetch slept: `restart` it, with the one there is now.
    case choose(FetchID)
    /// Drop the try that is under way; no `finished` may follow. The fetch may go on later.
    case abort(FetchID)
    /// Answer the request with what its fetch has brought.
    case answer(JobID)
    /// The request is about to end before its time, for this reason, and waited for this; with a
    /// failure, or with what came before.
    case waited(JobID, Wait, Status)
    /// Answer the request with a failure of the scheduler's own.
    case fail(JobID, Status)
    /// Answer the request at once: its group may not send before this time, after its deadline.
    case refuse(JobID, until: Int64)
    /// The request's quota lets nothing go before this time; `takeBack` it, or let it wait.
    case rests(JobID, until: Int64)
    /// The fetch is over: nobody waits for it any more.
    case end(FetchID)
}
