// SnapshotWriter+Edit.swift - an edit's changes as records: which are dropped, changed or new.
//
// Runs again from the start when another writer was faster, so nothing here keeps state.

extension SnapshotWriter {
    /// The bytes of `base` with the changes made, but for a rekey.
    @_optimize(size) static func apply(
        _ changes: EditChanges, to base: Snapshot
    ) throws(Failure) -> PrintedSnapshot {
        var writer = SnapshotWriter(base)
        for (name, judged) in changes.removedTenants {
            guard let tenant = base.tenant(name) else { continue }
            writer.drop(tenant.record.start)
            for entry in base.accounts[tenant.accounts] {
                guard judged.contains(entry.identity) else { throw AccountChange.conflict }
                writer.drop(entry.offset)
            }
        }
        let ordered = changes.accounts.keys.sorted {
            ($0.tenant, $0.account) < ($1.tenant, $1.account)
        }
        var start = 0
        while start < ordered.count {
            let tenant = ordered[start].tenant
            var end = start
            while end < ordered.count, ordered[end].tenant == tenant { end += 1 }
            try writer.change(tenant, ordered[start..<end], changes)
            start = end
        }
        let slots = changes.unlocks.isEmpty ? nil : try base.slots(with: changes.unlocks)
        return try writer.finish(slots: slots)
    }

    /// A credential that is not copied as it is.
    private struct Addition {
        let account: AccountID
        let version: CredentialVersion
        let state: Metadata.State
    }

    @_optimize(size) private mutating func change(
        _ name: TenantName, _ keys: ArraySlice<AccountKey>, _ changes: EditChanges
    ) throws(Failure) {
        let tenant = changes.removedTenants[name] == nil ? base.tenant(name) : nil
        var kept = tenant?.accounts.count ?? 0
        var additions: [Addition] = []
        for key in keys {
            let stored = tenant.map { base.credentials(of: key.account, in: $0) } ?? []
            guard var versions = try changes.accounts[key]?.folded(over: stored) else { continue }
            if let rotation = versions.rotation,
                let draft = try repeated(rotation.new, rotation.old, rotation.set, changes.pending)
            {
                versions.putAnew(draft, over: rotation.old, stored: stored)
            }
            var copied: [Int] = []
            for (version, state) in [
                (versions.active, Metadata.State.active), (versions.retiring, .retiring),
            ] {
                guard let version else { continue }
                if let entry = version.unchanged(as: state) {
                    copied.append(entry.offset)
                } else {
                    additions.append(Addition(account: key.account, version: version, state: state))
                }
            }
            for entry in stored where !copied.contains(entry.offset) {
                drop(entry.offset)
                kept -= 1
            }
        }
        guard !additions.isEmpty else {
            // A tenant goes with its last credential, and its key with it.
            if let tenant, kept == 0 { drop(tenant.record.start) }
            return
        }
        let tenantKey: SecretBytes
        if let tenant {
            tenantKey = try base.tenantKey(tenant)
        } else {
            tenantKey = try addTenant(
                metadata: Metadata.print([
                    (.tenant, .text(name.text)), (.created, .word(Self.wallClock())),
                ]))
        }
        for addition in additions {
            try add(addition, of: name, tenantKey, changes.pending)
        }
    }

    /// What a rotation puts where it puts the stored credential once more, with the same secret and
    /// the same e-mail address: what it says nothing of stays. Else nil.
    private func repeated(
        _ draft: CredentialDraft, _ old: Snapshot.AccountEntry, _ set: PropertyChanges,
        _ pending: PendingSecrets?
    ) throws(Failure) -> CredentialDraft? {
        guard let pending else { return nil }
        let secret = try pending.open(draft.secret)
        guard try base.keys.fingerprint(ofPadded: secret) == old.identity.fingerprint else {
            return nil
        }
        let bytes = ByteBuffer(limit: Metadata.maximumCount)
        _ = try base.openMetadata(try base.record(at: old.offset), into: bytes)
        return try bytes.withBytes { (span) throws(Failure) in
            guard let stored = Metadata(span, 0..<span.byteCount, of: .credential) else {
                throw Snapshot.damagedBody
            }
            guard stored.credentialKind(span) == draft.kind else { return nil }
            var kept = draft
            kept.keep(stored, span, set)
            return kept
        }
    }

    @_optimize(size) private mutating func add(
        _ addition: Addition, of tenant: TenantName, _ tenantKey: borrowing SecretBytes,
        _ pending: PendingSecrets?
    ) throws(Failure) {
        let version = addition.version
        guard var draft = version.draft else {
            guard let entry = version.record else { throw Snapshot.damagedBody }
            let fields = Metadata.fields(of: version.changes, state: addition.state)
            return try reseal(entry, of: base, tenantKey, into: tenantKey, fields)
        }
        guard let pending else { throw PendingSecrets.lost }
        draft.properties.add(version.changes)
        let secret = try pending.open(draft.secret)
        let metadata = try Metadata.print(
            Metadata.fields(
                of: draft, tenant: tenant, account: addition.account, state: addition.state,
                fingerprint: try base.keys.fingerprint(ofPadded: secret)))
        var old: VaultRecord?
        if let entry = version.record { old = try base.record(at: entry.offset) }
        try addCredential(
            metadata: metadata, secret: secret, tenantKey: tenantKey,
            id: old?.id ?? .random(), version: (old?.version ?? 0) &+ 1)
    }
}
