// Rekey.swift - a vault's next state under new keys, and how other open handles learn of it.

extension Snapshot {
    /// The state that follows this one: credentials changed, then the unlock slots or all keys.
    func successor(
        _ changes: [AccountKey: Change], _ pending: PendingSecrets?, _ unlocks: UnlockChanges
    ) throws(Failure) -> Snapshot {
        guard let keys = unlocks.rekey else {
            let slots = try unlocks.slots(of: self)
            let printed = try SnapshotWriter.apply(changes, pending, slots, to: self)
            return try Snapshot(printed, after: self)
        }
        var changed = self
        if !changes.isEmpty {
            let printed = try SnapshotWriter.apply(changes, pending, nil, to: self)
            changed = try Snapshot(printed, after: self)
        }
        var resealer = try Resealer(under: keys)
        for tenant in changed.tenants { try resealer.add(tenant, of: changed) }
        return try resealer.finish(try header.next())
    }

    /// Opens a later state with the keys of this one.
    func reopened(_ bytes: ByteBuffer) throws(Failure) -> Snapshot {
        do throws(Failure) { return try Snapshot(bytes, keys) } catch {
            guard error.status == .headerMAC, !hasSameSlots(as: bytes) else { throw error }
            throw Failure(
                .unlock, "the vault was rekeyed: open it again with its new unlock secret")
        }
    }

    private func hasSameSlots(as other: ByteBuffer) -> Bool {
        bytes.withBytes { mine in
            other.withBytes { theirs in
                theirs.isWithin(VaultLayout.slots)
                    && mine.extracting(VaultLayout.slots).isSame(
                        as: theirs.extracting(VaultLayout.slots))
            }
        }
    }
}
