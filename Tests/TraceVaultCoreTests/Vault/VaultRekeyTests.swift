// VaultRekeyTests.swift - rekeying and exporting seal everything anew and keep what it says.

import Testing

@testable import TraceVaultCore

@Suite struct VaultRekeyTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private func filled() throws -> Vault {
        let vault = try create()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1, origin: "https://a.example")
        try edit.set(tenant: "acme", account: Fake.account1, name: "label", value: "Acme EU")
        try edit.put("acme", Fake.account2, token: String(repeating: "x", count: 512))
        try edit.put("globex", Fake.account2, email: "soc@example.com", key: Fake.key1)
        try edit.commit()
        return vault
    }

    private func rekey(_ vault: Vault, _ byte: UInt8 = 9) throws {
        let edit = vault.edit()
        try edit.rekey(try Fake.key(byte))
        try edit.commit()
    }

    private func reopen(_ byte: UInt8, _ suffix: String = "") throws -> Vault {
        try Vault.open(
            path: scratch.vault + suffix, unlock: try Fake.key(byte), settings: Fake.settings)
    }

    private func expectAll(_ vault: Vault) throws {
        let acme = try vault.tenant(named: "acme")
        #expect(try acme.header(Fake.account1) == "Authorization: Bearer " + Fake.token1)
        #expect(try acme.header(Fake.account2).hasSuffix(String(repeating: "x", count: 512)))
        #expect(try acme.credential(account: Fake.account1).origin == "https://a.example")
        #expect(try vault.tenant(named: "globex").header(nil) == "X-Auth-Key: " + Fake.key1)
    }

    /// Whether two ranges share a run of 32 bytes that is not mostly the format's own zeros.
    private func share(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
        func runs(_ bytes: ArraySlice<UInt8>) -> Set<ArraySlice<UInt8>> {
            let all = bytes.indices.dropLast(31).map { bytes[$0..<$0 + 32] }
            return Set(all.filter { run in run.count { $0 != 0 } > 8 })
        }
        return !runs(left).isDisjoint(with: runs(right))
    }

    /// The list without what is keyed.
    private func rows(_ vault: Vault) throws -> [Substring] {
        let text = try vault.list().text.drop { $0 != "[" }
        return text.split(separator: "\"fingerprint\":\"").enumerated().map {
            $0 == 0 ? $1 : $1.dropFirst(16)
        }
    }

    @Test func everySecretOpensUnderTheNewUnlockAloneAndNoSealedByteIsLeft() throws {
        let vault = try filled()
        let (before, list) = (try scratch.bytes(), try rows(vault))
        let fingerprint = try vault.tenant(named: "acme").credential(account: Fake.account1)
            .identity.fingerprint
        #expect(scratch.exists(".prev"))
        try rekey(vault)
        let after = try scratch.bytes()
        #expect(!share(before[4096...], after[4096...]))
        #expect(after[24..<40] == before[24..<40])
        #expect(!share(before[96..<352], after[96..<352]))
        #expect(!scratch.exists(".prev"))
        #expect(vault.generation == 3)
        #expect(status { _ = try open() } == .unlock)
        for opened in [vault, try reopen(9)] {
            try expectAll(opened)
            #expect(opened.generation == 3)
            #expect(try rows(opened) == list)
        }
        #expect(
            try vault.tenant(named: "acme").credential(account: Fake.account1).identity
                .fingerprint
                != fingerprint)
    }

    @Test func aVaultGoesOnAfterARekey() throws {
        let vault = try filled()
        let acme = try vault.tenant(named: "acme")
        try rekey(vault)
        #expect(try acme.header(Fake.account1).hasSuffix(Fake.token1))
        try put(vault, "new", Fake.token2)
        try rekey(vault, 10)
        let opened = try reopen(10)
        try expectAll(opened)
        #expect(try opened.tenant(named: "new").header(nil).hasSuffix(Fake.token2))
    }

    @Test func oneEditChangesCredentialsAndRekeys() throws {
        let vault = try filled()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token2)
        try edit.remove(tenant: "globex", account: Fake.account2)
        try edit.rekey(try Fake.passphrase())
        try edit.commit()
        #expect(vault.generation == 3)
        let opened = try Vault.open(
            path: scratch.vault, unlock: try Fake.passphrase(), settings: Fake.settings)
        #expect(try opened.tenant(named: "acme").header(Fake.account1).hasSuffix(Fake.token2))
        #expect(status { _ = try opened.tenant(named: "globex") } == .notFound)
    }

    @Test func rekeyingAndChangingSlotsNeedTwoEdits() throws {
        let vault = try filled()
        let first = vault.edit()
        try first.rekey(try Fake.key(9))
        #expect(
            status { try first.addUnlock(try Fake.key(8), known: unlock, label: "") }
                == .argument)
        #expect(status { try first.removeUnlock(slot: 0) } == .argument)
        let second = vault.edit()
        try second.addUnlock(try Fake.key(8), known: unlock, label: "")
        #expect(status { try second.rekey(try Fake.key(9)) } == .argument)
        try second.commit()
        #expect(status { try second.rekey(try Fake.key(9)) } == .editFinished)
        #expect(status { try second.removeUnlock(slot: 0) } == .editFinished)
    }

    @Test func anotherHandleIsToldToUnlockAgainAndGoesOnWithWhatItHad() throws {
        let vault = try filled()
        let other = try open()
        let acme = try other.tenant(named: "acme")
        let edit = other.edit()
        try edit.put("acme", Fake.account1, token: Fake.token2)
        try rekey(vault)
        let failure = #expect(throws: Failure.self) { _ = try other.refresh() }
        #expect(failure?.status == .unlock)
        #expect(failure?.message.contains("rekeyed") == true)
        #expect(status { try edit.commit() } == .unlock)
        #expect(try acme.header(Fake.account1).hasSuffix(Fake.token1))
        try expectAll(other)
        try expectAll(try reopen(9))
    }

    @Test func anAlteredHeaderWithTheSameSlotsIsStillAnAlteredHeader() throws {
        let vault = try filled()
        var bytes = try scratch.bytes()
        bytes[56] ^= 4
        Fake.rehash(&bytes)
        try scratch.write(bytes)
        #expect(status { _ = try vault.refresh() } == .headerMAC)
    }

    @Test func aSlotPreparedBeforeARekeyIsAConflict() throws {
        let vault = try filled()
        let edit = vault.edit()
        try edit.addUnlock(try Fake.key(8), known: unlock, label: "")
        try rekey(vault)
        #expect(status { try edit.commit() } == .conflict)
        try expectAll(try reopen(9))
    }

    @Test func anExportedTenantSharesNothingWithTheVaultItCameFrom() throws {
        let vault = try filled()
        let before = try scratch.bytes()
        try vault.export(
            tenant: "acme", path: scratch.vault + ".other", unlock: try Fake.key(9),
            settings: Fake.settings)
        let made = try scratch.bytes(".other")
        #expect(try scratch.bytes() == before)
        #expect(!share(before[4096...], made[4096...]))
        #expect(made[24..<40] != before[24..<40])
        let opened = try reopen(9, ".other")
        #expect(opened.generation == 1)
        #expect(try opened.tenant(named: "acme").header(Fake.account1).hasSuffix(Fake.token1))
        #expect(try opened.list().text.contains("Acme EU"))
        #expect(try !opened.list().text.contains("globex"))
        #expect(status { _ = try opened.tenant(named: "globex") } == .notFound)
        #expect(try opened.current().header.recordCount == 4)
        #expect(status { _ = try reopen(7, ".other") } == .unlock)
    }

    @Test func everyTenantIsExportedWithoutAName() throws {
        let vault = try filled()
        try vault.export(
            tenant: nil, path: scratch.vault + ".other", unlock: unlock, settings: Fake.settings)
        let opened = try reopen(7, ".other")
        try expectAll(opened)
        #expect(try rows(opened) == rows(vault))
    }

    @Test func anExportNeedsAFreePathAndAKnownTenant() throws {
        let vault = try filled()
        func export(_ tenant: String, _ path: String) -> Status? {
            status {
                try vault.export(
                    tenant: tenant, path: path, unlock: unlock, settings: Fake.settings)
            }
        }
        #expect(export("acme", scratch.vault) == .exists)
        #expect(export("acme", "") == .argument)
        #expect(export("", scratch.vault + ".other") == .argument)
        #expect(export("nobody", scratch.vault + ".other") == .notFound)
        #expect(!scratch.exists(".other"))
        try expectAll(try open())
    }

    @Test func rekeyingManyTenantsTakesGuardedMemoryForOneSecretAtATime() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        for index in 0..<3_000 {
            try edit.put("tenant \(index)", Fake.account1, token: "test-token-not-real-\(index)")
        }
        try edit.commit()
        try rekey(vault)
        #expect(GuardedArena.shared.protection().bytes <= GuardedArena.maximumBytes / 4)
        #expect(
            try vault.tenant(named: "tenant 2999").header(nil)
                == "Authorization: Bearer test-token-not-real-2999")
    }
}
