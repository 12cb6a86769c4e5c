// main.swift - one process of the ledger's proofs, because the C ABI does not show the ledger.
//
//     ledger spend PATH KEY INTERVAL_US TOLERANCE_US MS SPEED
//         Spends from one group whenever it may, for MS ms, and writes each request's time as a line.
//         The clock runs SPEED times as fast as the host's. In between, other groups come, so that
//         slots are given away: at SPEED 100000 a group is idle after 36 ms.
//     ledger park PATH KEY UNTIL_US
//     ledger report PATH
//     ledger starve PATH
//         Looks at the path a hundred times, a second apart, without a free descriptor, then with: says
//         "private" for each look after which it is, and how many descriptors were lost.
//
// Writes "shared" or "private: <reason>" first, then the lines, then "overflows <count>".

import CSystem
import Glibc
import TraceVaultCore

struct Usage: Error {}

func say(_ line: String) {
    var line = line + "\n"
    // One write for a line: a process killed in the middle leaves whole lines.
    line.withUTF8 { unsafe _ = write(1, $0.baseAddress, $0.count) }
}

func number(_ place: Int) throws -> Int64 {
    guard place < CommandLine.arguments.count, let value = Int64(CommandLine.arguments[place])
    else {
        throw Usage()
    }
    return value
}

func open(now: Int64) throws -> MappedLedger {
    guard CommandLine.arguments.count > 2 else { throw Usage() }
    let ledger = try MappedLedger(LedgerPlace(setting: CommandLine.arguments[2]), now: now)
    let report = ledger.describe()
    say(report.isShared ? "shared" : "private: \(report.reason)")
    return ledger
}

func spend() throws {
    let quota = Quota(intervalUs: try number(4), toleranceUs: try number(5))
    let (end, speed) = (tvs_boot_us() + (try number(6)) * 1000, try number(7))
    let ledger = try open(now: tvs_boot_us() * speed)
    var entry = ledger.entry(UInt64(try number(3)), now: tvs_boot_us() * speed)
    var visitors = SystemRandomNumberGenerator()
    while tvs_boot_us() < end {
        let now = tvs_boot_us() * speed
        if ledger.spend(&entry, quota, now: now) == nil {
            // Stopped for an hour of this clock since it was read: outside what is promised
            // (docs/adr/008-budget-ledger.md).
            if tvs_boot_us() * speed - now < 3_600_000_000 { say(String(now)) }
        } else if speed > 1 {
            var visitor = ledger.entry(visitors.next() % 200_000, now: now)
            _ = ledger.spend(&visitor, quota, now: now)
        } else {
            ledger.refresh(now: now)
            tvs_sleep_ms(0)
        }
    }
    say("overflows \(ledger.describe().overflows)")
}

func park() throws {
    let ledger = try open(now: tvs_boot_us())
    var entry = ledger.entry(UInt64(try number(3)), now: tvs_boot_us())
    ledger.park(&entry, until: try number(4), now: tvs_boot_us())
}

/// Takes every free descriptor; whoever starts this has set a limit.
func takeDescriptors() -> [Int32] {
    var taken: [Int32] = []
    while true {
        let number = unsafe Glibc.open("/dev/null", O_RDONLY)
        guard number >= 0 else { return taken }
        taken.append(number)
    }
}

func starve() throws {
    var now = tvs_boot_us()
    let ledger = try open(now: now)
    let free = takeDescriptors()
    for number in free { close(number) }
    for round in 0..<100 {
        let taken = round % 2 == 0 ? takeDescriptors() : []
        now += 61_000_000
        ledger.refresh(now: now)
        let report = ledger.describe()
        if !report.isShared { say("private: \(report.reason)") }
        for number in taken { close(number) }
    }
    let left = takeDescriptors()
    say("lost \(free.count - left.count)")
}

do {
    switch CommandLine.arguments.dropFirst().first {
    case "spend": try spend()
    case "park": try park()
    case "report": _ = try open(now: tvs_boot_us())
    case "starve": try starve()
    default: throw Usage()
    }
} catch {
    say("usage: see the head of Tests/ledger/main.swift")
    exit(2)
}
