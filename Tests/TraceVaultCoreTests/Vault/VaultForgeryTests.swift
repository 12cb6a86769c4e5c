// VaultForgeryTests.swift - what no edit lets into a vault is not read out of one either.
//
// Whoever can open a vault can write one with every seal right. What he writes there reaches no
// header of a request.

import Testing

@testable import TraceVaultCore

@Suite struct VaultForgeryTests {
    private let unlock: UnlockSecret
    /// A token of acme's and a key of globex's.
    private let base: Snapshot

    init() throws {
        unlock = try Fake.key()
        base = try Fake.twoTenants(in: MemoryStore(), unlock).current()
    }

    // MARK: - Forging

    /// The vault with other fields, or another secret, in one tenant's credential.
    private func forged(
        _ tenant: String, _ fields: [Metadata.Field] = [], secret: [UInt8]? = nil
    ) throws -> ByteBuffer {
        var writer = SnapshotWriter(base)
        let owner = try #require(base.tenant(TenantName(tenant)))
        let entry = try #require(base.accounts[owner.accounts].first)
        let record = try base.record(at: entry.offset)
        let key = try base.tenantKey(owner)
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        _ = try base.openMetadata(record, into: metadata)
        let padded: SecretBytes
        if let secret {
            padded = try SecretBytes(count: (secret.count / 64 + 1) * 64)
            unsafe padded.withUnsafeMutableBytes { unsafe $0.copyBytes(from: secret + [0x80]) }
        } else {
            padded = try base.openSecret(record, metadata: metadata, key: key)
        }
        writer.drop(entry.offset)
        try writer.addCredential(
            metadata: try Metadata.print(fields, over: metadata), secret: padded, tenantKey: key)
        return try writer.finish().bytes
    }

    /// The vault with one more tenant.
    private func forged(tenant fields: [Metadata.Field]) throws -> ByteBuffer {
        var writer = SnapshotWriter(base)
        _ = try writer.addTenant(metadata: try Metadata.print(fields))
        return try writer.finish().bytes
    }

    // MARK: - Texts

    private static let long = String(repeating: "l", count: 129)
    private static let badTexts: [(Metadata.Tag, String)] = [
        (.email, ""), (.email, "a"), (.email, "a@b"), (.email, "a@b.cc\r\nHost: other"),
        (.email, "a@b.cc\0"), (.email, "a b@c.de"), (.email, "a@@b.cc"), (.email, "a@b@c.de"),
        (.email, ".a@b.cc"), (.email, "a.@b.cc"), (.email, "a@b..cc"), (.email, "a@-b.cc"),
        (.email, "a@b-.cc"), (.email, "ä@b.cc"), (.email, long.dropLast(64) + "@b.cc"),
        (.email, "a@" + String(repeating: "b.", count: 125) + "ccc"),
        (.origin, ""), (.origin, "https://"), (.origin, "ftp://api.example"),
        (.origin, "api.example"), (.origin, "https://api.example/path"),
        (.origin, "https://API.example"), (.origin, "https://user@api.example"),
        (.origin, "https://api.example\r\nX: y"), (.origin, "https://api.example\0"),
        (.origin, "https://api.exämple"), (.origin, "https://" + long + long),
        (.label, long), (.label, "a\nb"), (.label, "a\0b"), (.label, "\u{7F}"), (.label, "\u{85}"),
        (.budgetGroup, long), (.budgetGroup, "a\rb"), (.budgetGroup, "\u{9F}"),
        (.tokenID, "a\nb"), (.scopeNote, "\u{1B}[1m"),
    ]

