// SnapshotWriter.swift - the next state of a vault, printed from the last one and a set of changes.
//
// Unchanged records are copied as they are, still sealed. Pure: no I/O; random bytes come from
// Sealing. Writing the bytes somewhere is the store's business.

import CSystem

/// Which account of which tenant.
struct AccountKey: Hashable, Sendable {
    let tenant: TenantName
    let account: AccountID
}

/// A credential on its way into the vault; the secret waits in `PendingSecrets`.
struct CredentialDraft: Sendable {
    let kind: CredentialKind
    var label = ""
    var origin = CredentialFormat.defaultOrigin
    let createdMs: UInt64
    let secret: Range<Int>
}

/// What becomes of an account.
enum Change: Sendable {
    case put(CredentialDraft)
    case remove
}

struct SnapshotWriter: ~Copyable {
    /// A record of the next body that is not copied.
    private struct Fresh {
        let type: RecordType
        let id: Identifier
        let place: Range<Int>
    }

    private let base: Snapshot
    private var fresh: [Fresh] = []
    private let freshBytes = ByteBuffer(limit: VaultLayout.maximumCount)
    /// Where records start that are not copied.
    private var dropped: Set<Int> = []
    /// Where records are in the next body.
    private var freshStarts: [Int] = []
    private var moves = RecordMoves()

    private init(_ base: Snapshot) {
        self.base = base
    }

