// main.swift - the engine's scheduler through simulated days.
//
//     simulation --seeds N [--first SEED]    N days; ends at the first that breaks a promise
//     simulation --seed SEED [--log]         one day, told step by step with --log
//     simulation --budget                    the figures of a bulk day, as one JSON line
//     simulation --fleets N [--first SEED] [--seconds S] [--flaps]
//                                            N fleets of 50 hosts and 10,000 tenants on one Redis,
//                                            S seconds each (3600); with --flaps fleets of several
//                                            sizes whose ways to it break again and again
//     simulation --scripts                   answers as the Redis of these fleets does
//
// A promise that breaks is printed with the seed and the command that replays it; exit code 1 then.

import Glibc
import TraceVaultCore

/// Runs one day; true when every promise held.
func live(seed: UInt64, isLogging: Bool, _ totals: inout Totals) throws -> Bool {
    let world = try World(seed: seed, isLogging: isLogging)
    world.run()
    world.removeLedger()
    totals.add(world)
    guard let breach = world.watch.breach else { return true }
    print("simulation: seed \(seed): broken: \(breach.promise): \(breach.detail)")
    print("simulation: replay: \(CommandLine.arguments[0]) --seed \(seed) --log")
    return false
}

struct Totals {
    var days = 0
    var digest: UInt64 = 0
    var watch: [(name: StaticString, count: Int)] = [
        ("submitted", 0), ("sent", 0), ("answered", 0), ("failed", 0), ("refused", 0),
        ("joined", 0), ("429", 0), ("credentials refused", 0), ("doubted", 0), ("crashes", 0),
        ("of bulk work with default settings", 0),
    ]
    var bulkDays = 0
    var mostPassed = 0
    var mostPassedInRing = 0
    var latest: Int64 = 0

    mutating func add(_ world: World) {
        days += 1
        let seen = world.watch
        digest = (digest &* 31) ^ seen.digest
        let counts = [
            seen.submitted, seen.sent, seen.answered, seen.failed, seen.refused, seen.joined,
            seen.limited, seen.rejected, seen.doubted, seen.crashes, seen.bulk,
        ]
        bulkDays += world.scenario.isBulkWork ? 1 : 0
        for (place, count) in counts.enumerated() { watch[place].count += count }
        mostPassed = max(mostPassed, seen.mostPassed)
        mostPassedInRing = max(mostPassedInRing, seen.mostPassedInRing)
        latest = max(latest, seen.latestAnswer)
    }

    func tell() {
        let counts = watch.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
        print("simulation: \(days) days, \(bulkDays) of bulk work: \(counts)")
        print(
            "simulation: passed at most \(mostPassed) times at a quota, \(mostPassedInRing) in the "
                + "ring; latest answer \(latest / 1000) ms after its deadline; digest "
                + String(digest, radix: 16))
    }
}

let words = Array(CommandLine.arguments.dropFirst())
func value(of name: String, in words: [String]) -> UInt64? {
    guard let place = words.firstIndex(of: name), place + 1 < words.count else { return nil }
    return UInt64(words[place + 1])
}

/// Runs one fleet; true when every window held the bound.
func liveFleet(seed: UInt64, seconds: Int64, flapsOnly: Bool) throws -> Bool {
    let world = try FleetWorld(seed: seed, seconds: seconds, flapsOnly: flapsOnly)
    try world.live()
    let broken = world.judge()
    let used = Double(Int(world.used * 1000)) / 1000
    print(
        "simulation: fleet \(seed): \(world.hostCount) hosts, \(FleetWorld.tenants) tenants: "
            + "\(world.sentInAll) requests, \(world.questions) questions to Redis, "
            + "\(world.faults.count) faults, busy users used \(used) of their share, fairness of hosts "
            + "\(Double(Int(world.fairness * 1000)) / 1000)")
    guard let broken else { return true }
    for fault in world.faults { print("simulation: \(fault.from): \(fault.what)") }
    print("simulation: fleet \(seed): broken: \(broken)")
    print(
        "simulation: replay: SWIFT_DETERMINISTIC_HASHING=1 \(CommandLine.arguments[0]) --fleets 1 "
            + "--first \(seed) --seconds \(seconds)\(flapsOnly ? " --flaps" : "")")
    return false
}

var totals = Totals()
if words.contains("--budget") {
    try measureBudget()
} else if words.contains("--scripts") {
    answerAsRedis()
} else if let seeds = value(of: "--fleets", in: words) {
    let first = value(of: "--first", in: words) ?? 1
    let seconds = Int64(clamping: value(of: "--seconds", in: words) ?? 3600)
    let flapsOnly = words.contains("--flaps")
    for seed in first..<first + seeds {
        let held = try liveFleet(seed: seed, seconds: seconds, flapsOnly: flapsOnly)
        if !held { exit(1) }
    }
} else if let seed = value(of: "--seed", in: words) {
    let held = try live(seed: seed, isLogging: words.contains("--log"), &totals)
    totals.tell()
    exit(held ? 0 : 1)
} else if let seeds = value(of: "--seeds", in: words) {
    let first = value(of: "--first", in: words) ?? 1
    for seed in first..<first + seeds {
        if try !live(seed: seed, isLogging: false, &totals) { exit(1) }
        if totals.days % 1000 == 0 { print("simulation: \(totals.days) days") }
    }
    totals.tell()
} else {
    print(
        "usage: simulation --seeds N [--first SEED] | --seed SEED [--log] | --budget | --fleets N | --scripts"
    )
    exit(2)
}
