// EngineSettings.swift - the engine's part of the settings, read once.

struct EngineSettings {
    let base: BaseURL
    let limits: Scheduler.Limits
    let sharePercent: Int64
    let defaultDeadlineMs: Int64
    let maxQueued: Int
    let maxQueuedPerTenant: Int
    let maxResultBytes: Int
    let countsUntilFreed: Bool
    let maxNotices: Int
    let credentialRetryMs: Int64
    let maxReplyBytes: Int
    let cacheBytes: Int
    let cacheAgeMs: Int64
    let ledger: LedgerPlace
    /// Nil: this host's quota is its own.
    let redis: RedisSettings?

    init(_ config: Config, _ secrets: NamedSecrets, base: BaseURL) throws(Failure) {
        self.base = base
        sharePercent = config.integer(.budgetShare)
        limits = Scheduler.Limits(
            maxInFlight: config.int(.maxInFlight),
            maxInFlightPerTenant: config.int(.maxInFlightPerTenant),
            maxConnections: config.int(.maxConnections),
            maxStreams: config.int(.maxConnections) * config.int(.maxStreams),
            quota: Quota(
                requests: config.integer(.budgetQuota), windowMs: config.integer(.budgetWindow),
                sharePercent: sharePercent),
            originQuota: Quota(
                requests: config.integer(.originPerSecond), windowMs: 1000,
                sharePercent: sharePercent),
            retry: RetryPolicy(
                maxAttempts: config.int(.maxAttempts), baseMs: config.integer(.retryBase),
                maxDelayMs: config.integer(.retryMaxDelay)))
        defaultDeadlineMs = config.integer(.deadline)
        maxQueued = config.int(.maxQueued)
        maxQueuedPerTenant = config.int(.maxQueuedPerTenant)
        maxResultBytes = config.int(.maxResultBytes)
        countsUntilFreed = config.text(.resultsCountUntil) == "freed"
        maxNotices = config.int(.maxNotices)
        credentialRetryMs = config.integer(.credentialRetry)
        maxReplyBytes = config.int(.maxReplyBytes)
        cacheBytes = config.int(.cacheBytes)
        cacheAgeMs = config.integer(.cacheAge)
        let place = try LedgerPlace(setting: config.text(.ledger))
        redis = try RedisSettings(config, secrets)
        // What a server of this host refuses, a test's perhaps, is no business of other processes.
        ledger = place == .automatic && base.origin.isLoopback ? .ofProcess : place
    }
}
