// VaultTests.swift - what a vault promises to those who keep credentials in it.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct VaultTests {
    @Test func whatIsPutComesBackThroughTheFileForBothKindsOfUnlock() throws {
        for unlock in [try Fake.key(), try Fake.passphrase()] {
            let scratch = try Scratch()
            let made = try Vault.create(
                path: scratch.vault, unlock: unlock, settings: Fake.settings)
            let edit = made.edit()
            try edit.put("acme", Fake.account1, token: Fake.token1)
            try edit.set(
                tenant: "acme", account: Fake.account1, name: "label", value: "Acme \"EU\" é")
            try edit.put("globex", Fake.account2, email: "Soc@example.com", key: Fake.key1)
            try edit.commit()
            #expect(made.generation == 2)

            let vault = try Vault.open(
                path: scratch.vault, unlock: unlock, settings: Fake.settings)
            #expect(vault.generation == 2)
            let acme = try vault.tenant(named: "acme")
            #expect(try acme.header(nil) == "Authorization: Bearer " + Fake.token1)
            let token = try acme.credential(account: Fake.account1)
            #expect(token.label == "Acme \"EU\" é")
            #expect(token.origin == "https://api.cloudflare.com")
            #expect(token.kind == .apiToken)
            #expect(token.budgetGroup.count == 16)
            let globex = try vault.tenant(named: "globex")
            #expect(try globex.header(Fake.account2) == "X-Auth-Key: " + Fake.key1)
            let key = try globex.credential(account: nil)
            #expect(key.email == "Soc@example.com")
            #expect(key.budgetGroup.count == 16 && key.budgetGroup != token.budgetGroup)
        }
    }

    @Test func theListIsSortedAndHoldsMetadataOnly() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("globex", Fake.account1, email: "soc@example.com", key: Fake.key1)
        try edit.put("acme", Fake.account2, token: Fake.token2)
        try edit.put("acme", Fake.account1, token: Fake.token1, origin: "HTTPS://API.example:8443")
        try edit.commit()
        let list = try vault.list().text
        #expect(list.hasPrefix("{\"generation\":2,\"accounts\":[{\"tenant\":\"acme\","))
        let rows = list.split(separator: "{\"tenant\":").dropFirst().map(String.init)
        #expect(rows.count == 3)
        #expect(rows[0].hasPrefix("\"acme\",\"account_id\":\"\(Fake.account1)\""))
        #expect(rows[0].contains("\"kind\":\"api_token\",\"origin\":\"https://api.example:8443\""))
        #expect(rows[1].hasPrefix("\"acme\",\"account_id\":\"\(Fake.account2)\""))
        #expect(rows[2].contains("\"kind\":\"global_key\",\"email\":\"soc@example.com\""))
        #expect(rows[2].contains("\"state\":\"active\",\"created\":\"20"))
        for secret in [Fake.token1, Fake.token2, Fake.key1] { #expect(!list.contains(secret)) }
        let own = try vault.tenant(named: "globex").list().text
        #expect(own.contains("globex") && !own.contains("acme"))
    }

    @Test func theFileHoldsNeitherSecretsNorNames() throws {
        let scratch = try Scratch()
        let vault = try Vault.create(
            path: scratch.vault, unlock: try Fake.key(0x5A), settings: Fake.settings)
        let edit = vault.edit()
        try edit.put("tenant-name", Fake.account1, token: Fake.token1)
        try edit.commit()
        let bytes = try scratch.bytes()
        let key = String(decoding: Fake.keyBytes(0x5A), as: UTF8.self)
        for text in [Fake.token1, "tenant-name", Fake.account1, "api.cloudflare.com", key] {
            #expect(!contains(bytes, text))
        }
    }

    private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        let wanted = Array(text.utf8)
        return (0...(bytes.count - wanted.count)).contains { start in
            bytes[start..<start + wanted.count].elementsEqual(wanted)
        }
    }

    @Test func anotherTenantsAccountAndAnUnknownOneAnswerIdentically() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.put("globex", Fake.account2, token: Fake.token2)
        try edit.put("globex", Fake.account1, token: Fake.token2)
        try edit.commit()
        let acme = try vault.tenant(named: "acme")
        let theirs = #expect(throws: Failure.self) {
            try acme.credential(account: Fake.account2)
        }
        let unknown = #expect(throws: Failure.self) {
            try acme.credential(account: String(repeating: "a", count: 32))
        }
        #expect(theirs == unknown)
        #expect(theirs?.status == .notFound)
        let globex = try vault.tenant(named: "globex")
        for account in [Fake.account1, Fake.account2] {
            let stolen = try globex.credential(account: account)
            #expect(status { _ = try acme.authorization(for: stolen) } == .notFound)
        }
        #expect(status { _ = try vault.tenant(named: "initech") } == .notFound)
    }

    @Test func withoutAnAccountOnlyTheSingleOneIsMeant() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.put("acme", Fake.account2, token: Fake.token2)
        try edit.commit()
        let acme = try vault.tenant(named: "acme")
        #expect(status { _ = try acme.credential(account: nil) } == .ambiguous)
        let second = vault.edit()
        try second.remove(tenant: "acme", account: Fake.account1)
        try second.commit()
        #expect(try acme.credential(account: nil).accountID == Fake.account2)
    }

    @Test func anOpenTenantSeesAReplacedTokenAndRefusesTheOldCredential() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        let acme = try vault.tenant(named: "acme")
        let old = try acme.credential(account: nil)
        let second = vault.edit()
        try second.put("acme", Fake.account1, token: Fake.token2)
        try second.commit()
        #expect(status { _ = try acme.authorization(for: old) } == .conflict)
        #expect(try acme.header(nil) == "Authorization: Bearer " + Fake.token2)
        let new = try acme.credential(account: nil)
        #expect(new.identity.record == old.identity.record && new.version == old.version + 1)
        #expect(new.identity.fingerprint != old.identity.fingerprint)
    }

    @Test func aTenantGoesWithItsLastAccount() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        let acme = try vault.tenant(named: "acme")
        let second = vault.edit()
        try second.remove(tenant: "acme", account: Fake.account1)
        try second.commit()
        #expect(status { _ = try vault.tenant(named: "acme") } == .notFound)
        #expect(status { _ = try acme.credential(account: nil) } == .notFound)
        #expect(try vault.list().text == "{\"generation\":3,\"accounts\":[]}")
    }

    @Test func tenantNamesAreComparedByteByByte() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("caf\u{E9}", Fake.account1, token: Fake.token1)
        try edit.put("cafe\u{301}", Fake.account1, token: Fake.token2)
        try edit.commit()
        #expect(try vault.tenant(named: "caf\u{E9}").header(nil).hasSuffix(Fake.token1))
        #expect(try vault.tenant(named: "cafe\u{301}").header(nil).hasSuffix(Fake.token2))
    }

    @Test func everyLengthOfSecretComesBack() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        let lengths = [1, 31, 63, 64, 65, 127, 128, 511, 512]
        for (index, length) in lengths.enumerated() {
            let secret = String(repeating: "x", count: length)
            try edit.put("tenant \(index)", Fake.account1, token: secret)
        }
        try edit.commit()
        for (index, length) in lengths.enumerated() {
            let header = try vault.tenant(named: "tenant \(index)").header(nil)
            #expect(header == "Authorization: Bearer " + String(repeating: "x", count: length))
        }
    }

    @Test func manyTenantsNeedNoMoreGuardedMemoryThanOne() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        for index in 0..<3_000 {
            try edit.put("tenant \(index)", Fake.account1, token: "test-token-not-real-\(index)")
        }
        try edit.commit()
        #expect(GuardedArena.shared.protection().bytes <= GuardedArena.maximumBytes / 4)
        #expect(
            try vault.tenant(named: "tenant 2999").header(nil)
                == "Authorization: Bearer test-token-not-real-2999")
    }

    @Test func anIdleTenantKeepsItsOwnRecordsAndNoWholeState() throws {
        let vault = try Fake.memoryVault()
        func put(_ tenant: String, _ token: String) throws {
            let edit = vault.edit()
            try edit.put(tenant, Fake.account1, token: token)
            try edit.commit()
        }
        try put("acme", Fake.token1)
        let acme = try vault.tenant(named: "acme")
        #expect(try acme.header(nil).hasSuffix(Fake.token1))
        weak let whole = try vault.current().bytes
        #expect(whole != nil)
        try put("globex", Fake.token2)
        #expect(whole == nil)
        #expect(try acme.header(nil).hasSuffix(Fake.token1))
    }
}
