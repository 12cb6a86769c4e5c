// KeySlot.swift - one way to unlock a vault: 256 bytes of the header with the wrapped root key.
//
// Costs are checked before anything is allocated, the commitment before anything is unwrapped. A
// wrong key and a forged slot look the same, on purpose.

struct KeySlot {
    let kind: UInt8
    let passes: UInt32
    let memory: UInt64
    private let lanes: UInt8
    let index: UInt8
    /// The slot's first byte in the header.
    let start: Int

    /// The most passphrase slots tried per opening: each may cost seconds.
    static let maximumTries = 2
    static let wrappedCount = Sealing.keyCount + Sealing.tagCount
    static let maximumCount = 8
    static let saltOffset = 32
    static let label = 152..<192

    /// The bounds of the passphrase's cost.
    static let memoryFloor: UInt64 = 19 * 1_048_576
    static let memoryCeiling: UInt64 = 1024 * 1_048_576
    static let passesFloor: UInt32 = 2
    static let passesCeiling: UInt32 = 10
    static let costCeiling: UInt64 = 4096 * 1_048_576
    /// The most memory that a file may ask of a host which asks for less itself.
    static let memoryOfStrangers: UInt64 = 512 * 1_048_576

    /// Reads one slot; nil when it is not in use.
    private init?(_ header: RawSpan, _ index: Int) throws(Failure) {
        start = VaultLayout.slots.lowerBound + index * VaultLayout.slotCount
        if header.isZero(start..<start + VaultLayout.slotCount) { return nil }
        guard let kind = header.integer(at: start, as: UInt8.self),
            let passes = header.integer(at: start + 4, as: UInt32.self),
            let memory = header.integer(at: start + 8, as: UInt64.self),
            let lanes = header.integer(at: start + 16, as: UInt8.self),
            let index = UInt8(exactly: index), (1...5).contains(kind),
            header.isZero(start + 1..<start + 4), header.isZero(start + 17..<start + 32),
            header.isZero(start + 192..<start + 256)
        else {
            throw Failure(.damagedHeader, "a key slot in the vault's header is damaged")
        }
        self.kind = kind
        self.passes = passes
        self.memory = memory
        self.lanes = lanes
        self.index = index
    }

    /// The slots in use; one that is not must be zero throughout.
    static func inUse(_ header: RawSpan) throws(Failure) -> [KeySlot] {
        var slots: [KeySlot] = []
        for index in 0..<maximumCount {
            if let slot = try KeySlot(header, index) { slots.append(slot) }
        }
        return slots
    }

    // MARK: - Unlocking

    /// Checks all slots, then finds the one that the secret opens; `memory` is the most that one
    /// guess at a passphrase may cost this host.
    static func unlock(
        _ header: RawSpan, vaultID: Identifier, with unlock: UnlockSecret, memory: UInt64
    ) throws(Failure) -> SecretBytes {
        try checkCosts(header)
        let slots = try inUse(header)
        var tries = 0
        for slot in slots where unlock.kind.opens(slot.kind) {
            if unlock.kind == .passphrase {
                guard tries < maximumTries else { break }
                tries += 1
                guard slot.memory <= memory else {
                    throw Failure(
                        .kdfBounds,
                        "the vault asks for \(slot.memory / 1024) KiB to try the passphrase: set "
                            + "vault.kdf_memory_kib so high if it is yours")
                }
            }
            if let root = try slot.open(header, vaultID, unlock) { return root }
        }
        if !slots.contains(where: { unlock.kind.opens($0.kind) }) {
            throw anotherKind(unlock.kind, slots)
        }
        throw Failure(
            .unlock, "the vault does not open: wrong passphrase or key, or a forged key slot")
    }

    /// Of the same bytes a raw key and a key file are two secrets: says which the vault wants.
    private static func anotherKind(_ given: UnlockSecret.Kind, _ slots: [KeySlot]) -> Failure {
        var kinds: [String] = []
        for slot in slots {
            let name = UnlockSecret.Kind(rawValue: slot.kind)?.name ?? "something newer"
            if !kinds.contains(name) { kinds.append(name) }
        }
        return Failure(
            .unlock,
            "the vault does not open with \(given.name): it was sealed with "
                + kinds.joined(separator: " and "))
    }

