// Reseal.swift - stored credentials sealed anew: with other metadata, under other keys, elsewhere.
//
// One secret at a time passes through guarded memory. An edit changes single credentials; a rekey
// and an export take whole tenants from one snapshot into the writer of another.

extension SnapshotWriter {
    /// Adds the credential of an entry of `source` with some fields of its metadata changed; its
    /// record keeps its id.
    @_optimize(size) mutating func reseal(
        _ entry: Snapshot.AccountEntry, of source: Snapshot, _ sourceKey: borrowing SecretBytes,
        into tenantKey: borrowing SecretBytes, _ fields: [Metadata.Field]
    ) throws(Failure) {
        let record = try source.record(at: entry.offset)
        let old = ByteBuffer(limit: Metadata.maximumCount)
        _ = try source.openMetadata(record, into: old)
        let secret = try source.openSecret(record, metadata: old, key: sourceKey)
        try addCredential(
            metadata: try Metadata.print(fields, over: old), secret: secret,
            tenantKey: tenantKey, id: record.id, version: record.version &+ 1)
    }

    /// Takes over a tenant of another snapshot: a new key for it and everything sealed anew. Record
    /// ids are new too, so that no bytes tell which records of two files are one.
    @_optimize(size) mutating func takeOver(
        _ tenant: Snapshot.TenantEntry, of source: Snapshot
    ) throws(Failure) {
        let sourceKey = try source.tenantKey(tenant)
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        _ = try source.openMetadata(tenant.record, into: metadata)
        let tenantKey = try addTenant(metadata: try Metadata.print([], over: metadata))
        for entry in source.accounts[tenant.accounts] {
            let record = try source.record(at: entry.offset)
            let old = ByteBuffer(limit: Metadata.maximumCount)
            _ = try source.openMetadata(record, into: old)
            let secret = try source.openSecret(record, metadata: old, key: sourceKey)
            let fingerprint = try base.keys.fingerprint(ofPadded: secret)
            try addCredential(
                metadata: try Metadata.print([(.fingerprint, .word(fingerprint))], over: old),
                secret: secret, tenantKey: tenantKey)
        }
    }
}

extension Snapshot {
    /// This state under a new root key, epoch key and tenant keys, with one slot: the generation
    /// that follows `generation`.
    @_optimize(size) func rekeyed(with slot: PreparedSlot, after generation: UInt64) throws(Failure)
        -> Snapshot
    {
        let empty = try Snapshot.empty(slot, generation: generation, like: header)
        return try empty.takingOver(tenants, of: self)
    }

    /// One tenant, or all, in a vault of its own: its first generation.
    @_optimize(size) func exported(_ name: TenantName?, with slot: PreparedSlot) throws(Failure)
        -> Snapshot
    {
        var chosen = tenants
        if let name {
            guard let tenant = tenant(name) else {
                throw Failure(.notFound, "the vault has no such tenant")
            }
            chosen = [tenant]
        }
        let empty = try Snapshot.empty(slot, generation: 0, like: nil)
        return try empty.takingOver(chosen, of: self)
    }

    @_optimize(size) private func takingOver(
        _ tenants: [TenantEntry], of source: Snapshot
    ) throws(Failure) -> Snapshot {
        var writer = SnapshotWriter(self)
        for tenant in tenants { try writer.takeOver(tenant, of: source) }
        return try Snapshot(try writer.finish(), after: self)
    }

    /// A vault with one epoch and no tenant, of the newest format; a new one, or the same one under
    /// new keys.
    @_optimize(size) static func empty(
        _ slot: PreparedSlot, generation: UInt64, like old: VaultHeader?
    ) throws(Failure) -> Snapshot {
        let root = try SecretBytes(count: Sealing.keyCount)
        let epochKey = try SecretBytes(count: Sealing.keyCount)
        unsafe root.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
        unsafe epochKey.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
        let vaultID = old?.vaultID ?? .random()
        var region = [ByteBuffer?](repeating: nil, count: KeySlot.maximumCount)
        region[0] = try slot.sealed(at: 0, root: root, vaultID: vaultID)
        let keys = try VaultKeys(root: root)
        let body = ByteBuffer(limit: VaultLayout.maximumCount)
        let identity = VaultRecord.Identity(
            type: .epochKey, epoch: 1, id: .random(), version: 1, vaultID: vaultID)
        try VaultRecord.seal(
            identity, metadata: ByteBuffer(limit: 0), epochKeys: nil, secret: epochKey,
            secretKey: keys.wrap, into: body)
        let now = SnapshotWriter.wallClock()
        let format = VaultLayout.formats.upperBound
        let header = VaultHeader(
            format: format, minor: old?.format == format ? old?.minor ?? 0 : 0,
            optionalFlags: old?.optionalFlags ?? 0, vaultID: vaultID,
            fileID: .random(), generation: generation, bodyCount: UInt64(body.count),
            createdMs: old?.createdMs ?? now, savedMs: now, slotCount: 1, recordCount: 1,
            currentEpoch: 1)
        let bytes = try KeySlot.print(region).withBytes { (slots) throws(Failure) in
            try SnapshotWriter.compose(header, slots: slots, keys, body)
        }
        return try Snapshot(bytes, keys)
    }
}
