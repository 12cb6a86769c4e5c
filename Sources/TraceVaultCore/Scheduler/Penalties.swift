// Penalties.swift - how long one reply may park those who spend a quota.
//
// Cloudflare documents one block: five minutes. A header that asks for more may be wrong (an epoch
// for a number of seconds, a gateway's own idea), so the first one gets five minutes; what a second
// one confirms, after that, gets an hour, and then it is asked again. Who says "at once" again and
// again is asked less and less often.

struct Penalties: Sendable {
    static let documentedUs = ServerQuota.documentedMs * 1000
    /// Nothing rests longer without a new reply.
    static let longestUs: Int64 = 3_600_000_000
    /// A server that refuses and says "at once" is still not asked in a tight loop.
    private static let shortestUs: Int64 = 1_000_000

    /// Parkings in a row, without an answer in between.
    private var count: Int64 = 0
    /// When the parking ends that wanted to be longer; 0: none does.
    private var doubtedUntil: Int64 = 0

    /// A 429 came. How long to rest for it, of what it asks.
    ///
    /// - Parameter isNew: false for one that was under way when the parking began.
    mutating func rest(_ asked: Int64, isNew: Bool, now: Int64) -> Int64 {
        if isNew { count += 1 }
        // 1 s, doubling to the documented five minutes.
        let least = min(Self.shortestUs << min(max(0, count - 1), 9), Self.documentedUs)
        return bounded(max(asked, least), now: now)
    }

    /// What may rest of what one reply asks.
    mutating func bounded(_ asked: Int64, now: Int64) -> Int64 {
        guard asked > Self.documentedUs else { return max(0, asked) }
        let isConfirmed =
            doubtedUntil > 0 && doubtedUntil <= now && now - doubtedUntil <= Self.longestUs
        let rest = isConfirmed ? min(asked, Self.longestUs) : Self.documentedUs
        doubtedUntil = now + rest
        return rest
    }

    /// The server answered.
    mutating func end() { self = Penalties() }
}
