// FleetWorld+Faults.swift - what goes wrong in a fleet, and what the bound says that it may cost
// (docs/adr/032-one-quota-for-many-hosts.md, "The bound").

import TraceVaultCore

/// Ways to the Redis that break again and again, each host's at times of its own.
struct FleetFlaps {
    let cutUs: Int64
    let periodUs: Int64
    let phases: [Int64]

    func cutsOff(_ host: Int, at now: Int64) -> Bool { (now + phases[host]) % periodUs < cutUs }
}

extension FleetWorld {
    private static let minute: Int64 = 60_000_000
    /// What was lent before a fault is used within so long after it.
    private static let inFlightUs: Int64 = 30_000_000
    /// So long the others may not leave its part to a host that is cut off.
    private static let unnoticedUs: Int64 = 20_000_000

    /// One fault at a time, minutes apart.
    func goWrong() {
        agenda.add(.fault, at: now + Int64.random(in: 7...10, using: &random) * Self.minute)
        killSome()
        if flapsOnly { return flap() }
        guard !isQuiet else { return }
        switch random.number(0...7) {
        case 0: lose("flushed") { $0.redis.forgetAll() }
        case 1:
            lose("another server, empty") {
                $0.redis.forgetAll()
                $0.run += 1
            }
        case 2:
            lose("a replica is promoted") {
                $0.redis = $0.replica
                $0.run += 1
            }
        case 3: partition()
        case 4: away()
        case 5: restart()
        case 6: flap()
        default: jump()
        }
    }

    func heal() {
        cutOff = []
        flaps = nil
        isAway = false
    }

    /// kill -9 of some hosts: permits are lost with them, and nothing is added.
    private func killSome() {
        for _ in 0..<random.number(1...5) {
            let host = random.number(0...hostCount - 1)
            hosts[host].crash()
            agenda.add(
                .boot(host: host, isOther: random.chance(0.3)), at: now + random.seconds(0.1...60))
        }
    }

    /// Some hosts leave, and others come, around a loss.
    private func change(around time: Int64) -> Int64 {
        let count = random.number(1...hostCount / 4)
        for _ in 0..<count {
            let host = random.number(0...hostCount - 1)
            let leaves = max(now, time + random.seconds(-20...10))
            agenda.add(.leave(host: host), at: leaves)
            agenda.add(.boot(host: host, isOther: true), at: leaves + random.seconds(0.1...20))
        }
        return Int64(count)
    }

    private func note(_ what: StaticString, until: Int64, costs: Int64) {
        faults.append(
            FleetFault(from: now, until: until + Self.inFlightUs, costs: costs, what: what))
    }

    /// Two turns at most, or two permits of each host; and one more.
    private var inFlight: Int64 {
        let quota = limits.quota
        return max(quota.toleranceUs * 4 / 5 / quota.intervalUs, 2 * Int64(hostCount)) + 1
    }

    private func lose(_ what: StaticString, _ body: (FleetWorld) -> Void) {
        body(self)
        note(what, until: now, costs: inFlight)
    }

    /// Some hosts do not reach the Redis: until the others miss them, their parts come on top.
    private func partition() {
        let count = random.number(1...hostCount / 2)
        while cutOff.count < count { cutOff.insert(random.number(0...hostCount - 1)) }
        let length = random.seconds(2...120)
        agenda.add(.heal, at: now + length)
        let parts = Self.unnoticedUs * Int64(count) / (Int64(hostCount) * limits.quota.intervalUs)
        note("a partition", until: now + length, costs: inFlight + parts + Int64(count))
    }

    /// Each host's way breaks again and again. However often: only what those spent that are cut off
    /// at the end of a window, or were when its last permits were lent, comes on top.
    private func flap() {
        let cut = random.seconds(1...30)
        let phases = (0..<hostCount).map { _ in random.seconds(0...1000) }
        flaps = FleetFlaps(
            cutUs: cut, periodUs: cut * Int64(random.number(2...8)), phases: phases)
        let length = random.seconds(330...400)
        agenda.add(.heal, at: now + length)
        let parts = min(cut, Self.unnoticedUs) / limits.quota.intervalUs
        note("flapping ways", until: now + length, costs: parts + 2 * Int64(hostCount))
    }

    private func away() {
        note("nobody reaches Redis", until: now + silence(), costs: inFlight + Int64(hostCount))
    }

    private func silence() -> Int64 {
        isAway = true
        let length = random.seconds(2...120)
        agenda.add(.heal, at: now + length)
        return length
    }

    /// It comes back empty, and to other hosts. A new one may take the place of one that is not
    /// back yet, and borrows alone until it hears of those that are.
    private func restart() {
        redis.forgetAll()
        run += 1
        let until = now + silence()
        let others = change(around: until)
        let interval = limits.quota.intervalUs
        let hidden = others * (1 + 2_500_000 / (Int64(hostCount) * interval))
        let costs = inFlight + Int64(hostCount) + hidden + 4_500_000 / interval
        note("started again, and hosts change", until: until, costs: costs)
    }

    /// The clock of the Redis jumps.
    private func jump() {
        let jump = random.seconds(-20...20)
        clock.offset += jump
        let quota = limits.quota
        let costs = jump > 0 ? min(jump, quota.toleranceUs) / quota.intervalUs + 1 : 1
        note("the clock of Redis jumps", until: now, costs: costs + inFlight)
    }
}
