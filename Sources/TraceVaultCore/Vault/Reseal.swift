// Reseal.swift - stored credentials sealed anew under other keys: what rekeying and exporting share.
//
// Secrets pass through guarded memory one at a time. Nothing sealed is copied: record ids, nonces,
// keys and ciphertexts are all new. Who asks for it, and where the result goes, is not decided here.

/// The root of a vault that is written anew, and the one slot that opens it.
final class NewKeys: Sendable {
    let vaultID: Identifier
    let keys: VaultKeys
    /// Slot 0; the others are not in use.
    let slots: ByteBuffer

    init(vaultID: Identifier, unlock: UnlockSecret, settings: VaultSettings) throws(Failure) {
        let root = try SecretBytes.random()
        let first = try KeySlot.write(
            root: root, vaultID: vaultID, unlock: unlock, settings: settings, count: 1)
        slots = ByteBuffer(limit: VaultLayout.slots.count)
        var writer = BytesWriter(into: slots)
        first.withBytes { writer.bytes($0) }
        writer.zeros(VaultLayout.slots.count - VaultLayout.slotCount)
        guard writer.isComplete else { throw Failure.noMemory }
        keys = try VaultKeys(root: root)
        self.vaultID = vaultID
    }
}

/// Prints a body under new keys: one epoch, new tenant keys, every record new.
struct Resealer {
    private struct Piece {
        let type: RecordType
        let id: Identifier
        let place: Range<Int>
    }

    static let epoch: UInt32 = 1

    private let target: NewKeys
    private let epochKeys: EpochKeys
    private let sealed = ByteBuffer(limit: VaultLayout.maximumCount)
    private var pieces: [Piece] = []
    private let metadata = ByteBuffer(limit: Metadata.maximumCount)

    /// Begins a body with the epoch's key and nothing else.
    init(under target: NewKeys) throws(Failure) {
        let key = try SecretBytes.random()
        self.target = target
        epochKeys = try EpochKeys(key)
        try seal(.epochKey, ByteBuffer(limit: 0), key, with: target.keys.wrap)
    }

    /// Adds one tenant of a snapshot with all its credentials.
    mutating func add(_ tenant: Snapshot.TenantEntry, of source: Snapshot) throws(Failure) {
        let oldKey = try source.tenantKey(tenant)
        let newKey = try SecretBytes.random()
        metadata.removeAll()
        _ = try source.openMetadata(tenant.record, into: metadata)
        let epochKeys = self.epochKeys
        try seal(.tenantKey, metadata, newKey, with: epochKeys.tenants)
        for entry in source.accounts[tenant.accounts] {
            let record = try source.record(at: entry.offset)
            try reseal(record, of: source, openedWith: oldKey, sealedWith: newKey)
        }
    }

    /// Seals a stored credential's metadata and secret under other keys. The fingerprint is keyed,
    /// and so new; everything else stays, also what a later version wrote.
    private mutating func reseal(
        _ record: VaultRecord, of source: Snapshot, openedWith oldKey: borrowing SecretBytes,
        sealedWith newKey: borrowing SecretBytes
    ) throws(Failure) {
        metadata.removeAll()
        _ = try source.openMetadata(record, into: metadata)
        let secret = try source.bytes.withBytes { (span) throws(Failure) in
            try metadata.withBytes { (metadata) throws(Failure) in
                try record.openSecret(
                    span, vaultID: source.header.vaultID, metadata: metadata, key: oldKey)
            }
        }
        let fingerprint = try unsafe secret.withUnsafeBytes { (bytes) throws(Failure) in
            guard let count = unsafe Sealing.unpaddedCount(bytes) else {
                throw VaultRecord.unopened
            }
            return try unsafe target.keys.fingerprint(
                of: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        let renewed = ByteBuffer(limit: Metadata.maximumCount)
        var writer = BytesWriter(into: renewed)
        let isRead = metadata.withBytes {
            Metadata.copy($0, fingerprint: fingerprint, into: &writer)
        }
        guard isRead else { throw VaultRecord.unopened }
        guard writer.isComplete else { throw Failure.noMemory }
        try seal(.credential, renewed, secret, with: newKey)
    }

    private mutating func seal(
        _ type: RecordType, _ metadata: ByteBuffer, _ secret: borrowing SecretBytes,
        with key: borrowing SecretBytes
    ) throws(Failure) {
        let identity = VaultRecord.Identity(
            type: type, epoch: Self.epoch, id: .random(), version: 1, vaultID: target.vaultID)
        let start = sealed.count
        try VaultRecord.seal(
            identity, metadata: metadata, epochKeys: type == .epochKey ? nil : epochKeys,
            secret: secret, secretKey: key, into: sealed)
        pieces.append(Piece(type: type, id: identity.id, place: start..<sealed.count))
    }

    /// The whole file, opened with the keys that readers use. Of `header` all stays that does not
    /// follow from the new body and slot.
    consuming func finish(_ header: VaultHeader) throws(Failure) -> Snapshot {
        let (target, sealed) = (self.target, self.sealed)
        let order = pieces.sorted { ($0.type.rawValue, $0.id) < ($1.type.rawValue, $1.id) }
        var header = header
        header.slotCount = 1
        header.currentEpoch = Self.epoch
        header.recordCount = UInt32(clamping: order.count)
        header.bodyCount = UInt64(sealed.count)
        let next = header
        let file = try target.slots.withBytes { (slots) throws(Failure) in
            try SnapshotWriter.compose(next, slots: slots, target.keys) { writer in
                sealed.withBytes { span in
                    for piece in order { writer.bytes(span, piece.place) }
                }
            }
        }
        return try Snapshot(file, target.keys)
    }
}

extension SecretBytes {
    /// A new key.
    static func random() throws(Failure) -> SecretBytes {
        let key = try SecretBytes(count: Sealing.keyCount)
        unsafe key.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
        return key
    }
}
