// Snapshot.swift - one whole state of a vault: the sealed bytes and an index over them.
//
// Immutable. Records stay sealed; the index holds names, account ids and offsets. Opening walks the
// checks in the order of docs/vault-format.md and gives each kind of damage its own status.

import CSystem

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
        let state: Metadata.State
        let identity: CredentialIdentity
        /// Where its record starts.
        let offset: Int

        /// What no two entries have in common, in the index's order: the active one comes first.
        var order: (Int, AccountID, UInt8) { (tenant, account, state.rawValue) }
    }

    /// Whose record it is, and in which state.
    struct Owner {
        let tenant: TenantName
        let account: AccountID?
        let state: Metadata.State
        let identity: CredentialIdentity
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
    /// Credentials by tenant, then by account id, then by state.
    let accounts: [AccountEntry]

    // MARK: - Opening

    /// Opens a vault with an unlock secret: all checks. `memory` is what a passphrase may cost.
    static func open(
        _ bytes: ByteBuffer, with unlock: UnlockSecret,
        memory: UInt64 = KeySlot.memoryOfStrangers
    ) throws(Failure) -> Snapshot {
        let keys = try bytes.withBytes { (span) throws(Failure) in
            let header = try VaultHeader(span)
            let root = try KeySlot.unlock(
                span, vaultID: header.vaultID, with: unlock, memory: memory)
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
        // libsodium leaves a key of BLAKE2b in its frames.
        defer { tvs_wipe_frames() }
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

    /// The credentials of one account of one tenant: none, one or two.
    func credentials(of account: AccountID, in tenant: TenantEntry) -> ArraySlice<AccountEntry> {
        let start = tenant.accounts.firstPlace { accounts[$0].account >= account }
        var end = start
        while end < tenant.accounts.upperBound, accounts[end].account == account { end += 1 }
        return accounts[start..<end]
    }

    func credentials(of key: AccountKey) -> ArraySlice<AccountEntry> {
        tenant(key.tenant).map { credentials(of: key.account, in: $0) } ?? []
    }

    /// The record that starts at an offset of the index.
    func record(at offset: Int) throws(Failure) -> VaultRecord {
        let record = bytes.withBytes { span in
            VaultRecord(span, at: offset, before: span.byteCount - VaultLayout.macCount)
        }
        guard let record else { throw Self.damagedBody }
        return record
    }

    /// Appends one record as it is, sealed, and gives it as it stands there.
    func copy(_ record: VaultRecord, into out: ByteBuffer) throws(Failure) -> VaultRecord {
        let start = out.count
        let isCopied = bytes.withBytes { span in
            unsafe span.extracting(record.start..<record.end).withUnsafeBytes {
                unsafe out.append($0)
            }
        }
        let copied = out.withBytes { VaultRecord($0, at: start, before: $0.byteCount) }
        guard isCopied, let copied else { throw Failure.noMemory }
        return copied
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
        of record: VaultRecord, _ span: RawSpan, _ header: VaultHeader,
        _ epochs: [UInt32: EpochKeys], _ scratch: ByteBuffer
    ) throws(Failure) -> Owner {
        scratch.removeAll()
        guard let keys = epochs[record.epoch],
            record.openMetadata(span, vaultID: header.vaultID, key: keys.metadata, into: scratch)
        else { throw VaultRecord.unopened }
        let owner = scratch.withBytes { (plain) -> Owner? in
            guard let metadata = Metadata(plain, 0..<plain.byteCount, of: record.type),
                metadata.isPadded(plain.byteCount, for: header.format)
            else { return nil }
            return Owner(
                tenant: TenantName(unchecked: plain.text(metadata.tenant)),
                account: metadata.account, state: metadata.state,
                identity: CredentialIdentity(
                    record: record.id, fingerprint: metadata.fingerprint))
        }
        guard let owner else { throw VaultRecord.unopened }
        return owner
    }

    /// Opens a record's secret; `metadata` is its opened metadata.
    func openSecret(
        _ record: VaultRecord, metadata: ByteBuffer, key: borrowing SecretBytes
    ) throws(Failure) -> SecretBytes {
        try bytes.withBytes { (span) throws(Failure) in
            try metadata.withBytes { (metadata) throws(Failure) in
                try record.openSecret(
                    span, vaultID: header.vaultID, metadata: metadata, key: key)
            }
        }
    }

    /// Unwraps a tenant's key.
    func tenantKey(_ tenant: TenantEntry) throws(Failure) -> SecretBytes {
        guard let keys = epochs[tenant.record.epoch] else { throw VaultRecord.unopened }
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        _ = try openMetadata(tenant.record, into: metadata)
        let key = try openSecret(tenant.record, metadata: metadata, key: keys.tenants)
        guard key.count == Sealing.keyCount else { throw VaultRecord.unopened }
        return key
    }
}
