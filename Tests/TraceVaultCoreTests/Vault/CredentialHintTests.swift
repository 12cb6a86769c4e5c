// CredentialHintTests.swift - what looks wrong is a hint; what cannot be is refused in words.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct CredentialHintTests {
    private func hints(_ secret: String, isKey: Bool = false) throws -> [String] {
        let edit = try Fake.memoryVault().edit()
        if isKey {
            try edit.put("acme", Fake.account1, email: "soc@example.com", key: secret)
        } else {
            try edit.put("acme", Fake.account1, token: secret)
        }
        let json = text(try edit.hints())
        #expect(!json.contains(secret))
        let list = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
        return (list ?? []).compactMap { $0["code"] as? String }
    }

    @Test(arguments: [
        ("cfk_not-a-real-key-000", "token_looks_like_key"),
        ("0123456789abcdef0123456789abcdef01234", "token_looks_like_key"),
        ("v1.0-not-a-real-origin-key", "looks_like_origin_ca_key"),
        ("\"not-a-real-token\"", "is_quoted"), ("'not-a-real-token'", "is_quoted"),
        ("{env.CLOUDFLARE_API_TOKEN}", "is_placeholder"), ("${CF_API_TOKEN}", "is_placeholder"),
        ("$CF_API_TOKEN", "is_placeholder"), ("%CF_API_TOKEN%", "is_placeholder"),
        ("<token>", "is_placeholder"), ("YOUR_API_TOKEN", "is_placeholder"),
        ("tenant,account_id,token", "is_table_row"), ("acme;not-a-real-token", "is_table_row"),
        ("\"acme\",\"not-a-real-token\"", "is_table_row"), ("$a,$b", "is_table_row"),
    ])
    func whatLooksWrongAsATokenIsAHint(secret: String, code: String) throws {
        #expect(try hints(secret) == [code])
    }

    @Test(arguments: [
        ("cfut_not-a-real-token-0", "key_looks_like_token"),
        ("cfat_not-a-real-token-0", "key_looks_like_token"),
        ("not-a-real-token-000000000000000000000-A", "key_looks_like_token"),
        ("\"not-a-real-key\"", "is_quoted"), ("acme,not-a-real-key", "is_table_row"),
    ])
    func whatLooksWrongAsAKeyIsAHint(secret: String, code: String) throws {
        #expect(try hints(secret, isKey: true) == [code])
    }

    @Test func whatLooksRightGivesNone() throws {
        #expect(try hints(Fake.token1) == [])
        #expect(try hints("cfut_not-a-real-token-0") == [])
        #expect(try hints("cfk_not-a-real-key-000", isKey: true) == [])
        #expect(try hints("0123456789abcdef0123456789abcdef01234", isKey: true) == [])
        #expect(try hints("x") == [])
    }

    @Test func timesThatMakeACredentialUselessAreHints() throws {
        let edit = try Fake.memoryVault().edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.set(
            tenant: "acme", account: Fake.account1, name: "expires", value: "2020-01-01T00:00:00Z")
        #expect(text(try edit.hints()).contains("has_expired"))
        try edit.set(
            tenant: "acme", account: Fake.account1, name: "expires", value: "2098-01-01T00:00:00Z")
        #expect(text(try edit.hints()) == "[]")
        try edit.set(
            tenant: "acme", account: Fake.account1, name: "not_before",
            value: "2099-01-01T00:00:00Z")
        #expect(text(try edit.hints()).contains("is_never_valid"))
        try edit.commit()
        #expect(text(try edit.hints()).contains("is_never_valid"))
    }

    @Test(arguments: [
        ("not-a-real-token\n", "line break at the end"),
        ("not-a-real-token\r\n", "line break at the end"),
        ("not-a\nreal-token", "a line break in"), ("\u{FEFF}not-a-real-token", "byte order mark"),
        ("Bearer not-a-real-token", "Bearer"), ("not a real token", "a space"),
        ("not-a-real-t\u{f6}ken", "not ASCII"), ("not-a-real\u{1}token", "control character"),
        ("tenant,token\nacme,not-a-real-token", "looks like a table"),
        ("acme\tnot-a-real-token;", "row of a table"), ("acme, not-a-real-token", "row of a table"),
        ("acme,not-a-real-token\n", "line break at the end"),
        ("", "empty"), (String(repeating: "x", count: 513), "longer"),
    ])
    func whatCannotBeATokenIsRefusedInWords(secret: String, word: String) throws {
        let edit = try Fake.memoryVault().edit()
        do {
            try edit.put("acme", Fake.account1, token: secret)
            Issue.record("it was taken")
        } catch let failure as Failure {
            #expect(failure.status == .credentialFormat)
            #expect(failure.message.contains(word), "\(failure.message)")
        }
    }

    @Test func aStepThatFailsEndsTheEdit() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("new", Fake.account1, token: Fake.token1)
        #expect(throws: Failure.self) {
            try edit.step { () throws(Failure) in
                try edit.set(
                    tenant: "new", account: Fake.account1, name: "origin", value: "nowhere")
            }
        }
        for _ in 0..<2 {
            do {
                try edit.commit()
                Issue.record("it was committed")
            } catch {
                #expect(error.status == .argument)
                #expect(error.message.hasPrefix("an earlier step of this edit failed: the origin"))
            }
        }
        #expect(throws: Failure.self) { try vault.tenant(named: "new") }
    }

    @Test func aCancelledEditStoresNothing() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("new", Fake.account1, token: Fake.token1)
        edit.cancel()
        do {
            try edit.commit()
            Issue.record("it was committed")
        } catch {
            #expect(error.status == .cancelled)
        }
    }
}