    @Test func aTextThatNoEditTakesIsNotReadEither() throws {
        for (tag, text) in Self.badTexts {
            let bytes = try forged("globex", [(tag, .text(text))])
            #expect(
                status { _ = try Snapshot.open(bytes, with: unlock) } == .recordAuth,
                "\(tag): \(text.debugDescription)")
        }
        for name in [Self.long, "a\r\nb", "a\0b", "\u{7F}", "\u{80}"] {
            let bytes = try forged(tenant: [(.tenant, .text(name)), (.created, .word(0))])
            #expect(
                status { _ = try Snapshot.open(bytes, with: unlock) } == .recordAuth,
                "\(name.debugDescription)")
        }
    }

    @Test func aRunningProcessTakesNoSuchStateIn() throws {
        let store = MemoryStore()
        try store.create(base.bytes)
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        let bytes = try forged("globex", [(.email, .text("a@b.cc\r\nHost: other"))])
        #expect(try store.replace(bytes, ifRevision: base.header.revision, keeping: nil))
        #expect(status { try vault.refresh() } == .recordAuth)
        #expect(status { _ = try vault.verify() } == .recordAuth)
        #expect(
            try vault.tenant(named: "globex").credential(account: nil).email == "soc@example.com")
    }

    /// With what earlier versions let in: they knew more addresses of this host.
    @Test func everyTextThatAnEditHasEverTakenIsRead() throws {
        let name = String(repeating: "b", count: 63)
        let texts: [(Metadata.Tag, String)] = [
            (.email, "a@b.cc"), (.email, "First.Last+tag!#$%&'*/=?^_`{|}~-@x-1.EXAMPLE.com"),
            (.email, String(repeating: "a", count: 64) + "@\(name).\(name).\(name.dropLast(2))"),
            (.origin, "https://api.cloudflare.com"), (.origin, "https://api.example:8443"),
            (.origin, "http://localhost"), (.origin, "http://[::1]:8080"),
            (.origin, "http://127.0.0.2:1"), (.origin, "https://[2001:db8::192.0.2.1]"),
            (.label, ""), (.label, "\u{A0}é ☂\u{202E}"), (.label, String(Self.long.dropLast())),
            (.budgetGroup, ""), (.budgetGroup, "soc team"), (.tokenID, "id"), (.scopeNote, "☂"),
        ]
        for (tag, text) in texts {
            let bytes = try forged("globex", [(tag, .text(text))])
            #expect(
                status { _ = try Snapshot.open(bytes, with: unlock) } == nil, "\(tag): \(text)")
        }
    }

    // MARK: - Secrets

    private static let badSecrets: [[UInt8]] = [
        [], Array("TTTT\r\nX-Evil: 1".utf8), Array("TT\nTT".utf8), Array("TT\rTT".utf8),
        Array("TT\0TT".utf8), Array("TT TT".utf8), Array("TT\u{7F}".utf8), Array("tö".utf8),
        [0x54, 0x01], [0x54, 0x80, 0x54], [UInt8](repeating: 0x54, count: 513),
        [UInt8](repeating: 0x54, count: 1023),
    ]

    @Test(arguments: ["acme", "globex"])
    func aSecretThatNoEditTakesIsNeverLent(tenant: String) throws {
        for secret in Self.badSecrets {
            let store = MemoryStore()
            try store.create(try forged(tenant, secret: secret))
            let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
            #expect(
                status { _ = try vault.tenant(named: tenant).header(nil) } == .recordAuth,
                "\(secret)")
            #expect(status { _ = try vault.verify() } == .recordAuth, "\(secret)")
            let other = MemoryStore()
            #expect(
                status {
                    try vault.export(
                        tenant: tenant, into: other, unlock: unlock, settings: Fake.settings)
                } == .recordAuth, "\(secret)")
            let edit = vault.edit()
            try edit.rekey(try Fake.key(9))
            #expect(status { try edit.commit() } == .recordAuth, "\(secret)")
        }
    }

    @Test func theLongestSecretIsLent() throws {
        let store = MemoryStore()
        try store.create(try forged("acme", secret: [UInt8](repeating: 0x7E, count: 512)))
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        #expect(try vault.tenant(named: "acme").header(nil).utf8.count == 22 + 512)
        _ = try vault.verify()
    }

    // MARK: - Header lines

    /// Whatever was checked before: the last place before libcurl.
    @Test func noHeaderLineHasALineBreakOrANUL() throws {
        for text in ["a\rb", "a\nb", "a\0b", "a\r\n"] {
            try unsafe Fake.withSecret(text) { secret in
                #expect(
                    status { _ = try unsafe SecretHeader(prefix: "X: ", secret: secret) }
                        == .credentialFormat)
                #expect(
                    status { _ = try unsafe SecretHeader("X: ", secret, "") } == .credentialFormat)
            }
            try unsafe Fake.withSecret("plain") { secret in
                #expect(
                    status { _ = try unsafe SecretHeader(text, secret, "") } == .credentialFormat)
                #expect(
                    status { _ = try unsafe SecretHeader("X: ", secret, text) } == .credentialFormat
                )
            }
            #expect(unsafe HeaderText("X: " + text).pointer == nil)
        }
        #expect(unsafe HeaderText("X: plain").pointer != nil)
    }
}
