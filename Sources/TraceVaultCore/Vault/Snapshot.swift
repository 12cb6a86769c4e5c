// Snapshot.swift - one whole state of a vault: the sealed bytes and an index over them.
//
// Immutable. Records stay sealed; the index holds names, account ids and offsets. Opening walks the
// checks in the order of docs/vault-format.md and gives each kind of damage its own status.

package final class Snapshot: Sendable {
    struct TenantEntry: Sendable {
        let name: TenantName
        var record: VaultRecord
        /// Its places in `accounts`.
        var accounts = 0..<0
    }

    struct AccountEntry: Sendable {
        /// Its place in `tenants`.
        let tenant: Int
        let account: AccountID
        /// Where its record starts.
        let offset: Int
    }

    /// The most epochs a vault may have; each takes two keys in guarded memory.
    private static let maximumEpochs = 64

    /// The file as it is.
    let bytes: ByteBuffer
    let header: VaultHeader
    /// The keys it opens with; a later snapshot has the same until the vault is rekeyed.
    let keys: VaultKeys
    let epochs: [UInt32: EpochKeys]
    /// By name.
    let tenants: [TenantEntry]
    /// By tenant, then by account id.
    let accounts: [AccountEntry]

    // MARK: - Opening

    /// Opens a vault with an unlock secret: all checks.
    static func open(
        _ bytes: ByteBuffer, with unlock: UnlockSecret
    ) throws(Failure) -> Snapshot {
        let keys = try bytes.withBytes { (span) throws(Failure) in
            let header = try VaultHeader(span)
            let root = try KeySlot.unlock(span, vaultID: header.vaultID, with: unlock)
            return try VaultKeys(root: root)
        }
        return try Snapshot(bytes, keys)
    }

    /// Opens a later state of a vault whose keys are known: all checks but the unlocking.
    init(_ bytes: ByteBuffer, _ keys: VaultKeys) throws(Failure) {
        let opened = try bytes.withBytes { (span) throws(Failure) in
            let header = try VaultHeader(span)
            try KeySlot.checkCosts(span)
            try VaultHeader.checkMAC(span, key: keys.header)
            try Self.checkBody(span, header, keys)
            var reader = BodyReader(header: header, maximumEpochs: Self.maximumEpochs)
            try reader.read(span, keys)
            return reader
        }
        self.bytes = bytes
        self.keys = keys
        header = opened.header
        epochs = opened.epochs
        (tenants, accounts) = try opened.index()
    }

    init(
        _ bytes: ByteBuffer, _ header: VaultHeader, _ keys: VaultKeys,
        epochs: [UInt32: EpochKeys], tenants: [TenantEntry], accounts: [AccountEntry]
    ) {
        self.bytes = bytes
        self.header = header
        self.keys = keys
        self.epochs = epochs
        self.tenants = tenants
        self.accounts = accounts
    }

    private static func checkBody(
        _ span: RawSpan, _ header: VaultHeader, _ keys: VaultKeys
    ) throws(Failure) {
        let end = span.byteCount - VaultLayout.macCount
        guard header.bodyCount == UInt64(end - VaultLayout.headerCount) else {
            throw damagedBody
        }
        let key = try keys.body(of: header.fileID)
        let isGenuine = unsafe key.withUnsafeBytes {
            unsafe Sealing.isHash(
                span.extracting(end..<span.byteCount), of: span.extracting(0..<end), key: $0)
        }
        guard isGenuine else { throw damagedBody }
    }

    static let damagedBody = Failure(
        .damagedBody, "the vault's body is damaged or cut; restore the file or its .prev copy")

    // MARK: - Looking up

    func tenant(_ name: TenantName) -> TenantEntry? {
        let place = tenants.indices.firstPlace { tenants[$0].name >= name }
        guard place < tenants.count, tenants[place].name == name else { return nil }
        return tenants[place]
    }

    /// The place in `accounts` of one account of one tenant.
    func account(_ account: AccountID, of tenant: TenantEntry) -> AccountEntry? {
        let place = tenant.accounts.firstPlace { accounts[$0].account >= account }
        guard place < tenant.accounts.upperBound, accounts[place].account == account else {
            return nil
        }
        return accounts[place]
    }

    /// The record that starts at an offset of the index.
    func record(at offset: Int) throws(Failure) -> VaultRecord {
        let record = bytes.withBytes { span in
            VaultRecord(span, at: offset, before: span.byteCount - VaultLayout.macCount)
        }
        guard let record else { throw Self.damagedBody }
        return record
    }

    /// Appends one record's metadata, opened, and says where it is.
    func openMetadata(_ record: VaultRecord, into out: ByteBuffer) throws(Failure) -> Range<Int> {
        let start = out.count
        guard let keys = epochs[record.epoch] else { throw VaultRecord.unopened }
        let isOpen = bytes.withBytes { span in
            record.openMetadata(span, vaultID: header.vaultID, key: keys.metadata, into: out)
        }
        guard isOpen else { throw VaultRecord.unopened }
        return start..<out.count
    }

    /// Whose record it is, from its metadata in `span`, opened into `scratch`.
    static func owner(
        of record: VaultRecord, _ span: RawSpan, vaultID: Identifier,
        _ epochs: [UInt32: EpochKeys], _ scratch: ByteBuffer
    ) throws(Failure) -> (TenantName, AccountID?) {
        scratch.removeAll()
        guard let keys = epochs[record.epoch],
            record.openMetadata(span, vaultID: vaultID, key: keys.metadata, into: scratch)
        else { throw VaultRecord.unopened }
        let owner = scratch.withBytes { plain in
            Metadata(plain, 0..<plain.byteCount, of: record.type).map {
                (TenantName(unchecked: plain.text($0.tenant)), $0.account)
            }
        }
        guard let owner else { throw VaultRecord.unopened }
        return owner
    }

    /// Unwraps a tenant's key.
    func tenantKey(_ tenant: TenantEntry) throws(Failure) -> SecretBytes {
        guard let keys = epochs[tenant.record.epoch] else { throw VaultRecord.unopened }
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        _ = try openMetadata(tenant.record, into: metadata)
        let key = try bytes.withBytes { (span) throws(Failure) in
            try metadata.withBytes { (metadata) throws(Failure) in
                try tenant.record.openSecret(
                    span, vaultID: header.vaultID, metadata: metadata, key: keys.tenants)
            }
        }
        guard key.count == Sealing.keyCount else { throw VaultRecord.unopened }
        return key
    }
}

/// Walks a body once and gathers what the index is made of.
private struct BodyReader: ~Copyable {
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
        let (name, account) = try Snapshot.owner(
            of: record, span, vaultID: header.vaultID, epochs, scratch)
        if record.type == .tenantKey {
            guard tenantPlaces.updateValue(tenants.count, forKey: name) == nil else {
                throw Snapshot.damagedBody
            }
            tenants.append(Snapshot.TenantEntry(name: name, record: record))
        } else {
            guard let tenant = tenantPlaces[name], let account else { throw VaultRecord.unopened }
            accounts.append(
                Snapshot.AccountEntry(tenant: tenant, account: account, offset: record.start))
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
            Snapshot.AccountEntry(tenant: rank[$0.tenant], account: $0.account, offset: $0.offset)
        }.sorted { ($0.tenant, $0.account) < ($1.tenant, $1.account) }
        var start = 0
        while start < sortedAccounts.count {
            let tenant = sortedAccounts[start].tenant
            var end = start + 1
            while end < sortedAccounts.count, sortedAccounts[end].tenant == tenant {
                guard sortedAccounts[end - 1].account != sortedAccounts[end].account else {
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
