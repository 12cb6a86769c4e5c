// VaultReport.swift - what a vault tells about itself as JSON: its make-up, whether it is sound.
//
// Metadata only; a secret is opened to be checked and is wiped at once, never lent.

import CSystem

extension Vault {
    /// The vault's identity, age, size, unlocks and what its last look at the store met.
    @_optimize(size) package func describe() throws(Failure) -> ByteBuffer {
        let snapshot = try current()
        let slots = try snapshot.bytes.withBytes { (span) throws(Failure) in
            try KeySlot.inUse(span)
        }
        var writer = JSONWriter(into: ByteBuffer(limit: 65_536))
        writer.beginObject()
        snapshot.writeCounts(into: &writer)
        writer.key("created")
        writer.time(ms: snapshot.header.createdMs)
        writer.key("saved")
        writer.time(ms: snapshot.header.savedMs)
        writer.key("unlocks")
        writer.beginArray()
        snapshot.bytes.withBytes { span in
            for slot in slots { slot.write(span, into: &writer) }
        }
        writer.endArray()
        if let trouble = following.trouble(nowMs: tvs_boot_us() / 1000) {
            writer.key("refresh_error")
            writer.beginObject()
            trouble.write(into: &writer)
            writer.endObject()
        }
        if let trouble = store.copy?.trouble {
            writer.key("copy_error")
            writer.beginObject()
            writer.key("status")
            writer.string(trouble.status.name.description)
            writer.key("message")
            writer.string(trouble.message)
            writer.endObject()
        }
        writer.endObject()
        guard writer.isComplete else { throw Failure.noMemory }
        return writer.buffer
    }

    /// Reads the stored bytes afresh, makes all checks of opening with the known keys and opens
    /// every tenant key and every secret. The first fault is thrown.
    @_optimize(size) package func verify() throws(Failure) -> ByteBuffer {
        let stored = try onNewest(current()) { (held) throws(Failure) in
            try opened(try store.read(), after: held)
        }
        for tenant in stored.tenants { try stored.checkSecrets(of: tenant) }
        var writer = JSONWriter(into: ByteBuffer(limit: 65_536))
        writer.beginObject()
        stored.writeCounts(into: &writer)
        writer.endObject()
        guard writer.isComplete else { throw Failure.noMemory }
        return writer.buffer
    }
}

extension Snapshot {
    @_optimize(size) fileprivate func writeCounts(into writer: inout JSONWriter) {
        writer.key("vault_id")
        writer.string(HexText.of([header.vaultID.high, header.vaultID.low]))
        let counts: [(StaticString, UInt64)] = [
            ("format", UInt64(header.format)), ("generation", header.generation),
            ("bytes", UInt64(bytes.count)),
            ("tenants", UInt64(tenants.count)), ("credentials", UInt64(accounts.count)),
            ("epochs", UInt64(epochs.count)),
        ]
        for (name, count) in counts {
            writer.key(name)
            writer.int(count)
        }
    }

    /// Opens a tenant's key and each of its secrets.
    @_optimize(size) fileprivate func checkSecrets(of tenant: TenantEntry) throws(Failure) {
        let metadata = ByteBuffer(limit: Metadata.maximumCount)
        let key = try named(tenant.record) { () throws(Failure) in try tenantKey(tenant) }
        for entry in accounts[tenant.accounts] {
            let record = try record(at: entry.offset)
            metadata.removeAll()
            _ = try named(record) { () throws(Failure) in
                _ = try openMetadata(record, into: metadata)
                let secret = try openSecret(record, metadata: metadata, key: key)
                try unsafe VaultRecord.lend(secret) { _ in }
            }
        }
    }

    /// Says which record it was that did not open.
    @_optimize(size) private func named<R: ~Copyable>(
        _ record: VaultRecord, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        do throws(Failure) {
            return try body()
        } catch {
            guard error.status == .recordAuth else { throw error }
            let id = HexText.of([record.id.high, record.id.low])
            throw Failure(
                .recordAuth,
                "record \(id) does not open; restore the file or its .prev copy")
        }
    }
}

extension KeySlot {
    @_optimize(size) fileprivate func write(_ header: RawSpan, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("slot")
        writer.int(index)
        writer.key("type")
        writer.string(typeName)
        writer.key("label")
        writer.string(label(header))
        if kind == UnlockSecret.Kind.passphrase.rawValue {
            writer.key("kdf_memory_kib")
            writer.int(memory / 1024)
            writer.key("kdf_passes")
            writer.int(passes)
        }
        writer.endObject()
    }

    private var typeName: String {
        switch UnlockSecret.Kind(rawValue: kind) {
        case .passphrase: "passphrase"
        case .key: "key"
        case .keyFile: "keyfile"
        case .credential: "credential"
        case nil: "other"
        }
    }

    /// Whatever stands there, as text: the header is authentic, but any writer may have written it.
    @_optimize(size) private func label(_ header: RawSpan) -> String {
        let first = start + Self.label.lowerBound
        let end = (first..<start + Self.label.upperBound).firstPlace {
            header.isZero($0..<start + Self.label.upperBound)
        }
        return header.text(first..<end)
    }
}

extension Following.Trouble {
    /// The members of an object.
    func write(into writer: inout JSONWriter) {
        writer.key("status")
        writer.string(failure.status.name.description)
        writer.key("message")
        writer.string(failure.message)
        writer.key("since")
        writer.time(ms: UInt64(clamping: sinceMs))
        writer.key("stale")
        writer.bool(isStale)
    }
}

extension JSONWriter {
    /// RFC 3339, or null when the number is no time.
    @_optimize(size) fileprivate mutating func time(ms: UInt64) {
        if let text = Int64(exactly: ms).flatMap({ Timestamp.text(milliseconds: $0) }) {
            string(text)
        } else {
            null()
        }
    }
}
