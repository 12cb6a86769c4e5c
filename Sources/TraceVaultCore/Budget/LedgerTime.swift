// LedgerTime.swift - spans and bounds of a ledger's times, in µs.

enum LedgerTime {
    /// 142 years of µs.
    private static let latest: Int64 = (1 << 52) - 1
    static let hour: Int64 = 3_600_000_000
    static let day: Int64 = 86_400_000_000
    /// Nothing that a caller may ask for lies further ahead: tolerance and interval, a day each.
    static let furthest: Int64 = 2 * day
    /// So long a policy of the server holds that nobody names any more: three of Cloudflare's
    /// windows. Some kinds of answers may never name one, and of a wrong one no answer may come
    /// that takes it back.
    static let policyHeld: Int64 = 900_000_000
    /// So long at most until somebody who waits asks again: another process may lift a parking.
    static let longestLook: Int64 = 5_000_000

    static func bounded(_ time: Int64) -> Int64 { min(max(0, time), latest) }
    /// A span of at most a day.
    static func span(_ us: Int64) -> Int64 { min(max(0, us), day) }
}
