// Engine.swift - the host's side of the engine: admits requests, starts and ends its thread.

import CSystem
import Synchronization

package final class Engine: Sendable {
    package let events: EventQueue
    private let mailbox: Mailbox
    private let figures = Figures()
    private let origin: Origin
    private let defaultDeadlineMs: Int64
    private let nextID = Atomic<UInt64>(1)
    private let wake: Wake
    private let thread = Mutex<UInt?>(nil)

    /// Bytes of stack; libcurl with OpenSSL needs less than a tenth.
    private static let stack = 512 * 1024

    package init(_ config: Config) throws(Failure) {
        let settings = try TransportSettings(config)
        let limits = Scheduler.Limits(
            maxInFlight: config.int(.maxInFlight),
            quota: Quota(
                requests: config.integer(.budgetQuota), windowMs: config.integer(.budgetWindow),
                sharePercent: config.integer(.budgetShare)),
            retry: RetryPolicy(
                maxAttempts: config.int(.maxAttempts), baseMs: config.integer(.retryBase),
                maxDelayMs: config.integer(.retryMaxDelay)))
        origin = settings.base.origin
        defaultDeadlineMs = config.integer(.deadline)
        events = try EventQueue()
        mailbox = Mailbox(maxOutstanding: config.int(.maxQueued))
        let transport = try CurlTransport(settings)
        wake = Wake(transport)
        let loop = EngineLoop(
            scheduler: Scheduler(
                limits: limits, seed: UInt64.random(in: 0...UInt64.max)),
            transport: transport, mailbox: mailbox, events: events, figures: figures,
            base: settings.base)
        let context = unsafe Unmanaged.passRetained(loop)
        var started: UInt = 0
        let error = unsafe tvs_thread_start(
            runLoop, context.toOpaque(), Self.stack, &started)
        guard error == 0 else {
            unsafe context.release()
            throw Failure(.limit, "the system gave no thread for the engine")
        }
        let handle = started
        thread.withLock { $0 = handle }
        LiveEngines.add(self)
    }

    deinit {
        shutdown()
        LiveEngines.remove(self)
    }

    /// Admits a request and gives its id.
    package func submit(
        _ request: Request, for tenant: Tenant, tag: UInt64
    ) throws(Failure) -> UInt64 {
        try submit(request, for: tenant, tag: tag, waiter: nil)
    }

    /// Submits and waits. The event never passes through `events`.
    package func fetch(_ request: Request, for tenant: Tenant) throws(Failure) -> Event {
        let waiter = try Waiter()
        _ = try submit(request, for: tenant, tag: 0, waiter: waiter)
        let event = waiter.wait()
        mailbox.taken()
        guard let event else { throw Failure(.other, "the engine gave no answer") }
        return event
    }

    /// The oldest finished request, nil when none came in time.
    package func take(timeoutMs: Int32) throws(Failure) -> Event? {
        let event = try events.take(timeoutMs: timeoutMs)
        if event != nil { mailbox.taken() }
        return event
    }

    /// Undoes a `take` whose event could not be handed over: no event is ever lost.
    package func giveBack(_ event: Event) {
        mailbox.givenBack()
        events.putBack(event)
    }

    package func cancel(_ id: UInt64) throws(Failure) {
        if try mailbox.cancel(id) { wake.now() }
    }

    /// Completes everything and ends the thread; a second call waits for the first.
    package func shutdown() {
        if mailbox.close() { wake.now() }
        // Paused around the mutex too: whoever waits for it must not hold up a fork.
        let held = tvs_fork_pause()
        defer { tvs_fork_resume(held) }
        thread.withLock { thread in
            guard let running = thread else { return }
            tvs_thread_join(running)
            thread = nil
        }
    }

    package func stats(into writer: inout JSONWriter) {
        figures.write(
            into: &writer, untaken: events.count, outstanding: mailbox.outstanding)
    }

    private func submit(
        _ request: Request, for tenant: Tenant, tag: UInt64, waiter: Waiter?
    ) throws(Failure) -> UInt64 {
        let credential = try tenant.credential(of: request.account)
        guard credential.origin == origin.text else {
            throw Failure(
                .origin, "the credential is sealed for another origin than api.base_url")
        }
        let now = tvs_monotonic_us()
        let job = Job(
            id: nextID.add(1, ordering: .relaxed).oldValue, tag: tag, tenant: tenant,
            request: request, credential: credential, submittedAt: now,
            deadline: now + (request.deadlineMs ?? defaultDeadlineMs) * 1000, waiter: waiter)
        if try mailbox.submit(job) { wake.now() }
        return job.id
    }
}

/// The one call of a transport that any thread may make.
private final class Wake: @unchecked Sendable {
    private let transport: CurlTransport
    init(_ transport: CurlTransport) { self.transport = transport }
    func now() { transport.wake() }
}

private let runLoop: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    unsafe Unmanaged<EngineLoop>.fromOpaque(context).takeRetainedValue().run()
}
