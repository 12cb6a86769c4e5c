// Credential.swift - what is known of one account's credential without opening its secret.

/// One account's credential without the secret. A class, because it is handed on a dozen times for
/// each request: one reference instead of six strings.
package final class Credential: Sendable {
    /// Whose it is.
    let key: TenantKey
    package var tenant: String { key.name.text }
    package let accountID: String
    /// The same, as the index is searched for it.
    let account: AccountID
    package let kind: CredentialKind
    /// scheme://host[:port], the only place the secret may go.
    package let origin: String
    package let label: String
    /// ms since 1970; nil without a bound.
    private let notBeforeMs: UInt64?
    let expiresMs: UInt64?
    /// Whose quota its requests spend.
    package let budgetGroup: String
    /// The same where the vault's owner has named it, for as many credentials as they like.
    let sharedGroup: String?
    /// The record, and a keyed hash of the secret, equal within a vault when the secrets are.
    let identity: CredentialIdentity
    package let version: UInt64

    init(
        _ metadata: Metadata, _ span: RawSpan, _ record: VaultRecord, _ account: AccountID,
        of tenant: TenantKey
    ) {
        self.account = account
        key = tenant
        accountID = account.text
        origin = span.text(metadata.origin)
        label = span.text(metadata.label)
        notBeforeMs = metadata.notBeforeMs
        expiresMs = metadata.expiresMs
        identity = CredentialIdentity(record: record.id, fingerprint: metadata.fingerprint)
        version = record.version
        let named = span.text(metadata.budgetGroup)
        sharedGroup = named.isEmpty ? nil : named
        // Not a key's address: anybody may write that beside a key of their own.
        budgetGroup = sharedGroup ?? HexText.of(metadata.fingerprint)
        kind = metadata.credentialKind(span)
    }
}

extension Credential {
    /// Whether its validity has begun and not ended.
    func isValid(atMs now: UInt64) -> Bool {
        (notBeforeMs ?? 0) <= now && now < expiresMs ?? UInt64.max
    }

    /// Why it may not be used at this time.
    func invalidity(atMs now: UInt64) -> Failure {
        let isEarly = now < notBeforeMs ?? 0
        let bound = Int64(clamping: (isEarly ? notBeforeMs : expiresMs) ?? 0)
        let time = Timestamp.text(milliseconds: bound) ?? "a time out of range"
        return Failure(
            .expired,
            isEarly
                ? "the credential is not valid before \(time)"
                : "the credential expired at \(time): put a new one")
    }
}

extension Credential {
    /// The address a global key is sent with; nil for a token.
    package var email: String? {
        if case .globalKey(let email) = kind { email } else { nil }
    }
}
