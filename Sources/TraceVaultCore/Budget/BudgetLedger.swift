// BudgetLedger.swift - where the budget groups' rights to send are kept: the seam between the
// scheduler and a ledger of this process, of all processes of the host, or of many hosts (Redis).
//
// All times are µs on CLOCK_BOOTTIME, which every process of a host reads the same.

/// How fast a group may send: GCRA (generic cell rate algorithm, ITU-T I.371) with one interval and
/// one tolerance. At most `(W + tolerance) / interval + 1` requests pass in any window W.
package struct Quota: Sendable, Equatable {
    /// Time between two requests of a steady flow, in µs; 0 lifts the limit.
    package let intervalUs: Int64
    /// How far ahead of the steady flow a burst may run, in µs.
    package let toleranceUs: Int64

    package static let unlimited = Quota(intervalUs: 0, toleranceUs: 0)

    package init(intervalUs: Int64, toleranceUs: Int64) {
        self.intervalUs = intervalUs
        self.toleranceUs = toleranceUs
    }

    /// 5 % of the share as burst and 95 % as steady flow: the sum is the share, in every window.
    ///
    /// - Parameters:
    ///   - requests: what the server allows in `windowMs`; 0 lifts the limit.
    ///   - sharePercent: how much of it to use. A share below one request still lets one through.
    package init(requests: Int64, windowMs: Int64, sharePercent: Int64) {
        let requests = min(max(0, requests), 1_000_000_000)
        let windowUs = min(max(1, windowMs), 86_400_000) * 1000
        let share = requests * min(max(1, sharePercent), 100) / 100
        guard requests > 0, share > 0 else {
            intervalUs = requests > 0 ? windowUs : 0
            toleranceUs = 0
            return
        }
        // One request is always let through, so the burst counts one less than it lets pass.
        let burst = max(1, share / 20)
        let steady = max(1, share - burst)
        intervalUs = (windowUs + steady - 1) / steady
        toleranceUs = (burst - 1) * intervalUs
    }

    /// The stricter of both in each respect: what either forbids is forbidden.
    package func tightened(by other: Quota) -> Quota {
        guard other.intervalUs > 0 else { return self }
        guard intervalUs > 0 else { return other }
        return Quota(
            intervalUs: max(intervalUs, other.intervalUs),
            toleranceUs: min(toleranceUs, other.toleranceUs))
    }
}

/// A group's place in a ledger. Made by `entry`, kept by the scheduler; the ledger may find it a
/// new place at any call.
package struct LedgerEntry: Sendable {
    /// A hash of the group that is the same in every process.
    package let key: UInt64
    package var place: Int

    package init(key: UInt64, place: Int) {
        self.key = key
        self.place = place
    }
}

/// How fast a group may send, as far as is known now.
package struct LedgerPace: Sendable, Equatable {
    /// The stricter of the caller's quota and the server's.
    package let lasting: Quota
    /// A slower pace until then, in µs between two requests; 0: there is none.
    package let gapUs: Int64
    package let until: Int64

    package init(lasting: Quota, gapUs: Int64 = 0, until: Int64 = 0) {
        self.lasting = lasting
        self.gapUs = gapUs
        self.until = until
    }
}

/// One ledger. Any thread of any number of engines may use it at once.
///
/// The ledger of many hosts (Redis) answers from a block of permits that it has borrowed in
/// advance: no call here may wait.
package protocol BudgetLedger: AnyObject, Sendable {
    /// A group's place, which it takes when it first spends.
    func entry(_ key: UInt64, now: Int64) -> LedgerEntry

    /// When one more request may go, as it looks now; at or before `now`: at once.
    func permittedAt(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64

    /// Spends one request and gives nil, or tells when to ask again; never before that time is more
    /// permitted than the quota allows, whoever spends.
    func spend(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64?

    /// Takes back one `spend` that was made a moment ago: the request was never sent.
    func refund(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64)

    /// Lets nothing through before `time`; never shortens a parking (HTTP 429). False where the
    /// group has no place of its own: a parking would be for others, too.
    @discardableResult
    func park(_ entry: inout LedgerEntry, until time: Int64, now: Int64) -> Bool

    /// Ends a parking and a slower pace at once, for everybody who shares the ledger: whoever asks
    /// for it knows that the server takes requests again.
    func lift(_ entry: inout LedgerEntry, now: Int64)

    /// What the server says its quota is (`Ratelimit-Policy`). Only makes stricter what callers
    /// pass as `quota`, and ends when nobody has said it for a quarter of an hour. nil: an answer
    /// said nothing of it. True when another one holds now.
    func setPolicy(_ entry: inout LedgerEntry, _ policy: Quota?, now: Int64) -> Bool

    /// At most `remaining` more requests until `time`, spread evenly (`Ratelimit`), for a quarter
    /// of an hour at most. The newest word counts.
    func slow(_ entry: inout LedgerEntry, remaining: Int64, until time: Int64, now: Int64)

    /// Until when the group is parked; at or before `now`: it is not.
    func parkedUntil(_ entry: inout LedgerEntry, now: Int64) -> Int64

    /// What holds for the group when the server's word is counted in.
    func pace(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> LedgerPace

    /// The group is asked about soon. Only a hint.
    func bring(_ entry: LedgerEntry)

    /// A time that was told may turn out to be too late: so long at most until that is noticed.
    var longestLookUs: Int64 { get }

    /// How many requests could go at once, for statistics.
    func available(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64
}

extension BudgetLedger {
    package func bring(_ entry: LedgerEntry) {}

    package var longestLookUs: Int64 { LedgerTime.longestLook }
}
