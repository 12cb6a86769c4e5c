// SeenMark.swift - the newest state of a vault that this host has ever seen, and when its store
// last answered: a small file beside the local copy.
//
// Whoever can write into the copy's directory can write one as well; it is hashed against damage,
// not sealed.

struct SeenMark: Equatable, Sendable {
    let vaultID: Identifier
    let revision: Revision
    /// ms since 1970.
    var answeredMs: Int64

    /// "TVSEEN" and a 1.
    private static let magicWord: UInt64 = 0x0A01_4E45_4553_5654
    private static let hashed = 0..<56
    private static let hash = 56..<88
    static let count = 88

    init(_ header: VaultHeader, answeredMs: Int64) {
        vaultID = header.vaultID
        revision = header.revision
        self.answeredMs = answeredMs
    }

    /// Nil where the bytes are not a whole mark.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.count,
            bytes.integer(at: 0, as: UInt64.self) == Self.magicWord,
            unsafe Sealing.isHash(
                bytes.extracting(Self.hash), of: bytes.extracting(Self.hashed), key: nil),
            let vaultID = bytes.identifier(at: 8), let fileID = bytes.identifier(at: 24),
            let generation = bytes.integer(at: 40, as: UInt64.self),
            let answeredMs = bytes.integer(at: 48, as: Int64.self), answeredMs >= 0
        else { return nil }
        self.vaultID = vaultID
        revision = Revision(fileID: fileID, generation: generation)
        self.answeredMs = answeredMs
    }

    func bytes() throws(Failure) -> ByteBuffer {
        var writer = BytesWriter(into: ByteBuffer(limit: Self.count))
        writer.integer(Self.magicWord)
        writer.identifier(vaultID)
        writer.identifier(revision.fileID)
        writer.integer(revision.generation)
        writer.integer(answeredMs)
        let hash = writer.buffer.withBytes { span in
            unsafe span.withUnsafeBytes { input -> [UInt8]? in
                var hash = [UInt8](repeating: 0, count: Self.hash.count)
                let isMade = unsafe hash.withUnsafeMutableBytes { out in
                    unsafe Sealing.hash(input, key: nil, into: out)
                }
                return isMade ? hash : nil
            }
        }
        if let hash { unsafe hash.withUnsafeBytes { unsafe writer.bytes($0) } }
        guard hash != nil, writer.isComplete else { throw Failure.noMemory }
        return writer.buffer
    }

    /// Refuses to go back: to an older state than this host has seen, to another one of the same
    /// age, to another vault.
    func checkIsFollowed(by header: VaultHeader) throws(Failure) {
        guard header.vaultID == vaultID else { throw Self.ofAnotherVault }
        guard header.revision == revision || header.generation > revision.generation else {
            throw Failure(
                .rollback,
                "the store has generation \(header.generation) of the vault, and this host has "
                    + "seen \(revision.generation): an old copy was put back; remove the file of "
                    + "s3.copy_file and its .seen if that is meant")
        }
    }

    static let ofAnotherVault = Failure(
        .conflict,
        "s3.copy_file belongs to another vault: name another file, or remove it and its .seen if "
            + "that vault is not used any more")
}