    /// A vault with one epoch and no tenant.
    static func empty(
        unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Snapshot {
        let keys = try NewKeys(vaultID: .random(), unlock: unlock, settings: settings)
        return try Resealer(under: keys).finish(VaultHeader(first: keys.vaultID))
    }

    /// The bytes of `base` with the changes made.
    static func apply(
        _ changes: [AccountKey: Change], _ pending: PendingSecrets?, _ slots: SlotTable?,
        to base: Snapshot
    ) throws(Failure) -> PrintedSnapshot {
        var writer = SnapshotWriter(base)
        let ordered = changes.keys.sorted {
            ($0.tenant, $0.account) < ($1.tenant, $1.account)
        }
        var start = 0
        while start < ordered.count {
            let tenant = ordered[start].tenant
            var end = start
            while end < ordered.count, ordered[end].tenant == tenant { end += 1 }
            try writer.change(tenant, ordered[start..<end], changes, pending)
            start = end
        }
        return try writer.finish(slots)
    }

    // MARK: - One tenant

    private mutating func change(
        _ name: TenantName, _ accounts: ArraySlice<AccountKey>,
        _ changes: [AccountKey: Change], _ pending: PendingSecrets?
    ) throws(Failure) {
        let tenant = base.tenant(name)
        var remaining = tenant?.accounts.count ?? 0
        var puts: [(AccountID, CredentialDraft, Snapshot.AccountEntry?)] = []
        for key in accounts {
            let old = tenant.flatMap { base.account(key.account, of: $0) }
            if let old { dropped.insert(old.offset) }
            if old != nil { remaining -= 1 }
            if case .put(let draft)? = changes[key] { puts.append((key.account, draft, old)) }
        }
        guard !puts.isEmpty else {
            // A tenant goes with its last account, and its key with it.
            if let tenant, remaining == 0 { dropped.insert(tenant.record.start) }
            return
        }
        guard let pending else { throw Failure(.other, "an edit has lost its secrets") }
        let tenantKey: SecretBytes
        if let tenant {
            tenantKey = try base.tenantKey(tenant)
        } else {
            tenantKey = try addTenant(name)
        }
        for (account, draft, old) in puts {
            try add(name, account, draft, replacing: old, tenantKey, pending)
        }
    }

    private mutating func addTenant(_ name: TenantName) throws(Failure) -> SecretBytes {
        guard let epochKeys = base.epochs[base.header.currentEpoch] else {
            throw Snapshot.damagedBody
        }
        let key = try SecretBytes(count: Sealing.keyCount)
        unsafe key.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        var writer = BytesWriter(into: metadata)
        Metadata.write(tenant: name, createdMs: Self.wallClock(), into: &writer)
        guard writer.isComplete else { throw Failure.noMemory }
        let identity = identity(.tenantKey, replacing: nil)
        let start = freshBytes.count
        try VaultRecord.seal(
            identity, metadata: metadata, epochKeys: epochKeys, secret: key,
            secretKey: epochKeys.tenants, into: freshBytes)
        fresh.append(Fresh(type: .tenantKey, id: identity.id, place: start..<freshBytes.count))
        return key
    }

    private mutating func add(
        _ tenant: TenantName, _ account: AccountID, _ draft: CredentialDraft,
        replacing old: Snapshot.AccountEntry?, _ tenantKey: borrowing SecretBytes,
        _ pending: PendingSecrets
    ) throws(Failure) {
        guard let epochKeys = base.epochs[base.header.currentEpoch] else {
            throw Snapshot.damagedBody
        }
        let secret = try pending.open(draft.secret)
        let fingerprint = try unsafe secret.withUnsafeBytes { (bytes) throws(Failure) in
            guard let count = unsafe Sealing.unpaddedCount(bytes) else {
                throw Failure(.other, "an edit has lost its secrets")
            }
            return try unsafe base.keys.fingerprint(
                of: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        var writer = BytesWriter(into: metadata)
        Metadata.write(
            draft, tenant: tenant, account: account, fingerprint: fingerprint, into: &writer)
        guard writer.isComplete else { throw Failure.noMemory }
        var oldRecord: VaultRecord?
        if let old { oldRecord = try base.record(at: old.offset) }
        let identity = identity(.credential, replacing: oldRecord)
        let start = freshBytes.count
        try VaultRecord.seal(
            identity, metadata: metadata, epochKeys: epochKeys, secret: secret,
            secretKey: tenantKey, into: freshBytes)
        fresh.append(Fresh(type: .credential, id: identity.id, place: start..<freshBytes.count))
    }

    private func identity(
        _ type: RecordType, replacing old: VaultRecord?
    ) -> VaultRecord.Identity {
        VaultRecord.Identity(
            type: type, epoch: base.header.currentEpoch, id: old?.id ?? .random(),
            version: (old?.version ?? 0) &+ 1, vaultID: base.header.vaultID)
    }

    // MARK: - The whole

    private consuming func finish(_ slots: SlotTable?) throws(Failure) -> PrintedSnapshot {
        let sorted = fresh.sorted { ($0.type.rawValue, $0.id) < ($1.type.rawValue, $1.id) }
        let body = ByteBuffer(limit: VaultLayout.maximumCount)
        let base = self.base
        guard body.reserve(base.bytes.count - VaultLayout.minimumCount + freshBytes.count) else {
            throw Failure(.limit, "the vault would grow beyond 512 MiB")
        }
        let count = try merge(sorted, into: body)
        var header = try base.header.next()
        if let slots { header.slotCount = slots.count }
        header.recordCount = count
        header.bodyCount = UInt64(body.count)
        let next = header
        let bytes = try base.bytes.withBytes { (old) throws(Failure) in
            let print = { (slots: RawSpan) throws(Failure) in
                try Self.compose(next, slots: slots, base.keys) { writer in
                    body.withBytes { writer.bytes($0) }
                }
            }
            guard let slots else { return try print(old.extracting(VaultLayout.slots)) }
            return try slots.bytes.withBytes { (new) throws(Failure) in try print(new) }
        }
        return PrintedSnapshot(bytes: bytes, fresh: freshStarts, dropped: dropped, moves: moves)
    }

    /// Copies the kept records and the fresh ones in the order of the format.
    private mutating func merge(
        _ fresh: [Fresh], into body: ByteBuffer
    ) throws(Failure) -> UInt32 {
        let (base, freshBytes) = (self.base, self.freshBytes)
        return try base.bytes.withBytes { (old) throws(Failure) in
            try freshBytes.withBytes { (new) throws(Failure) in
                var writer = BytesWriter(into: body)
                var rest = fresh[...]
                var copied: UInt32 = 0
                var offset = VaultLayout.headerCount
                let end = old.byteCount - VaultLayout.macCount
                while offset < end {
                    guard let record = VaultRecord(old, at: offset, before: end) else {
                        throw Snapshot.damagedBody
                    }
                    while let next = rest.first,
                        (next.type.rawValue, next.id) <= (record.type.rawValue, record.id)
                    {
                        freshStarts.append(VaultLayout.headerCount + body.count)
                        writer.bytes(new, next.place)
                        rest.removeFirst()
                    }
                    if !dropped.contains(offset) {
                        moves.note(offset, movedTo: VaultLayout.headerCount + body.count)
                        writer.bytes(old, offset..<record.end)
                        copied += 1
                    }
                    offset = record.end
                }
                for next in rest {
                    freshStarts.append(VaultLayout.headerCount + body.count)
                    writer.bytes(new, next.place)
                }
                guard writer.isComplete else { throw Failure.noMemory }
                return copied + UInt32(fresh.count)
            }
        }
    }

    static func compose(
        _ header: VaultHeader, slots: RawSpan, _ keys: VaultKeys,
        _ body: (inout BytesWriter) -> Void
    ) throws(Failure) -> ByteBuffer {
        guard let bodyCount = Int(exactly: header.bodyCount),
            bodyCount <= VaultLayout.maximumCount - VaultLayout.minimumCount
        else { throw Failure(.limit, "the vault would grow beyond 512 MiB") }
        let file = ByteBuffer(limit: VaultLayout.maximumCount)
        guard file.reserve(bodyCount + VaultLayout.minimumCount) else { throw Failure.noMemory }
        var writer = BytesWriter(into: file)
        header.write(slots: slots, key: keys.header, into: &writer)
        body(&writer)
        let key = try keys.body(of: header.fileID)
        unsafe key.withUnsafeBytes { unsafe writer.hash(key: $0) }
        guard writer.isComplete else { throw Failure.noMemory }
        return file
    }

    static func wallClock() -> UInt64 { UInt64(exactly: tvs_wall_ms()) ?? 0 }
}
