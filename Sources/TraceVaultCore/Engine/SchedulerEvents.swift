// SchedulerEvents.swift - what the scheduler is told and what it tells.

/// The caller's name for a request; never used twice.
package typealias JobID = UInt64

/// What the scheduler must know about a request. Times are µs on one monotonic clock.
package struct Ticket: Sendable {
    package let id: JobID
    /// Small numbers that the caller gave to the tenant and to the budget group.
    package let tenant: Int
    package let group: Int
    /// When the request must be answered.
    package let deadline: Int64
    /// Until when a trace that is still pending is asked for again; 0: take the first answer.
    package let waitUntil: Int64

    package init(id: JobID, tenant: Int, group: Int, deadline: Int64, waitUntil: Int64) {
        self.id = id
        self.tenant = tenant
        self.group = group
        self.deadline = deadline
        self.waitUntil = waitUntil
    }
}

/// How one try ended.
package enum Verdict: Sendable, Equatable {
    /// An answer, or a failure that no second try would mend.
    case final
    /// As final, and nothing left this machine: the budget gets its request back.
    case unsent
    /// An answer that is still growing: look again while the request waits.
    case pending
    /// A part of the answer; the next part may be asked for at once.
    case more
    /// The server answers later (HTTP 202): look again then.
    case later(afterMs: Int64?)
    /// A failure that may pass; the floor is the server's Retry-After.
    case retry(afterMs: Int64?)
    /// HTTP 429: the whole group must wait so long.
    case rateLimited(afterMs: Int64)
    /// The server refuses the credential, whatever is asked with it.
    case rejected
}

/// What the caller must do now.
package enum Action: Sendable, Equatable {
    /// Begin a try. Exactly one `finished` must follow, unless an `abort` comes first.
    case start(JobID)
    /// Drop the try that is under way; no `finished` may follow.
    case abort(JobID)
    /// Answer the request with what its last try brought.
    case answer(JobID)
    /// Answer the request with a failure of the scheduler's own.
    case fail(JobID, Status)
    /// Answer the request at once: its group may not send before this time, after its deadline.
    case refuse(JobID, until: Int64)
}
