// UnlockChange.swift - adding and removing a vault's key slots; records are not touched.

/// A new slot, with the root key that it will wrap.
final class AddedUnlock: Sendable {
    let root: SecretBytes
    let slot: PreparedSlot

    init(root: consuming SecretBytes, slot: PreparedSlot) {
        self.root = root
        self.slot = slot
    }
}

enum UnlockChange: Sendable {
    case add(AddedUnlock)
    /// The slot's salt says whether it is still the one that was meant.
    case remove(index: Int, salt: Identifier)
}

extension Snapshot {
    /// The root key, which is kept nowhere: unwrapped with a secret that opens the vault.
    func root(with unlock: UnlockSecret) throws(Failure) -> SecretBytes {
        try bytes.withBytes { (span) throws(Failure) in
            // Its own slots, under a MAC that was checked: no stranger's.
            try KeySlot.unlock(
                span, vaultID: header.vaultID, with: unlock, memory: KeySlot.memoryCeiling)
        }
    }

    func salt(ofSlot index: Int) throws(Failure) -> Identifier {
        let slots = try bytes.withBytes { (span) throws(Failure) in try KeySlot.region(span) }
        guard slots.indices.contains(index), let slot = slots[index],
            let salt = slot.withBytes({ $0.identifier(at: KeySlot.saltOffset) })
        else { throw Failure(.notFound, "no unlock is in this slot of the vault") }
        return salt
    }

    /// The slots of this snapshot with the changes made, and how many are in use.
    func slots(with changes: [UnlockChange]) throws(Failure) -> (ByteBuffer, UInt8) {
        var slots = try bytes.withBytes { (span) throws(Failure) in
            try KeySlot.region(span)
        }
        for change in changes {
            switch change {
            case .add(let added):
                guard try keys.belong(to: added.root) else { throw Self.slotsChanged }
                guard let free = slots.firstIndex(where: { $0 == nil }) else {
                    throw Failure(
                        .limit, "all \(KeySlot.maximumCount) key slots are in use: remove one")
                }
                slots[free] = try added.slot.sealed(
                    at: free, root: added.root, vaultID: header.vaultID)
                // Readers try so many and no more: each may cost seconds.
                guard
                    !Self.isPassphrase(slots[free])
                        || slots.count(where: Self.isPassphrase) <= KeySlot.maximumTries
                else {
                    throw Failure(
                        .limit,
                        "a vault opens with at most \(KeySlot.maximumTries) passphrases: remove one"
                    )
                }
            case .remove(let index, let salt):
                guard slots.indices.contains(index), let slot = slots[index],
                    slot.withBytes({ $0.identifier(at: KeySlot.saltOffset) }) == salt
                else { throw Self.slotsChanged }
                slots[index] = nil
            }
        }
        let count = slots.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
        guard count > 0 else {
            throw Failure(.argument, "the last unlock cannot be removed: add another one first")
        }
        return (try KeySlot.print(slots), UInt8(truncatingIfNeeded: count))
    }

    private static func isPassphrase(_ slot: ByteBuffer?) -> Bool {
        slot?.withBytes { $0.integer(at: 0, as: UInt8.self) }
            == UnlockSecret.Kind.passphrase.rawValue
    }

    private static let slotsChanged = Failure(
        .conflict, "another writer changed the vault's unlocks: look again, begin a new edit")
}
