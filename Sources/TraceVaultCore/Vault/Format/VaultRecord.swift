// VaultRecord.swift - one sealed record of the body: where its parts are, and how it opens.
//
// The additional data of each part binds it to its vault, record, version, epoch and type, and the
// secret to its metadata, so that no part fits anywhere else.

struct VaultRecord: Sendable {
    static let headCount = 88
    private static let maximumSecret = 16_384
    /// Of a token or key with its padding.
    private static let longestCredential = CredentialFormat.maximumSecret + Sealing.padding

    let start: Int
    let type: RecordType
    let epoch: UInt32
    let id: Identifier
    let version: UInt64
    private let metadataCount: Int
    private let secretCount: Int

    var end: Int { start + Self.headCount + metadataCount + secretCount }
    private var metadata: Range<Int> {
        start + Self.headCount..<start + Self.headCount + metadataCount
    }
    private var secret: Range<Int> { metadata.upperBound..<end }
    /// How long the opened parts are.
    var plainMetadataCount: Int { max(0, metadataCount - Sealing.tagCount) }
    var plainSecretCount: Int { secretCount - Sealing.tagCount }

    /// Reads a record's head; nil when it breaks a rule or reaches beyond `limit`.
    init?(_ span: RawSpan, at start: Int, before limit: Int) {
        guard start <= limit - Self.headCount,
            let type = span.integer(at: start, as: UInt8.self).flatMap(RecordType.init(rawValue:)),
            let metadataCount = span.integer(at: start + 4, as: UInt32.self),
            let secretCount = span.integer(at: start + 8, as: UInt32.self),
            let epoch = span.integer(at: start + 12, as: UInt32.self),
            let id = span.identifier(at: start + 16),
            let version = span.integer(at: start + 32, as: UInt64.self),
            span.isZero(start + 1..<start + 4)
        else { return nil }
        self.start = start
        self.type = type
        self.epoch = epoch
        self.id = id
        self.version = version
        self.metadataCount = Int(metadataCount)
        self.secretCount = Int(secretCount)
        let isMetadataSound =
            type == .epochKey
            ? metadataCount == 0 && span.isZero(start + 40..<start + 64)
            : (1...Metadata.maximumCount).contains(self.metadataCount - Sealing.tagCount)
        guard isMetadataSound, (1...Self.maximumSecret).contains(plainSecretCount), end <= limit
        else { return nil }
    }

    // MARK: - Opening

    /// Appends the opened metadata to `out`.
    func openMetadata(
        _ span: RawSpan, vaultID: Identifier, key: borrowing SecretBytes, into out: ByteBuffer
    ) -> Bool {
        let aad = ByteBuffer(limit: 128)
        var writer = BytesWriter(into: aad)
        writer.binding("tv1 m", vaultID, id, version, epoch, type)
        guard writer.isComplete else { return false }
        let count = plainMetadataCount
        return aad.withBytes { aad in
            unsafe out.append(room: count) {
                unsafe Sealing.open(
                    span.extracting(metadata), aad: aad,
                    nonce: span.extracting(start + 40..<start + 64), key: key, into: $0)
                    ? count : 0
            }
        }
    }

    /// Opens the secret into guarded memory; `metadata` is the opened metadata's bytes.
    func openSecret(
        _ span: RawSpan, vaultID: Identifier, metadata: RawSpan, key: borrowing SecretBytes
    ) throws(Failure) -> SecretBytes {
        let aad = ByteBuffer(limit: 128)
        var writer = BytesWriter(into: aad)
        writer.binding("tv1 s", vaultID, id, version, epoch, type)
        writer.hash(of: metadata)
        guard writer.isComplete else { throw Failure.noMemory }
        // A longer one is refused however it opens, and may have no room in guarded memory.
        guard type != .credential || plainSecretCount <= Self.longestCredential else {
            throw Self.unopened
        }
        let opened = try SecretBytes(count: plainSecretCount)
        let isOpen = aad.withBytes { aad in
            unsafe opened.withUnsafeMutableBytes {
                unsafe Sealing.open(
                    span.extracting(secret), aad: aad,
                    nonce: span.extracting(start + 64..<start + 88), key: key, into: $0)
            }
        }
        guard isOpen else { throw Self.unopened }
        return opened
    }

    static let unopened = Failure(
        .recordAuth, "a record of the vault does not open; restore the file or its .prev copy")

    /// Lends the token or key in a credential's opened secret, in its place. One that no edit takes
    /// was forged: it would be more than one header line, or none.
    static func lend<R: ~Copyable>(
        _ padded: borrowing SecretBytes,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        try unsafe padded.withUnsafeBytes { (bytes) throws(Failure) in
            guard let count = unsafe Sealing.unpaddedCount(bytes) else { throw Self.unopened }
            let secret = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
            guard unsafe CredentialFormat.isSecret(secret) else { throw Self.unopened }
            return try unsafe body(secret)
        }
    }

