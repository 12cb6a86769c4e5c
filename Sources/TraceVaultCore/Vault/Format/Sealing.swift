// Sealing.swift - the primitives: keyed BLAKE2b, XChaCha20-Poly1305, Argon2id, random bytes.
//
// With SHA256.swift the only file that calls libsodium. libsodium ends the process when it is
// misused, so every length is checked here first. What is sealed with which key is the callers'
// business.

internal import CSodium
import CSystem

enum Sealing {
    static let keyCount = 32
    static let hashCount = 32
    static let nonceCount = 24
    static let tagCount = 16
    /// Credential secrets are padded to a multiple of this, so that lengths tell little.
    static let padding = 64

    /// libsodium chooses its code for this processor; until then nothing may be called.
    private static let isReady = sodium_init() >= 0

    /// Called where a vault comes into being; everything later relies on it.
    static func start() throws(Failure) {
        guard isReady else {
            throw Failure(.other, "libsodium could not be started: no source of random numbers")
        }
    }

    static var version: String { unsafe String(cString: sodium_version_string()) }

    // MARK: - Random

    static func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        guard isReady, let base = bytes.baseAddress else { return }
        unsafe randombytes_buf(base, bytes.count)
    }

    /// Both of one system call, of which an import makes three for each credential.
    static func randomWords() -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { unsafe fillRandom($0) }
        return words
    }

    // MARK: - Hash

    /// BLAKE2b-256, keyed when `key` is not empty. False when a length is not allowed.
    static func hash(
        _ input: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer?,
        into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard out.count == hashCount, unsafe key == nil || key?.count == keyCount else {
            return false
        }
        guard let octets = unsafe out.octets else { return false }
        return unsafe crypto_generichash(
            octets, hashCount, input.octets, UInt64(input.count), key?.octets,
            key?.count ?? 0) == 0
    }

    /// libsodium wants its hash state on a border of so many bytes.
    private static let stateAlignment = 64

    /// BLAKE2b-256 of what `next` puts into guarded memory piece by piece, `count` bytes in all; it
    /// answers how many bytes it put there, 0 at the end.
    static func hash(
        count wanted: Int, _ next: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> SecretBytes {
        let piece = try SecretBytes(count: 2048)
        let digest = try SecretBytes(count: hashCount)
        let room = try SecretBytes(count: crypto_generichash_statebytes() + stateAlignment)
        try unsafe room.withUnsafeMutableBytes { (room) throws(Failure) in
            let start = unsafe room.baseAddress?.alignedUp(toMultipleOf: stateAlignment)
            let state = OpaquePointer(start)
            guard isReady, let state = unsafe state,
                unsafe crypto_generichash_init(state, nil, 0, hashCount) == 0
            else { throw Failure(.other, "libsodium could not hash") }
            var total = 0
            var count = 1
            while count > 0 {
                count = try unsafe piece.withUnsafeMutableBytes { (room) throws(Failure) in
                    let count = max(0, min(try unsafe next(room), room.count))
                    if let octets = unsafe room.octets {
                        unsafe _ = crypto_generichash_update(state, octets, UInt64(count))
                    }
                    return count
                }
                total += count
                guard total <= wanted else { throw changed }
            }
            // The hash of less would be a key that others can guess: of nothing, for a cut file.
            guard total == wanted else { throw changed }
            unsafe digest.withUnsafeMutableBytes {
                guard let octets = unsafe $0.octets else { return }
                unsafe _ = crypto_generichash_final(state, octets, hashCount)
            }
        }
        return digest
    }

    private static var changed: Failure {
        var failure = Failure(.io, "the file changed while it was read; try again")
        failure.retriable = true
        return failure
    }

    /// Whether `expected` is the hash of `input`, in constant time.
    static func isHash(
        _ expected: RawSpan, of input: RawSpan, key: UnsafeRawBufferPointer?
    ) -> Bool {
        guard expected.byteCount == hashCount else { return false }
        return unsafe withUnsafeTemporaryAllocation(byteCount: hashCount, alignment: 8) { found in
            unsafe input.withUnsafeBytes { input in
                guard unsafe hash(input, key: key, into: found) else { return false }
                return unsafe expected.withUnsafeBytes {
                    unsafe sodium_memcmp(found.baseAddress, $0.baseAddress, hashCount) == 0
                }
            }
        }
    }

    /// KDF: BLAKE2b-256 of `input`, keyed with `key`, into guarded memory.
    static func derive(
        _ key: borrowing SecretBytes, _ input: UnsafeRawBufferPointer
    ) throws(Failure) -> SecretBytes {
        let derived = try SecretBytes(count: keyCount)
        // libsodium leaves the key and what came of it in its frames.
        defer { tvs_wipe_frames() }
        let isDone = unsafe key.withUnsafeBytes { key in
            unsafe derived.withUnsafeMutableBytes { unsafe hash(input, key: key, into: $0) }
        }
        guard isDone else { throw Failure(.other, "a key of the wrong length was to be used") }
        return derived
    }

    static func derive(
        _ key: borrowing SecretBytes, _ label: StaticString
    ) throws(Failure) -> SecretBytes {
        try unsafe derive(
            key, UnsafeRawBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount))
    }

    static func derive(
        _ key: borrowing SecretBytes, _ input: ByteBuffer
    ) throws(Failure) -> SecretBytes {
        try input.withBytes { (span) throws(Failure) in
            try unsafe span.withUnsafeBytes { (bytes) throws(Failure) in
                try unsafe derive(key, bytes)
            }
        }
    }

    /// Compares in constant time.
    static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count, let left = unsafe left.octets else { return false }
        guard let base = unsafe right.octets else { return false }
        return unsafe sodium_memcmp(left, base, right.count) == 0
    }

    // MARK: - Sealed boxes

    /// XChaCha20-Poly1305 over `plain` into `out`, which has room for exactly plain + tag.
    static func seal(
        _ plain: UnsafeRawBufferPointer, aad: RawSpan, nonce: RawSpan,
        key: borrowing SecretBytes, into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard nonce.byteCount == nonceCount, key.count == keyCount,
            out.count == plain.count + tagCount
        else { return false }
        return unsafe key.withUnsafeBytes { key in
            unsafe nonce.withUnsafeBytes { nonce in
                unsafe aad.withUnsafeBytes { aad in
                    guard let key = unsafe key.octets, let nonce = unsafe nonce.octets,
                        let octets = unsafe out.octets
                    else { return false }
                    return unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                        octets, nil, plain.octets, UInt64(plain.count), aad.octets,
                        UInt64(aad.count), nil, nonce, key) == 0
                }
            }
        }
    }

    /// Opens what `seal` made into `out`, which has room for exactly the plain text.
    static func open(
        _ sealed: RawSpan, aad: RawSpan, nonce: RawSpan,
        key: borrowing SecretBytes, into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard nonce.byteCount == nonceCount, key.count == keyCount,
            sealed.byteCount >= tagCount, out.count == sealed.byteCount - tagCount
        else { return false }
        return unsafe key.withUnsafeBytes { key in
            unsafe nonce.withUnsafeBytes { nonce in
                unsafe aad.withUnsafeBytes { aad in
                    unsafe sealed.withUnsafeBytes { sealed in
                        guard let key = unsafe key.octets, let nonce = unsafe nonce.octets,
                            let octets = unsafe sealed.octets
                        else { return false }
                        return unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                            out.octets, nil, nil, octets, UInt64(sealed.count), aad.octets,
                            UInt64(aad.count), nonce, key) == 0
                    }
                }
            }
        }
    }

    // MARK: - Padding

    /// Copies a secret behind which ISO 7816-4 padding fills up to a multiple of `padding`.
    static func padded(_ secret: UnsafeRawBufferPointer) throws(Failure) -> SecretBytes {
        let padded = try SecretBytes(count: (secret.count / padding + 1) * padding)
        unsafe padded.withUnsafeMutableBytes { bytes in
            unsafe bytes.copyMemory(from: secret)
            unsafe bytes[secret.count] = 0x80
        }
        return padded
    }

    /// How long the secret in padded bytes is; nil when the padding is wrong.
    static func unpaddedCount(_ padded: UnsafeRawBufferPointer) -> Int? {
        guard padded.count > 0, padded.count % padding == 0, let octets = unsafe padded.octets
        else { return nil }
        var count = 0
        let outcome = unsafe sodium_unpad(&count, octets, padded.count, padding)
        return outcome == 0 ? count : nil
    }

    // MARK: - Passphrases

    /// The most memory that the derivations of this process take at once. One that needs more
    /// than the others leave waits for them.
    private static let stretchingKiB: UInt32 = 1_048_576

    /// Argon2id (version 1.3, one lane). The caller has checked the bounds of both costs.
    static func stretch(
        _ passphrase: UnsafeRawBufferPointer, salt: RawSpan, passes: UInt64, memory: Int
    ) throws(Failure) -> SecretBytes {
        let key = try SecretBytes(count: keyCount)
        guard salt.byteCount == 16, passes >= 1, memory >= 8192,
            let kib = UInt32(exactly: memory / 1024)
        else {
            throw Failure(.other, "Argon2id was to be used out of its bounds")
        }
        // Waiting, and about a second in C alone, with no lock: forks need not wait for it.
        let held = tvs_fork_pause()
        defer { tvs_fork_resume(held) }
        tvs_stretch_take(kib, stretchingKiB)
        defer { tvs_stretch_give(kib) }
        let isDone = unsafe key.withUnsafeMutableBytes { out in
            unsafe salt.withUnsafeBytes { salt in
                guard let octets = unsafe out.octets, let salt = unsafe salt.octets,
                    let text = passphrase.baseAddress
                else { return false }
                return unsafe crypto_pwhash(
                    octets, UInt64(out.count), text.assumingMemoryBound(to: CChar.self),
                    UInt64(passphrase.count), salt, passes, memory,
                    crypto_pwhash_ALG_ARGON2ID13) == 0
            }
        }
        guard isDone else {
            throw Failure(.noMemory, "there is not enough memory for the passphrase's cost")
        }
        return key
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var octets: UnsafePointer<UInt8>? {
        unsafe baseAddress?.assumingMemoryBound(to: UInt8.self)
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate var octets: UnsafeMutablePointer<UInt8>? {
        unsafe baseAddress?.assumingMemoryBound(to: UInt8.self)
    }
}
