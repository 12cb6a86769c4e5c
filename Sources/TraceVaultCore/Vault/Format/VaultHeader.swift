// VaultHeader.swift - the first 4096 bytes of a vault: layout, checks and printing.
//
// Pure: no keys, no I/O. docs/vault-format.md is the same in words; change them together.

/// Where things are in a vault file.
enum VaultLayout {
    static let magic: StaticString = "\u{89}TVV\r\n\u{1A}\n"
    static let magicWord: UInt64 = 0x0A1A_0A0D_5656_5489
    static let headerCount = 4096
    static let macCount = 32
    static let slots = 96..<2144
    static let slotCount = 256
    static let reserved = 2148..<4032
    static let mac = 4032..<4064
    static let hash = 4064..<4096
    /// The shortest file that can be a vault: a header, no record, a MAC.
    static let minimumCount = headerCount + macCount
    /// The largest file read or written; about a million credentials.
    static let maximumCount = 512 * 1_048_576
    /// The formats that are read and written; a vault stays in its own until it is rekeyed.
    static let formats: ClosedRange<UInt16> = 1...2
}

/// Which snapshot a store holds.
package struct Revision: Equatable, Sendable {
    package let fileID: Identifier
    package let generation: UInt64
    /// Whether the file is as long as its header says: one that was cut is never the one that is
    /// known, however it begins.
    package let isWhole: Bool

    /// How many bytes from the start of a file tell its revision.
    package static let prefixCount = 96

    init(fileID: Identifier, generation: UInt64, isWhole: Bool = true) {
        self.fileID = fileID
        self.generation = generation
        self.isWhole = isWhole
    }

    /// The revision of a whole vault.
    package init(of bytes: ByteBuffer) throws(Failure) {
        self = try bytes.withBytes { (span) throws(Failure) in
            try Revision(prefix: span, fileCount: UInt64(span.byteCount))
        }
    }

    /// How long the file is that begins with these 96 bytes, as they say; nil when no vault does.
    package static func fileCount(from prefix: RawSpan) -> UInt64? {
        guard prefix.byteCount >= prefixCount,
            prefix.integer(at: 0, as: UInt64.self) == VaultLayout.magicWord,
            let bodyCount = prefix.integer(at: 64, as: UInt64.self)
        else { return nil }
        let (count, overflow) = bodyCount.addingReportingOverflow(UInt64(VaultLayout.minimumCount))
        return overflow ? .max : count
    }

    /// Which vault a file holds that begins with these 96 bytes; nil when none does.
    static func vaultID(from prefix: RawSpan) -> Identifier? {
        guard prefix.integer(at: 0, as: UInt64.self) == VaultLayout.magicWord else { return nil }
        return prefix.identifier(at: 24)
    }

    /// Reads the revision off the first 96 bytes of a file of so many; fails when they are not a
    /// vault's.
    package init(prefix span: RawSpan, fileCount: UInt64) throws(Failure) {
        guard span.byteCount >= Self.prefixCount,
            span.integer(at: 0, as: UInt64.self) == VaultLayout.magicWord,
            let fileID = span.identifier(at: 40),
            let generation = span.integer(at: 56, as: UInt64.self),
            let bodyCount = span.integer(at: 64, as: UInt64.self)
        else { throw VaultHeader.notVault }
        let (rest, isShort) = fileCount.subtractingReportingOverflow(
            UInt64(VaultLayout.minimumCount))
        self.init(
            fileID: fileID, generation: generation, isWhole: !isShort && rest == bodyCount)
    }
}

struct VaultHeader: Sendable {
    /// Which format it is: the major number.
    let format: UInt16
    var minor: UInt16 = 0
    var optionalFlags: UInt32 = 0
    let vaultID: Identifier
    var fileID: Identifier
    var generation: UInt64
    var bodyCount: UInt64
    let createdMs: UInt64
    var savedMs: UInt64
    var slotCount: UInt8
    var recordCount: UInt32
    var currentEpoch: UInt32

    var revision: Revision { Revision(fileID: fileID, generation: generation) }

    static let notVault = Failure(
        .notVault, "the file is not a TraceVault vault, or only the beginning of one")
    private static let damaged = Failure(
        .damagedHeader, "the vault's header is damaged; restore the file or its .prev copy")

    // MARK: - Reading

