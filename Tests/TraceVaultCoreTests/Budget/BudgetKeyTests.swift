// BudgetKeyTests.swift - one user is one budget group, in whichever vault its credential lies.

import Testing

@testable import TraceVaultCore

@Suite("Budget keys")
struct BudgetKeyTests {
    private func key(
        _ put: (Edit) throws -> Void, account: String = Fake.account1
    ) throws -> UInt64 {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try put(edit)
        try edit.commit()
        let tenant = try vault.tenant(named: "acme")
        let look = try tenant.look()
        return try look.budgetKeys(of: look.credential(account: account)).group
    }

    @Test("the same token in two vaults is one group, another token is another")
    func tokens() throws {
        let one = try key { try $0.put("acme", Fake.account1, token: Fake.token1) }
        let same = try key(
            { try $0.put("acme", Fake.account2, token: Fake.token1) }, account: Fake.account2)
        let other = try key { try $0.put("acme", Fake.account1, token: Fake.token2) }
        #expect(one == same)
        #expect(one != other)
    }

    @Test("a global key is a group of its own: its address, which anybody may write, joins nobody")
    func emails() throws {
        func of(_ email: String, _ key: String) throws -> UInt64 {
            try self.key { try $0.put("acme", Fake.account1, email: email, key: key) }
        }
        let one = try of("soc@example.com", Fake.key1)
        #expect(try of("soc@example.com", Fake.token1) != one)
        // Whoever has the same key belongs to it, however the address is written.
        #expect(try of("Soc@Example.com", Fake.key1) == one)
    }

    /// A vault in which two tenants' credentials are of a named group.
    private func grouped(
        _ name: String, in vault: Vault? = nil
    ) throws -> (Vault, [BudgetKeys]) {
        let vault = try vault ?? Fake.memoryVault()
        let edit = vault.edit()
        for (tenant, token) in [("acme", Fake.token1), ("globex", Fake.token2)] {
            try edit.put(tenant, Fake.account1, token: token)
            try edit.set(
                tenant: tenant, account: Fake.account1, name: "budget_group", value: name)
        }
        try edit.commit()
        let keys = try ["acme", "globex"].map { name -> BudgetKeys in
            let tenant = try vault.tenant(named: name)
            let look = try tenant.look()
            return try look.budgetKeys(of: look.credential(account: nil))
        }
        return (vault, keys)
    }

    @Test("a named group joins a vault's tenants, and no other vault's that use the name")
    func named() throws {
        let (vault, one) = try grouped("mssp")
        #expect(one[0].group == one[1].group)
        #expect(try grouped("other", in: vault).1[0].group != one[0].group)
        #expect(try grouped("mssp", in: vault).1[0].group == one[0].group)
        #expect(try grouped("mssp").1[0].group != one[0].group)
        // A secret never meets a group of the same text.
        let secret = try key { try $0.put("acme", Fake.account1, token: Fake.token1) }
        #expect(try grouped(Fake.token1).1[0].group != secret)
    }

    @Test("processes that open one vault file have one group")
    func reopened() throws {
        let scratch = try Scratch()
        let vault = try Vault.create(
            path: scratch.vault, unlock: try Fake.key(), settings: Fake.settings)
        let (_, keys) = try grouped("mssp", in: vault)
        let opened = try Vault.open(
            path: scratch.vault, unlock: try Fake.key(), settings: Fake.settings)
        let tenant = try opened.tenant(named: "globex")
        let look = try tenant.look()
        let again = try look.budgetKeys(of: look.credential(account: nil))
        #expect(again.group == keys[0].group && again.proof == keys[1].proof)
    }

    @Test("each credential of a named group proves itself; one alone has nobody to prove it to")
    func proofs() throws {
        let (_, keys) = try grouped("mssp")
        #expect(keys[0].proof != nil && keys[0].proof != keys[1].proof)
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        let tenant = try vault.tenant(named: "acme")
        let look = try tenant.look()
        #expect(try look.budgetKeys(of: look.credential(account: nil)).proof == nil)
    }

    @Test("the key does not change between versions: processes of both share the file")
    func fixed() throws {
        let token = try key { try $0.put("acme", Fake.account1, token: Fake.token1) }
        // hashlib.blake2b(b"test-token-not-real-acme-01", digest_size=32,
        //     key=b"TraceVault budget group, secret1"), its first eight bytes, little-endian.
        #expect(token == 0x7560_d7df_730a_d299)
    }
}
