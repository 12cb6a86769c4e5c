// LentPool.swift - what one engine has borrowed for one group, what it wants next, and what Redis
// does not know yet.

struct LentPool {
    /// As many as one question may ask for.
    static let most: Int64 = 64
    private static let mostOwed: Int64 = 1_000_000
    /// So long after the last spending a look at the group borrows for it.
    private static let interestUs: Int64 = 30_000_000
    /// From this size on the next block is asked for before this one is used up.
    private static let aheadSize: Int64 = 4
    /// A block that is used up so soon is followed by one of twice the size, and so is one that
    /// came before its time: others want permits, too, and all are to get equal turns.
    private static let soonUs: Int64 = 2_000_000
    /// How often a parked group is asked about: somebody may have lifted it.
    private static let parkedLookUs: Int64 = 5_000_000

    private var blocks: [LentBlock] = []
    private var size: Int64 = 1
    /// How many the last block had, and when it came.
    private var last: (count: Int64, at: Int64) = (0, 0)
    private var cameEarly = false
    /// Somebody came and there was none.
    private var isMissed = false
    private(set) var quota: Quota
    private(set) var words = QuotaWords()
    /// Waits to be asked about, or is being asked about.
    private(set) var isQueued = false
    private var askAt: Int64 = 0
    private var usedAt: Int64
    /// Up to which time alone the server has been told of.
    var aloneUntil: Int64
    private var lifted: Int64?
    /// Permits that this engine spent alone while others may not have left them to it.
    private(set) var owed: Int64 = 0
    private var back: (us: Int64, token: String)?

    init(_ quota: Quota, aloneUntil: Int64, now: Int64) {
        self.quota = quota
        self.aloneUntil = aloneUntil
        usedAt = now
    }

    // MARK: - Using permits

    /// Somebody wants to use a permit, of this quota.
    mutating func want(_ quota: Quota, now: Int64) {
        self.quota = quota
        usedAt = now
    }

    /// Uses a permit, if there is one.
    mutating func take(now: Int64) -> Bool { !blocks.isEmpty && blocks[0].take(now: now) }

    /// Whether one could be used. To ask for one that is not there is to want it.
    mutating func isThere(now: Int64) -> Bool {
        if nextAt == nil { isMissed = true }
        return usable(now: now) > 0
    }

    /// Passes over those whose time is over, and counts them.
    mutating func drop(now: Int64, unused: inout Int64) {
        while !blocks.isEmpty {
            let gone = blocks[0].drop(now: now)
            if gone > 0 {
                unused += gone
                size = max(1, size / 2)
            }
            // The newest stays for what may be undone.
            guard blocks[0].isEmpty, blocks.count > 1 else { return }
            blocks.removeFirst()
        }
    }

    mutating func undo(now: Int64) -> Bool {
        !blocks.isEmpty && blocks[0].undo(now: now)
    }

    /// When the next one may be used; nil: there is none.
    var nextAt: Int64? { blocks.first { !$0.isEmpty }?.nextAt }

    func usable(now: Int64) -> Int64 {
        blocks.reduce(0) { $0 + $1.usable(now: now) }
    }

    // MARK: - Wanting permits

    private var left: Int64 { blocks.reduce(0) { $0 + $1.left } }

    /// Whether to ask now for what comes next.
    mutating func isShort(now: Int64) -> Bool {
        guard !isQueued, now >= askAt, now - usedAt < Self.interestUs else { return false }
        guard left > 0 ? isHalfUsed : isMissed else { return false }
        // Twice what came, not what was asked for: should the server forget who else borrows,
        // nobody takes the turns of all.
        if cameEarly || now - last.at < Self.soonUs {
            size = min(Self.most, 2 * max(1, min(size, last.count)))
        }
        return true
    }

    private var isHalfUsed: Bool { last.count >= Self.aheadSize && left <= last.count / 2 }

    /// When to look again while there is nothing.
    func again(now: Int64, after us: Int64) -> Int64 { max(askAt, now + us) }

    /// Whether a parked group is to be asked about.
    mutating func wantsLook(now: Int64) -> Bool {
        guard !isQueued, now >= askAt else { return false }
        askAt = now + Self.parkedLookUs
        return true
    }

    mutating func queue() { isQueued = true }
    mutating func unqueue() { isQueued = false }

    /// What to ask for now.
    func wanted(isParked: Bool, now: Int64) -> Int64 {
        let isWanted = left > 0 ? isHalfUsed : isMissed
        return isWanted && !isParked && now - usedAt < Self.interestUs ? size : 0
    }

    /// What came of a question: a block, or when to ask again.
    mutating func add(_ block: LentBlock, wanted: Int64, againUs: Int64, now: Int64) {
        if !block.isEmpty {
            blocks.removeAll(where: \.isEmpty)
            blocks.append(block)
            last = (block.count, now)
            cameEarly = block.nextAt > now
            isMissed = false
        }
        if wanted > 0 { askAt = now + min(max(0, againUs), LedgerTime.day) }
    }

    /// Whether the server has answered before: it knew the group then.
    var hasHeard: Bool { lifted != nil }

    /// How many times a parking of the group was lifted, as the server counts; true when somebody
    /// did so since the last answer.
    mutating func note(lifted count: Int64) -> Bool {
        defer { lifted = count }
        return lifted.map { $0 != count } ?? false
    }

    // MARK: - What the server is to be told

    /// Others begin at the same time: all of them with small blocks, so that each gets some.
    mutating func restart() { size = 1 }

    /// Takes the unused permits of the newest block back, to be returned.
    mutating func giveBack() {
        if let newest = blocks.last, !newest.isEmpty { back = (newest.leftUs, newest.token) }
        blocks = []
        size = max(1, size / 2)
    }

    mutating func takeBack() -> (us: Int64, token: String)? {
        defer { back = nil }
        return back
    }

    mutating func owe(_ count: Int64) { owed = min(owed + max(0, count), Self.mostOwed) }

    mutating func takeOwed() -> Int64 {
        defer { owed = 0 }
        return owed
    }

    /// Whether there is something that the server is to hear before this engine ends.
    var hasToSay: Bool { back != nil || owed > 0 || words.isUrgent }

    /// Has permits that nobody comes for.
    func isUnwanted(now: Int64) -> Bool { blocks.last?.isUnwanted(now: now) ?? false }
    /// Nobody has used it for so long that it may be forgotten.
    func isIdle(now: Int64) -> Bool {
        !isQueued && !hasToSay && now - usedAt > 2 * Self.interestUs
    }

    mutating func tell(_ change: (inout QuotaWords) -> Void) { change(&words) }
    mutating func takeWords() -> QuotaWords {
        defer { words = QuotaWords() }
        return words
    }
}

/// What Cloudflare said to this engine of a group's quota and Redis does not know yet. Times are
/// the host's.
struct QuotaWords {
    var parkedUntil: Int64 = 0
    var isLifted = false
    var policy: Quota?
    var gapUs: Int64 = 0
    var slowUntil: Int64 = 0

    /// Takes in what was to be told before: the newer word counts.
    mutating func add(_ older: QuotaWords) {
        if !isLifted {
            parkedUntil = max(parkedUntil, older.parkedUntil)
            isLifted = older.isLifted
        }
        policy = policy ?? older.policy
        if slowUntil == 0 { (gapUs, slowUntil) = (older.gapUs, older.slowUntil) }
    }

    /// The rest is said again with the next replies.
    var isUrgent: Bool { parkedUntil > 0 || isLifted }
}
