// PreparedSlot.swift - a key slot on its way into a header.
//
// The costly part, a passphrase's derivation, is done when it is made; the rest waits until its
// place among the eight is known, because the place is part of the commitment.

final class PreparedSlot: Sendable {
    /// The first 48 bytes: kind, cost, salt.
    private let head: ByteBuffer
    private let key: SecretBytes
    private let label: String

    /// - Parameter label: at most 40 bytes; anyone who has the file can read it.
    @_optimize(size) init(
        _ unlock: UnlockSecret, settings: VaultSettings, label: String = ""
    ) throws(Failure) {
        guard label.utf8.count <= KeySlot.label.count, !label.utf8.hasControls else {
            throw Failure(
                .argument, "the label must be at most 40 bytes without control characters")
        }
        try settings.check()
        let head = ByteBuffer(limit: 48)
        var writer = BytesWriter(into: head)
        let isPassphrase = unlock.kind == .passphrase
        let memory = isPassphrase ? UInt64(settings.kdfMemoryKiB) * 1024 : 0
        let passes = isPassphrase ? UInt32(settings.kdfPasses) : 0
        writer.integer(unlock.kind.rawValue)
        writer.zeros(3)
        writer.integer(passes)
        writer.integer(memory)
        writer.integer(UInt8(isPassphrase ? 1 : 0))
        writer.zeros(15)
        unsafe writer.filled(16) { unsafe Sealing.fillRandom($0) }
        guard writer.isComplete else { throw Failure.noMemory }
        key = try head.withBytes { (span) throws(Failure) in
            try KeySlot.keyEncryptionKey(
                unlock, salt: span.extracting(KeySlot.saltOffset..<48), passes: passes,
                memory: memory)
        }
        self.head = head
        self.label = label
    }

    /// The whole slot with the root key in it.
    @_optimize(size) func sealed(
        at place: Int, root: borrowing SecretBytes, vaultID: Identifier
    ) throws(Failure) -> ByteBuffer {
        guard let index = UInt8(exactly: place), place < KeySlot.maximumCount else {
            throw Failure(.other, "there is no such key slot")
        }
        let slot = ByteBuffer(limit: VaultLayout.slotCount)
        var writer = BytesWriter(into: slot)
        head.withBytes { writer.bytes($0) }
        let commitment = try slot.withBytes { (span) throws(Failure) in
            try KeySlot.commitment(key, vaultID, index, span, 0)
        }
        unsafe commitment.withUnsafeBytes { unsafe writer.bytes($0) }
        unsafe writer.filled(Sealing.nonceCount) { unsafe Sealing.fillRandom($0) }
        guard writer.isComplete else { throw Failure.noMemory }
        let aad = try slot.withBytes { (span) throws(Failure) in
            try KeySlot.wrapAAD(vaultID, index, span, 0)
        }
        unsafe writer.attempt(KeySlot.wrappedCount) { out in
            slot.withBytes { span in
                aad.withBytes { aad in
                    unsafe root.withUnsafeBytes { root in
                        unsafe Sealing.seal(
                            root, aad: aad, nonce: span.extracting(80..<104), key: key, into: out)
                    }
                }
            }
        }
        writer.text(label)
        writer.zeros(VaultLayout.slotCount - slot.count)
        guard writer.isComplete else { throw Failure.noMemory }
        return slot
    }
}

extension KeySlot {
    /// Every slot's bytes by its place; nil where none is in use.
    @_optimize(size) static func region(_ header: RawSpan) throws(Failure) -> [ByteBuffer?] {
        var slots = [ByteBuffer?](repeating: nil, count: maximumCount)
        for slot in try inUse(header) {
            let bytes = ByteBuffer(limit: VaultLayout.slotCount)
            var writer = BytesWriter(into: bytes)
            let start = VaultLayout.slots.lowerBound + Int(slot.index) * VaultLayout.slotCount
            writer.bytes(header, start..<start + VaultLayout.slotCount)
            guard writer.isComplete else { throw Failure.noMemory }
            slots[Int(slot.index)] = bytes
        }
        return slots
    }

    /// The header's part for the slots.
    @_optimize(size) static func print(_ slots: [ByteBuffer?]) throws(Failure) -> ByteBuffer {
        let region = ByteBuffer(limit: VaultLayout.slots.count)
        var writer = BytesWriter(into: region)
        for slot in slots {
            if let slot {
                slot.withBytes { writer.bytes($0) }
            } else {
                writer.zeros(VaultLayout.slotCount)
            }
        }
        guard writer.isComplete, region.count == VaultLayout.slots.count else {
            throw Failure.noMemory
        }
        return region
    }
}