    // MARK: - Sealing

    /// What a new record is about.
    struct Identity {
        let type: RecordType
        let epoch: UInt32
        let id: Identifier
        let version: UInt64
        let vaultID: Identifier
    }

    /// Appends a new record to `body`. Epoch keys have no metadata and no key for it.
    static func seal(
        _ identity: Identity, metadata: ByteBuffer, epochKeys: EpochKeys?,
        secret: borrowing SecretBytes, secretKey: borrowing SecretBytes, into body: ByteBuffer
    ) throws(Failure) {
        var writer = BytesWriter(into: body)
        let nonces = ByteBuffer(limit: 2 * Sealing.nonceCount)
        var nonceWriter = BytesWriter(into: nonces)
        unsafe nonceWriter.filled(2 * Sealing.nonceCount) { unsafe Sealing.fillRandom($0) }
        guard nonceWriter.isComplete, metadata.count <= Metadata.maximumCount,
            (1...maximumSecret).contains(secret.count)
        else { throw Failure(.limit, "a credential is too large for the vault's format") }
        let sealedMetadata = epochKeys == nil ? 0 : metadata.count + Sealing.tagCount
        writer.integer(identity.type.rawValue)
        writer.zeros(3)
        writer.integer(UInt32(sealedMetadata))
        writer.integer(UInt32(secret.count + Sealing.tagCount))
        writer.integer(identity.epoch)
        writer.identifier(identity.id)
        writer.integer(identity.version)
        nonces.withBytes { nonces in
            let first = nonces.extracting(0..<Sealing.nonceCount)
            let second = nonces.extracting(Sealing.nonceCount..<2 * Sealing.nonceCount)
            if let epochKeys {
                writer.bytes(first)
                writer.bytes(second)
                writer.sealedMetadata(identity, metadata, nonce: first, key: epochKeys.metadata)
            } else {
                writer.zeros(Sealing.nonceCount)
                writer.bytes(second)
            }
            writer.sealedSecret(
                identity, metadata, secret: secret, nonce: second, key: secretKey)
        }
        guard writer.isComplete else { throw Failure.noMemory }
    }
}

extension BytesWriter {
    /// The additional data all parts share.
    fileprivate mutating func binding(
        _ label: StaticString, _ vaultID: Identifier, _ id: Identifier, _ version: UInt64,
        _ epoch: UInt32, _ type: RecordType
    ) {
        self.label(label)
        identifier(vaultID)
        identifier(id)
        integer(version)
        integer(epoch)
        integer(type.rawValue)
    }

    fileprivate mutating func hash(of bytes: RawSpan) {
        unsafe attempt(Sealing.hashCount) { out in
            unsafe bytes.withUnsafeBytes { unsafe Sealing.hash($0, key: nil, into: out) }
        }
    }

    fileprivate mutating func sealedMetadata(
        _ identity: VaultRecord.Identity, _ metadata: ByteBuffer, nonce: RawSpan,
        key: borrowing SecretBytes
    ) {
        let aad = ByteBuffer(limit: 128)
        var aadWriter = BytesWriter(into: aad)
        aadWriter.binding(
            "tv1 m", identity.vaultID, identity.id, identity.version, identity.epoch,
            identity.type)
        guard aadWriter.isComplete else { return }
        aad.withBytes { aad in
            metadata.withBytes { metadata in
                unsafe metadata.withUnsafeBytes { plain in
                    unsafe attempt(plain.count + Sealing.tagCount) {
                        unsafe Sealing.seal(plain, aad: aad, nonce: nonce, key: key, into: $0)
                    }
                }
            }
        }
    }

    fileprivate mutating func sealedSecret(
        _ identity: VaultRecord.Identity, _ metadata: ByteBuffer,
        secret: borrowing SecretBytes, nonce: RawSpan, key: borrowing SecretBytes
    ) {
        let aad = ByteBuffer(limit: 128)
        var aadWriter = BytesWriter(into: aad)
        aadWriter.binding(
            "tv1 s", identity.vaultID, identity.id, identity.version, identity.epoch,
            identity.type)
        metadata.withBytes { aadWriter.hash(of: $0) }
        guard aadWriter.isComplete else { return }
        aad.withBytes { aad in
            unsafe secret.withUnsafeBytes { plain in
                unsafe attempt(plain.count + Sealing.tagCount) {
                    unsafe Sealing.seal(plain, aad: aad, nonce: nonce, key: key, into: $0)
                }
            }
        }
    }
}
