// PendingSecrets.swift - the secrets of an edit that is not committed yet.
//
// An import may hold 100,000 of them, far more than guarded memory: they wait in ordinary memory,
// sealed with a random key that lives in guarded memory and dies with the edit.

final class PendingSecrets: @unchecked Sendable {
    private let key: SecretBytes
    /// nonce || sealed bytes, one after the other. Filled under the edit's lock only.
    private let sealed = ByteBuffer(limit: VaultLayout.maximumCount)
    private let noAAD = ByteBuffer(limit: 0)

    init() throws(Failure) {
        key = try SecretBytes(count: Sealing.keyCount)
        unsafe key.withUnsafeMutableBytes { unsafe Sealing.fillRandom($0) }
    }

    /// Pads and seals a secret; the answer finds it again.
    func add(_ secret: UnsafeRawBufferPointer) throws(Failure) -> Range<Int> {
        let padded = try unsafe Sealing.padded(secret)
        let start = sealed.count
        var writer = BytesWriter(into: sealed)
        let nonce = ByteBuffer(limit: Sealing.nonceCount)
        var nonceWriter = BytesWriter(into: nonce)
        unsafe nonceWriter.filled(Sealing.nonceCount) { unsafe Sealing.fillRandom($0) }
        guard nonceWriter.isComplete else { throw Failure.noMemory }
        nonce.withBytes { nonce in
            writer.bytes(nonce)
            noAAD.withBytes { aad in
                unsafe padded.withUnsafeBytes { plain in
                    unsafe writer.attempt(plain.count + Sealing.tagCount) {
                        unsafe Sealing.seal(plain, aad: aad, nonce: nonce, key: key, into: $0)
                    }
                }
            }
        }
        guard writer.isComplete else {
            throw Failure(.limit, "the edit holds too many secrets; commit it and begin another")
        }
        return start..<sealed.count
    }

    /// Opens a padded secret into guarded memory.
    func open(_ place: Range<Int>) throws(Failure) -> SecretBytes {
        let head = Sealing.nonceCount + Sealing.tagCount
        guard place.count > head, place.upperBound <= sealed.count else { throw Self.lost }
        let secret = try SecretBytes(count: place.count - head)
        let isOpen = sealed.withBytes { span in
            noAAD.withBytes { aad in
                let entry = span.extracting(place)
                return unsafe secret.withUnsafeMutableBytes {
                    unsafe Sealing.open(
                        entry.extracting(Sealing.nonceCount..<entry.byteCount), aad: aad,
                        nonce: entry.extracting(0..<Sealing.nonceCount), key: key, into: $0)
                }
            }
        }
        guard isOpen else { throw Self.lost }
        return secret
    }

    static let lost = Failure(.other, "an edit has lost its secrets")
}
