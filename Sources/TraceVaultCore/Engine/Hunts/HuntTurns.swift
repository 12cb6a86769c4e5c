// HuntTurns.swift - whose turn it is within a hunt. Tenants take turns; who has to wait stands
// aside until that may be over, so that a step costs the same however many others wait.

struct HuntTurns {
    /// What a turn is used for, what comes first before the others: messages before further pages,
    /// those before the next account. So few pages are held at a time.
    enum Stage: Int32 { case message, page, account }

    /// The engine's thread's alone once the hunt has begun.
    enum Work: @unchecked Sendable {
        case page(FoundPage)
        case errand(HuntErrand)
        /// An account that was not begun, by the way to it.
        case account(Int32)

        var stage: Stage {
            switch self {
            case .page: .message
            case .errand(let errand): errand.message == nil ? .page : .message
            case .account: .account
            }
        }
    }

    /// One tenant's part, a few numbers while nothing was found.
    struct Line {
        /// Which of its accounts come next: places in `HuntAccounts`.
        var next: Int32
        let end: Int32
        /// Its requests under way, and those of them whose quota rests.
        var asked: Int32 = 0
        var resting: Int32 = 0
        /// Accounts that were taken back since it last had an answer, when the rest of the first of
        /// them is over, and how often rests had been lifted then.
        var takenBack: Int32 = 0
        var lifts: Int32 = 0
        var backAt: Int64 = 0
        /// The stages for which it stands in a ring, or beside it, and whether it stands aside.
        var standing: UInt8 = 0
        var found: Found?
    }

    /// What a tenant has beside accounts that were never begun.
    final class Found {
        /// By stage; of accounts those that were taken back.
        var queues = [Queue<Work>(), Queue<Work>(), Queue<Work>()]
        /// Accounts for which another tenant's quota rests.
        var redirected = Queue<Int32>()
        var isEmpty: Bool { redirected.isEmpty && queues.allSatisfy { $0.isEmpty } }

        func isEmpty(for stage: Stage) -> Bool {
            queues[Int(stage.rawValue)].isEmpty && (stage != .account || redirected.isEmpty)
        }
    }

    /// A tenant, and what it waits for its turn for.
    struct HuntTurn: Hashable, Sendable {
        let owner: Int32
        let stage: Stage
    }

    /// What stands aside, and whose it is.
    enum Aside {
        case work(Work, of: Int32)
        /// All accounts of a tenant.
        case accounts(of: Int32)
    }

    private let window: Int32
    var lines: [Line] = []
    /// By stage.
    var rings = [Queue<Int32>(), Queue<Int32>(), Queue<Int32>()]
    /// Those with as many requests under way as are free, and those whose next page has no room.
    private var crowded: [HuntTurn] = []
    private var roomless = RoomlessTurns()
    /// What waits for its quota, by the time when that is over, in parts of 0.26 s.
    var aside: [Int64: [Aside]] = [:]
    var firstAside: Int64?
    private var underWay: Int32 = 0
    private var resting: Int32 = 0
    /// How often all that rests was brought back before its time.
    var lifts: Int32 = 0
    /// Something has ended since the crowded ones were looked at.
    private var hasFreed = false
    /// Whatever is not yet asked or told.
    var left = 0

    init(window: Int, ends: [Int32]) {
        self.window = Int32(window)
        lines.reserveCapacity(ends.count)
        var next: Int32 = 0
        for (owner, end) in ends.enumerated() {
            lines.append(Line(next: next, end: end))
            left += Int(end - next)
            if next < end { stand(HuntTurn(owner: Int32(owner), stage: .account)) }
            next = end
        }
    }

    var lacksRoom: Bool { !roomless.isEmpty }

    // MARK: - What is under way

    mutating func began(_ errand: HuntErrand) {
        underWay += 1
        lines[Int(errand.owner)].asked += 1
    }

    mutating func ended(_ errand: HuntErrand) {
        goes(errand)
        underWay -= 1
        lines[Int(errand.owner)].asked -= 1
        hasFreed = true
    }

    /// Whether a request whose quota rests may stay under way: half of the window is for them
    /// all, and a tenant has as much of it as is free.
    mutating func rests(_ errand: HuntErrand) -> Bool {
        guard !errand.isResting else { return true }
        guard lines[Int(errand.owner)].resting < window / 2 - resting else { return false }
        errand.isResting = true
        lines[Int(errand.owner)].resting += 1
        resting += 1
        return true
    }

    /// Its quota lets it go.
    mutating func goes(_ errand: HuntErrand) {
        guard errand.isResting else { return }
        errand.isResting = false
        lines[Int(errand.owner)].resting -= 1
        resting -= 1
    }

    /// A tenant has as many requests of the window as are free.
    private func isCrowded(_ owner: Int32) -> Bool {
        lines[Int(owner)].asked > window - underWay
    }

    // MARK: - What waits

