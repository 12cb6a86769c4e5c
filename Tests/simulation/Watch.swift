// Watch.swift - the promises, held against everything that happens. The first breach ends the day.

import TraceVaultCore

/// How long a policy holds that nobody names any more, less what timers are late.
enum LedgerAge { static let us: Int64 = 890_000_000 }

struct Breach: Error {
    let promise: String
    let detail: String
}

struct Watch {
    /// Sendings of a user's quota and of this host's address: the times with which they were spent.
    private var ofUser: [[Int64]]
    private var ofAddress: [Int64] = []
    /// A user's parking that a 429 brought and every process must keep.
    private var parkedUntil: [Int64]
    /// Of each user: when the server last named its second policy, and what was sent while that held.
    private var namedAt: [Int64]
    private var ofBurst: [[Int64]]
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var breach: Breach?
    let isLogging: Bool

    // What the summary tells.
    var submitted = 0
    var answered = 0
    var failed = 0
    var refused = 0
    var sent = 0
    var joined = 0
    var limited = 0
    var crashes = 0
    var rejected = 0
    var doubted = 0
    /// Requests of days of bulk work, none of which may be lost.
    var bulk = 0
    var fallbacks = 0
    var latestAnswer: Int64 = 0
    var mostPassed = 0
    var mostPassedInRing = 0

    init(users: Int, isLogging: Bool) {
        ofUser = Array(repeating: [], count: users)
        parkedUntil = Array(repeating: 0, count: users)
        namedAt = Array(repeating: -LedgerAge.us, count: users)
        ofBurst = ofUser
        self.isLogging = isLogging
    }

    mutating func require(_ holds: Bool, _ promise: String, _ detail: @autoclosure () -> String) {
        guard !holds, breach == nil else { return }
        breach = Breach(promise: promise, detail: detail())
    }

    /// Everything that happens goes into a digest: a replay that is not the same has another.
    mutating func log(
        _ time: Int64, _ what: StaticString, _ a: Int64, _ b: Int64 = 0, _ c: Int64 = 0
    ) {
        for word in [
            UInt64(bitPattern: time), UInt64(what.utf8CodeUnitCount), UInt64(bitPattern: a),
            UInt64(bitPattern: b), UInt64(bitPattern: c),
        ] {
            digest = (digest ^ word) &* 0x0000_0100_0000_01B3
        }
        if isLogging { print("\(Double(time) / 1e6) \(what) \(a) \(b) \(c)") }
    }

    mutating func send(user: Int, now: Int64) {
        sent += 1
        ofUser[user].append(now)
        ofAddress.append(now)
        let parked = parkedUntil[user]
        require(
            now >= parked, "a 429 parks the whole group",
            "user \(user) sent at \(now), parked until \(parked)")
    }

    /// The server named its policies: both hold while somebody has heard of them.
    mutating func name(user: Int, now: Int64) {
        if now - namedAt[user] >= LedgerAge.us { ofBurst[user] = [] }
        namedAt[user] = max(namedAt[user], now)
    }

    mutating func sendOfBurst(user: Int, _ scenario: Scenario, now: Int64) {
        guard scenario.tellsQuota, let burst = scenario.burst,
            now - namedAt[user] < LedgerAge.us
        else { return }
        let most = Int(max(1, burst.requests * scenario.sharePercent / 100))
        ofBurst[user].append(now)
        ofBurst[user].sort()
        let all = ofBurst[user]
        guard all.count > most else { return }
        ofBurst[user].removeFirst(all.count - most)
        // Processes do not read the clock in the order in which they act.
        require(
            all[all.count - 1] - all[all.count - 1 - most] >= burst.ms * 1000 - 5000,
            "every policy of a list is kept",
            "user \(user): \(most + 1) within \(all[all.count - 1] - all[all.count - 1 - most]) us")
    }

    mutating func park(user: Int, until: Int64) {
        parkedUntil[user] = max(parkedUntil[user], until)
    }

    /// At the end of the day: no window of the quota's length holds more than the share.
    mutating func checkWindows(_ scenario: Scenario) {
        for user in ofUser.indices {
            checkWindows(ofUser[user], scenario.most, CloudUser.windowUs, "user \(user)")
        }
        guard scenario.originPerSecond > 0 else { return }
        checkWindows(ofAddress, scenario.mostOfAddress, 1_000_000, "the address")
    }

    private mutating func checkWindows(
        _ times: [Int64], _ most: Int, _ window: Int64, _ who: String
    ) {
        // Processes do not read the clock in the order in which they act.
        let sorted = times.sorted()
        for last in sorted.indices.dropFirst(most) {
            require(
                sorted[last] - sorted[last - most] >= window, "never above quota and share",
                "\(who): \(most + 1) within \(sorted[last] - sorted[last - most]) us until "
                    + "\(sorted[last])")
        }
    }

    func sent(of user: Int) -> Int { ofUser[user].count }
}
