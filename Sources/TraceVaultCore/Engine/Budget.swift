// Budget.swift - one budget group's right to send: a GCRA limiter and a parking place.
//
// GCRA (generic cell rate algorithm, ITU-T I.371) keeps one number per group: the theoretical
// arrival time of the next request. With burst b and interval T at most b + W/T requests pass in
// any window W; `Quota` chooses both so that this never exceeds its share of the server's quota.

/// How many requests a group may send: Cloudflare counts `requests` per `windowMs` and user.
package struct Quota: Sendable {
    /// Time between two requests of a steady flow, in µs; 0 lifts the limit.
    let intervalUs: Int64
    /// How far ahead of the steady flow a burst may run, in µs.
    let toleranceUs: Int64

    /// 5 % of the share as burst and 95 % as steady flow: the sum is the share, in every window.
    package init(requests: Int64, windowMs: Int64, sharePercent: Int64) {
        let share = requests * sharePercent / 100
        guard requests > 0, share > 0 else {
            // A quota of 0 lifts the limit; a share below one request still lets one through.
            intervalUs = requests > 0 ? windowMs * 1000 : 0
            toleranceUs = 0
            return
        }
        let burst = max(1, share / 20)
        let steady = max(1, share - burst)
        intervalUs = (windowMs * 1000 + steady - 1) / steady
        toleranceUs = (burst - 1) * intervalUs
    }
}

/// One group's state. Times are µs on the scheduler's clock.
package struct Budget: Sendable {
    private var nextArrival: Int64 = 0
    private var parkedUntil: Int64 = 0

    package init() {}

    /// The earliest moment at which one more request may go.
    package func permittedAt(_ quota: Quota) -> Int64 {
        max(nextArrival - quota.toleranceUs, parkedUntil)
    }

    /// Spends one request. Call only when `permittedAt` has come.
    package mutating func spend(_ quota: Quota, at now: Int64) {
        nextArrival = max(nextArrival, now) + quota.intervalUs
    }

    /// Takes back one `spend`: the request was never sent.
    package mutating func refund(_ quota: Quota) {
        nextArrival -= quota.intervalUs
    }

    /// Lets nothing through before `time`; never shortens a parking.
    package mutating func park(until time: Int64) {
        parkedUntil = max(parkedUntil, time)
    }
}
