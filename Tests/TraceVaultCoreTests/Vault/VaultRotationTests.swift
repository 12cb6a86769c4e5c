// VaultRotationTests.swift - two live credentials of an account, their validity, tenants that go.

import Testing

@testable import TraceVaultCore

@Suite struct VaultRotationTests {
    private let vault: Vault
    private let old = Fake.token1
    private let new = Fake.token2

    init() throws {
        vault = try Fake.memoryVault()
        try change { try $0.put("acme", Fake.account1, token: Fake.token1) }
    }

    private func change(_ body: (Edit) throws -> Void) throws {
        let edit = vault.edit()
        try body(edit)
        try edit.commit()
    }

    /// Which token the account is used with now.
    private func token() throws -> String {
        let header = try vault.tenant(named: "acme").header(Fake.account1)
        return String(header.dropFirst("Authorization: Bearer ".count))
    }

    /// The states of all credentials, in the order of the list.
    private func states() throws -> [String] {
        let list = try vault.list().text
        return list.split(separator: "\"state\":\"").dropFirst().map {
            String($0.prefix { $0 != "\"" })
        }
    }

    /// All that is listed but the generation.
    private func accounts() throws -> Substring {
        try vault.list().text.drop { $0 != "[" }
    }

    private func rotate() throws {
        try change { edit in
            try edit.retire(tenant: "acme", account: Fake.account1)
            try edit.put("acme", Fake.account1, token: new)
        }
    }

    @Test func aRotationKeepsTheOldCredentialAsRetiring() throws {
        try rotate()
        #expect(try states() == ["active", "retiring"])
        #expect(try token() == new)
    }

    @Test func aRotationToTheActiveSecretKeepsTheWayBack() throws {
        try rotate()
        try rotate()
        #expect(try states() == ["active", "retiring"])
        try change { try $0.promote(tenant: "acme", account: Fake.account1) }
        #expect(try token() == old)
    }

