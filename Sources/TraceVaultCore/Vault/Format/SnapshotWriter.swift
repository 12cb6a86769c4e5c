// SnapshotWriter.swift - the next state of a vault, printed from the last one and new records.
//
// Unchanged records are copied as they are, still sealed. Pure: no I/O; random bytes come from
// Sealing. What becomes new records is in SnapshotWriter+Edit.swift and Reseal.swift; writing the
// bytes somewhere is the store's business.

import CSystem

struct SnapshotWriter: ~Copyable {
    /// A record of the next body that is not copied.
    private struct Fresh {
        let type: RecordType
        let id: Identifier
        let place: Range<Int>
    }

    let base: Snapshot
    /// The most bytes that the next file may have.
    private let limit: Int
    private var fresh: [Fresh] = []
    private let freshBytes = ByteBuffer(limit: VaultLayout.maximumCount)
    /// Where records start that are not copied.
    private var dropped: Set<Int> = []
    /// Where records are in the next body.
    private var freshStarts: [Int] = []
    private var moves = RecordMoves()

    @_optimize(size) init(_ base: Snapshot, limit: Int = VaultLayout.maximumCount) {
        self.base = base
        self.limit = limit
    }

    // MARK: - Records

    /// Leaves out the record that starts at an offset of the base.
    mutating func drop(_ offset: Int) { dropped.insert(offset) }

    /// Adds a tenant with a random key, which it gives; pads `metadata` as the format wants it.
    @_optimize(size) mutating func addTenant(metadata: ByteBuffer) throws(Failure) -> SecretBytes {
        let epochKeys = try currentEpoch()
        let id = Identifier.random()
        let key = try SecretBytes(count: Sealing.keyCount)
        unsafe key.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
        let start = freshBytes.count
        try Metadata.pad(metadata, for: base.header.format)
        try VaultRecord.seal(
            identity(.tenantKey, id, 1), metadata: metadata, epochKeys: epochKeys,
            secret: key, secretKey: epochKeys.tenants, into: freshBytes)
        fresh.append(Fresh(type: .tenantKey, id: id, place: start..<freshBytes.count))
        return key
    }

    /// Adds a credential; `secret` is padded, `metadata` becomes so as the format wants it.
    @_optimize(size) mutating func addCredential(
        metadata: ByteBuffer, secret: borrowing SecretBytes, tenantKey: borrowing SecretBytes,
        id: Identifier = .random(), version: UInt64 = 1
    ) throws(Failure) {
        let start = freshBytes.count
        try Metadata.pad(metadata, for: base.header.format)
        try VaultRecord.seal(
            identity(.credential, id, version), metadata: metadata, epochKeys: currentEpoch(),
            secret: secret, secretKey: tenantKey, into: freshBytes)
        fresh.append(Fresh(type: .credential, id: id, place: start..<freshBytes.count))
    }

    @_optimize(size) private func currentEpoch() throws(Failure) -> EpochKeys {
        guard let keys = base.epochs[base.header.currentEpoch] else { throw Snapshot.damagedBody }
        return keys
    }

    @_optimize(size) private func identity(
        _ type: RecordType, _ id: Identifier, _ version: UInt64
    ) -> VaultRecord.Identity {
        VaultRecord.Identity(
            type: type, epoch: base.header.currentEpoch, id: id, version: version,
            vaultID: base.header.vaultID)
    }

    // MARK: - The whole

