// VaultEditTests.swift - what the door refuses, and that an edit is all or nothing.

import Testing

@testable import TraceVaultCore

@Suite struct VaultEditTests {
    @Test func malformedArgumentsAreRefusedAtTheDoorAndNeverRepeated() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        func refused(_ expected: Status, _ body: () throws -> Void) {
            let failure = #expect(throws: Failure.self) { try body() }
            #expect(failure?.status == expected)
            #expect(failure?.message.contains("SECRET") == false)
        }
        for tenant in ["", String(repeating: "SECRET", count: 22), "SECRET\n", "SECRET\u{85}"] {
            refused(.argument) { try edit.put(tenant, Fake.account1, token: Fake.token1) }
        }
        for account in ["", "SECRET", Fake.account1.uppercased(), Fake.account1 + "0"] {
            refused(.accountID) { try edit.put("acme", account, token: Fake.token1) }
        }
        for token in [
            "", "SECRET token", "SECRET\r\n", "SECRET\u{7F}", "SECRETé",
            String(repeating: "SECRET!!", count: 65),
        ] {
            refused(.credentialFormat) { try edit.put("acme", Fake.account1, token: token) }
        }
        for email in [
            "", "SECRET", "SECRET@", "@example.com", "SECRET@@example.com", "SECRET@example",
            "SECRET@-a.com", "SECRET..x@a.com", "SECRET x@a.com", "SECRET@a.com\r\nX: y",
        ] {
            refused(.credentialFormat) {
                try edit.put("acme", Fake.account1, email: email, key: Fake.key1)
            }
        }
        try edit.commit()
        #expect(vault.generation == 1)
    }

    @Test func originsAreNormalisedAndOnlyLoopbackIsPlain() throws {
        for (given, normal) in [
            ("https://API.Cloudflare.com", "https://api.cloudflare.com"),
            ("https://api.cloudflare.com:443", "https://api.cloudflare.com"),
            ("https://a.example:08443", "https://a.example:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:80", "http://localhost"), ("http://[::1]:9", "http://[::1]:9"),
        ] {
            #expect(try CredentialFormat.normalOrigin(given) == normal)
        }
        for given in [
            "", "api.cloudflare.com", "ftp://a.example", "https://", "https://a.example/",
            "https://user@a.example", "https://a.example:0", "https://a.example:65536",
            "https://a.example:", "https://a.example:+1", "http://a.example",
            "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "https://a b",
            "http://localhost.evil.example", "https://[::1", "https://é.example",
            "http://127.0.0.999", "https://a.example?x", "https://a.example#x",
        ] {
            let found = status { _ = try CredentialFormat.normalOrigin(given) }
            #expect(found == .argument, "\(given)")
        }
    }

    @Test func propertiesAreCheckedAndNeedAnActiveCredential() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        let second = vault.edit()
        func set(_ name: String, _ value: String) throws {
            try second.set(tenant: "acme", account: Fake.account1, name: name, value: value)
        }
        #expect(
            status {
                try second.set(tenant: "acme", account: Fake.account2, name: "label", value: "x")
            } == .notFound)
        #expect(status { try set("origin", "https://a.example") } == .origin)
        for name in ["not_before", "expires"] {
            for time in ["tomorrow", "2027-01-31", "2027-01-31T00:00:00", "1969-12-31T00:00:00Z"] {
                #expect(status { try set(name, time) } == .argument, "\(name) \(time)")
            }
            #expect(status { try set(name, "2027-01-31T00:00:00+01:00") } == nil)
            #expect(status { try set(name, "") } == nil)
        }
        #expect(status { try set("colour", "x") } == .configName)
        #expect(status { try set("label", String(repeating: "é", count: 65)) } == .argument)
        #expect(status { try set("label", "tab\t") } == .argument)
        #expect(status { try set("label", String(repeating: "é", count: 64)) } == nil)
    }

    @Test func removingWhatIsNotThereIsSaidSo() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        func remove() -> Status? {
            status { try edit.remove(tenant: "acme", account: Fake.account1) }
        }
        #expect(remove() == .notFound)
        try edit.put("acme", Fake.account1, token: Fake.token1)
        #expect(remove() == nil)
        #expect(remove() == .notFound)
        try edit.commit()
        #expect(try vault.list().text.hasSuffix("\"accounts\":[]}"))
    }

    @Test func aFinishedEditIsFinished() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        #expect(status { try edit.commit() } == .editFinished)
        #expect(
            status { try edit.put("acme", Fake.account1, token: Fake.token1) } == .editFinished)
        #expect(vault.generation == 2)
    }

    @Test func theLastWordOnAnAccountCounts() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.remove(tenant: "acme", account: Fake.account1)
        try edit.put("acme", Fake.account1, token: Fake.token2)
        try edit.commit()
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
    }

    @Test func settingsOutOfBoundsAreRefused() throws {
        let costs = [
            (19_455, 2), (1_048_577, 2), (19_456, 1), (65_536, 11), (-1, 3), (1_048_576, 5),
        ]
        for (memory, passes) in costs {
            var settings = Fake.settings
            settings.kdfMemoryKiB = memory
            settings.kdfPasses = passes
            let unlock = try Fake.key()
            #expect(
                status { _ = try Vault.create(path: "", unlock: unlock, settings: settings) }
                    == .configValue)
        }
    }
}

@Suite struct SnapshotSuccessorTests {
    /// What an index says, in words that can be compared.
    private func described(_ snapshot: Snapshot) throws -> [String] {
        let tenants = snapshot.tenants.map {
            "\($0.name.text) \($0.record.start) \($0.record.id.high) \($0.accounts)"
        }
        return try tenants
            + snapshot.accounts.map {
                let record = try snapshot.record(at: $0.offset)
                return "\($0.tenant) \($0.account.text) \($0.offset) \(record.version)"
            }
    }

    @Test func aCommittedSnapshotsIndexIsTheOneThatAReaderMakes() throws {
        var generator = SystemRandomNumberGenerator()
        let store = MemoryStore()
        let unlock = try Fake.key()
        let vault = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
        for round in 0..<60 {
            let edit = vault.edit()
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                let tenant = "tenant-\(Int.random(in: 0..<9, using: &generator))"
                let account = HexText.of(0) + HexText.of(.random(in: 0..<7))
                if Bool.random(using: &generator) {
                    let token = String(repeating: "x", count: .random(in: 1...200))
                    try edit.put(tenant, account, token: token)
                } else {
                    try? edit.remove(tenant: tenant, account: account)
                }
            }
            try edit.commit()
            let read = try Snapshot.open(try store.read(), with: unlock)
            #expect(try described(vault.current()) == described(read), "round \(round)")
            #expect(try vault.current().header.revision == read.header.revision)
        }
    }
}
