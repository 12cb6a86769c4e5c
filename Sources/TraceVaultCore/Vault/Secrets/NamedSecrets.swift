// NamedSecrets.swift - secrets that a host hands over by name, beside its settings.
//
// What opens services around the library, such as the object store of a vault. They are never
// given back, printed or described.

/// A secret with many owners; wiped with the last one.
package final class KeptSecret: Sendable {
    let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

package final class NamedSecrets: Sendable {
    package enum Name: String, CaseIterable, Sendable {
        case accessKey = "s3.access_key"
        case secretKey = "s3.secret_key"
        case sessionToken = "s3.session_token"
        case redisUser = "redis.user"
        case redisPassword = "redis.password"

        private static let longestKey = 256
        /// So that its header line fits into a slot of guarded memory.
        private static let longestToken = 1984

        /// Bytes of the longest one.
        var most: Int { self == .sessionToken ? Self.longestToken : Self.longestKey }
    }

    private let kept = Lock<[Name: KeptSecret]>([:])

    package init() {}

    /// Keeps a copy in the place of an earlier one; an empty secret takes that away.
    package func set(_ name: String, to secret: UnsafeRawBufferPointer) throws(Failure) {
        guard let name = Name(rawValue: name) else {
            let names = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(.configName, "no secret has this name; there are: \(names)")
        }
        var fresh: KeptSecret?
        if unsafe !secret.isEmpty {
            fresh = KeptSecret(try Self.checked(name, try unsafe SecretBytes(copying: secret)))
        }
        let kept = fresh
        self.kept.withLock { $0[name] = kept }
    }

    /// Refuses what cannot be meant.
    static func checked(
        _ name: Name, _ secret: consuming SecretBytes
    ) throws(Failure) -> SecretBytes {
        let isFit = unsafe secret.withUnsafeBytes { bytes in
            unsafe (1...name.most).contains(bytes.count)
                && bytes.allSatisfy { (0x21...0x7E).contains($0) }
        }
        guard isFit else {
            throw Failure(
                .credentialFormat,
                "\(name.rawValue) must be 1 to \(name.most) printable ASCII characters "
                    + "without spaces")
        }
        return secret
    }

    func get(_ name: Name) -> KeptSecret? { kept.withLock { $0[name] } }
}
