// SnapshotWriterTests.swift - how large a next state may be, and how its metadata is padded.

import Testing

@testable import TraceVaultCore

@Suite struct SnapshotWriterTests {
    private func filled(_ count: Int) throws -> Snapshot {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        for number in 0..<count {
            try edit.put(
                "acme", HexText.of(0) + HexText.of(UInt64(number)), token: Fake.token1)
        }
        try edit.commit()
        return try vault.current()
    }

    /// The next state in which every credential is replaced, or only added to.
    private func replacing(_ base: Snapshot, drops: Bool, limit: Int) throws -> PrintedSnapshot {
        var writer = SnapshotWriter(base, limit: limit)
        let tenant = try #require(base.tenants.first)
        let key = try base.tenantKey(tenant)
        for entry in base.accounts {
            let record = try base.record(at: entry.offset)
            let metadata = ByteBuffer(limit: Metadata.maximumCount)
            _ = try base.openMetadata(record, into: metadata)
            let secret = try base.openSecret(record, metadata: metadata, key: key)
            if drops { writer.drop(entry.offset) }
            try writer.addCredential(
                metadata: try Metadata.print([], over: metadata), secret: secret, tenantKey: key)
        }
        return try writer.finish()
    }

    @Test func replacingEverythingNeedsNoMoreRoomThanBefore() throws {
        let base = try filled(20)
        let next = try replacing(base, drops: true, limit: base.bytes.count)
        #expect(next.bytes.count == base.bytes.count)
        #expect(
            status { _ = try replacing(base, drops: true, limit: base.bytes.count - 1) } == .limit)
        #expect(status { _ = try replacing(base, drops: false, limit: base.bytes.count) } == .limit)
    }

    @Test func namesOfEveryLengthMakeRecordsOfOneLength() throws {
        var counts: Set<Int> = []
        let vault = try Fake.memoryVault()
        for length in [1, 2, 63, 64, 127, 128] {
            let name = String(repeating: "t", count: length)
            let edit = vault.edit()
            try edit.put(name, Fake.account1, token: Fake.token1)
            try edit.commit()
            let snapshot = try vault.current()
            let tenant = try #require(snapshot.tenant(TenantName(name)))
            counts.insert(tenant.record.end - tenant.record.start)
        }
        #expect(counts == [VaultRecord.headCount + 256 + 16 + 32 + 16])
    }
}
