// VaultCrashTests.swift - power loss at every step of every way to write a vault: what is found
// afterwards is the old or the new generation, whole, and never anything else.
//
// TRACEVAULT_CRASH_ROUNDS and TRACEVAULT_SEED make it another run; `make test-crash` is a
// long one.

import Glibc
import Testing

@testable import TraceVaultCore

/// One vault on one such disk, created and changed in every way there is.
private struct CrashRun {
    let watch: CrashWatch
    let disk: CrashDisk
    let vault: Vault
    /// How many credentials there are besides: how long the file is.
    let ballast: Int
    var tokens: CrashWatch.Tokens = [:]

    init(_ watch: CrashWatch, ballast: Int, lie: CrashDisk.Lie?) throws {
        self.watch = watch
        self.ballast = ballast
        disk = CrashDisk(lie: lie) { watch.step($0) }
        let store = try FileStore(path: "/tmp/soc.vault", Fake.settings, files: disk)
        watch.begin(1, from: 0, [:])
        vault = try Vault.create(in: store, unlock: watch.unlocks[0], settings: Fake.settings)
        watch.acknowledge(1, forgetting: false, disk, vault)
    }

    mutating func commit(forgetting: Bool = false, _ body: (inout Self, Edit) throws -> Void) throws
    {
        let edit = vault.edit()
        try body(&self, edit)
        let old = vault.generation
        watch.begin(old + 1, from: old, tokens)
        try edit.commit()
        watch.acknowledge(old + 1, forgetting: forgetting, disk, vault)
    }

    mutating func put(_ edit: Edit, _ tenant: String, _ account: String, _ number: Int) throws {
        let token = "test-token-not-real-\(number)"
        try edit.put(tenant, account, token: token)
        tokens[tenant, default: [:]][account] = token
    }

    mutating func fill() throws {
        try commit { run, edit in
            try run.put(edit, "acme", Fake.account1, 0)
            for number in 0..<run.ballast {
                let digits = String(number, radix: 16)
                let account = String(repeating: "0", count: 32 - digits.utf8.count) + digits
                try run.put(edit, "globex", account, number)
            }
        }
    }

    /// What a killed writer leaves.
    func leave(_ name: String) {
        watch.expectLeftOvers()
        let left = disk.open(3, name, .new)
        _ = unsafe [UInt8](repeating: 0xAA, count: 700).withUnsafeBytes {
            unsafe disk.write(left, $0)
        }
        disk.close(left)
    }

    mutating func round(_ number: Int) throws {
        let (first, second) = (watch.unlocks[0], watch.unlocks[1])
        let (unlock, next) = number % 2 == 0 ? (first, second) : (second, first)
        try commit { try $0.put($1, "acme", Fake.account1, 1000 + number) }
        leave("soc.vault.new")
        try commit { run, edit in
            try edit.retire(tenant: "acme", account: Fake.account1)
            try run.put(edit, "acme", Fake.account1, 2000 + number)
        }
        try commit { try $1.addUnlock(next, known: unlock, label: "recovery") }
        try commit(forgetting: true) { try $1.removeUnlock(slot: 1) }
        try commit { try $0.put($1, "initech", Fake.account2, number) }
        try commit(forgetting: true) { run, edit in
            try edit.removeTenant("initech")
            run.tokens["initech"] = nil
        }
        leave("soc.vault.new")
        try commit(forgetting: true) { try $1.rekey(next) }
    }
}

@Suite struct VaultCrashTests {
    private let unlocks: [UnlockSecret]

    init() throws { unlocks = [try Fake.key(1), try Fake.key(2)] }

    private func setting(_ name: String) -> Int? {
        unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }

    private var rounds: Int { setting("TRACEVAULT_CRASH_ROUNDS") ?? 1 }
    private var isLong: Bool { LongRun.isAsked || setting("TRACEVAULT_CRASH_ROUNDS") != nil }

    private func simulate(
        _ record: CrashWatch.Record, limit: Int, ballast: Int, rounds: Int,
        lie: CrashDisk.Lie? = nil
    ) throws -> CrashFigures {
        do {
            let watch = CrashWatch(record, unlocks, limit: limit)
            var run = try CrashRun(watch, ballast: ballast, lie: lie)
            try run.fill()
            for number in 0..<rounds { try run.round(number) }
        } catch  where record.hasFaults {
            // What a lying disk did to the writer as well matters no more.
        }
        return record.figures.withLock { $0 }
    }

    private func check(_ what: String, _ limit: Int, ballast: Int, rounds: Int) throws -> Int {
        let seed = UInt64(truncatingIfNeeded: setting("TRACEVAULT_SEED") ?? 1)
        let found = try simulate(
            CrashWatch.Record(seed: seed), limit: limit, ballast: ballast, rounds: rounds)
        print(
            """
            crash simulation, \(what), \(rounds) rounds, seed \(seed): \
            \(found.states) distinct states (step, disk after a power loss), \
            \(found.seen) of them as a reader sees them; \
            \(found.wentOn) worked on with, meeting \(found.later) more; \
            \(found.contents) distinct contents opened; \(found.faults.count) faults
            """)
        #expect(found.faults == [])
        return found.states
    }

    @Test func aCrashAtAnyStepLeavesTheOldOrTheNewGeneration() throws {
        // A block more doubles the states of a file; more than the limit are chosen by chance.
        let ballast = isLong ? 18 : 10
        let states = try check("every subset of blocks", 1 << 20, ballast: ballast, rounds: rounds)
        #expect(states >= 1_000_000)
    }

    /// What is counted as a state differs from all others in a name or a byte.
    @Test func noStateIsCountedTwice() throws {
        let counted = Lock((states: 0, distinct: 0))
        let disk = CrashDisk { disk in
            var random = SplitMix64(seed: 1)
            let states = CrashStates(disk, limit: 300, &random)
            let distinct = states.all.reduce(into: Set()) { $0.insert($1) }.count
            counted.withLock { $0 = ($0.states + states.count, $0.distinct + distinct) }
        }
        let store = try FileStore(path: "/tmp/soc.vault", Fake.settings, files: disk)
        let vault = try Vault.create(in: store, unlock: unlocks[0], settings: Fake.settings)
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        let found = counted.withLock { $0 }
        #expect(found.states > 300 && found.states <= found.distinct)
        print("crash simulation: \(found.states) states counted where \(found.distinct) differ")
    }

    @Test func aCrashWhileALongFileIsWrittenLeavesTheOldOrTheNewGeneration() throws {
        let limit = isLong ? 2000 : 600
        let states = try check("pages, cuts and chance", limit, ballast: 45, rounds: rounds)
        #expect(states >= 10_000)
    }

    @Test(arguments: CrashDisk.Lie.allCases)
    func theSimulationNoticesADiskThatLies(_ lie: CrashDisk.Lie) throws {
        let found = try simulate(
            CrashWatch.Record(seed: 1), limit: 300, ballast: 7, rounds: 1, lie: lie)
        #expect(!found.faults.isEmpty)
        print("a disk that lies (\(lie)): \(found.faults.first ?? "nothing noticed")")
    }
}
