// Budget.swift - one budget group's right to send, within one engine.

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
