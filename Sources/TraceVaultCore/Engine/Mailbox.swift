// Mailbox.swift - how host threads talk to the engine's thread.

import Synchronization

/// A request with everything its answer needs. Made by a host thread, then the engine's alone.
final class Job: Sendable {
    let id: JobID
    let tag: UInt64
    let tenant: Tenant
    let request: Request
    /// As it was when submitted; looked up again for every try.
    let credential: Credential
    /// µs on the monotonic clock.
    let submittedAt: Int64
    let deadline: Int64
    /// Who waits for the answer in tv_engine_fetch(); nil: it goes to the queue.
    let waiter: Waiter?

    init(
        id: JobID, tag: UInt64, tenant: Tenant, request: Request, credential: Credential,
        submittedAt: Int64, deadline: Int64, waiter: Waiter?
    ) {
        self.id = id
        self.tag = tag
        self.tenant = tenant
        self.request = request
        self.credential = credential
        self.submittedAt = submittedAt
        self.deadline = deadline
        self.waiter = waiter
    }
}

enum Command: Sendable {
    case submit(Job)
    case cancel(JobID)
    case shutdown
}

/// Commands on their way, and which requests are alive.
final class Mailbox: Sendable {
    private struct State {
        var commands: [Command] = []
        /// Submitted and not yet answered.
        var live: Set<JobID> = []
        /// Submitted and not yet taken by the host.
        var outstanding = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let maxOutstanding: Int

    init(maxOutstanding: Int) { self.maxOutstanding = maxOutstanding }

    /// Admits a request. True when the engine's thread must be woken.
    func submit(_ job: Job) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            guard !state.isClosed else { throw Failure(.shutdown, "the engine is shut down") }
            guard state.outstanding < maxOutstanding else {
                var failure = Failure(
                    .queueFull, "engine.max_queued requests are waiting; take events first")
                failure.retriable = true
                throw failure
            }
            state.outstanding += 1
            state.live.insert(job.id)
            state.commands.append(.submit(job))
            return state.commands.count == 1
        }
    }

    func cancel(_ id: JobID) throws(Failure) -> Bool {
        try state.withLock { state throws(Failure) in
            guard state.live.contains(id) else {
                throw Failure(.notFound, "no request with this id is waiting or under way")
            }
            state.commands.append(.cancel(id))
            return state.commands.count == 1
        }
    }

    /// Closes the door. True for the first caller.
    func close() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.isClosed = true
            state.commands.append(.shutdown)
            return true
        }
    }

    func drain() -> [Command] {
        state.withLock { state in
            guard !state.commands.isEmpty else { return [] }
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    func answered(_ events: [Event]) {
        state.withLock { state in
            for event in events { state.live.remove(event.id) }
        }
    }

    func taken() { state.withLock { $0.outstanding -= 1 } }

    /// What was taken waits again, also beyond the limit.
    func givenBack() { state.withLock { $0.outstanding += 1 } }

    var outstanding: Int { state.withLock { $0.outstanding } }
}
