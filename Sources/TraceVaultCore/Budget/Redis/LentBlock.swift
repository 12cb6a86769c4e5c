// LentBlock.swift - permits of one group that Redis lent together, each with a time from which and
// until which it may be used.
//
// The host's clock measures only spans: from before the question was sent, and from when the answer
// had come. The server read its own clock between the two. So no permit is used too early by the
// server's clock, nor too late.

struct LentBlock {
    /// When the first one may be used, from the server's moment on; may lie before it.
    private let first: Int64
    private let interval: Int64
    private let askedAt: Int64
    private let cameAt: Int64
    private let life: Int64
    let count: Int64
    private var used: Int64 = 0
    /// The group's arrival time when the last one was lent: by it, it goes back.
    let token: String

    init(
        count: Int64, first: Int64, interval: Int64, askedAt: Int64, cameAt: Int64, life: Int64,
        token: String
    ) {
        // What Redis says is outside data: bounded before it is reckoned with.
        self.count = min(max(0, count), LentPool.most)
        self.first = min(max(-LedgerTime.furthest, first), LedgerTime.furthest)
        self.interval = LedgerTime.span(interval)
        self.askedAt = askedAt
        self.cameAt = cameAt
        self.life = life
        self.token = token
    }

    private func offset(_ place: Int64) -> Int64 { max(0, first + place * interval) }

    /// Passes over those whose time is over; how many.
    mutating func drop(now: Int64) -> Int64 {
        let before = used
        while used < count, askedAt + offset(used) + life <= now { used += 1 }
        return used - before
    }

    var isEmpty: Bool { used >= count }
    var left: Int64 { count - used }
    /// From when on the next one may be used.
    var nextAt: Int64 { cameAt + offset(used) }
    /// How much of the group's time the unused ones are.
    var leftUs: Int64 { left * interval }

    func usable(now: Int64) -> Int64 {
        var place = used
        while place < count, cameAt + offset(place) <= now { place += 1 }
        return place - used
    }

    /// Uses one.
    mutating func take(now: Int64) -> Bool {
        guard !isEmpty, nextAt <= now else { return false }
        used += 1
        return true
    }

    /// The last one that was used was not needed.
    mutating func undo(now: Int64) -> Bool {
        guard used > 0, askedAt + offset(used - 1) + life > now else { return false }
        used -= 1
        return true
    }

    /// Nobody has come for the next one for half of its life.
    func isUnwanted(now: Int64) -> Bool { !isEmpty && now > nextAt + life / 2 }
}
