// FleetWorld.swift - fifty hosts and ten thousand tenants that share one Redis, in virtual time: the
// same seed makes the same hours. What goes wrong is in FleetWorld+Faults.swift.

import TraceVaultCore

/// What is going to happen to a fleet.
enum FleetEvent {
    case arrival
    case wake(process: Int, life: Int, due: Int64)
    case lend(host: Int, life: Int, due: Int64)
    case reply(host: Int, life: Int, fetch: FetchID, isGood: Bool, ServerQuota)
    case boot(host: Int, isOther: Bool)
    case leave(host: Int)
    case fault
    case heal
    /// The replica of the Redis is as the Redis is now.
    case copy
}

final class FleetWorld {
    /// Fifty hosts; every fourth seed has eight, whose turns are longer.
    let hostCount: Int
    private static let sizes = [8, 2, 3, 20, 50]
    static let tenants = 10_000
    static let users = 200
    /// Users of whom every host wants more than there is.
    static let busyUsers = 20
    /// Requests that each host has waiting for each of them.
    private static let endless = 2
    /// Others, in all, a second.
    private static let perSecond = 60

    let seed: UInt64
    let length: Int64
    var random: SplitMix64
    var agenda = Agenda<FleetEvent>()
    private(set) var now: Int64 = 0
    private(set) var hosts: [FleetHost] = []
    let settings: RedisSettings
    let limits: Scheduler.Limits

    // The Redis, as FleetWorld+Faults.swift leaves it.
    var redis = FleetRedis()
    var replica = FleetRedis()
    var clock: FleetClock
    var run = 1
    var isAway = false
    var cutOff: Set<Int> = []
    var flaps: FleetFlaps?
    var faults: [FleetFault] = []
    /// No fault but lost answers, deaths and drifting clocks.
    let isQuiet: Bool
    /// No fault but deaths and ways that break again and again.
    let flapsOnly: Bool

    private var sent: [[Int64]]
    /// Of the busy users, by host.
    private var sentBy: [Int]
    private var cloudflare: [CloudUser] = []
    private(set) var overruns = 0
    private(set) var questions = 0

    init(seed: UInt64, seconds: Int64, flapsOnly: Bool) throws {
        self.seed = seed
        length = seconds * 1_000_000
        random = SplitMix64(seed: seed)
        isQuiet = seed % 3 == 0
        self.flapsOnly = flapsOnly
        hostCount = flapsOnly ? Self.sizes[Int(seed % 5)] : seed % 4 == 3 ? 8 : 50
        var config = Config()
        try config.set(.redisAddresses, to: "redis://redis-1.example")
        try config.set(.redisHosts, to: String(hostCount))
        guard let settings = try RedisSettings(config, NamedSecrets()) else {
            throw Failure(.configValue, "no address")
        }
        self.settings = settings
        var scenario = Scenario()
        scenario.maxInFlight = 128
        scenario.maxConnections = 8
        limits = scenario.limits
        clock = FleetClock(offset: 1_800_000_000_000_000, drift: Int64(random.number(-100...100)))
        sent = Array(repeating: [], count: Self.users)
        sentBy = Array(repeating: 0, count: hostCount)
        for _ in 0..<Self.users {
            cloudflare.append(CloudUser(quota: 1200, phase: random.seconds(0...299)))
        }
        for number in 0..<hostCount { hosts.append(try FleetHost(number, self)) }
    }

    /// The first ones are the busy users', and so are some of the others.
    func user(of tenant: Int) -> Int { tenant % Self.users }

    func live() throws {
        for host in hosts {
            agenda.add(.boot(host: host.number, isOther: false), at: random.seconds(0...3))
        }
        agenda.add(.arrival, at: 1)
        agenda.add(.copy, at: 1)
        agenda.add(.fault, at: random.seconds(60...120))
        while let (time, event) = agenda.next(), time <= length {
            now = max(now, time)
            try happen(event)
        }
    }

    private func happen(_ event: FleetEvent) throws {
        switch event {
        case .arrival:
            agenda.add(
                .arrival,
                at: now + Int64.random(in: 1...(2_000_000 / Int64(Self.perSecond)), using: &random))
            let host = hosts[random.number(0...hostCount - 1)]
            guard host.isUp else { return }
            host.submit(random.number(0...Self.tenants - 1), isEndless: false, self)
            host.round(self)
        case .wake(let number, let life, let due):
            let host = hosts[number]
            guard host.isUp, host.life == life, host.wakes(at: due) else { return }
            host.round(self)
        case .lend(let number, let life, let due):
            let host = hosts[number]
            guard host.isUp, host.life == life else { return }
            host.lend(self, due: due)
        case .reply(let number, let life, let fetch, let isGood, let said):
            let host = hosts[number]
            guard host.isUp, host.life == life else { return }
            host.finished(fetch, isGood ? .final : .rateLimited(afterMs: 300_000), said, self)
            host.round(self)
        case .leave(let number): hosts[number].leave()
        case .boot(let number, let isOther):
            guard !hosts[number].isUp else { return }
            try hosts[number].boot(isOther: isOther, self)
            for user in 0..<Self.busyUsers {
                for place in 0..<Self.endless {
                    // A tenant of that user's; each host has some of its own.
                    let tenant = user + Self.users * ((number * Self.endless + place) % 50)
                    hosts[number].submit(tenant, isEndless: true, self)
                }
            }
            hosts[number].round(self)
        case .fault: goWrong()
        case .heal: heal()
        case .copy:
            replica = redis
            agenda.add(.copy, at: now + 1_000_000)
        }
    }

