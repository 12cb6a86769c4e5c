// VaultCrashTests.swift - power loss at every step of every way to write a vault: what is found
// afterwards is the old or the new generation, whole, and never anything else.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// Looks at every state that a crash may leave, step by step.
private final class CrashWatch: Sendable {
    private struct State {
        /// The generations that may be found; 0 stands for no vault.
        var allowed: Set<UInt64> = [0]
        /// Whether the previous generation's copy may be found.
        var mayHavePrevious = true
        /// What opening a content gave: its generation, nil when it is no sound vault.
        var opened: [[UInt8]: UInt64?] = [:]
        var states = 0
        var remounts = 0
        var faults: [String] = []
    }

    private let state = Mutex(State())
    private let unlocks: [UnlockSecret]
    /// The token that each generation holds for the same account.
    private let tokens = Mutex<[UInt64: String]>([:])
    /// Every so many states one is mounted and written to in earnest.
    private static let remountEvery = 499

    init(_ unlocks: [UnlockSecret]) { self.unlocks = unlocks }

    var figures: (states: Int, opened: Int, remounts: Int, faults: [String]) {
        state.withLock { ($0.states, $0.opened.count, $0.remounts, $0.faults) }
    }

    func expect(_ generations: Set<UInt64>, previous: Bool) {
        state.withLock {
            $0.allowed = generations
            $0.mayHavePrevious = previous
        }
    }

    func note(token: String, of generation: UInt64) {
        tokens.withLock { $0[generation] = token }
    }

    func step(_ disk: CrashDisk.State) {
        // One fault is enough; a disk that lies has ever more states.
        guard state.withLock({ $0.faults.isEmpty }) else { return }
        for names in disk.survivingNames { look(names, disk) }
    }

    private func look(_ names: CrashDisk.Names, _ disk: CrashDisk.State) {
        let count = disk.variantCount(of: names)
        // Only contents behind these two names matter to who opens the vault.
        let read = [names["soc.vault"], names["soc.vault.prev"]]
        let settled = read.allSatisfy { $0.flatMap { disk.inodes[$0]?.isSynced } ?? true }
        for number in 0..<count {
            if number == 0 || !settled { judge(names, disk, number) }
            let isDue = state.withLock { state in
                state.states += 1
                return state.states % Self.remountEvery == 0
            }
            if isDue { remount(names, disk, number) }
        }
    }

    private func content(
        _ name: String, _ names: CrashDisk.Names, _ disk: CrashDisk.State, _ number: Int
    ) -> [UInt8]? {
        guard let inode = names[name] else { return nil }
        let variant = disk.variants(number, of: names)[inode] ?? 0
        return disk.inodes[inode]?.variant(variant)
    }

    private func judge(_ names: CrashDisk.Names, _ disk: CrashDisk.State, _ number: Int) {
        let found = content("soc.vault", names, disk, number).map { generation(of: $0) } ?? .some(0)
        let previous = content("soc.vault.prev", names, disk, number).map { generation(of: $0) }
        state.withLock { state in
            let (allowed, names) = (state.allowed, names.keys.sorted())
            func fault(_ what: String) {
                if state.faults.count < 20 {
                    state.faults.append("\(what); allowed \(allowed.sorted()), files \(names)")
                }
            }
            if let found, allowed.contains(found) {
                if case .some(.some(let previous)) = previous, previous > found {
                    fault("the copy is newer than the vault")
                }
            } else {
                fault("found \(found.map(String.init) ?? "no sound vault")")
            }
            if let previous {
                if previous == nil { fault("the previous generation's copy is not sound") }
                if !state.mayHavePrevious { fault("what was removed is still in the copy") }
            }
        }
    }

    /// The generation of a content that opens and holds what that generation must; nil otherwise.
    private func generation(of bytes: [UInt8]) -> UInt64? {
        if let known = state.withLock({ $0.opened[bytes] }) { return known }
        let found = open(bytes)
        state.withLock { $0.opened[bytes] = .some(found) }
        return found
    }

    private func open(_ bytes: [UInt8]) -> UInt64? {
        for unlock in unlocks {
            guard let snapshot = try? Snapshot.open(ByteBuffer(bytes), with: unlock) else {
                continue
            }
            let generation = snapshot.header.generation
            guard let token = tokens.withLock({ $0[generation] }) else { return generation }
            let store = MemoryStore()
            try? store.create(ByteBuffer(bytes))
            let vault = try? Vault.open(in: store, unlock: unlock, settings: Fake.settings)
            let header = try? vault?.tenant(named: "acme").header(Fake.account1)
            return header?.hasSuffix(token) == true ? generation : nil
        }
        return nil
    }

