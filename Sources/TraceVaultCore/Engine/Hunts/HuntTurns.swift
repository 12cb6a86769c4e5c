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
    private struct Line {
        /// Which of its accounts come next: places in `HuntAccounts`.
        var next: Int32
        let end: Int32
        /// Its requests under way, and those of them whose quota rests.
        var asked: Int32 = 0
        var resting: Int32 = 0
        /// Accounts that were taken back since it last had an answer, and when the first of them
        /// comes back.
        var takenBack: Int32 = 0
        var backAt: Int64 = 0
        /// The stages for which it stands in a ring, or beside it.
        var standing: UInt8 = 0
        var found: Found?
    }

    /// What a tenant has beside accounts that were never begun.
    private final class Found {
        var queues = [Queue<Work>(), Queue<Work>(), Queue<Work>()]
        var isEmpty: Bool { queues.allSatisfy { $0.isEmpty } }
    }

    /// A tenant, and what it waits for its turn for.
    struct HuntTurn: Hashable, Sendable {
        let owner: Int32
        let stage: Stage
    }

    /// What stands aside, and whose it is.
    private enum Aside {
        case work(Work, of: Int32)
        /// All accounts of a tenant.
        case accounts(of: Int32)
    }

    private let window: Int32
    private var lines: [Line] = []
    /// By stage.
    private var rings = [Queue<Int32>(), Queue<Int32>(), Queue<Int32>()]
    /// Those with as many requests under way as are free, and those whose next page has no room.
    private var crowded: [HuntTurn] = []
    private var roomless = RoomlessTurns()
    /// What waits for its quota, by the time when that is over, in parts of 0.26 s.
    private var aside: [Int64: [Aside]] = [:]
    private var firstAside: Int64?
    private var underWay: Int32 = 0
    private var resting: Int32 = 0
    /// Something has ended since the crowded ones were looked at.
    private var hasFreed = false
    /// Whatever is not yet asked or told.
    private(set) var left = 0

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

    /// Not before `time`.
    mutating func add(_ work: Work, of owner: Int32, notBefore time: Int64) {
        left += 1
        stepAside(.work(work, of: owner), time)
    }

    /// An account was taken back, as its quota rests until `time`.
    mutating func add(account way: Int32, of owner: Int32, notBefore time: Int64) {
        add(.account(way), of: owner, notBefore: time)
        let first = lines[Int(owner)].takenBack == 0
        lines[Int(owner)].takenBack += 1
        lines[Int(owner)].backAt = first ? time : min(lines[Int(owner)].backAt, time)
    }

    /// A request of the tenant was answered.
    mutating func answered(_ owner: Int32) { lines[Int(owner)].takenBack = 0 }

    /// After so many accounts that were taken back no further one of the tenant is looked at before
    /// one of them comes back: most likely they all spend the same quota.
    private static let mostTakenBack = 256

    private static let partShift: Int64 = 18

    private mutating func stepAside(_ what: Aside, _ time: Int64) {
        let part = time >> Self.partShift + 1
        aside[part, default: []].append(what)
        firstAside = min(firstAside ?? part, part)
    }

    /// When something of what stands aside comes back; nil: nothing does.
    var wake: Int64? { firstAside.map { $0 << Self.partShift } }

    /// Brings back what has stood aside so long; nil: all of it.
    mutating func comeBack(now: Int64?) {
        guard let wake, now.map({ wake <= $0 }) ?? true else { return }
        let due = aside.keys.filter { part in now.map { part << Self.partShift <= $0 } ?? true }
        for part in due {
            for what in aside.removeValue(forKey: part) ?? [] {
                switch what {
                case .work(let work, let owner):
                    left -= 1
                    add(work, of: owner)
                case .accounts(let owner):
                    lines[Int(owner)].takenBack = 0
                    rings[Int(Stage.account.rawValue)].append(owner)
                }
            }
        }
        firstAside = aside.keys.min()
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

    private mutating func stand(_ turn: HuntTurn) {
        let bit = UInt8(1) << UInt8(turn.stage.rawValue)
        guard lines[Int(turn.owner)].standing & bit == 0 else { return }
        lines[Int(turn.owner)].standing |= bit
        rings[Int(turn.stage.rawValue)].append(turn.owner)
    }

    /// Whose turn it is, and what for; it ends with `spend` or `lacksRoom`.
    ///
    /// - Parameters:
    ///   - tellsOnly: messages are told, not asked for.
    ///   - taken: what all tenants hold of the room for pages.
    mutating func next(tellsOnly: Bool, taken: Int) -> HuntTurn? {
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
            if let turn = firstThatMayGoOn(tellsOnly: tellsOnly) { return turn }
            back = roomless.popFirst(taken: taken)
        } while back != nil
        return nil
    }

    private mutating func firstThatMayGoOn(tellsOnly: Bool) -> HuntTurn? {
        for stage in [Stage.message, .page, .account] {
            while let owner = rings[Int(stage.rawValue)].popFirst() {
                let turn = HuntTurn(owner: owner, stage: stage)
                if isCrowded(owner), stage != .message || !tellsOnly {
                    crowded.append(turn)
                } else if stage == .account, lines[Int(owner)].takenBack >= Self.mostTakenBack {
                    stepAside(.accounts(of: owner), lines[Int(owner)].backAt)
                } else {
                    return turn
                }
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
        if turn.stage == .account, lines[owner].next < lines[owner].end {
            work = .account(way(lines[owner].next))
            lines[owner].next += 1
        } else {
            work = lines[owner].found?.queues[Int(turn.stage.rawValue)].popFirst()
            if lines[owner].found?.isEmpty == true { lines[owner].found = nil }
        }
        lines[owner].standing &= ~(UInt8(1) << UInt8(turn.stage.rawValue))
        guard let work else { return nil }
        left -= 1
        let isMore = lines[owner].found?.queues[Int(turn.stage.rawValue)].isEmpty == false
        if isMore || turn.stage == .account && lines[owner].next < lines[owner].end { stand(turn) }
        return work
    }
}
