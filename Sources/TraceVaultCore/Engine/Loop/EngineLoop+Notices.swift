// EngineLoop+Notices.swift - when the engine tells something without being asked. Does nothing
// where engine.max_notices is 0.

import CSystem

extension EngineLoop {
    var tellsNotices: Bool { settings.maxNotices > 0 }

    @_optimize(size) private func tell(_ notice: Notice) {
        guard let document = notice.document(number: notices.next()) else { return }
        let result = RequestResult(
            id: 0, tag: 0, kind: .notice, tenant: notice.job?.tenant.key, failure: nil,
            document: document)
        results.tell(result, most: settings.maxNotices)
    }

    private static func wallMs(_ time: Int64, _ now: Int64) -> Int64 {
        tvs_wall_ms() + (max(0, time - now) + 999) / 1000
    }

    private func isNew(
        _ kind: Notice.Kind, _ number: Int32, _ detail: Int32 = 0, until: Int64, now: Int64
    ) -> Bool {
        notices.follow(sweeps: lanes.sweeps)
        return notices.isNew(kind, number, detail, until: until, now: now)
    }

    // MARK: - Requests

    /// The try failed, and there will be another one. Told once a second for each credential and
    /// HTTP status: an outage concerns thousands.
    @_optimize(size) func tellRetry(
        _ id: FetchID, _ fetch: BegunFetch, http: Int32, _ now: Int64
    ) {
        guard tellsNotices, let lane = fetch.lane, let until = scheduler.sleepsUntil(id),
            isNew(.retry, lane, http, until: now + Self.retriesEveryUs, now: now),
            let failure = fetch.dialogue.trouble
        else { return }
        var text = "a try failed and is made again: \(failure.status.name)"
        if failure.httpStatus > 0 { text += ", HTTP \(failure.httpStatus)" }
        var notice = Notice(.retry, text)
        notice.job = fetch.job
        notice.failure = failure
        notice.untilMs = Self.wallMs(until, now)
        tell(notice)
    }

    /// The quota rests after a 429, which this engine or another process has met.
    @_optimize(size) func tellResting(_ lane: LaneID, _ job: Job, isOwn: Bool, _ now: Int64) {
        guard tellsNotices else { return }
        let until = scheduler.restsUntil(lane, now: now)
        // Each 429 that was under way ends the parking a little later.
        guard until > now,
            isNew(.rateLimited, scheduler.group(of: lane), until: until, now: now)
        else { return }
        var notice = Notice(
            .rateLimited,
            isOwn
                ? "the server refuses more requests for now (HTTP 429); the quota rests"
                : "the quota rests after a 429 that this engine has not met itself")
        notice.job = job
        notice.untilMs = Self.wallMs(until, now)
        tell(notice)
    }

    /// The server refused a credential that it is not asked about again for a while.
    @_optimize(size) func tellRefused(_ lane: LaneID, _ job: Job, hasOther: Bool, _ now: Int64) {
        guard tellsNotices else { return }
        let until = scheduler.closedUntil(lane)
        guard until > now, isNew(.credentialRefused, lane, until: until, now: now) else {
            return
        }
        var notice = Notice(
            .credentialRefused,
            hasOther
                ? "the server refuses the credential; the account's other one is used"
                : "the server refuses the credential: put a new one")
        notice.job = job
        notice.failure = Failure(.credential, "")
        notice.untilMs = Self.wallMs(until, now)
        tell(notice)
    }

    /// What a try was begun with: a credential that ends soon, a vault that somebody has changed.
    @_optimize(size) func tellUse(
        _ lane: LaneID, _ credential: Credential, _ look: TenantIndex, _ job: Job, _ now: Int64
    ) {
        guard tellsNotices else { return }
        let left = credential.expiresMs.map { Int64(clamping: $0) - tvs_wall_ms() }
        if let left, left <= Self.soonMs,
            isNew(.credentialExpiring, lane, until: now + Self.dayUs, now: now)
        {
            var notice = Notice(
                .credentialExpiring, "the credential ends soon: put a new one before")
            notice.job = job
            notice.untilMs = credential.expiresMs.map { Int64(clamping: $0) }
            tell(notice)
        }
        if notices.isChanged(look.tenant.opened, look.generation) {
            var notice = Notice(
                .vaultChanged, "the vault was changed; it has generation \(look.generation) now")
            notice.vault = look.following.vaultID
            tell(notice)
        }
    }

    private static let retriesEveryUs: Int64 = 1_000_000
    private static let soonMs: Int64 = 14 * 86_400_000
    private static let dayUs: Int64 = 86_400_000_000

    // MARK: - What no request tells

    /// Vaults that cannot be followed, a ledger that is not shared, and a Redis that is away.
    @_optimize(size) func lookForNotices() {
        guard tellsNotices else { return }
        let now = tvs_boot_us()
        guard notices.isDue(now: now) else { return }
        let reason = ledger.describe().reason
        if notices.isChanged(ledger: reason) {
            tell(Notice(.ledgerNotShared, "the quota is not shared as it should be: " + reason))
        }
        if let redis = shared?.standing {
            for kind in notices.news(of: redis)
            where kind != .redisFlushed
                || isNew(kind, 0, until: now + Self.flushesEveryUs, now: now)
            {
                tell(Notice(kind, Self.words(of: kind, redis)))
            }
        }
        for vault in lanes.followings {
            let trouble = vault.trouble(nowMs: now / 1000)
            guard notices.isChanged(vault.opened, trouble) else { continue }
            tell(Self.notice(of: trouble, vault))
        }
    }

    /// Each of many groups finds out by itself that it was forgotten.
    private static let flushesEveryUs: Int64 = 60_000_000

    private static func words(of kind: Notice.Kind, _ redis: RedisLedger.Standing) -> String {
        let part = "this host uses its part of the shared quota alone"
        switch kind {
        case .redisSlow: return "Redis does not answer within redis.timeout_ms: " + part
        case .redisFlushed:
            return "Redis has forgotten what was spent of a shared quota: it begins again there, "
                + "without a burst"
        case .redisBack: return "Redis answers again: the quota is shared"
        default: return "Redis cannot be used (\(redis.cause)): " + part
        }
    }

    private static func notice(of trouble: Following.Trouble?, _ vault: Following) -> Notice {
        var notice: Notice
        if let trouble {
            notice = Notice(
                .vaultUnfollowed,
                (trouble.isStale
                    ? "nothing of the vault is lent any more: "
                    : "changes of the vault are not seen: ") + trouble.failure.message)
            notice.isError = trouble.isStale
            notice.failure = trouble.failure
        } else {
            notice = Notice(.vaultFollowed, "changes of the vault are seen again")
        }
        notice.vault = vault.vaultID
        return notice
    }
}
