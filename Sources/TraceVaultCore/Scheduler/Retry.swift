// Retry.swift - how long to wait before the next try.
//
// Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): uniform between 0 and
// the doubled base, so that many clients that failed together do not come back together. What the
// server asks for in Retry-After is a floor under it.

package struct RetryPolicy: Sendable {
    package var maxAttempts: Int
    package var baseMs: Int64
    package var maxDelayMs: Int64

    package init(maxAttempts: Int, baseMs: Int64, maxDelayMs: Int64) {
        self.maxAttempts = maxAttempts
        self.baseMs = baseMs
        self.maxDelayMs = maxDelayMs
    }

    /// The wait after `attempts` tries, in ms.
    package func delayMs(
        attempts: Int, retryAfterMs: Int64?, random: inout SplitMix64
    ) -> Int64 {
        let doublings = min(max(0, attempts - 1), 20)
        let ceiling = min(maxDelayMs, baseMs << Int64(doublings))
        return max(Int64.random(in: 0...max(0, ceiling), using: &random), retryAfterMs ?? 0)
    }
}

/// A small seeded generator (Steele, Lea, Flood 2014): simulations replay from their seed.
/// Not for secrets.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
