// Job.swift - one request on its way from a host's thread, or from a hunt, to its answer.

/// A request with everything its answer needs. Made by a host thread, then the engine's alone.
final class Job: @unchecked Sendable {
    let id: JobID
    let tag: UInt64
    let tenant: Tenant
    let request: Request
    /// As it was when submitted; looked up again for every try.
    let credential: Credential
    /// µs on CLOCK_BOOTTIME.
    let submittedAt: Int64
    let deadline: Int64
    /// Who waits for the answer in tv_engine_fetch(); nil: it goes to the queue.
    let waiter: Waiter<RequestResult>?
    /// What a hunt asks it for; nil: the host asks.
    let errand: HuntErrand?
    /// The engine thread's: what the request waits for, and the tries of that before it came.
    var fetch: FetchID = 0
    var triesBefore = 0
    /// What it waited for when it was ended before its time, and why it was.
    var waited: Wait?
    var stopped: Status?
    var progress: HTTPProgress?

    init(
        id: JobID, tag: UInt64, tenant: Tenant, request: Request, credential: Credential,
        submittedAt: Int64, deadline: Int64, waiter: Waiter<RequestResult>?,
        errand: HuntErrand? = nil
    ) {
        self.id = id
        self.tag = tag
        self.tenant = tenant
        self.request = request
        self.credential = credential
        self.submittedAt = submittedAt
        self.deadline = deadline
        self.waiter = waiter
        self.errand = errand
    }
}
