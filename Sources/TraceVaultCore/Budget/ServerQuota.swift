// ServerQuota.swift - what the headers of one reply say of a quota, ready for the ledger.
//
// `Ratelimit-Policy` and `Ratelimit` are lists, and each member is a bound of its own. A stray one
// must not stop a group for long: what would be slower than one request in ten seconds for longer
// than Cloudflare's own window is doubted until a later reply says it again.

/// `Ratelimit: "default";r=50;t=30`: so many requests are left, and seconds until that ends.
package struct RateRemaining: Sendable, Equatable {
    package let requests: Int64
    package let seconds: Int64

    package init(requests: Int64, seconds: Int64) {
        self.requests = requests
        self.seconds = seconds
    }
}

/// `Ratelimit-Policy: "default";q=1200;w=300`: so many requests in so many seconds.
package struct RatePolicy: Sendable, Equatable {
    package let requests: Int64
    package let seconds: Int64

    package init(requests: Int64, seconds: Int64) {
        self.requests = requests
        self.seconds = seconds
    }
}

/// So many requests are left, in so many ms.
package struct Pace: Sendable, Equatable {
    package let requests: Int64
    package let ms: Int64

    package init(requests: Int64, ms: Int64) {
        self.requests = requests
        self.ms = ms
    }

    /// Products stay below 2^57.
    func isSlower(than other: Pace?) -> Bool {
        guard let other else { return true }
        return requests * other.ms < other.requests * ms
    }
}

package struct ServerQuota: Sendable {
    /// Cloudflare's documented window, and its block after an overrun.
    package static let documentedMs: Int64 = 300_000
    private static let slowestMs: Int64 = 10_000

    /// What all policies allow together; nil: none was named.
    package var policy: Quota?
    /// The same with the doubtful ones; nil: there are none.
    package var doubtfulPolicy: Quota?
    /// The slowest pace of what is left; nil: nothing was said of it.
    package var pace: Pace?
    package var doubtfulPace: Pace?
    /// The longest time for which the server says that none is left; 0: it does not.
    package var emptyMs: Int64 = 0

    package init(policy: Quota? = nil, pace: Pace? = nil, emptyMs: Int64 = 0) {
        self.policy = policy
        self.pace = pace
        self.emptyMs = emptyMs
    }

    /// - Parameter sharePercent: how much of each quota is ours, but never less than one request.
    package init(_ policies: [RatePolicy], _ left: [RateRemaining], sharePercent: Int64) {
        let windows = policies.map {
            Pace(
                requests: max(1, $0.requests * sharePercent / 100), ms: max(1, $0.seconds * 1000))
        }
        // A quota of no requests at all is none that anybody has.
        let doubtful = zip(policies, windows).map { $0.requests == 0 || Self.isDoubtful($1) }
        policy = Quota(within: zip(windows, doubtful).filter { !$1 }.map(\.0))
        if doubtful.contains(true) { doubtfulPolicy = Quota(within: windows) }
        for member in left {
            let ms = member.seconds * 1000
            guard member.requests > 0 else {
                emptyMs = max(emptyMs, ms)
                continue
            }
            let found = Pace(requests: max(1, member.requests * sharePercent / 100), ms: ms)
            if Self.isDoubtful(found) {
                if found.isSlower(than: doubtfulPace) { doubtfulPace = found }
            } else if found.isSlower(than: pace) {
                pace = found
            }
        }
    }

    var isDoubtful: Bool { doubtfulPolicy != nil || doubtfulPace != nil }

    private static func isDoubtful(_ pace: Pace) -> Bool {
        pace.ms > documentedMs && pace.ms > pace.requests * slowestMs
    }
}

extension Quota {
    /// The quota that keeps every one of these windows; nil where there is none.
    ///
    /// One interval and one tolerance let `(W + tolerance) / interval + 1` requests into a window
    /// W. With the slowest window's interval, the tolerance is what the strictest of them leaves.
    init?(within windows: [Pace]) {
        var interval: Int64 = 0
        for window in windows {
            let alone = Quota(
                requests: window.requests, windowMs: window.ms, sharePercent: 100)
            interval = max(interval, alone.intervalUs)
        }
        guard interval > 0 else { return nil }
        var tolerance = LedgerTime.day
        for window in windows {
            // More than two days' worth of intervals is as good as any number.
            let others = min(window.requests - 1, LedgerTime.furthest / interval)
            tolerance = min(tolerance, others * interval - window.ms * 1000)
        }
        self.init(intervalUs: interval, toleranceUs: max(0, tolerance))
    }
}
