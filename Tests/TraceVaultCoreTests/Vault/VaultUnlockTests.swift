// VaultUnlockTests.swift - more than one way in, new keys, and vaults that leave this one.

import Testing

@testable import TraceVaultCore

@Suite struct VaultUnlockTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret
    private let second: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key(1)
        second = try Fake.key(2)
    }

    private func filled() throws -> Vault {
        let vault = try create()
        try change(vault) { edit in
            try edit.put("acme", Fake.account1, token: Fake.token1)
            try edit.put("globex", Fake.account2, email: "soc@example.com", key: Fake.key1)
        }
        return vault
    }

    private func opens(_ unlock: UnlockSecret, _ path: String? = nil) throws -> Status? {
        let path = path ?? scratch.vault
        return status { _ = try Vault.open(path: path, unlock: unlock, settings: Fake.settings) }
    }

    @Test func anAddedUnlockOpensAndNoRecordIsSealedAnew() throws {
        let vault = try filled()
        let before = try vault.current().bytes.array
        try change(vault) { try $0.addUnlock(second, known: unlock, label: "recovery") }
        let after = try vault.current().bytes.array
        #expect(before[4096..<before.count - 32] == after[4096..<after.count - 32])
        #expect(try opens(unlock) == nil)
        #expect(try opens(second) == nil)
        #expect(try opens(Fake.key(3)) == .unlock)
        let described = try vault.describe().text
        #expect(described.contains("{\"slot\":1,\"type\":\"key\",\"label\":\"recovery\"}"))
    }

    @Test func aPassphraseCanBeAddedToAKeyAndTheOtherWayRound() throws {
        let vault = try filled()
        try change(vault) { try $0.addUnlock(Fake.passphrase(), known: unlock, label: "") }
        try change(vault) { try $0.addUnlock(second, known: Fake.passphrase(), label: "") }
        #expect(try opens(Fake.passphrase()) == nil)
        #expect(try opens(Fake.passphrase("wrong")) == .unlock)
        #expect(try opens(second) == nil)
        #expect(try vault.describe().text.contains("\"kdf_memory_kib\":19456,\"kdf_passes\":2"))
    }

    @Test func aPassphraseThatNoReaderWouldTryIsRefused() throws {
        let vault = try filled()
        for number in 1...2 {
            try change(vault) {
                try $0.addUnlock(Fake.passphrase("phrase \(number)"), known: unlock, label: "")
            }
        }
        let third = status {
            try change(vault) {
                try $0.addUnlock(Fake.passphrase("phrase 3"), known: unlock, label: "")
            }
        }
        #expect(third == .limit)
        #expect(try opens(Fake.passphrase("phrase 2")) == nil)
        // In the place of another one it is tried.
        try change(vault) { edit in
            try edit.removeUnlock(slot: 1)
            try edit.addUnlock(Fake.passphrase("phrase 3"), known: unlock, label: "")
        }
        for number in 2...3 {
            #expect(try opens(Fake.passphrase("phrase \(number)")) == nil)
        }
    }

    @Test func aRemovedUnlockOpensNeitherTheVaultNorItsPreviousGeneration() throws {
        let vault = try filled()
        try change(vault) { try $0.addUnlock(second, known: unlock, label: "") }
        #expect(try opens(unlock, scratch.vault + ".prev") == nil)
        try change(vault) { try $0.removeUnlock(slot: 0) }
        #expect(try opens(unlock) == .unlock)
        #expect(try opens(second) == nil)
        #expect(try opens(unlock, scratch.vault + ".prev") == .noVault)
        // The gap is filled again.
        try change(vault) { try $0.addUnlock(Fake.key(3), known: second, label: "third") }
        #expect(
            try vault.describe().text.contains("\"slot\":0,\"type\":\"key\",\"label\":\"third\""))
        #expect(try opens(Fake.key(3)) == nil)
    }

    @Test func thereAreEightSlotsAndTheLastUnlockStays() throws {
        let vault = try filled()
        for byte in 2..<9 as Range<UInt8> {
            try change(vault) { try $0.addUnlock(Fake.key(byte), known: unlock, label: "") }
        }
        for byte in 1..<9 as Range<UInt8> { #expect(try opens(Fake.key(byte)) == nil, "\(byte)") }
        let ninth = vault.edit()
        try ninth.addUnlock(Fake.key(9), known: unlock, label: "")
        #expect(status { try ninth.commit() } == .limit)
        for slot in 0..<7 { try change(vault) { try $0.removeUnlock(slot: slot) } }
        let last = vault.edit()
        try last.removeUnlock(slot: 7)
        #expect(status { try last.commit() } == .argument)
        #expect(try opens(Fake.key(8)) == nil)
    }

    @Test func changingUnlocksNeedsOneThatOpens() throws {
        let edit = try filled().edit()
        #expect(status { try edit.addUnlock(second, known: second, label: "") } == .unlock)
        #expect(
            status {
                try edit.addUnlock(second, known: unlock, label: String(repeating: "x", count: 41))
            } == .argument)
        for slot in [-1, 1, 8, Int.max] {
            #expect(status { try edit.removeUnlock(slot: slot) } == .notFound)
        }
    }

    @Test func aSlotThatAnotherWriterChangedIsAConflict() throws {
        let vault = try filled()
        try change(vault) { try $0.addUnlock(second, known: unlock, label: "") }
        let late = vault.edit()
        try late.removeUnlock(slot: 1)
        try change(vault) { try $0.removeUnlock(slot: 1) }
        try change(vault) { try $0.addUnlock(Fake.key(3), known: unlock, label: "") }
        #expect(status { try late.commit() } == .conflict)
        let stale = vault.edit()
        try stale.addUnlock(Fake.key(4), known: unlock, label: "")
        try change(vault) { try $0.rekey(unlock) }
        #expect(status { try stale.commit() } == .conflict)
        #expect(try opens(Fake.key(4)) == .unlock)
    }

    @Test func aRekeySealsEverythingAnew() throws {
        let vault = try filled()
        let other = try Vault.open(path: scratch.vault, unlock: unlock, settings: Fake.settings)
        let tenant = try other.tenant(named: "acme")
        let before = try vault.current()
        try change(vault) { edit in
            try edit.rekey(second)
            try edit.put("initech", Fake.account1, token: Fake.token2)
        }
        let after = try vault.current()
        #expect(after.header.vaultID == before.header.vaultID)
        #expect(after.header.generation == before.header.generation + 1)
        #expect(try opens(unlock) == .unlock)
        #expect(try opens(unlock, scratch.vault + ".prev") == .noVault)
        let opened = try Vault.open(path: scratch.vault, unlock: second, settings: Fake.settings)
        #expect(try opened.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        #expect(try opened.tenant(named: "globex").header(nil).hasSuffix(Fake.key1))
        #expect(try opened.tenant(named: "initech").header(nil).hasSuffix(Fake.token2))
        // Nothing sealed before is in the new file.
        let pieces = Set(Self.windows(before.bytes.array[4096...]))
        #expect(Self.windows(after.bytes.array[4096...]).allSatisfy { !pieces.contains($0) })
        // Another handle cannot follow, says so and goes on with what it knows.
        #expect(status { try other.refresh() } == .unlock)
        #expect(try tenant.header(nil).hasSuffix(Fake.token1))
        #expect(status { try change(other) { try $0.removeTenant("acme") } } == .unlock)
    }

    /// Every run of 33 bytes: longer than what a record's head may share with its older version.
    private static func windows(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        bytes.indices.dropLast(32).map { Array(bytes[$0..<$0 + 33]) }
    }

    @Test func oneEditEitherRekeysOrChangesUnlocks() throws {
        let vault = try filled()
        let edit = vault.edit()
        try edit.rekey(second)
        #expect(status { try edit.addUnlock(second, known: unlock, label: "") } == .argument)
        let slots = vault.edit()
        try slots.addUnlock(second, known: unlock, label: "")
        #expect(status { try slots.rekey(second) } == .argument)
    }

    @Test func anExportHoldsOneTenantUnderKeysOfItsOwn() throws {
        let vault = try filled()
        try change(vault) { edit in
            try edit.retire(tenant: "acme", account: Fake.account1)
            try edit.put("acme", Fake.account1, token: Fake.token2)
            try edit.set(tenant: "acme", account: Fake.account1, name: "label", value: "Acme EU")
            try edit.set(
                tenant: "acme", account: Fake.account1, name: "expires",
                value: "2999-01-01T00:00:00Z")
        }
        let target = scratch.vault + ".other"
        try vault.export(tenant: "acme", path: target, unlock: second, settings: Fake.settings)
        #expect(try opens(unlock, target) == .unlock)
        let copy = try Vault.open(path: target, unlock: second, settings: Fake.settings)
        #expect(copy.generation == 1)
        #expect(try copy.current().header.vaultID != vault.current().header.vaultID)
        #expect(status { _ = try copy.tenant(named: "globex") } == .notFound)
        let list = try copy.list().text
        #expect(list.contains("\"label\":\"Acme EU\"") && list.contains("2999-01-01"))
        #expect(list.contains("\"retiring\"") && !list.contains("globex"))
        #expect(try copy.tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
        try change(copy) { try $0.promote(tenant: "acme", account: Fake.account1) }
        #expect(try copy.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        let ids = Set(
            try vault.current().accounts.map { try vault.current().record(at: $0.offset).id })
        for entry in try copy.current().accounts {
            #expect(try !ids.contains(copy.current().record(at: entry.offset).id))
        }
        func export(_ tenant: String?, _ path: String) -> Status? {
            status {
                try vault.export(
                    tenant: tenant, path: path, unlock: second, settings: Fake.settings)
            }
        }
        #expect(export("acme", target) == .exists)
        #expect(export("initech", scratch.vault + ".all") == .notFound)
        #expect(export(nil, scratch.vault + ".all") == nil)
        #expect(
            try Vault.open(path: scratch.vault + ".all", unlock: second, settings: Fake.settings)
                .list().text.contains("globex"))
    }
}
