// UnlockChange.swift - what an edit does to the ways of unlocking a vault, beside its credentials.
//
// A slot is made when it is asked for, for every place it may get, so that neither the root key nor
// a passphrase's key waits for the commit. Which place it gets is decided on the newest snapshot.

/// One way to unlock, printed for each of the eight places.
struct PreparedSlot: Sendable {
    /// Whose root key it wraps: slots made before a rekey open nothing after it.
    let keys: VaultKeys
    let places: ByteBuffer
}

/// The slots of a header, and how many are in use.
struct SlotTable {
    let bytes: ByteBuffer
    let count: UInt8
}

struct UnlockChanges: Sendable {
    var added: [PreparedSlot] = []
    /// Salts by index: another writer may have put another slot there in between.
    var removed: [Int: Identifier] = [:]
    var rekey: NewKeys?

    var isEmpty: Bool { added.isEmpty && removed.isEmpty && rekey == nil }
    /// Whether the previous generation opens with what shall not open any more.
    var forgetsPrevious: Bool { !removed.isEmpty || rekey != nil }

    static let full = Failure(.limit, "the vault has 8 unlock slots: remove one first")
    private static let conflict = Failure(
        .conflict,
        "another writer changed the unlock slots that this edit changes: look again and begin a "
            + "new edit")

    static func salt(_ header: RawSpan, _ index: Int) -> Identifier? {
        header.identifier(at: VaultLayout.slot(index).lowerBound + 32)
    }

    /// The slots after the change; nil when they stay as they are.
    func slots(of base: Snapshot) throws(Failure) -> SlotTable? {
        guard !added.isEmpty || !removed.isEmpty else { return nil }
        return try base.bytes.withBytes { (span) throws(Failure) in
            var used = Set(VaultLayout.slotsInUse(span))
            for (index, salt) in removed {
                guard used.remove(index) != nil, Self.salt(span, index) == salt else {
                    throw Self.conflict
                }
            }
            let kept = used
            var new: [Int: PreparedSlot] = [:]
            for slot in added {
                guard slot.keys === base.keys else { throw Self.conflict }
                let free = (0..<VaultLayout.maximumSlots).first { !used.contains($0) }
                guard let free else { throw Self.full }
                used.insert(free)
                new[free] = slot
            }
            guard !used.isEmpty else { throw Self.conflict }
            let bytes = try Self.print(span, kept, new)
            return SlotTable(bytes: bytes, count: UInt8(clamping: used.count))
        }
    }

    private static func print(
        _ header: RawSpan, _ kept: Set<Int>, _ new: [Int: PreparedSlot]
    ) throws(Failure) -> ByteBuffer {
        let slots = ByteBuffer(limit: VaultLayout.slots.count)
        var writer = BytesWriter(into: slots)
        for index in 0..<VaultLayout.maximumSlots {
            if kept.contains(index) {
                writer.bytes(header, VaultLayout.slot(index))
            } else if let slot = new[index] {
                let start = index * VaultLayout.slotCount
                slot.places.withBytes {
                    writer.bytes($0, start..<start + VaultLayout.slotCount)
                }
            } else {
                writer.zeros(VaultLayout.slotCount)
            }
        }
        guard writer.isComplete else { throw Failure.noMemory }
        return slots
    }
}

extension Edit {
    private static let mixed = Failure(
        .argument, "an edit either rekeys the vault or changes its unlock slots: use two edits")

    /// Adds a way to unlock; `current` must open the vault, because its root key is not kept.
    package func addUnlock(
        current: UnlockSecret, added: UnlockSecret, label: String
    ) throws(Failure) {
        try KeySlot.checkLabel(label)
        try checkRoom()
        // Outside the edit's lock: this may cost two passphrases' price.
        let slot = try vault.prepareSlot(current: current, added: added, label: label)
        try checkRoom { $0.added.append(slot) }
    }

    private func checkRoom(
        then change: (inout UnlockChanges) -> Void = { _ in }
    ) throws(Failure) {
        let stored = vault.snapshot.bytes.withBytes { VaultLayout.slotsInUse($0).count }
        try open { (state) throws(Failure) in
            guard state.unlocks.rekey == nil else { throw Self.mixed }
            let count = stored - state.unlocks.removed.count + state.unlocks.added.count
            guard count < VaultLayout.maximumSlots else { throw UnlockChanges.full }
            change(&state.unlocks)
        }
    }

    /// Removes the way to unlock in one slot; the vault keeps at least one.
    package func removeUnlock(index: Int) throws(Failure) {
        guard (0..<VaultLayout.maximumSlots).contains(index) else {
            throw Failure(.argument, "the index of an unlock slot is 0 to 7")
        }
        let (used, salt) = vault.snapshot.bytes.withBytes {
            (VaultLayout.slotsInUse($0), UnlockChanges.salt($0, index))
        }
        try open { (state) throws(Failure) in
            guard state.unlocks.rekey == nil else { throw Self.mixed }
            guard used.contains(index), let salt, state.unlocks.removed[index] == nil else {
                throw Failure(.notFound, "the vault has no unlock slot of this index")
            }
            guard used.count - state.unlocks.removed.count + state.unlocks.added.count > 1 else {
                throw Failure(
                    .argument, "the last unlock slot cannot be removed: add another one first")
            }
            state.unlocks.removed[index] = salt
        }
    }

    /// Seals everything anew, to be opened by `unlock` alone.
    package func rekey(unlock: UnlockSecret) throws(Failure) {
        func check(_ state: inout State) throws(Failure) {
            guard state.unlocks.added.isEmpty, state.unlocks.removed.isEmpty else {
                throw Self.mixed
            }
        }
        try open { (state) throws(Failure) in try check(&state) }
        let keys = try vault.newKeys(unlock)
        try open { (state) throws(Failure) in
            try check(&state)
            state.unlocks.rekey = keys
        }
    }
}

extension Vault {
    fileprivate func prepareSlot(
        current: UnlockSecret, added: UnlockSecret, label: String
    ) throws(Failure) -> PreparedSlot {
        let snapshot = self.snapshot
        let vaultID = snapshot.header.vaultID
        let root = try snapshot.bytes.withBytes { (span) throws(Failure) in
            let root = try KeySlot.unlock(span, vaultID: vaultID, with: current)
            // A slot of its own root key would not be this vault's.
            try VaultHeader.checkMAC(span, key: try VaultKeys(root: root).header)
            return root
        }
        let places = try KeySlot.write(
            root: root, vaultID: vaultID, unlock: added, settings: settings, label: label,
            count: VaultLayout.maximumSlots)
        return PreparedSlot(keys: snapshot.keys, places: places)
    }

    fileprivate func newKeys(_ unlock: UnlockSecret) throws(Failure) -> NewKeys {
        try NewKeys(vaultID: snapshot.header.vaultID, unlock: unlock, settings: settings)
    }
}
