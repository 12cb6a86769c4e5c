// BudgetKey.swift - by what number all processes of a host know the user whose quota is spent.
//
// A vault's fingerprints are keyed with the vault's own key, so the same token in two vaults has
// two; the server sees one user. Hence a key over the secret itself, lent for the hash. Its 64 bits
// get into a file that only this user can read, and tell nothing of a secret that nobody can guess.
// What can be guessed (an e-mail address, the name of a group) never gets there without a key of
// the vault: nobody joins a group, or learns of one, by its name.

package enum BudgetKey {
    /// This host's address towards an origin, whose requests the server counts together.
    package static func address(towards origin: String) throws(Failure) -> UInt64 {
        try Sealing.start()
        return try made(text(origin, "TraceVault budget address, text1"))
    }

    fileprivate static func made(_ key: UInt64?) throws(Failure) -> UInt64 {
        guard let key else { throw Failure(.other, "the budget group could not be hashed") }
        return key
    }

    fileprivate static func text(_ text: String, _ domain: StaticString) -> UInt64? {
        var text = text
        return text.withUTF8 { unsafe hash(UnsafeRawBufferPointer($0), domain) }
    }

    /// `domain` has 32 bytes: the key of the hash.
    fileprivate static func hash(
        _ bytes: UnsafeRawBufferPointer, _ domain: StaticString
    ) -> UInt64? {
        let key = unsafe UnsafeRawBufferPointer(
            start: domain.utf8Start, count: domain.utf8CodeUnitCount)
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let isDone = unsafe withUnsafeMutableBytes(of: &words) {
            unsafe Sealing.hash(bytes, key: key, into: $0)
        }
        return isDone ? UInt64(littleEndian: words.0) : nil
    }
}

/// Where a credential's requests are counted.
package struct BudgetKeys: Sendable {
    /// Equal for two credentials exactly when they spend one quota.
    package let group: UInt64
    /// Where it proves that the server takes it; nil where nobody else has its group.
    package let proof: UInt64?
}

extension TenantIndex {
    /// Without a group of the vault's own, whoever has the same secret has the same group: to know
    /// it proves that one belongs to it. A group that is named is the vault's.
    package func budgetKeys(of credential: Credential) throws(Failure) -> BudgetKeys {
        try Sealing.start()
        guard let name = credential.sharedGroup else {
            let group = try hash(credential, "TraceVault budget group, secret1")
            return BudgetKeys(group: group, proof: nil)
        }
        let group = BudgetKey.text(
            groupScope + name, "TraceVault budget group, vault 1")
        return BudgetKeys(
            group: try BudgetKey.made(group),
            proof: try hash(credential, "TraceVault budget proof, secret1"))
    }

    private func hash(
        _ credential: Credential, _ domain: StaticString
    ) throws(Failure) -> UInt64 {
        try BudgetKey.made(
            try unsafe lend(credential) { (secret) throws(Failure) in
                unsafe BudgetKey.hash(secret, domain)
            })
    }
}
