// BodyReader.swift - the walk over a snapshot's body that makes its index.
//
// The order of the checks is that of docs/vault-format.md: heads first, then record by record.

/// Walks a body once and gathers what the index is made of.
struct BodyReader: ~Copyable {
    let header: VaultHeader
    let maximumEpochs: Int
    var epochs: [UInt32: EpochKeys] = [:]
    var tenants: [Snapshot.TenantEntry] = []
    private var tenantPlaces: [TenantName: Int] = [:]
    var accounts: [Snapshot.AccountEntry] = []

    init(header: VaultHeader, maximumEpochs: Int) {
        self.header = header
        self.maximumEpochs = maximumEpochs
    }

    mutating func read(_ span: RawSpan, _ keys: VaultKeys) throws(Failure) {
        try checkHeads(span)
        let end = span.byteCount - VaultLayout.macCount
        let noMetadata = ByteBuffer(limit: 0)
        let scratch = ByteBuffer(limit: Metadata.maximumCount)
        var offset = VaultLayout.headerCount
        while offset < end {
            guard let record = VaultRecord(span, at: offset, before: end) else {
                throw Snapshot.damagedBody
            }
            if record.type == .epochKey {
                try addEpoch(span, record, noMetadata, keys)
            } else {
                try add(span, record, scratch)
            }
            offset = record.end
        }
    }

    /// Checks, before any record is opened, what the heads alone tell: it has its own status.
    private func checkHeads(_ span: RawSpan) throws(Failure) {
        let end = span.byteCount - VaultLayout.macCount
        var known: Set<UInt32> = []
        var last: VaultRecord?
        var offset = VaultLayout.headerCount
        var count: UInt32 = 0
        while offset < end {
            guard let record = VaultRecord(span, at: offset, before: end),
                last.map({ ($0.type.rawValue, $0.id) < (record.type.rawValue, record.id) }) ?? true,
                record.type != .epochKey
                    || (known.count < maximumEpochs && known.insert(record.epoch).inserted)
            else { throw Snapshot.damagedBody }
            last = record
            offset = record.end
            count += 1
        }
        guard count == header.recordCount, known.contains(header.currentEpoch) else {
            throw Snapshot.damagedBody
        }
    }

    private mutating func addEpoch(
        _ span: RawSpan, _ record: VaultRecord, _ noMetadata: ByteBuffer, _ keys: VaultKeys
    ) throws(Failure) {
        let vaultID = header.vaultID
        let key = try noMetadata.withBytes { (none) throws(Failure) in
            try record.openSecret(span, vaultID: vaultID, metadata: none, key: keys.wrap)
        }
        guard key.count == Sealing.keyCount else { throw VaultRecord.unopened }
        epochs[record.epoch] = try EpochKeys(key)
    }

    private mutating func add(
        _ span: RawSpan, _ record: VaultRecord, _ scratch: ByteBuffer
    ) throws(Failure) {
        let owner = try Snapshot.owner(of: record, span, header, epochs, scratch)
        if record.type == .tenantKey {
            guard tenantPlaces.updateValue(tenants.count, forKey: owner.tenant) == nil else {
                throw Snapshot.damagedBody
            }
            tenants.append(Snapshot.TenantEntry(name: owner.tenant, record: record))
        } else {
            guard let tenant = tenantPlaces[owner.tenant], let account = owner.account else {
                throw VaultRecord.unopened
            }
            accounts.append(
                Snapshot.AccountEntry(
                    tenant: tenant, account: account, state: owner.state,
                    identity: owner.identity, offset: record.start))
        }
    }

    /// Sorts both lists and tells each tenant where its accounts are.
    consuming func index() throws(Failure) -> (
        [Snapshot.TenantEntry], [Snapshot.AccountEntry]
    ) {
        let order = tenants.indices.sorted { tenants[$0].name < tenants[$1].name }
        var rank = [Int](repeating: 0, count: tenants.count)
        for (place, old) in order.enumerated() { rank[old] = place }
        var sortedTenants = order.map { tenants[$0] }
        let sortedAccounts = accounts.map {
            Snapshot.AccountEntry(
                tenant: rank[$0.tenant], account: $0.account, state: $0.state,
                identity: $0.identity, offset: $0.offset)
        }.sorted { $0.order < $1.order }
        var start = 0
        while start < sortedAccounts.count {
            let tenant = sortedAccounts[start].tenant
            var end = start + 1
            while end < sortedAccounts.count, sortedAccounts[end].tenant == tenant {
                guard sortedAccounts[end - 1].order < sortedAccounts[end].order else {
                    throw Snapshot.damagedBody
                }
                end += 1
            }
            sortedTenants[tenant].accounts = start..<end
            start = end
        }
        return (sortedTenants, sortedAccounts)
    }
}
