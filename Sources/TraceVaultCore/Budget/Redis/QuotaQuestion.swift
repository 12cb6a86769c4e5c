// QuotaQuestion.swift - one group's question to Redis as words, and its answer as numbers.

struct QuotaQuestion {
    let key: UInt64
    let words: [String]
    let wanted: Int64
    let life: Int64
    let back: Int64
    /// Permits that were spent alone, and nobody knew.
    let owed: Int64
    let isFresh: Bool
    /// Whether the host is heard along with it.
    let isHeard: Bool
    let askedAt: Int64
    /// What goes with it, to be told again should it not arrive.
    let told: QuotaWords

    /// The longest time between a permit's moment and its use.
    private static let longestLife: Int64 = 2_000_000
    private static let leastLife: Int64 = 1_000_000
    private static let leastAhead: Int64 = 500_000
    private static let longestAhead: Int64 = 6_000_000

    /// How long the turns of all borrowers of a group are together; twice as far ahead of need they
    /// borrow. It is a part of the tolerance, and so a small one of the quota: what is in flight
    /// when Redis is lost comes on top.
    static func ahead(_ quota: Quota) -> Int64 {
        min(longestAhead, max(leastAhead, quota.toleranceUs * 2 / 5))
    }

    /// A permit may be used late, and what is late there is missing from the tolerance: both
    /// together are what the quota allows.
    static func life(_ quota: Quota) -> Int64 {
        let least = min(leastLife, quota.intervalUs / 2)
        return min(longestLife, max(quota.toleranceUs / 2, least))
    }

    /// Takes what the pool has to say.
    /// - Parameters:
    ///   - presence: the key of hosts, and what this one says of itself, where it does.
    ///   - aloneSince, aloneUntil: when the host was alone last.
    ///   - isLast: whether the engine ends and wants nothing any more.
    init(
        _ key: UInt64, _ pool: inout LentPool, there: Int64, known: Int64, aloneSince: Int64,
        aloneUntil: Int64,
        at place: String, run: String, borrower: String, presence: [String]?, isLast: Bool = false,
        now: Int64
    ) {
        self.key = key
        askedAt = now
        told = pool.takeWords()
        isFresh = pool.aloneUntil != aloneUntil
        if isFresh { pool.restart() }
        let isParked = told.parkedUntil > now
        wanted = isLast ? 0 : pool.wanted(isParked: isParked, now: now)
        // Who is missed may be sending its share meanwhile.
        let there = max(1, there)
        let quota = pool.quota
        let interval = LedgerTime.span(quota.intervalUs) * max(there, known) / there
        life = Self.life(quota)
        let returned = pool.takeBack()
        back = returned?.us ?? 0
        owed = pool.takeOwed()
        let policy = told.policy ?? .unlimited
        let slowFor = max(0, told.slowUntil - now)
        let numbers: [Int64] = [
            LedgerTime.span(interval), max(0, quota.toleranceUs - life), wanted, Self.ahead(quota),
            isFresh ? max(1, aloneUntil - aloneSince) : 0, back,
        ]
        let server: [Int64] = [
            max(0, told.parkedUntil - now), told.isLifted ? 1 : 0, policy.intervalUs,
            policy.toleranceUs, slowFor > 0 ? told.gapUs : 0,
            told.gapUs > 0 ? slowFor : 0, life, owed,
        ]
        isHeard = presence != nil
        let keys = presence.map { ["2", place] + $0.prefix(1) } ?? ["1", place]
        words =
            keys + [borrower, run] + numbers.map { String($0) } + [returned?.token ?? "0"]
            + server.map { String($0) } + (presence?.dropFirst() ?? [])
    }
}

struct QuotaAnswer {
    let granted: Int64
    let first: Int64
    let interval: Int64
    let againUs: Int64
    let token: Int64
    let parkedUs: Int64
    let lifted: Int64
    let policy: Quota
    let policyRestUs: Int64
    let gapUs: Int64
    let slowUs: Int64
    /// The server knew nothing of the group.
    let isNew: Bool
    /// Where the host was heard along with the question.
    let hosts: HostCount?

    private static let parts = 13

    init?(_ reply: RedisReply) {
        guard let numbers = reply.numbers, numbers.count >= Self.parts else { return nil }
        hosts = HostCount(numbers.dropFirst(Self.parts))
        guard hosts != nil || numbers.count == Self.parts else { return nil }
        granted = numbers[0]
        first = numbers[1]
        interval = numbers[2]
        againUs = numbers[3]
        token = numbers[4]
        parkedUs = LedgerTime.span(numbers[5])
        lifted = numbers[6]
        policy = Quota(
            intervalUs: LedgerTime.span(numbers[7]), toleranceUs: LedgerTime.span(numbers[8]))
        policyRestUs = LedgerTime.span(numbers[9])
        gapUs = LedgerTime.span(numbers[10])
        slowUs = LedgerTime.span(numbers[11])
        isNew = numbers[12] == 1
    }
}
