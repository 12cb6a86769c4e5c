// CrashWatch.swift - the judge of a crash simulation: what is found after a power loss at a step.
//
// It knows what was acknowledged, opens what a state holds with the real vault, and goes on working
// with every directory that may be found, under a watch of its own.

@testable import TraceVaultCore

/// What a simulation found; said at its end.
struct CrashFigures {
    /// States that differ by step, names or bytes, in the first run and in those that went on.
    var states = 0
    var later = 0
    /// Of the first: as a reader sees them, who opens the vault and its copy and nothing else.
    var seen = 0
    var contents = 0
    var wentOn = 0
    var faults: [String] = []
}

final class CrashWatch: Sendable {
    /// The tokens that a generation must hold, by tenant and account.
    typealias Tokens = [String: [String: String]]

    private struct Expected {
        /// The generations that may be found; 0 stands for no vault.
        var generations: Set<UInt64> = [0]
        /// The names that may be found; nil while a writer is at work.
        var names: Set<String>?
        var tokens: [UInt64: Tokens] = [:]
        /// The one content of each generation.
        var contents: [UInt64: CrashContent] = [:]
    }

    /// What all watches of a simulation share.
    final class Record: Sendable {
        struct Opened {
            let generation: UInt64
            let list: String
        }
        let figures = Lock(CrashFigures())
        let random: Lock<SplitMix64>
        /// What opening a content gave; nil when it is no sound vault.
        let opened = Lock<[CrashContent: Opened?]>([:])
        /// The directories that were worked on with.
        let wentOn = Lock<Set<CrashDisk.Names>>([])

        init(seed: UInt64) { random = Lock(SplitMix64(seed: seed)) }

        func fault(_ what: String) {
            figures.withLock { if $0.faults.count < 20 { $0.faults.append(what) } }
        }
        var hasFaults: Bool { figures.withLock { !$0.faults.isEmpty } }
    }

    private let expected: Lock<Expected>
    let record: Record
    let unlocks: [UnlockSecret]
    private let isFirst: Bool
    /// How many states of one file are looked at.
    private let limit: Int

    init(_ record: Record, _ unlocks: [UnlockSecret], limit: Int) {
        self.record = record
        self.unlocks = unlocks
        self.limit = limit
        isFirst = true
        expected = Lock(Expected())
    }

    /// The watch over the work that goes on with a state another watch found.
    private init(after other: CrashWatch) {
        record = other.record
        unlocks = other.unlocks
        limit = 40
        isFirst = false
        expected = Lock(other.expected.withLock { $0 })
    }

    // MARK: - What is allowed

    /// A change to `generation` begins.
    func begin(_ generation: UInt64, from old: UInt64, _ tokens: Tokens) {
        expected.withLock {
            $0.generations = [old, generation]
            $0.names = nil
            $0.tokens[generation] = tokens
            $0.contents[generation] = nil
        }
    }

    /// Somebody else, who is killed, leaves files behind from now on.
    func expectLeftOvers() { expected.withLock { $0.names = nil } }

    /// It was acknowledged: from now on nothing else may be found.
    func acknowledge(_ generation: UInt64, forgetting: Bool, _ disk: CrashDisk, _ vault: Vault) {
        expected.withLock {
            $0.generations = [generation]
            $0.names = ["soc.vault", "soc.vault.lock"]
            if !forgetting { $0.names?.insert("soc.vault.prev") }
        }
        step(disk.now)
        let bytes = disk.now.names["soc.vault"].flatMap { disk.now.inodes[$0]?.content } ?? []
        let list = try? vault.list().text
        if !record.hasFaults, open(CrashContent(bytes: bytes))?.list != list || list == nil {
            record.fault("generation \(generation) does not list what was acknowledged")
        }
    }

    // MARK: - Looking

    func step(_ disk: CrashDisk.State) {
        // One fault is enough; a disk that lies has ever more states.
        guard !record.hasFaults else { return }
        let states = record.random.withLock { CrashStates(disk, limit: limit, &$0) }
        let seen = states.names.reduce(0) { $0 + judge($1, states) }
        record.figures.withLock { figures in
            if isFirst {
                figures.states += states.count
                figures.seen += seen
            } else {
                figures.later += states.count
            }
        }
        if isFirst { workOn(with: states) }
    }

    /// Goes on with every directory that may be found, once, and with one more torn file per step.
    private func workOn(with states: CrashStates) {
        let isTorn = states.disk.inodes.values.contains { !$0.isSynced && !$0.content.isEmpty }
        var chosen = states.names.filter { names in
            record.wentOn.withLock { $0.insert(names).inserted }
        }
        if isTorn, let names = record.random.withLock({ states.names.randomElement(using: &$0) }) {
            chosen.append(names)
        }
        for names in chosen {
            for forgetting in [false, true] {
                let files = record.random.withLock { states.files(names, &$0) }
                CrashWatch(after: self).goOn(files, forgetting: forgetting)
            }
        }
    }