    /// Refuses slots that would cost too much or protect too little.
    static func checkCosts(_ header: RawSpan) throws(Failure) {
        for slot in try inUse(header) where slot.kind == UnlockSecret.Kind.passphrase.rawValue {
            try checkCost(passes: slot.passes, memory: slot.memory, lanes: slot.lanes)
        }
    }

    static func checkCost(passes: UInt32, memory: UInt64, lanes: UInt8) throws(Failure) {
        guard lanes == 1, memory % 1024 == 0, memory <= memoryCeiling, passes <= passesCeiling,
            memory * UInt64(passes) <= costCeiling
        else {
            throw Failure(.kdfBounds, "the vault asks for an absurd passphrase cost; refused")
        }
        guard memory >= memoryFloor, passes >= passesFloor else {
            throw Failure(
                .weakKDF, "the vault's passphrase cost is below 19 MiB and 2 passes; refused")
        }
    }

    private func open(
        _ header: RawSpan, _ vaultID: Identifier, _ unlock: UnlockSecret
    ) throws(Failure) -> SecretBytes? {
        let salt = header.extracting(start + 32..<start + 48)
        let key = try Self.keyEncryptionKey(unlock, salt: salt, passes: passes, memory: memory)
        let commitment = try Self.commitment(key, vaultID, index, header, start)
        let isCommitted = unsafe commitment.withUnsafeBytes { made in
            unsafe header.extracting(start + 48..<start + 80).withUnsafeBytes { kept in
                unsafe Sealing.isEqual(made, kept)
            }
        }
        guard isCommitted else { return nil }
        let root = try SecretBytes(count: Sealing.keyCount)
        let aad = try Self.wrapAAD(vaultID, index, header, start)
        let isOpen = aad.withBytes { aad in
            unsafe root.withUnsafeMutableBytes {
                unsafe Sealing.open(
                    header.extracting(start + 104..<start + 104 + Self.wrappedCount), aad: aad,
                    nonce: header.extracting(start + 80..<start + 104), key: key, into: $0)
            }
        }
        guard isOpen else { return nil }
        return root
    }

    // MARK: - Derivations

    static func keyEncryptionKey(
        _ unlock: UnlockSecret, salt: RawSpan, passes: UInt32, memory: UInt64
    ) throws(Failure) -> SecretBytes {
        switch unlock.kind {
        case .passphrase:
            guard let memory = Int(exactly: memory) else { throw Failure.noMemory }
            return try unsafe unlock.secret.withUnsafeBytes { (bytes) throws(Failure) in
                try unsafe Sealing.stretch(
                    bytes, salt: salt, passes: UInt64(passes), memory: memory)
            }
        case .key, .keyFile, .credential:
            let input = ByteBuffer(limit: 64)
            var writer = BytesWriter(into: input)
            writer.label("tv1 raw")
            writer.bytes(salt)
            guard writer.isComplete else { throw Failure.noMemory }
            return try Sealing.derive(unlock.secret, input)
        }
    }

    static func commitment(
        _ key: borrowing SecretBytes, _ vaultID: Identifier, _ index: UInt8, _ span: RawSpan,
        _ start: Int
    ) throws(Failure) -> SecretBytes {
        let input = ByteBuffer(limit: 128)
        var writer = BytesWriter(into: input)
        writer.label("tv1 commit")
        writer.identifier(vaultID)
        writer.integer(index)
        writer.bytes(span, start..<start + 48)
        guard writer.isComplete else { throw Failure.noMemory }
        return try Sealing.derive(key, input)
    }

    static func wrapAAD(
        _ vaultID: Identifier, _ index: UInt8, _ span: RawSpan, _ start: Int
    ) throws(Failure) -> ByteBuffer {
        let aad = ByteBuffer(limit: 128)
        var writer = BytesWriter(into: aad)
        writer.label("tv1 slot")
        writer.identifier(vaultID)
        writer.integer(index)
        writer.bytes(span, start..<start + 80)
        guard writer.isComplete else { throw Failure.noMemory }
        return aad
    }
}

extension VaultSettings {
    /// The most bytes that a file may ask for one guess at a passphrase: what this host asks for
    /// itself, if that is more than what strangers may.
    var affordableMemory: UInt64 {
        max(KeySlot.memoryOfStrangers, (UInt64(exactly: kdfMemoryKiB) ?? 0) &* 1024)
    }
}
