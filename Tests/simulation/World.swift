// World.swift - a day of traffic in virtual time: processes of one host on one ledger, Cloudflare, people,
// and everything that goes wrong. The same seed makes the same day, to the bit.
//
// What happens when is in World+Day.swift.

import Glibc
import TraceVaultCore

final class World {
    /// While somebody waits for a turn, nobody else has more than four: of the round's rest, of a round
    /// that the waiting one has had in advance, of the next round, and a borrowed one.
    static let mostPasses = 4

    let seed: UInt64
    var scenario: Scenario
    var random: SplitMix64
    var agenda = Agenda<Happening>()
    var watch: Watch
    var now: Int64
    let begin: Int64
    private var ledger: MappedLedger
    /// By credential version: the server has taken it.
    var proven: Set<Int> = []

    var users: [CloudUser] = []
    private var address: AddressLimit
    var versions: [CredentialVersion] = []
    var tenantOfVersion: [Int] = []
    var accounts: [Account] = []
    var accountsOf: [[Int]] = []
    var processes: [HostProcess] = []
    /// By tenant.
    var sentOf: [Int]
    /// The tenants' troubles, and everybody's.
    var hangsUntil: [Int64]
    var slowUntil: [Int64]
    var outageUntil: Int64 = 0
    var nextMessage = 0

    init(seed: UInt64, isLogging: Bool, scenario given: Scenario? = nil) throws {
        self.seed = seed
        random = SplitMix64(seed: seed)
        scenario = given ?? Scenario(&random)
        // Uptimes of minutes and of years.
        begin = random.chance(0.5) ? random.seconds(10...10_000) : random.seconds(1e6...9e7)
        now = begin
        ledger = try MappedLedger(Self.place(scenario), now: now)
        watch = Watch(users: scenario.users, isLogging: isLogging)
        address = AddressLimit(perSecond: max(1, Int(scenario.originPerSecond)))
        sentOf = Array(repeating: 0, count: scenario.tenants)
        hangsUntil = Array(repeating: 0, count: scenario.tenants)
        slowUntil = hangsUntil
        for _ in 0..<scenario.users {
            users.append(
                CloudUser(
                    quota: random.chance(0.8) ? 1200 : 3000,
                    phase: random.seconds(0...299)))
        }
        for tenant in 0..<scenario.tenants {
            accountsOf.append([])
            for _ in 0..<(scenario.isBulkDay ? 1 : random.number(1...3)) { addAccount(tenant) }
        }
        for number in 0..<scenario.processes { processes.append(HostProcess(number, self)) }
        for process in processes { process.boot(self) }
    }

    private func addAccount(_ tenant: Int) {
        let user =
            random.chance(scenario.sharedAccounts)
            ? random.number(0...scenario.users - 1) : tenant % scenario.users
        let active = addVersion(tenant, user)
        var account = Account(tenant: tenant, active: active)
        if random.chance(0.3) { account.retiring = addVersion(tenant, user) }
        accountsOf[tenant].append(accounts.count)
        accounts.append(account)
    }

    func addVersion(_ tenant: Int, _ user: Int) -> Int {
        versions.append(CredentialVersion(user: user))
        tenantOfVersion.append(tenant)
        return versions.count - 1
    }

    static func key(ofUser user: Int) -> UInt64 { 0x5EED_0000 + UInt64(user) }
    static func key(ofProof version: Int) -> UInt64 { 0x9800_0000_0000 + UInt64(version) }

    // MARK: - The ledger

    /// On disk, where a ledger may lie; one simulation has one world at a time.
    private static let path = "/var/tmp/tracevault-simulation-\(getpid()).ledger"

    private static func place(_ scenario: Scenario) throws -> LedgerPlace {
        guard scenario.hasContainers else { return .ofProcess }
        unsafe unlink(path)
        return try LedgerPlace(setting: path)
    }

    /// Opens the file as a container does that has been started anew.
    func openLedgerAnew() {
        let file = unsafe open(Self.path, O_RDWR)
        var boot = (random.next(), random.next())
        unsafe withUnsafeBytes(of: &boot) { unsafe _ = pwrite(file, $0.baseAddress, 16, 16) }
        close(file)
        guard let place = try? LedgerPlace(setting: Self.path),
            let anew = try? MappedLedger(place, now: now)
        else { return }
        ledger = anew
        let report = ledger.describe()
        watch.require(report.isShared, "a container's start keeps the ledger", report.reason)
    }

    func removeLedger() {
        if scenario.hasContainers { unsafe unlink(Self.path) }
    }

    func newScheduler() -> Scheduler {
        Scheduler(
            limits: scenario.limits, ledger: ledger, originKey: 0xADD8_E550, seed: random.next(),
            now: now)
    }

    /// Whether requests of a seat may wait for reasons of their own: a credential on probation.
    func isTroubled(_ seat: Int, _ process: HostProcess) -> Bool {
        for (lane, isProbing) in process.isProbing.enumerated()
        where isProbing || process.restsUntil[lane] > 0 {
            let version = process.versionOf[lane]
            guard version >= 0 else { continue }
            if tenantOfVersion[version] * users.count + versions[version].user == seat {
                return true
            }
        }
        return false
    }

    func isUnsent() -> Bool { random.chance(0.002 * scenario.trouble) }

    // MARK: - Cloudflare

    /// What a request meets; nil: nothing ever comes back.
    func serve(_ question: Question, _ version: Int) -> Service? {
        let arrival = now + random.seconds(0.001...0.005)
        let number = versions[version].user
        if scenario.originPerSecond > 0 {
            watch.require(
                address.take(at: arrival), "no 429 but for people's use", "of the address")
        }
        let taken = users[number].take(at: arrival, byPeople: false)
        let user = users[number]
        if taken == .overrun {
            watch.require(
                user.people > 0 && user.ours <= scenario.most, "no 429 but for people's use",
                "user \(number): \(user.ours) of ours, \(user.people) of people's")
        }
        let tenant = tenantOfVersion[version]
        let isHung = now < hangsUntil[tenant] || random.chance(0.0005 * scenario.trouble)
        if taken == .taken, isHung { return nil }
        let isSlow = taken == .taken && now < slowUntil[tenant]
        return Service(
            delay: isSlow ? random.seconds(2...20) : random.seconds(0.03...0.4),
            reply: taken == .taken ? answer(question, version) : limited(number),
            remaining: user.remaining, resetMs: user.resetMs(at: arrival))
    }

    private func answer(_ question: Question, _ version: Int) -> Reply {
        if versions[version].isRevoked { return .refused }
        if scenario.trouble > 0, random.chance(0.0005) { return .refused }
        if now < outageUntil ? random.chance(0.7) : random.chance(0.003 * scenario.trouble) {
            return .busy(afterMs: [nil, 0, 1000, 20_000][random.number(0...3)])
        }
        if question.delays > 0 { return .later(afterMs: random.chance(0.5) ? 2000 : nil) }
        if question.pagesLeft > 0 { return .more }
        if question.completeAt > now { return .pending }
        return random.chance(0.02) ? .failed : .final
    }

    private func limited(_ user: Int) -> Reply {
        .limited(
            until: scenario.tellsRetryAfter == 2 ? nil : users[user].blockedUntil,
            isDate: scenario.tellsRetryAfter == 1, isWrong: scenario.tellsRetryAfter == 3)
    }
}
