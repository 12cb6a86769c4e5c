// RedisLedger.swift - the ledger of an engine whose quota many hosts share.
//
// A group's permits are borrowed from Redis by a thread of the ledger (QuotaLender.swift) and used
// here, so that nothing waits. Where nobody answers, the host's own ledger lets its share through.
// What Cloudflare says goes into the host's ledger at once, and to the other hosts with the next
// question. The limit of the host's address stays in the host's ledger alone.

import CSystem

package final class RedisLedger: BudgetLedger {
    /// How things stand with Redis.
    struct Standing {
        /// Nobody answers, or others that were there before are not back yet.
        var isAlone = false
        /// How often it has become so.
        var outages: Int64 = 0
        /// From when until when it was last alone.
        var aloneSince: Int64 = 0
        var aloneUntil: Int64 = 0
        /// Until then others may not know that it is alone.
        var unnoticedUntil: Int64 = 0
        /// Whether it is alone only because others that were there before are not back yet.
        var isWaiting = false
        var reason = ""
        /// The same without an address, in words of ours alone.
        var cause = ""
        /// Whether what keeps it alone is that no answer came in time.
        var isSlow = false
        /// How often the server had forgotten a group that it knew before.
        var flushes: Int64 = 0
        /// The one that answers, or answered last.
        var address = ""
        /// How many hosts there are, and how many there may be. 0: never told.
        var there: Int64 = 0
        var known: Int64 = 0
        /// How long an answer takes.
        var waitUs: Int64 = 1000
        var requests = 0
        var lent: Int64 = 0
        var returned: Int64 = 0
        var unused: Int64 = 0
    }

    struct State {
        var pools: [UInt64: LentPool] = [:]
        /// The groups to be asked about.
        var queue: [UInt64] = []
        var standing = Standing()
    }

    let host: MappedLedger
    let settings: RedisSettings
    private let addressKey: UInt64
    let state = Lock(State())
    /// Rings when there is something to ask.
    let bell = Bell()

    private static let longestWaitUs: Int64 = 20_000

    /// - Parameter addressKey: the group that stands for the host's address.
    package init(_ host: MappedLedger, _ settings: RedisSettings, addressKey: UInt64) {
        self.host = host
        self.settings = settings
        self.addressKey = addressKey
    }

    /// Whether the group's permits come from Redis.
    func isLent(_ entry: LedgerEntry, _ quota: Quota) -> Bool {
        entry.key != addressKey && quota.intervalUs > 0
    }

    /// Whether there is something to ask.
    package var isAsking: Bool { state.withLock { !$0.queue.isEmpty } }

    // MARK: - Using permits

    /// What a group's state says to somebody who wants to send.
    enum Offer {
        case now
        case at(Int64)
        /// The host uses its own part: the host's ledger decides, with this quota.
        case alone(Quota)
    }

    /// - Parameter takes: whether to use a permit, or only to look.
    func ask(_ key: UInt64, _ quota: Quota, takes: Bool, now: Int64) -> Offer {
        let (answer, isNew) = state.withLock { state -> (Offer, Bool) in
            let told = Self.forgotten(state.standing, quota, now)
            let (answer, isShort) = Self.answer(
                &state.pools[key, default: LentPool(quota, aloneUntil: told, now: now)],
                &state.standing, quota, takes, settings, now)
            return (answer, isShort && Self.queue(key, &state))
        }
        if isNew { bell.ring() }
        return answer
    }

    private static func answer(
        _ pool: inout LentPool, _ standing: inout Standing, _ quota: Quota, _ takes: Bool,
        _ settings: RedisSettings, _ now: Int64
    ) -> (Offer, isShort: Bool) {
        pool.drop(now: now, unused: &standing.unused)
        if takes { pool.want(quota, now: now) }
        let isThere = pool.isThere(now: now) && (!takes || pool.take(now: now))
        let isShort = pool.isShort(now: now)
        if isThere { return (.now, isShort) }
        // Also alone: what is lent already comes before a part of one's own.
        if let next = pool.nextAt, next > now { return (.at(next), isShort) }
        if standing.isAlone { return (.alone(share(of: quota, standing, settings)), isShort) }
        let wait = min(standing.waitUs, longestWaitUs)
        return (.at(pool.again(now: now, after: wait)), isShort)
    }

    /// One host's part of a quota, without a burst: together they are never more than one quota.
    static func share(
        of quota: Quota, _ standing: Standing, _ settings: RedisSettings
    ) -> Quota {
        let hosts = hosts(standing, settings)
        let (interval, isTooLong) = quota.intervalUs.multipliedReportingOverflow(by: hosts)
        return Quota(intervalUs: isTooLong ? LedgerTime.day : interval, toleranceUs: 0)
    }

    static func hosts(_ standing: Standing, _ settings: RedisSettings) -> Int64 {
        standing.known > 0 ? standing.known : settings.hosts
    }

    /// What was spent alone longer ago than a burst takes to gather has been forgotten anyway.
    private static func forgotten(_ standing: Standing, _ quota: Quota, _ now: Int64) -> Int64 {
        now - standing.aloneUntil > quota.toleranceUs ? standing.aloneUntil : 0
    }

    /// The last permit was not needed. False when none of ours can go back.
    func undo(_ key: UInt64, now: Int64) -> Bool {
        state.withLock { $0.pools[key]?.undo(now: now) ?? false }
    }

    func usable(_ key: UInt64, _ quota: Quota, now: Int64) -> Offer? {
        state.withLock { state in
            state.pools[key]?.drop(now: now, unused: &state.standing.unused)
            let count = state.pools[key]?.usable(now: now) ?? 0
            if count > 0 { return .at(count) }
            return state.standing.isAlone && state.pools[key]?.nextAt == nil
                ? .alone(Self.share(of: quota, state.standing, settings)) : nil
        }
    }

    /// A permit was spent alone: Redis hears of it if others may not have left it to this host. It
    /// stays owed where it was not needed: that is seldom, and on the safe side.
    func owe(_ key: UInt64, now: Int64) {
        state.withLock { state in
            guard now < state.standing.unnoticedUntil else { return }
            state.pools[key]?.owe(1)
        }
    }

    // MARK: - Telling the others

    /// Changes what Redis is to be told of a group. Of those whose permits nobody asked for, nobody
    /// is told.
    func tell(
        _ key: UInt64, givesBack: Bool = false, isUrgent: Bool,
        _ change: (inout QuotaWords) -> Void
    ) {
        let isFirst = state.withLock { state in
            guard state.pools[key] != nil else { return false }
            state.pools[key]?.tell(change)
            if givesBack { state.pools[key]?.giveBack() }
            return isUrgent && Self.queue(key, &state)
        }
        if isFirst { bell.ring() }
    }

    /// Asks about a parked group now and then: another host may have lifted the parking.
    func lookAtParked(_ key: UInt64, now: Int64) {
        let isFirst = state.withLock { state in
            guard state.pools[key]?.wantsLook(now: now) == true else { return false }
            return Self.queue(key, &state)
        }
        if isFirst { bell.ring() }
    }

    /// True when somebody has to ring.
    static func queue(_ key: UInt64, _ state: inout State) -> Bool {
        guard let pool = state.pools[key], !pool.isQueued else { return false }
        state.pools[key]?.queue()
        state.queue.append(key)
        return state.queue.count == 1
    }
}