    /// Reads and checks a header without any key: magic, version, damage, in this order.
    init(_ span: RawSpan) throws(Failure) {
        guard span.byteCount >= VaultLayout.minimumCount,
            span.integer(at: 0, as: UInt64.self) == VaultLayout.magicWord
        else { throw Self.notVault }
        guard let format = span.integer(at: 8, as: UInt16.self),
            VaultLayout.formats.contains(format),
            span.integer(at: 12, as: UInt32.self) == 0
        else { throw Self.newer }
        guard
            unsafe Sealing.isHash(
                span.extracting(VaultLayout.hash),
                of: span.extracting(0..<VaultLayout.hash.lowerBound), key: nil)
        else { throw Self.damaged }
        guard span.integer(at: 80, as: UInt16.self) == 0x0101 else { throw Self.newer }
        try self.init(fields: span)
        guard span.integer(at: 20, as: UInt32.self) == UInt32(VaultLayout.headerCount),
            (1...KeySlot.maximumCount).contains(Int(slotCount)), span.isZero(83..<84),
            span.isZero(VaultLayout.reserved)
        else { throw Self.damaged }
        guard try KeySlot.inUse(span).count == Int(slotCount) else { throw Self.damaged }
    }

    private static let newer = Failure(
        .vaultVersion, "the vault was written by a newer version of TraceVault; update this one")

    private init(fields span: RawSpan) throws(Failure) {
        guard let format = span.integer(at: 8, as: UInt16.self),
            let minor = span.integer(at: 10, as: UInt16.self),
            let optionalFlags = span.integer(at: 16, as: UInt32.self),
            let vaultID = span.identifier(at: 24), let fileID = span.identifier(at: 40),
            let generation = span.integer(at: 56, as: UInt64.self),
            let bodyCount = span.integer(at: 64, as: UInt64.self),
            let createdMs = span.integer(at: 72, as: UInt64.self),
            let slotCount = span.integer(at: 82, as: UInt8.self),
            let recordCount = span.integer(at: 84, as: UInt32.self),
            let savedMs = span.integer(at: 88, as: UInt64.self),
            let currentEpoch = span.integer(at: 2144, as: UInt32.self)
        else { throw Self.damaged }
        self.init(
            format: format, minor: minor, optionalFlags: optionalFlags, vaultID: vaultID,
            fileID: fileID, generation: generation, bodyCount: bodyCount, createdMs: createdMs,
            savedMs: savedMs,
            slotCount: slotCount, recordCount: recordCount, currentEpoch: currentEpoch)
    }

    init(
        format: UInt16, minor: UInt16 = 0, optionalFlags: UInt32 = 0, vaultID: Identifier,
        fileID: Identifier, generation: UInt64, bodyCount: UInt64, createdMs: UInt64,
        savedMs: UInt64,
        slotCount: UInt8, recordCount: UInt32, currentEpoch: UInt32
    ) {
        self.format = format
        self.minor = minor
        self.optionalFlags = optionalFlags
        self.vaultID = vaultID
        self.fileID = fileID
        self.generation = generation
        self.bodyCount = bodyCount
        self.createdMs = createdMs
        self.savedMs = savedMs
        self.slotCount = slotCount
        self.recordCount = recordCount
        self.currentEpoch = currentEpoch
    }

    /// Checks with the right key that nobody altered the header.
    static func checkMAC(_ span: RawSpan, key: borrowing SecretBytes) throws(Failure) {
        let isGenuine = unsafe key.withUnsafeBytes {
            unsafe Sealing.isHash(
                span.extracting(VaultLayout.mac),
                of: span.extracting(0..<VaultLayout.mac.lowerBound), key: $0)
        }
        guard isGenuine else {
            throw Failure(
                .headerMAC, "the key is right, but the vault's header was altered; restore it")
        }
    }

    // MARK: - Writing

    /// Prints the header, MAC and hash included, into an empty buffer.
    func write(
        slots: RawSpan, key: borrowing SecretBytes, into writer: inout BytesWriter
    ) {
        writer.integer(VaultLayout.magicWord)
        writer.integer(format)
        writer.integer(minor)
        writer.integer(UInt32(0))
        writer.integer(optionalFlags)
        writer.integer(UInt32(VaultLayout.headerCount))
        writer.identifier(vaultID)
        writer.identifier(fileID)
        writer.integer(generation)
        writer.integer(bodyCount)
        writer.integer(createdMs)
        writer.integer(UInt16(0x0101))
        writer.integer(slotCount)
        writer.integer(UInt8(0))
        writer.integer(recordCount)
        writer.integer(savedMs)
        writer.bytes(slots)
        writer.integer(currentEpoch)
        writer.zeros(VaultLayout.reserved.count)
        unsafe key.withUnsafeBytes { unsafe writer.hash(key: $0) }
        unsafe writer.hash(key: nil)
    }
}

extension BytesWriter {
    /// Appends the hash of everything written so far.
    mutating func hash(key: UnsafeRawBufferPointer?) {
        let written = buffer
        unsafe attempt(Sealing.hashCount) { out in
            // The room is made by now, so the bytes being hashed do not move.
            written.withBytes { span in
                unsafe span.withUnsafeBytes { unsafe Sealing.hash($0, key: key, into: out) }
            }
        }
    }
}