    /// Judges all that a reader may find with these names; how many states that is.
    private func judge(_ names: CrashDisk.Names, _ states: CrashStates) -> Int {
        let vaults = Set(states.contents("soc.vault", names))
        let copies = Set(states.contents("soc.vault.prev", names))
        for vault in vaults {
            for copy in copies where !record.hasFaults {
                if let fault = fault(vault, copy, Set(names.keys)) {
                    record.fault("\(fault); files: \(names.keys.sorted())")
                }
            }
        }
        return vaults.count * copies.count
    }

    private func fault(
        _ vault: CrashContent?, _ copy: CrashContent?, _ names: Set<String>
    ) -> String? {
        let opened = vault.map { open($0)?.generation } ?? 0
        let (allowed, allowedNames) = expected.withLock { ($0.generations, $0.names) }
        guard let found = opened else { return "the vault is no sound one" }
        guard allowed.contains(found) else {
            return "generation \(found) instead of \(allowed.sorted())"
        }
        if let allowedNames, !names.isSubset(of: allowedNames) {
            return "left over after generation \(found) was acknowledged"
        }
        guard let vault else { return nil }
        let known = expected.withLock { expected in
            let known = expected.contents[found] ?? vault
            expected.contents[found] = known
            return known
        }
        guard known == vault else { return "another content of generation \(found)" }
        guard let copy else { return nil }
        guard let previous = open(copy)?.generation else { return "the copy is no sound vault" }
        return previous <= found ? nil : "the copy is newer than the vault"
    }

    private func open(_ content: CrashContent) -> Record.Opened? {
        if let known = record.opened.withLock({ $0[content] }) { return known }
        let found = openVault(content.bytes)
        let count = record.opened.withLock { opened in
            opened[content] = .some(found)
            return opened.count
        }
        record.figures.withLock { $0.contents = count }
        return found
    }

    /// Opens it as a host would, and compares the secrets.
    private func openVault(_ bytes: [UInt8]) -> Record.Opened? {
        guard let vault = try? mount(["soc.vault": bytes]),
            (try? vault.verify()) != nil, let list = try? vault.list().text,
            let tokens = expected.withLock({ $0.tokens[vault.generation] })
        else { return nil }
        for (tenant, accounts) in tokens {
            guard let tenant = try? vault.tenant(named: tenant) else { return nil }
            for (account, token) in accounts {
                guard (try? tenant.header(account).hasSuffix(token)) == true else { return nil }
            }
        }
        return Record.Opened(generation: vault.generation, list: list)
    }

    private func mount(_ files: [String: [UInt8]]) throws -> Vault? {
        let store = try FileStore(
            path: "/tmp/soc.vault", Fake.settings, files: CrashDisk(files) { _ in })
        return unlocks.lazy.compactMap {
            try? Vault.open(in: store, unlock: $0, settings: Fake.settings)
        }.first
    }

    // MARK: - Going on

    /// Works on with what a crash left, which stops no writer, watched at every step as well.
    private func goOn(_ files: [String: [UInt8]], forgetting: Bool) {
        guard !record.hasFaults else { return }
        let disk = CrashDisk(files) { [self] in step($0) }
        do {
            let store = try FileStore(path: "/tmp/soc.vault", Fake.settings, files: disk)
            guard files["soc.vault"] != nil else {
                begin(1, from: 0, [:])
                let vault = try Vault.create(
                    in: store, unlock: unlocks[0], settings: Fake.settings)
                acknowledge(1, forgetting: false, disk, vault)
                record.figures.withLock { $0.wentOn += 1 }
                return
            }
            guard
                let vault = unlocks.lazy.compactMap({
                    try? Vault.open(in: store, unlock: $0, settings: Fake.settings)
                }).first
            else { return record.fault("a writer cannot open it") }
            let (old, edit) = (vault.generation, vault.edit())
            var tokens = expected.withLock { $0.tokens[old] } ?? [:]
            if forgetting {
                try edit.rekey(unlocks[0])
            } else {
                tokens["after"] = [Fake.account2: Fake.token2]
                try edit.put("after", Fake.account2, token: Fake.token2)
            }
            begin(old + 1, from: old, tokens)
            try edit.commit()
            acknowledge(old + 1, forgetting: forgetting, disk, vault)
            record.figures.withLock { $0.wentOn += 1 }
        } catch {
            record.fault("what a crash left cannot be worked with: \(error)")
        }
    }
}
