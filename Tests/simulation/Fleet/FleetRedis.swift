// FleetRedis.swift - the Redis of a simulated fleet: the two scripts of the library once more, in
// Swift, because no script runs in virtual time. Tests/quota/test_redis_simulated.py asks this one and
// a real Redis the same and compares the answers.

/// What one Redis keeps. All times are µs of its own clock.
struct FleetRedis {
    struct Group {
        var arrival: Int64 = 0
        var parked: Int64 = 0
        var touched: Int64 = 0
        var run = ""
        var lifted: Int64 = 0
        var policy: Int64 = 0
        var burst: Int64 = 0
        var named: Int64 = 0
        var gap: Int64 = 0
        var slowUntil: Int64 = 0
        /// How far the arrival time was last moved for want of a burst, and when.
        var jump: (by: Int64, at: Int64) = (0, 0)
        /// When each borrower last wanted something.
        var borrowers: [String: Int64] = [:]
    }

    /// The hosts, and what those told that knew others.
    struct Presence {
        var hosts: [String: (heard: Int64, isThere: Bool, network: String)] = [:]
        var since: Int64 = 0
        var till: Int64 = 0
        var known: Int64 = 0
        var there: Int64 = 0
    }

    private var groups: [String: Group] = [:]
    private var presence: Presence?

    private static let heldUs: Int64 = 900_000_000
    private static let wantedUs: Int64 = 24_000_000
    private static let waitUs: Int64 = 10_000_000
    fileprivate static let jumpUs: Int64 = 2_000_000

    mutating func forgetAll() { self = FleetRedis() }

    /// The words of EVALSHA behind the script's name: the number of keys, these, borrower, run of
    /// the server, and numbers; then what the borrower's host says of itself, where it has a key.
    /// Nil where they are not what the script takes.
    mutating func borrow(_ all: [String], now: Int64) -> [Int64]? {
        let isHeard = all.first == "2"
        guard all.count == (isHeard ? 27 : 19) else { return nil }
        let words = [all[1]] + all.dropFirst(isHeard ? 3 : 2).prefix(17)
        let said = words.dropFirst(3).compactMap { Int64($0) }
        guard said.count == 15 else { return nil }
        let heard = isHeard ? meet(["1", all[2]] + all.suffix(7) + ["there"], now: now) : []
        guard let heard else { return nil }
        let isNew = groups[words[0]] == nil
        var group = groups[words[0]] ?? Group()
        // What this borrower did not use goes back, if nobody has borrowed since.
        if said[5] > 0, !isNew, group.arrival == said[6] { group.arrival -= said[5] }
        group.settle(now: now)
        group.hear(Array(said[7..<13]), now: now)
        var (interval, tolerance) = (said[0], said[1])
        if group.policy > 0, now - group.named < Self.heldUs {
            interval = max(interval, min(group.policy, max(Self.heldUs, interval)))
            tolerance = min(tolerance, max(0, group.burst - said[13]))
        }
        group.pay(owed: said[14] * interval, now: now)
        if group.slowUntil > now, group.gap > interval { (interval, tolerance) = (group.gap, 0) }
        let mayLack = isNew || group.run != words[2]
        if mayLack || said[4] > 0 {
            group.jump(to: now + tolerance, paying: mayLack ? said[4] : .max, now: now)
        }
        group.arrival = max(group.arrival, now)
        let lent = group.lend(
            to: words[1], wanted: said[2], ahead: said[3], interval, tolerance, now: now,
            wantedUs: Self.wantedUs)
        (group.touched, group.run) = (now, words[2])
        groups[words[0]] = group
        return [
            lent.granted, lent.first, interval, lent.again, group.arrival,
            max(0, group.parked - now), group.lifted, group.policy, group.burst,
            max(0, group.named + Self.heldUs - now), group.gap, max(0, group.slowUntil - now),
            isNew ? 1 : 0,
        ] + heard
    }

