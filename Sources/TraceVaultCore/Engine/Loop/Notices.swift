// Notices.swift - what the engine tells without being asked: each as a result of its own kind with
// the one view `notice` (docs/notice.schema.json).
//
// In words of the library's own: what a server says may name people. What has been told is kept, so
// that a fault that lasts is told once, and not by each request that meets it.

import CSystem

/// One thing that the library tells.
struct Notice {
    enum Kind: UInt8 {
        case retry, rateLimited, credentialRefused, credentialExpiring
        case vaultChanged, vaultUnfollowed, vaultFollowed, ledgerNotShared
        case redisAway, redisSlow, redisFlushed, redisBack

        var name: StaticString {
            switch self {
            case .retry: "retry"
            case .rateLimited: "rate_limited"
            case .credentialRefused: "credential_refused"
            case .credentialExpiring: "credential_expiring"
            case .vaultChanged: "vault_changed"
            case .vaultUnfollowed: "vault_unfollowed"
            case .vaultFollowed: "vault_followed"
            case .ledgerNotShared: "ledger_not_shared"
            case .redisAway: "redis_away"
            case .redisSlow: "redis_slow"
            case .redisFlushed: "redis_flushed"
            case .redisBack: "redis_back"
            }
        }

        /// How much it matters, unless the notice says otherwise.
        var level: StaticString {
            switch self {
            case .retry, .vaultChanged, .vaultFollowed, .redisBack: "info"
            case .rateLimited, .credentialExpiring, .vaultUnfollowed, .ledgerNotShared: "warning"
            case .redisAway, .redisSlow, .redisFlushed: "warning"
            case .credentialRefused: "error"
            }
        }
    }

    let kind: Kind
    let message: String
    /// True where it is an error, although its kind is a warning by itself.
    var isError = false
    /// Whose credential, of which vault, and what was asked.
    var job: Job?
    /// What it is about where it is about no request.
    var vault: Identifier?
    var failure: Failure?
    /// ms since 1970.
    var untilMs: Int64?

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    func document(number: Int64) -> Document? {
        try? Document.write(.notice) { writer in
            writer.beginObject()
            writer.text("schema", "tracevault.notice/1")
            writer.numbers([("number", number)])
            writer.text("at", Timestamp.text(milliseconds: tvs_wall_ms()))
            writer.key("kind")
            writer.string(kind.name.description)
            writer.key("level")
            writer.string(isError ? "error" : kind.level.description)
            writer.text("message", message)
            writer.text("tenant", job?.tenant.name)
            writer.text("account_id", job?.credential.accountID)
            var reference: String?
            if case .trace(let asked)? = job?.request.kind { reference = asked.text }
            writer.text("message_ref", reference)
            // Two vaults may have tenants of one name.
            let about = vault ?? job?.tenant.following.vaultID
            writer.text("vault_id", about.map { HexText.of([$0.high, $0.low]) })
            writer.text("status", failure?.status.name.description)
            writer.key("http_status")
            if let failure, failure.httpStatus > 0 {
                writer.int(Int64(failure.httpStatus))
            } else {
                writer.null()
            }
            writer.text("until", untilMs.flatMap { Timestamp.text(milliseconds: $0) })
            writer.endObject()
        }
    }
}

/// What the engine's thread has told.
struct ToldNotices {
    /// Notices made since the beginning.
    private(set) var count: Int64 = 0
    /// Until when each is not told again; µs.
    private var told: [UInt64: Int64] = [:]
    /// The sweep of lanes since which their numbers mean what they mean now.
    private var sweeps = 0
    /// By the opening of a vault: its generation, and what keeps it from being followed.
    private var generations: [Identifier: UInt64] = [:]
    private var troubles: [Identifier: Trouble] = [:]
    private var ledgerReason = ""
    /// Of the Redis that keeps a shared quota.
    private var isAlone = false
    private var outages: Int64 = 0
    private var flushes: Int64 = 0
    /// When the next look at vaults and ledger is due, and how many are to come.
    private(set) var nextLook: Int64 = 0
    private var looksLeft = 1

    private struct Trouble: Equatable {
        let status: Status
        let isStale: Bool
    }

    private static let mostKept = 4096

    var keptCount: Int { told.count }
    private static let lookEveryUs: Int64 = 1_000_000

    /// The number of the next notice.
    mutating func next() -> Int64 {
        count += 1
        return count
    }

    /// Numbers of lanes and groups were given back: what was told of one says nothing of the next.
    mutating func follow(sweeps: Int) {
        guard sweeps != self.sweeps else { return }
        self.sweeps = sweeps
        told = [:]
    }

    /// Whether this is to be told now; then it is not told again before `until`.
    mutating func isNew(
        _ kind: Notice.Kind, _ number: Int32, _ detail: Int32 = 0, until: Int64, now: Int64
    ) -> Bool {
        let key =
            UInt64(kind.rawValue) << 56 | UInt64(UInt16(truncatingIfNeeded: detail)) << 32
            | UInt64(UInt32(bitPattern: number))
        if let before = told[key], before > now { return false }
        if told.count >= Self.mostKept {
            told = told.filter { $0.value > now }
            if told.count >= Self.mostKept { told.removeAll() }
        }
        told[key] = until
        return true
    }

    /// Whether a vault that was known has another generation now.
    mutating func isChanged(_ opened: Identifier, _ generation: UInt64) -> Bool {
        let known = generations[opened]
        guard (known ?? 0) < generation else { return false }
        if generations.count >= Self.mostKept { generations.removeAll() }
        generations[opened] = generation
        return known != nil
    }

    /// Whether a vault's trouble is another than before; nil: there is none now.
    mutating func isChanged(_ opened: Identifier, _ trouble: Following.Trouble?) -> Bool {
        let now = trouble.map { Trouble(status: $0.failure.status, isStale: $0.isStale) }
        guard troubles[opened] != now else { return false }
        if troubles.count >= Self.mostKept { troubles.removeAll() }
        troubles[opened] = now
        return true
    }

    /// Whether there is a new reason why the ledger is not shared.
    mutating func isChanged(ledger reason: String) -> Bool {
        guard reason != ledgerReason else { return false }
        ledgerReason = reason
        return !reason.isEmpty
    }

    /// What is new of the Redis that keeps a shared quota. Once a host is alone, why may change
    /// with each address that is tried: that is told no more.
    mutating func news(of redis: RedisLedger.Standing) -> [Notice.Kind] {
        var news: [Notice.Kind] = []
        if redis.flushes > flushes { news.append(.redisFlushed) }
        // It may have gone and come back since the last look.
        if redis.outages > outages, !isAlone { news.append(redis.isSlow ? .redisSlow : .redisAway) }
        if !redis.isAlone, isAlone || redis.outages > outages { news.append(.redisBack) }
        (isAlone, outages, flushes) = (redis.isAlone, redis.outages, redis.flushes)
        return news
    }

    // MARK: - When to look

    /// Something was asked: vaults are looked at now and a little later, because their own looks
    /// are made by another thread.
    mutating func moved() { looksLeft = 3 }

    /// Whether it is time to look at what nobody tells.
    mutating func isDue(now: Int64) -> Bool {
        guard looksLeft > 0, now >= nextLook else { return false }
        looksLeft -= 1
        nextLook = now + Self.lookEveryUs
        return true
    }

    /// When the engine's thread must be awake for that; nil while nothing is asked.
    var wake: Int64? { looksLeft > 0 ? nextLook : nil }
}