    /// Prints the next generation with these slots, or the base's.
    consuming func finish(
        slots: (bytes: ByteBuffer, count: UInt8)? = nil
    ) throws(Failure) -> PrintedSnapshot {
        let sorted = fresh.sorted { ($0.type.rawValue, $0.id) < ($1.type.rawValue, $1.id) }
        let base = self.base
        var bodyCount = base.bytes.count - VaultLayout.minimumCount + freshBytes.count
        for offset in dropped {
            let record = try base.record(at: offset)
            bodyCount -= record.end - record.start
        }
        guard bodyCount <= limit - VaultLayout.minimumCount else {
            throw Failure(.limit, "the vault would grow beyond 512 MiB")
        }
        // Records of the base and new ones, each of which is printed once.
        let records = Int(base.header.recordCount) - dropped.count + sorted.count
        guard let recordCount = UInt32(exactly: records) else { throw Snapshot.damagedBody }
        guard let generation = base.header.generation.addingOne else {
            throw Failure(.limit, "the vault's generation cannot grow any more")
        }
        var header = base.header
        header.fileID = .random()
        header.generation = generation
        header.savedMs = Self.wallClock()
        header.recordCount = recordCount
        header.bodyCount = UInt64(bodyCount)
        if let slots { header.slotCount = slots.count }
        let file = try Self.file(for: header)
        var writer = BytesWriter(into: file)
        if let slots {
            slots.bytes.withBytes { header.write(slots: $0, key: base.keys.header, into: &writer) }
        } else {
            base.bytes.withBytes { old in
                let slots = old.extracting(VaultLayout.slots)
                header.write(slots: slots, key: base.keys.header, into: &writer)
            }
        }
        try merge(sorted, into: &writer)
        try Self.close(&writer, header, base.keys)
        return PrintedSnapshot(bytes: file, fresh: freshStarts, dropped: dropped, moves: moves)
    }

    /// Copies the kept records and the fresh ones in the order of the format.
    @_optimize(size) private mutating func merge(
        _ fresh: [Fresh], into writer: inout BytesWriter
    ) throws(Failure) {
        let (base, freshBytes) = (self.base, self.freshBytes)
        try base.bytes.withBytes { (old) throws(Failure) in
            try freshBytes.withBytes { (new) throws(Failure) in
                var rest = fresh[...]
                var offset = VaultLayout.headerCount
                let end = old.byteCount - VaultLayout.macCount
                while offset < end {
                    guard let record = VaultRecord(old, at: offset, before: end) else {
                        throw Snapshot.damagedBody
                    }
                    while let next = rest.first,
                        (next.type.rawValue, next.id) <= (record.type.rawValue, record.id)
                    {
                        freshStarts.append(writer.buffer.count)
                        writer.bytes(new, next.place)
                        rest.removeFirst()
                    }
                    if !dropped.contains(offset) {
                        moves.note(offset, movedTo: writer.buffer.count)
                        writer.bytes(old, offset..<record.end)
                    }
                    offset = record.end
                }
                for next in rest {
                    freshStarts.append(writer.buffer.count)
                    writer.bytes(new, next.place)
                }
            }
        }
    }

    /// Prints a file with these records.
    @_optimize(size) static func compose(
        _ header: VaultHeader, slots: RawSpan, _ keys: VaultKeys, _ body: ByteBuffer
    ) throws(Failure) -> ByteBuffer {
        let file = try file(for: header)
        var writer = BytesWriter(into: file)
        header.write(slots: slots, key: keys.header, into: &writer)
        body.withBytes { writer.bytes($0) }
        try close(&writer, header, keys)
        return file
    }

    /// An empty buffer with room for the whole file: what is printed is never copied again.
    @_optimize(size) private static func file(
        for header: VaultHeader
    ) throws(Failure) -> ByteBuffer {
        guard let bodyCount = Int(exactly: header.bodyCount),
            bodyCount <= VaultLayout.maximumCount - VaultLayout.minimumCount
        else { throw Failure(.limit, "the vault would grow beyond 512 MiB") }
        let file = ByteBuffer(limit: VaultLayout.maximumCount)
        guard file.reserve(bodyCount + VaultLayout.minimumCount) else { throw Failure.noMemory }
        return file
    }

    /// Appends what authenticates header and records.
    @_optimize(size) private static func close(
        _ writer: inout BytesWriter, _ header: VaultHeader, _ keys: VaultKeys
    ) throws(Failure) {
        let key = try keys.body(of: header.fileID)
        unsafe key.withUnsafeBytes { unsafe writer.hash(key: $0) }
        // libsodium leaves a key of BLAKE2b in its frames.
        tvs_wipe_frames()
        guard writer.isComplete else { throw Failure.noMemory }
        // The header was printed before what it counts.
        guard try Revision(of: writer.buffer).isWhole else { throw Snapshot.damagedBody }
    }

    static func wallClock() -> UInt64 { UInt64(exactly: tvs_wall_ms()) ?? 0 }
}

extension UInt64 {
    fileprivate var addingOne: UInt64? {
        let (sum, hasOverflowed) = addingReportingOverflow(1)
        return hasOverflowed ? nil : sum
    }
}
