// SHA256.swift - the hash that signed requests to an object store are made of, plain and keyed.
//
// Not for the vault's own format, which has BLAKE2b. Secrets may be hashed: states are in guarded
// memory.

internal import CSodium

/// One hash, made piece by piece.
struct SHA256: ~Copyable {
    static let count = 32
    private let state: SecretBytes

    init() throws(Failure) {
        try Sealing.start()
        state = try SecretBytes(count: MemoryLayout<crypto_hash_sha256_state>.size)
        unsafe state.withUnsafeMutableBytes {
            guard let state = unsafe Self.state($0) else { return }
            unsafe _ = crypto_hash_sha256_init(state)
        }
    }

    private static func state(
        _ bytes: UnsafeMutableRawBufferPointer
    ) -> UnsafeMutablePointer<crypto_hash_sha256_state>? {
        unsafe bytes.baseAddress?.assumingMemoryBound(to: crypto_hash_sha256_state.self)
    }

    borrowing func add(_ bytes: UnsafeRawBufferPointer) {
        guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return
        }
        unsafe state.withUnsafeMutableBytes {
            guard let state = unsafe Self.state($0) else { return }
            unsafe _ = crypto_hash_sha256_update(state, start, UInt64(bytes.count))
        }
    }

    borrowing func add(_ text: String) {
        var text = text
        text.withUTF8 { unsafe add(UnsafeRawBufferPointer($0)) }
    }

    /// The hash in lower-case hexadecimal digits; nothing may be added any more.
    borrowing func text() -> String {
        var digest = [UInt8](repeating: 0, count: Self.count)
        unsafe state.withUnsafeMutableBytes {
            guard let state = unsafe Self.state($0) else { return }
            unsafe _ = digest.withUnsafeMutableBufferPointer {
                unsafe $0.baseAddress.map { unsafe crypto_hash_sha256_final(state, $0) }
            }
        }
        return hexadecimal(digest)
    }

    /// The hash of bytes that lie in one piece.
    static func text(of bytes: RawSpan) throws(Failure) -> String {
        let hash = try SHA256()
        unsafe bytes.withUnsafeBytes { unsafe hash.add($0) }
        return hash.text()
    }

    // MARK: - Keyed

    /// HMAC (RFC 2104) of public text, into guarded memory.
    static func keyed(
        _ key: borrowing SecretBytes, _ message: String
    ) throws(Failure) -> SecretBytes {
        try Sealing.start()
        let digest = try SecretBytes(count: count)
        let room = try SecretBytes(count: MemoryLayout<crypto_auth_hmacsha256_state>.size)
        var message = message
        unsafe room.withUnsafeMutableBytes { room in
            guard
                let state = unsafe room.baseAddress?.assumingMemoryBound(
                    to: crypto_auth_hmacsha256_state.self)
            else { return }
            unsafe key.withUnsafeBytes { key in
                guard let start = unsafe key.baseAddress?.assumingMemoryBound(to: UInt8.self)
                else { return }
                unsafe _ = crypto_auth_hmacsha256_init(state, start, key.count)
            }
            message.withUTF8 { message in
                guard let start = message.baseAddress else { return }
                unsafe _ = crypto_auth_hmacsha256_update(state, start, UInt64(message.count))
            }
            unsafe digest.withUnsafeMutableBytes { digest in
                guard let start = unsafe digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
                else { return }
                unsafe _ = crypto_auth_hmacsha256_final(state, start)
            }
        }
        return digest
    }
}

/// Lower-case hexadecimal digits of bytes that are no secret.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
