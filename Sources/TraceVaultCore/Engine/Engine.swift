// Engine.swift - the host's side of the engine: admits requests, starts and ends its thread.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

package final class Engine: Sendable {
    package let results: ResultQueue
    private let mailbox: Mailbox
    private let lastStats = LastStats()
    private let origin: Origin
    private let defaultDeadlineMs: Int64
    /// Results count until they are freed, not only until they are taken.
    private let countsUntilFreed: Bool
    private let wake: Wake
    private let thread = Lock<UInt?>(nil)
    /// Nil: this host's quota is its own.
    private let lender: QuotaLender?

    /// Bytes of stack; libcurl with OpenSSL needs less than a tenth.
    private static let stack = 512 * 1024

    /// - Parameter secrets: what opens services around it, such as the Redis of a shared quota.
    package init(_ config: Config, _ secrets: NamedSecrets) throws(Failure) {
        let transportSettings = try TransportSettings(config)
        let settings = try EngineSettings(config, secrets, base: transportSettings.base)
        origin = settings.base.origin
        defaultDeadlineMs = settings.defaultDeadlineMs
        countsUntilFreed = settings.countsUntilFreed
        results = try ResultQueue()
        mailbox = Mailbox(
            maxOutstanding: settings.maxQueued, maxPerTenant: settings.maxQueuedPerTenant,
            maxBytes: settings.maxResultBytes,
            maxComing: ResultSizes.result(of: 8 * settings.maxReplyBytes))
        let transport = try CurlTransport(transportSettings)
        wake = Wake(transport)
        let now = tvs_boot_us()
        let ledger = try OpenLedgers.ledger(settings.ledger, now: now)
        let originKey = try BudgetKey.address(towards: origin.text)
        let lender = try settings.redis.map { (redis) throws(Failure) in
            try QuotaLender(
                ledger, redis, addressKey: originKey, link: CurlLink(redis))
        }
        self.lender = lender
        let loop = EngineLoop(
            scheduler: Scheduler(
                limits: settings.limits, ledger: lender?.ledger ?? ledger,
                originKey: originKey,
                seed: UInt64.random(in: 0...UInt64.max), now: now),
            transport: transport, mailbox: mailbox, results: results, ledger: ledger,
            shared: lender?.ledger, originKey: originKey, settings: settings,
            lastStats: lastStats)
        let context = unsafe Unmanaged.passRetained(loop)
        var started: UInt = 0
        let error = unsafe tvs_thread_start(
            runLoop, context.toOpaque(), Self.stack, &started)
        guard error == 0 else {
            unsafe context.release()
            lender?.end()
            var failure = Failure(
                lacking: ENOMEM,
                "the system gave no thread for the engine (\(FileError(-error).name))")
            failure.systemError = -error
            throw failure
        }
        let handle = started
        thread.withLock { $0 = handle }
        try LiveEngines.add(self)
    }

    deinit {
        shutdown()
        LiveEngines.remove(self)
    }

    /// Admits a request. `told` hears its id before anybody can take its result.
    package func submit(
        _ request: Request, for tenant: Tenant, tag: UInt64, told: (UInt64) -> Void
    ) throws(Failure) {
        try submit(request, for: tenant, tag: tag, waiter: nil, told: told)
    }

    /// Begins a hunt through these tenants' accounts. `told` hears its id before anybody can take
    /// what it finds.
    package func hunt(
        _ hunt: Hunt, in tenants: [Tenant], tag: UInt64, told: (UInt64) -> Void
    ) throws(Failure) {
        try hunt.check()
        let accounts = try HuntAccounts(hunt.account, of: tenants)
        let mustWake = try mailbox.hunt(for: Set(tenants.map(\.key))) { id in
            told(id)
            return HuntUnderWay(id: id, tag: tag, hunt, accounts)
        }
        if mustWake { wake.now() }
    }

    /// Submits and waits. The result never passes through `results`.
    package func fetch(_ request: Request, for tenant: Tenant) throws(Failure) -> TakenResult {
        let waiter = try Waiter<RequestResult>()
        try submit(request, for: tenant, tag: 0, waiter: waiter)
        guard let result = waiter.wait() else {
            throw Failure(.other, "the engine gave no answer")
        }
        return taken(result)
    }

    /// A finished request, nil when none came in time.
    package func take(timeoutMs: Int32) throws(Failure) -> TakenResult? {
        guard let result = try results.take(timeoutMs: timeoutMs, onLoss: wake.now) else {
            return nil
        }
        return taken(result)
    }

    private func taken(_ result: RequestResult) -> TakenResult {
        guard result.kind != .notice else { return TakenResult(result, countedBy: nil) }
        if mailbox.taken(result, isFreed: !countsUntilFreed) { wake.now() }
        return TakenResult(result, countedBy: countsUntilFreed ? self : nil)
    }

    /// A result that was taken before is freed.
    func freed(_ result: RequestResult) {
        if mailbox.freed(result) { wake.now() }
    }

    /// Undoes a `take` whose result could not be handed over: no result is ever lost.
    package func giveBack(_ taken: TakenResult) {
        let result = taken.result
        if result.kind != .notice { mailbox.givenBack(result) }
        results.putBack(result)
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
        lender?.end()
    }

    /// What the engine is doing, as one JSON document. Waits for the thread's next round.
    package func stats() throws(Failure) -> Document {
        let waiter = try Waiter<Document>()
        if let mustWake = mailbox.ask(.describe(waiter)) {
            if mustWake { wake.now() }
            if let document = waiter.wait() { return document }
        } else {
            shutdown()
            if let document = lastStats.newest { return document }
        }
        throw Failure(.noMemory, "no memory for the answer")
    }

    /// How long so many more requests of one account take, as one JSON document. Waits for the
    /// thread's next round.
    package func estimate(
        _ count: Int64, account: AccountID?, for tenant: Tenant
    ) throws(Failure) -> Document {
        guard (1...Self.mostEstimated).contains(count) else {
            throw Failure(.argument, "count must be from 1 to \(Self.mostEstimated)")
        }
        let credential = try credential(of: account, tenant)
        let waiter = try Waiter<Result<Document, Failure>>()
        let asked = Estimate(tenant: tenant, credential: credential, count: count)
        guard let mustWake = mailbox.ask(.estimate(asked, waiter)) else {
            throw mailbox.closed ?? Failure(.shutdown, "the engine is shut down")
        }
        if mustWake { wake.now() }
        guard let answer = waiter.wait() else {
            throw Failure(.other, "the engine gave no answer")
        }
        return try answer.get()
    }

    /// Ends the parking of the quota that an account's requests spend. Waits for the thread's next
    /// round.
    package func lift(account: AccountID?, for tenant: Tenant) throws(Failure) {
        let credential = try credential(of: account, tenant)
        let waiter = try Waiter<Result<Void, Failure>>()
        let asked = Estimate(tenant: tenant, credential: credential)
        guard let mustWake = mailbox.ask(.lift(asked, waiter)) else {
            throw mailbox.closed ?? Failure(.shutdown, "the engine is shut down")
        }
        if mustWake { wake.now() }
        guard let answer = waiter.wait() else {
            throw Failure(.other, "the engine gave no answer")
        }
        try answer.get()
    }

    private static let mostEstimated: Int64 = 1_000_000_000

    private func credential(
        of account: AccountID?, _ tenant: Tenant
    ) throws(Failure) -> Credential {
        try tenant.look().credential(of: account, towards: origin)
    }

    private func submit(
        _ request: Request, for tenant: Tenant, tag: UInt64, waiter: Waiter<RequestResult>?,
        told: (UInt64) -> Void = { _ in }
    ) throws(Failure) {
        try request.check()
        let credential = try credential(of: request.account, tenant)
        let now = tvs_boot_us()
        let deadline = now + (request.deadlineMs ?? defaultDeadlineMs) * 1000
        let mustWake = try mailbox.submit(for: tenant.key) { id in
            told(id)
            return Job(
                id: id, tag: tag, tenant: tenant, request: request, credential: credential,
                submittedAt: now, deadline: deadline, waiter: waiter)
        }
        if mustWake { wake.now() }
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
    let loop = unsafe Unmanaged<EngineLoop>.fromOpaque(context)
    unsafe loop.takeUnretainedValue().run()
    // What the loop holds goes where a fork cannot come between.
    tvs_fork_unsafe_enter()
    unsafe loop.release()
    tvs_fork_unsafe_leave()
}
