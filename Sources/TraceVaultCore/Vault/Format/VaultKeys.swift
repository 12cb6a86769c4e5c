// VaultKeys.swift - from an unlock secret to the keys that open records.
//
// unlock secret -> KEK -> (commitment, unwrap) root key -> subkeys; the root key is wiped as soon
// as the subkeys exist. Names and labels are those of docs/vault-format.md.

/// What opens a vault: a passphrase or 32 random bytes, in guarded memory.
package final class UnlockSecret: Sendable {
    enum Kind: UInt8 {
        case passphrase = 1
        case key = 2
        case keyFile = 3
        case credential = 4

        /// What it is, and the call that makes it.
        var name: String {
            switch self {
            case .passphrase: "a passphrase (tv_unlock_passphrase)"
            case .key: "a raw key (tv_unlock_key)"
            case .keyFile: "a key file (tv_unlock_keyfile)"
            case .credential: "a credential of systemd (tv_unlock_credential)"
            }
        }

        /// A key file may be handed to a service as a credential: either opens the other's slot.
        func opens(_ slot: UInt8) -> Bool {
            switch self {
            case .passphrase, .key: slot == rawValue
            case .keyFile, .credential:
                slot == Kind.keyFile.rawValue || slot == Kind.credential.rawValue
            }
        }
    }

    let kind: Kind
    let secret: SecretBytes

    /// How many bytes a passphrase may have.
    package static let passphraseSizes: ClosedRange<Int> = 1...1024

    /// A passphrase.
    package init(passphrase: UnsafeRawBufferPointer) throws(Failure) {
        guard Self.passphraseSizes.contains(passphrase.count) else {
            throw Failure(.argument, "the passphrase must be 1 to 1024 bytes")
        }
        kind = .passphrase
        secret = try unsafe SecretBytes(copying: passphrase)
    }

    /// A raw key of exactly 32 random bytes.
    package init(key: UnsafeRawBufferPointer) throws(Failure) {
        guard key.count == Sealing.keyCount else {
            throw Failure(.argument, "the key must be exactly 32 bytes")
        }
        let kinds = try ByteKinds()
        unsafe kinds.note(key, key.count)
        try kinds.check("key")
        kind = .key
        secret = try unsafe SecretBytes(copying: key)
    }

    /// The content of a file that only its owner may read; 32 bytes to 64 KiB.
    package init(keyFile path: String) throws(Failure) {
        try Sealing.start()
        kind = .keyFile
        secret = try KeyFile.key(path: path)
    }

    /// A credential that systemd handed to this service.
    package init(credential name: String) throws(Failure) {
        try Sealing.start()
        kind = .credential
        secret = try KeyFile.credential(name: name)
    }
}

/// The keys of an open vault; per epoch keys are the snapshot's.
final class VaultKeys: Sendable {
    /// Header MAC.
    let header: SecretBytes
    /// Wraps epoch keys.
    let wrap: SecretBytes
    /// Fingerprints of secrets.
    let fingerprint: SecretBytes
    /// Tells this vault's budget groups from those of others that have the same names. Not a
    /// secret: with it one can only ask whether a name is in the ledger.
    let groupScope: UInt64
    /// Makes each snapshot's body key.
    private let file: SecretBytes

    init(root: borrowing SecretBytes) throws(Failure) {
        header = try Sealing.derive(root, "tv1 hdr")
        wrap = try Sealing.derive(root, "tv1 wrap")
        file = try Sealing.derive(root, "tv1 body")
        let index = try Sealing.derive(root, "tv1 idx")
        fingerprint = try Sealing.derive(index, "tv1 fingerprint")
        let scope = try Sealing.derive(index, "tv1 budget groups")
        groupScope = unsafe scope.withUnsafeBytes {
            unsafe UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
    }

    /// Whether these are the keys of a root key.
    func belong(to root: borrowing SecretBytes) throws(Failure) -> Bool {
        let other = try Sealing.derive(root, "tv1 hdr")
        return unsafe header.withUnsafeBytes { own in
            unsafe other.withUnsafeBytes { unsafe Sealing.isEqual(own, $0) }
        }
    }

    /// K_body: the body MAC's key of one snapshot.
    func body(of fileID: Identifier) throws(Failure) -> SecretBytes {
        let bytes = ByteBuffer(limit: 16)
        var writer = BytesWriter(into: bytes)
        writer.identifier(fileID)
        guard writer.isComplete else { throw Failure.noMemory }
        return try Sealing.derive(file, bytes)
    }

    /// The first 8 bytes of a secret's keyed hash, as a little-endian number.
    func fingerprint(ofPadded secret: borrowing SecretBytes) throws(Failure) -> UInt64 {
        let hash = try unsafe VaultRecord.lend(secret) { (secret) throws(Failure) in
            try unsafe Sealing.derive(fingerprint, secret)
        }
        return unsafe hash.withUnsafeBytes {
            unsafe UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
    }
}

/// What one epoch's random key is good for; the key itself is wiped.
final class EpochKeys: Sendable {
    /// Seals metadata.
    let metadata: SecretBytes
    /// Wraps tenant keys: a subkey, so that no key has two uses.
    let tenants: SecretBytes

    init(_ epochKey: borrowing SecretBytes) throws(Failure) {
        metadata = try Sealing.derive(epochKey, "tv1 meta")
        tenants = try Sealing.derive(epochKey, "tv1 wrap tenant")
    }
}

extension Failure {
    static let noMemory = Failure(.noMemory, "the system gave no memory")
}
