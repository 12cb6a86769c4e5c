// RestingWays.swift - the ways to an account that several tenants have, once the quota of one
// rests: each is tried in its turn, and those that rest come last, whichever rests least first.

struct RestingWays {
    /// A way, and until when its quota rests, unless rests were lifted more often meanwhile.
    struct Rest {
        let way: Int32
        let until: Int64
        let lifts: Int
    }

    /// The way to go next; nil for the time: at once.
    struct Next {
        let way: Int32
        var notBefore: Int64?
    }

    /// The furthest way that was tried: those behind it were not.
    private var last: Int32
    private var resting: [Rest] = []

    /// No way is left for another that rests less unless it is by so much: who is sent to and fro
    /// stands in no queue.
    private static let leastGain: Int64 = 1_000_000

    /// - Parameter way: the first that rests, or fails.
    init(from way: Int32) { last = way }

    var isEmpty: Bool { resting.isEmpty }

    /// Where to go on when a way rests, which may be that way itself.
    mutating func next(rest: Rest, _ accounts: HuntAccounts) -> Next {
        let untried = next(without: rest.way, accounts)
        let earliest = earliest(rest.lifts)
        resting.append(rest)
        if let untried { return untried }
        if let earliest, let time = earliest.notBefore, time <= rest.until - Self.leastGain {
            return earliest
        }
        return Next(way: rest.way, notBefore: rest.until)
    }

    /// Where to go on when a way has failed; nil when no other is left.
    mutating func next(failed way: Int32, lifts: Int, _ accounts: HuntAccounts) -> Next? {
        next(without: way, accounts) ?? earliest(lifts)
    }

    /// The next way that was not tried.
    private mutating func next(without way: Int32, _ accounts: HuntAccounts) -> Next? {
        resting.removeAll { $0.way == way }
        guard let other = accounts.other(than: last) else { return nil }
        last = other
        return Next(way: other)
    }

    private func earliest(_ lifts: Int) -> Next? {
        resting.map { Next(way: $0.way, notBefore: $0.lifts == lifts ? $0.until : 0) }
            .min { ($0.notBefore ?? 0) < ($1.notBefore ?? 0) }
    }
}