    @Test(arguments: [false, true])
    func aRotationToTheActiveSecretKeepsAllThatItSaysNothingOf(hasRetiring: Bool) throws {
        let secret = hasRetiring ? new : old
        try change { edit in
            if hasRetiring { try edit.retire(tenant: "acme", account: Fake.account1) }
            try edit.put(
                "acme", Fake.account1, token: secret, origin: "https://gateway.example")
            for (name, value) in [
                ("label", "Acme EU"), ("budget_group", "msp"),
                ("not_before", "2020-01-01T00:00:00Z"), ("expires", "2099-01-01T00:00:00Z"),
            ] {
                try edit.set(tenant: "acme", account: Fake.account1, name: name, value: value)
            }
        }
        let before = try accounts()
        func again(_ name: String? = nil, _ value: String = "") throws {
            try change { edit in
                try edit.retire(tenant: "acme", account: Fake.account1)
                try edit.put("acme", Fake.account1, token: secret)
                guard let name else { return }
                try edit.set(tenant: "acme", account: Fake.account1, name: name, value: value)
            }
        }
        try again()
        #expect(try accounts() == before)
        try again("expires", "2098-01-01T00:00:00Z")
        #expect(
            try String(accounts())
                == before.split(separator: "2099").joined(separator: "2098"))
        try change { edit in
            try edit.set(
                tenant: "acme", account: Fake.account1, name: "expires",
                value: "2099-01-01T00:00:00Z")
            try edit.retire(tenant: "acme", account: Fake.account1)
            try edit.put("acme", Fake.account1, token: secret)
        }
        #expect(try accounts() == before)
        try again("label")
        #expect(try vault.list().text.contains("Acme EU") == false)
        #expect(try token() == secret)
        _ = try vault.verify()
    }

    /// A key that was stored with a wrong e-mail address has the right one as a credential of its own.
    @Test func theSameKeyWithAnotherAddressIsARotation() throws {
        let key = String(repeating: "a", count: 37)
        func put(_ email: String) throws {
            try change { edit in
                try edit.retire(tenant: "acme", account: Fake.account1)
                try edit.put("acme", Fake.account1, email: email, key: key)
            }
        }
        try put("first@acme.example")
        try put("second@acme.example")
        try put("second@acme.example")
        #expect(try states() == ["active", "retiring"])
        let emails = try accounts().split(separator: "\"email\":\"").dropFirst()
        #expect(emails.map { $0.prefix { $0 != "@" } } == ["second", "first"])
    }

    @Test func promotingUndoesARotation() throws {
        try rotate()
        try change { try $0.promote(tenant: "acme", account: Fake.account1) }
        #expect(try states() == ["active", "retiring"])
        #expect(try token() == old)
        try change { try $0.removeRetiring(tenant: "acme", account: Fake.account1) }
        #expect(try states() == ["active"])
        #expect(try token() == old)
    }

    @Test func anAccountWithoutAnActiveCredentialUsesTheRetiringOne() throws {
        try change { try $0.retire(tenant: "acme", account: Fake.account1) }
        #expect(try states() == ["retiring"])
        #expect(try token() == old)
    }

    @Test func retiringTwiceKeepsTheNewerOfTheTwo() throws {
        try rotate()
        try change { edit in
            try edit.retire(tenant: "acme", account: Fake.account1)
            try edit.put("acme", Fake.account1, token: "test-token-not-real-third")
        }
        #expect(try states() == ["active", "retiring"])
        try change { try $0.promote(tenant: "acme", account: Fake.account1) }
        #expect(try token() == new)
    }

    @Test func removingAnAccountTakesBothCredentials() throws {
        try rotate()
        try change { try $0.remove(tenant: "acme", account: Fake.account1) }
        #expect(try states().isEmpty)
        #expect(status { _ = try vault.tenant(named: "acme") } == .notFound)
    }

    @Test func stepsThatFindNothingSaySo() throws {
        let edit = vault.edit()
        func refused(_ body: () throws -> Void) { #expect(status(body) == .notFound) }
        refused { try edit.promote(tenant: "acme", account: Fake.account1) }
        refused { try edit.removeRetiring(tenant: "acme", account: Fake.account1) }
        refused { try edit.retire(tenant: "acme", account: Fake.account2) }
        refused { try edit.retire(tenant: "globex", account: Fake.account1) }
        refused { try edit.removeTenant("globex") }
        try edit.retire(tenant: "acme", account: Fake.account1)
        refused { try edit.retire(tenant: "acme", account: Fake.account1) }
        refused {
            try edit.set(tenant: "acme", account: Fake.account1, name: "label", value: "x")
        }
    }

    @Test func aStepWhoseCredentialAnotherWriterTookIsAConflictAndChangesNothing() throws {
        let late = vault.edit()
        try late.retire(tenant: "acme", account: Fake.account1)
        try late.put("acme", Fake.account2, token: new)
        try change { try $0.remove(tenant: "acme", account: Fake.account1) }
        let generation = vault.generation
        #expect(status { try late.commit() } == .conflict)
        #expect(vault.generation == generation)
        #expect(try states().isEmpty)
    }

    @Test func aPropertyOfAStoredCredentialChangesWithoutItsSecret() throws {
        try change { edit in
            for (name, value) in [
                ("label", "Acme EU"), ("budget_group", "msp"),
                ("expires", "2999-01-31T00:00:00+01:00"), ("not_before", "2020-01-01T00:00:00Z"),
            ] {
                try edit.set(tenant: "acme", account: Fake.account1, name: name, value: value)
            }
        }
        let list = try vault.list().text
        for part in [
            "\"label\":\"Acme EU\"", "\"budget_group\":\"msp\"",
            "\"expires\":\"2999-01-30T23:00:00.000Z\"",
            "\"not_before\":\"2020-01-01T00:00:00.000Z\"",
        ] { #expect(list.contains(part), "\(part)") }
        #expect(try token() == old)
        #expect(try vault.tenant(named: "acme").credential(account: nil).budgetGroup == "msp")
        try change { edit in
            for name in ["label", "budget_group", "expires", "not_before"] {
                try edit.set(tenant: "acme", account: Fake.account1, name: name, value: "")
            }
        }
        let cleared = try vault.list().text
        for name in ["budget_group", "expires", "not_before"] {
            #expect(!cleared.contains(name), "\(name)")
        }
        #expect(try token() == old)
    }

    @Test func aCredentialIsUsedOnlyWhileItIsValid() throws {
        func bound(_ name: String, _ value: String) throws {
            try change {
                try $0.set(tenant: "acme", account: Fake.account1, name: name, value: value)
            }
        }
        try bound("expires", "2020-01-01T00:00:00Z")
        let failure = #expect(throws: Failure.self) { try token() }
        #expect(failure?.status == .expired)
        #expect(failure?.message.contains("2020-01-01T00:00:00.000Z") == true)
        try rotate()
        #expect(try token() == new)
        try bound("not_before", "2999-01-01T00:00:00Z")
        // The retiring one has expired, so none is left; the answer is about the active one.
        let early = #expect(throws: Failure.self) { try token() }
        #expect(early?.status == .expired)
        #expect(early?.message.contains("not valid before 2999") == true)
        try change { edit in
            try edit.promote(tenant: "acme", account: Fake.account1)
            try edit.set(tenant: "acme", account: Fake.account1, name: "expires", value: "")
            try edit.promote(tenant: "acme", account: Fake.account1)
        }
        #expect(try token() == old)
    }

    @Test func validityEndsExactlyAtItsBounds() throws {
        try change { edit in
            for (name, value) in [
                ("not_before", "2026-01-01T00:00:00Z"), ("expires", "2026-01-01T00:00:01Z"),
            ] {
                try edit.set(tenant: "acme", account: Fake.account1, name: name, value: value)
            }
        }
        let snapshot = try vault.current()
        let tenant = try #require(snapshot.tenant(TenantName("acme")))
        let index = try TenantIndex(tenant, of: snapshot, vault.following)
        let start: UInt64 = 1_767_225_600_000
        for (now, isValid) in [
            (start - 1, false), (start, true), (start + 999, true), (start + 1000, false),
        ] {
            let found = status { _ = try index.credential(nil, nowMs: now) }
            #expect(found == (isValid ? nil : .expired), "\(now)")
        }
    }

    @Test func aRemovedTenantGoesWithItsKeyAndAnEqualNameStartsAnew() throws {
        try rotate()
        try change { try $0.put("globex", Fake.account1, token: new) }
        let key = try vault.current().tenant(TenantName("acme"))?.record.id
        try change { edit in
            try edit.put("acme", Fake.account2, token: new)
            try edit.removeTenant("acme")
            try edit.put("acme", Fake.account2, token: old)
        }
        #expect(try states() == ["active", "active"])
        let acme = try vault.tenant(named: "acme")
        #expect(try acme.header(nil).hasSuffix(old))
        #expect(try vault.current().tenant(TenantName("acme"))?.record.id != key)
    }
}
