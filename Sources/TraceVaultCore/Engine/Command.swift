// Command.swift - what host threads ask of the engine's thread.

/// A question about the quota that a credential spends: how long `count` more requests take.
struct Estimate: Sendable {
    let tenant: Tenant
    let credential: Credential
    var count: Int64 = 0
}

enum Command: Sendable {
    case submit(Job)
    case hunt(HuntUnderWay)
    case cancel(JobID)
    /// The host has taken of what a hunt has told: it may go on.
    case huntOn(JobID)
    /// There is room for results of the tenant again: it may go on.
    case goOn(TenantKey)
    /// Statistics.
    case describe(Waiter<Document>)
    case estimate(Estimate, Waiter<Result<Document, Failure>>)
    /// Ends the parking of the quota.
    case lift(Estimate, Waiter<Result<Void, Failure>>)
    case shutdown
}
