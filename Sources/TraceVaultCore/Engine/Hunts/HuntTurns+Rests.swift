// HuntTurns+Rests.swift - tenants whose quotas rest: how many of their accounts are tried all the
// same, and what stands aside until a rest is over.

extension HuntTurns {
    /// An account of the tenant was taken back, as its quota rests until `time`.
    mutating func tookBackAccount(of owner: Int32, until time: Int64) {
        var line = lines[Int(owner)]
        if line.lifts != lifts { line.takenBack = 0 }
        line.backAt = line.takenBack == 0 ? time : min(line.backAt, time)
        line.takenBack += 1
        line.lifts = lifts
        lines[Int(owner)] = line
    }

    /// A request of the tenant was answered.
    mutating func answered(_ owner: Int32) { lines[Int(owner)].takenBack = 0 }

    /// After so many accounts that were taken back no further one of the tenant is tried before
    /// the rest of one of them is over: most likely they all spend the same quota.
    private static let mostTakenBack = 256

    /// Until when no account of the tenant is tried; nil: the turn may be spent.
    func heldBack(_ turn: HuntTurn, now: Int64) -> Int64? {
        let line = lines[Int(turn.owner)]
        guard turn.stage == .account, line.takenBack >= Self.mostTakenBack, line.lifts == lifts,
            line.backAt > now
        else { return nil }
        return line.backAt
    }

    /// Takes out an account that cannot be tried now: one that another tenant has, too, or one that
    /// was taken back before. Nil when the tenant has none of these; all others of it stand aside.
    mutating func leave(_ turn: HuntTurn, _ accounts: HuntAccounts) -> Int32? {
        let owner = Int(turn.owner)
        if let way = popWaiting(owner) {
            standOn(turn)
            return way
        }
        let isMore = lines[owner].next < lines[owner].end
        if isMore {
            let way = accounts.way(lines[owner].next)
            if accounts.other(than: way) != nil {
                lines[owner].next += 1
                left -= 1
                standOn(turn)
                return way
            }
        }
        // It stands again for what comes from others meanwhile.
        lines[owner].standing &= ~Self.bit(of: turn.stage)
        if isMore, lines[owner].standing & Self.standsAside == 0 {
            lines[owner].standing |= Self.standsAside
            stepAside(.accounts(of: turn.owner), lines[owner].backAt)
        }
        return nil
    }

    private mutating func popWaiting(_ owner: Int) -> Int32? {
        guard let found = lines[owner].found else { return nil }
        var way = found.redirected.popFirst()
        if way == nil, case .account(let back)? = found.queues[Self.accounts].popFirst() {
            way = back
        }
        if found.isEmpty { lines[owner].found = nil }
        if way != nil { left -= 1 }
        return way
    }

    private static let partShift: Int64 = 18

    mutating func stepAside(_ what: Aside, _ time: Int64) {
        let part = time >> Self.partShift + 1
        aside[part, default: []].append(what)
        firstAside = min(firstAside ?? part, part)
    }

    /// When something of what stands aside comes back; nil: nothing does.
    var wake: Int64? { firstAside.map { $0 << Self.partShift } }

    /// Brings back what has stood aside so long; nil: all of it.
    mutating func comeBack(now: Int64?) {
        if now == nil { lifts &+= 1 }
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
                    lines[Int(owner)].standing &= ~Self.standsAside
                    stand(HuntTurn(owner: owner, stage: .account))
                }
            }
        }
        firstAside = aside.keys.min()
    }

    private static let accounts = Int(Stage.account.rawValue)
    private static let standsAside: UInt8 = 1 << 7
}