    mutating func add(_ work: Work, of owner: Int32, inFront: Bool = false) {
        left += 1
        let found = lines[Int(owner)].found ?? Found()
        lines[Int(owner)].found = found
        if inFront {
            found.queues[Int(work.stage.rawValue)].prepend(work)
        } else {
            found.queues[Int(work.stage.rawValue)].append(work)
        }
        stand(HuntTurn(owner: owner, stage: work.stage))
    }

    /// An account comes from another tenant, whose quota rests. It goes before those that this one
    /// has not begun: it is one of them.
    mutating func redirect(account way: Int32, to owner: Int32) {
        left += 1
        let found = lines[Int(owner)].found ?? Found()
        lines[Int(owner)].found = found
        found.redirected.append(way)
        stand(HuntTurn(owner: owner, stage: .account))
    }

    /// Not before `time`.
    mutating func add(_ work: Work, of owner: Int32, notBefore time: Int64) {
        left += 1
        stepAside(.work(work, of: owner), time)
    }

    /// The tenant holds less than when its pages had no room.
    mutating func rouse(_ owner: Int32) {
        for stage in [Stage.page, .account] {
            let turn = HuntTurn(owner: owner, stage: stage)
            if roomless.remove(turn) { standAgain(turn) }
        }
    }

    private mutating func standAgain(_ turn: HuntTurn) {
        rings[Int(turn.stage.rawValue)].append(turn.owner)
    }

    /// Nothing is left but what is under way.
    mutating func removeAll() {
        for owner in lines.indices {
            lines[owner].next = lines[owner].end
            lines[owner].found = nil
            lines[owner].standing = 0
        }
        rings = [Queue(), Queue(), Queue()]
        (crowded, roomless, aside, firstAside, left) = ([], RoomlessTurns(), [:], nil, 0)
    }

    // MARK: - Turns

    static func bit(of stage: Stage) -> UInt8 { 1 << UInt8(stage.rawValue) }

    mutating func stand(_ turn: HuntTurn) {
        let bit = Self.bit(of: turn.stage)
        guard lines[Int(turn.owner)].standing & bit == 0 else { return }
        lines[Int(turn.owner)].standing |= bit
        rings[Int(turn.stage.rawValue)].append(turn.owner)
    }

    /// A turn is over; the tenant stands again for what is left.
    mutating func standOn(_ turn: HuntTurn) {
        let line = lines[Int(turn.owner)]
        lines[Int(turn.owner)].standing &= ~Self.bit(of: turn.stage)
        let isMore = line.found?.isEmpty(for: turn.stage) == false
        if isMore || turn.stage == .account && line.next < line.end { stand(turn) }
    }

    /// Whose turn it is, and what for; it ends with `spend`, `leave` or `lacksRoom`.
    ///
    /// - Parameters:
    ///   - tellsOnly: messages are told, not asked for.
    ///   - taken: what all tenants hold of the room for pages.
    ///   - now: whoever is held back then has its turn also where it is crowded.
    mutating func next(tellsOnly: Bool, taken: Int, now: Int64) -> HuntTurn? {
        if hasFreed {
            for turn in crowded { standAgain(turn) }
            crowded = []
        }
        hasFreed = false
        // Of those that have room now one stands again with each turn. Where that one may not go
        // on, because its tenant has enough under way, the next one may be another tenant's.
        var back = roomless.popFirst(taken: taken)
        repeat {
            if let back { standAgain(back) }
            if let turn = firstThatMayGoOn(tellsOnly: tellsOnly, now) { return turn }
            back = roomless.popFirst(taken: taken)
        } while back != nil
        return nil
    }

    private mutating func firstThatMayGoOn(tellsOnly: Bool, _ now: Int64) -> HuntTurn? {
        for stage in [Stage.message, .page, .account] {
            while let owner = rings[Int(stage.rawValue)].popFirst() {
                let turn = HuntTurn(owner: owner, stage: stage)
                // The rest of one that was taken back is over.
                if stage == .account, lines[Int(owner)].backAt <= now {
                    lines[Int(owner)].takenBack = 0
                }
                let mayGoOn = !isCrowded(owner) || stage == .message && tellsOnly
                if mayGoOn || heldBack(turn, now: now) != nil { return turn }
                crowded.append(turn)
            }
        }
        return nil
    }

    /// There is no room for the page that the turn would bring, before all tenants hold `most` at
    /// most.
    mutating func lacksRoom(_ turn: HuntTurn, most: Int) { roomless.add(turn, most: most) }

    /// Takes out what the turn is for.
    mutating func spend(_ turn: HuntTurn, way: (Int32) -> Int32) -> Work? {
        let owner = Int(turn.owner)
        let work: Work?
        // Those that were taken back come last: others may have another quota.
        if turn.stage == .account, let redirected = lines[owner].found?.redirected.popFirst() {
            work = .account(redirected)
        } else if turn.stage == .account, lines[owner].next < lines[owner].end {
            work = .account(way(lines[owner].next))
            lines[owner].next += 1
        } else {
            work = lines[owner].found?.queues[Int(turn.stage.rawValue)].popFirst()
        }
        if lines[owner].found?.isEmpty == true { lines[owner].found = nil }
        standOn(turn)
        if work != nil { left -= 1 }
        return work
    }
}