    /// The same for the other script: key, host, missed after, forgotten after, network, since when
    /// it knows how many hosts, how many borrow, how it stands.
    mutating func meet(_ words: [String], now: Int64) -> [Int64]? {
        guard words.count == 10 else { return nil }
        let said = (words[3...4] + words[6...8]).compactMap { Int64($0) }
        guard said.count == 5 else { return nil }
        var all = presence ?? Presence(since: now)
        let (missed, forgotten, network) = (said[0], said[1], words[5])
        if words[9] == "leaves" {
            if all.hosts.removeValue(forKey: words[2]) != nil {
                (all.known, all.there) = (max(0, all.known - 1), max(0, all.there - 1))
            }
        } else {
            if all.till > now + Self.waitUs { all.till = 0 }
            if words[9] == "returns", now >= all.till { all.till = now + Self.waitUs }
            all.hosts[words[2]] = (now, words[9] == "there", network)
            if said[2] != all.since {
                (all.known, all.there) = (max(all.known, said[3]), max(all.there, said[4]))
            }
        }
        if abs(now - all.since) > forgotten { all.known = 0 }
        if abs(now - all.since) > missed { all.there = 0 }
        all.hosts = all.hosts.filter { host in
            let age = abs(now - host.value.heard)
            let isDead = age > missed && host.value.network == network && !network.isEmpty
            return age <= forgotten && !isDead
        }
        let heard = all.hosts.values.filter { abs(now - $0.heard) <= missed }
        let back = max(Int64(heard.count), all.there)
        let known = max(Int64(all.hosts.count), back, all.known)
        presence = known > 0 ? all : nil
        let isWaiting = back < known && now < all.till
        let there = isWaiting ? max(Int64(heard.count { $0.isThere }), all.there) : back
        return [there, known, isWaiting ? 1 : 0, all.since]
    }
}

extension FleetRedis.Group {
    /// A clock that went back: nobody waits for it to come round again.
    fileprivate mutating func settle(now: Int64) {
        let back = max(0, touched - now)
        arrival -= back
        parked -= back
        named -= back
        slowUntil -= back
    }

    /// What the borrower spent alone and nobody knew.
    fileprivate mutating func pay(owed: Int64, now: Int64) {
        if abs(now - jump.at) > FleetRedis.jumpUs { jump.by = 0 }
        arrival += max(0, owed - jump.by)
        jump.by = max(0, jump.by - owed)
    }

    /// No burst. It pays for what others owe, as far as is known.
    fileprivate mutating func jump(to least: Int64, paying most: Int64, now: Int64) {
        guard arrival < least else { return }
        jump = (jump.by + min(least - arrival, most), now)
        arrival = least
    }

    /// What Cloudflare said to this borrower: park, lift, policy, burst, gap, how long.
    fileprivate mutating func hear(_ said: [Int64], now: Int64) {
        if said[1] == 1 { (parked, slowUntil, lifted) = (0, 0, max(now, lifted + 1)) }
        if said[0] > 0 { parked = max(parked, now + said[0]) }
        if said[2] > 0 { (policy, burst, named) = (said[2], said[3], now) }
        if said[5] > 0 { (gap, slowUntil) = (said[4], now + said[5]) }
    }

    fileprivate mutating func lend(
        to name: String, wanted: Int64, ahead: Int64, _ interval: Int64, _ tolerance: Int64,
        now: Int64, wantedUs: Int64
    ) -> (granted: Int64, first: Int64, again: Int64) {
        borrowers = borrowers.filter { $0.key == name || abs(now - $0.value) < wantedUs }
        guard wanted > 0 else { return (0, 0, 0) }
        borrowers[name] = now
        guard parked <= now else { return (0, 0, parked - now) }
        // Borrowers who want something have turns of equal length.
        let all = Int64(borrowers.count) * interval
        let first = arrival - tolerance - now
        let turn = max(1, (ahead + all - 1) / all)
        let furthest = 2 * max(ahead, all)
        var granted: Int64 = 0
        while granted < min(wanted, turn), arrival - tolerance <= now + furthest {
            granted += 1
            arrival += interval
        }
        return (granted, first, granted == 0 ? max(1000, first - furthest) : 0)
    }
}

/// What `simulation --scripts` does: answers lines of `borrow NOW WORDS…` and `meet NOW WORDS…`, each
/// with its numbers; `forget` begins anew.
func answerAsRedis() {
    var redis = FleetRedis()
    while let line = readLine() {
        let words = line.split(separator: " ").map { String($0) }
        guard words.count > 1, let now = Int64(words[1]) else {
            redis.forgetAll()
            continue
        }
        let rest = Array(words.dropFirst(2))
        let answer =
            words[0] == "borrow" ? redis.borrow(rest, now: now) : redis.meet(rest, now: now)
        print((answer ?? []).map { String($0) }.joined(separator: " "))
    }
}