    /// A request leaves a host: what Cloudflare says to it.
    func send(_ host: FleetHost, _ fetch: FetchID, user: Int) {
        sent[user].append(now)
        if user < Self.busyUsers { sentBy[host.number] += 1 }
        let isGood = cloudflare[user].take(at: now, byPeople: false) == .taken
        if !isGood { overruns += 1 }
        let policy = RatePolicy(requests: Int64(cloudflare[user].quota), seconds: 300)
        let left = RateRemaining(
            requests: Int64(cloudflare[user].remaining),
            seconds: (cloudflare[user].resetMs(at: now) + 999) / 1000)
        // Of every second quota nothing is told: Redis alone holds the hosts.
        let said =
            user.isMultiple(of: 2)
            ? ServerQuota([policy], [left], sharePercent: 90) : ServerQuota()
        agenda.add(
            .reply(host: host.number, life: host.life, fetch: fetch, isGood: isGood, said),
            at: now + random.seconds(0.03...0.4))
    }

    // MARK: - The Redis

    func answer(_ words: [String]) -> [UInt8] {
        let time = clock.read(now)
        var numbers: [Int64]?
        switch words[0] {
        case "INFO":
            let about = "# Server\r\nrun_id:run-number-\(run)\r\n"
            return Array("$\(about.utf8.count)\r\n\(about)\r\n".utf8)
        case "SCRIPT":
            let name = words[2].contains("ARGV[9]") ? "borrow" : "meet"
            return Array("$\(name.utf8.count)\r\n\(name)\r\n".utf8)
        default:
            questions += 1
            let rest = Array(words.dropFirst(2))
            numbers =
                words[1] == "borrow"
                ? redis.borrow(rest, now: time) : redis.meet(rest, now: time)
        }
        guard let numbers else { return Array("-ERR no such script\r\n".utf8) }
        return Array(("*\(numbers.count)\r\n" + numbers.map { ":\($0)\r\n" }.joined()).utf8)
    }

    func reaches(_ host: Int) -> Bool {
        !isAway && !cutOff.contains(host) && flaps?.cutsOff(host, at: now) != true
    }
    func losesAnswer() -> Bool { random.chance(0.001) }
    func changesTrust() -> Bool { random.chance(0.001) }
    func latency() -> Int64 {
        random.chance(0.01) ? random.seconds(0.01...0.2) : random.seconds(0.0002...0.004)
    }

    // MARK: - The end

    /// What broke; nil: every window of every user held the bound.
    func judge() -> String? {
        let judge = FleetJudge(limits.quota)
        let most = Int(Scenario.requestsPerWindow * 90 / 100)
        for user in 0..<Self.users {
            if let broken = judge.judge(
                sent[user], faults, windowUs: CloudUser.windowUs, most: most)
            {
                return "user \(user): \(broken)"
            }
        }
        guard overruns == 0 else { return "\(overruns) requests met a 429" }
        if used < (flapsOnly ? Self.leastUsedOfFlapping : Self.leastUsed) {
            return "busy users used \(used) of their share"
        }
        return fairness < Self.leastFair ? "hosts had \(sentBy): \(fairness) is unfair" : nil
    }

    /// Of the share: most is lost in faults, while hosts believe to be alone.
    private static let leastUsed = 0.85
    private static let leastUsedOfFlapping = 0.8
    private static let leastFair = 0.95

    /// Jain's index over the hosts: 1 where all had as much.
    var fairness: Double {
        let counts = sentBy.map { Double($0) }
        let (sum, squares) = counts.reduce((0.0, 0.0)) { ($0.0 + $1, $0.1 + $1 * $1) }
        return sum * sum / (Double(counts.count) * squares)
    }

    /// What the busy users used of their share.
    var used: Double {
        let all = sent[..<Self.busyUsers].reduce(0) { $0 + $1.count }
        let share =
            Double(Scenario.requestsPerWindow) * 0.9 * Double(length) / Double(CloudUser.windowUs)
        return Double(all) / (share * Double(Self.busyUsers))
    }

    var sentInAll: Int { sent.reduce(0) { $0 + $1.count } }
}