    /// Mounts a state and goes on working with it: what a crash leaves stops no writer.
    private func remount(_ names: CrashDisk.Names, _ disk: CrashDisk.State, _ number: Int) {
        var files: [String: [UInt8]] = [:]
        for name in names.keys { files[name] = content(name, names, disk, number) }
        let after = CrashDisk(files: files)
        let fault: String?
        do {
            let store = try FileStore(path: "/tmp/soc.vault", Fake.settings, files: after)
            if files["soc.vault"] == nil {
                _ = try Vault.create(in: store, unlock: unlocks[0], settings: Fake.settings)
            } else {
                let vault = try unlocks.lazy.compactMap {
                    try? Vault.open(in: store, unlock: $0, settings: Fake.settings)
                }.first.unwrapped()
                let edit = vault.edit()
                try edit.put("after", Fake.account2, token: Fake.token1)
                try edit.commit()
                _ = try vault.verify()
            }
            let left = after.now.names.keys.filter { $0.hasSuffix(".new") }
            fault = left.isEmpty ? nil : "left over: \(left)"
        } catch {
            fault = "the state cannot be worked with: \(error)"
        }
        state.withLock { state in
            state.remounts += 1
            if let fault, state.faults.count < 20 { state.faults.append(fault) }
        }
    }
}

extension Optional {
    fileprivate func unwrapped() throws -> Wrapped {
        guard let self else { throw Failure(.notFound, "none of the unlocks opens it") }
        return self
    }
}

@Suite struct VaultCrashTests {
    private let first: UnlockSecret
    private let second: UnlockSecret

    init() throws {
        first = try Fake.key(1)
        second = try Fake.key(2)
    }

    /// Creates a vault and changes it in every way there is, watched at every step.
    private func simulate(
        rounds: Int, lies: CrashDisk.Lies = []
    ) throws -> (states: Int, opened: Int, remounts: Int, faults: [String]) {
        let watch = CrashWatch([first, second])
        let disk = CrashDisk(lies: lies) { watch.step($0) }
        let store = try FileStore(path: "/tmp/soc.vault", Fake.settings, files: disk)
        watch.expect([0, 1], previous: true)
        let vault = try Vault.create(in: store, unlock: first, settings: Fake.settings)
        watch.expect([1], previous: true)
        watch.step(disk.now)
        var token = ""
        func commit(forgetting: Bool = false, _ body: (Edit) throws -> Void) throws {
            let edit = vault.edit()
            try body(edit)
            let next = vault.generation + 1
            watch.note(token: token, of: next)
            watch.expect([next - 1, next], previous: true)
            try edit.commit()
            watch.expect([next], previous: !forgetting)
            watch.step(disk.now)
        }
        func put(_ edit: Edit, _ number: Int) throws {
            token = "test-token-not-real-\(number)"
            try edit.put("acme", Fake.account1, token: token)
        }
        try commit { edit in
            try put(edit, 0)
            for number in 0..<7 {
                try edit.put("globex", hex(number), token: Fake.token1)
            }
        }
        var unlock = first
        for round in 1...rounds {
            try commit { try put($0, round) }
            // What a killed writer leaves.
            let left = disk.open(3, "soc.vault.new", .new)
            _ = unsafe [UInt8](repeating: 0xAA, count: 700).withUnsafeBytes {
                unsafe disk.write(left, $0)
            }
            disk.close(left)
            try commit { edit in
                try edit.retire(tenant: "acme", account: Fake.account1)
                try put(edit, 1000 + round)
            }
            try commit { try $0.addUnlock(second, known: unlock, label: "recovery") }
            try commit(forgetting: true) { try $0.removeUnlock(slot: 1) }
            try commit { try $0.put("initech", Fake.account2, token: Fake.token2) }
            try commit(forgetting: true) { try $0.removeTenant("initech") }
            unlock = round % 2 == 0 ? first : second
            try commit(forgetting: true) { try $0.rekey(unlock) }
        }
        return watch.figures
    }

    private func hex(_ number: Int) -> String {
        String(repeating: "0", count: 31) + String(number, radix: 16)
    }

    @Test func aCrashAtAnyStepLeavesTheOldOrTheNewGeneration() throws {
        let wanted = unsafe getenv("TRACEVAULT_CRASH_ROUNDS").flatMap {
            unsafe Int(String(cString: $0))
        }
        let found = try simulate(rounds: wanted ?? 4)
        #expect(found.faults == [])
        #expect(found.states >= 1_000_000)
        print(
            "crash simulation: \(found.states) states after a power loss, \(found.opened) distinct "
                + "vault contents opened, \(found.remounts) states mounted and written to")
    }

    @Test(arguments: [CrashDisk.Lies.fileSync, .directorySync])
    func theSimulationNoticesADiskThatLies(_ lie: CrashDisk.Lies) throws {
        #expect(try !simulate(rounds: 1, lies: lie).faults.isEmpty)
    }
}
