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
        return try look.budgetKey(of: look.credential(account: account))
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

    @Test("global keys of one address are one group, however it is written and whichever key")
    func emails() throws {
        let one = try key {
            try $0.put("acme", Fake.account1, email: "Soc@Example.com", key: Fake.key1)
        }
        let same = try key {
            try $0.put("acme", Fake.account1, email: "soc@example.com", key: Fake.token1)
        }
        let other = try key {
            try $0.put("acme", Fake.account1, email: "noc@example.com", key: Fake.key1)
        }
        #expect(one == same)
        #expect(one != other)
    }

    @Test("an explicit group joins credentials; a secret never meets a group of the same text")
    func explicit() throws {
        func grouped(_ token: String, _ group: String) throws -> UInt64 {
            try key {
                try $0.put("acme", Fake.account1, token: token)
                try $0.set(
                    tenant: "acme", account: Fake.account1, name: "budget_group", value: group)
            }
        }
        let one = try grouped(Fake.token1, "mssp")
        #expect(try grouped(Fake.token2, "mssp") == one)
        #expect(try grouped(Fake.token1, "other") != one)
        let secret = try key { try $0.put("acme", Fake.account1, token: Fake.token1) }
        #expect(try grouped(Fake.token2, Fake.token1) != secret)
    }

    @Test("the key does not change between versions: processes of both share the file")
    func fixed() throws {
        let token = try key { try $0.put("acme", Fake.account1, token: Fake.token1) }
        // hashlib.blake2b(b"test-token-not-real-acme-01", digest_size=32,
        //     key=b"TraceVault budget group, secret1"), its first eight bytes, little-endian.
        #expect(token == 0x7560_d7df_730a_d299)
    }
}
