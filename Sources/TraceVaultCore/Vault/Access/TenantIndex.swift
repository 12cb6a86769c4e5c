// TenantIndex.swift - one tenant's part of one state of a vault: what a look at it gives.
//
// Immutable: whatever is asked of one index fits together, however often the vault changes
// meanwhile. Holds this tenant's sealed records, their opened metadata and the key, nothing else.

import CSystem

/// Which tenant of which opened vault. Tables are kept by it: a vault's file chooses the name, but
/// not `opened`, so no file can speak for another one. Names are compared byte by byte.
struct TenantKey: Hashable, Sendable {
    let opened: Identifier
    let name: TenantName
}

/// One tenant's part of a snapshot, with its key.
package final class TenantIndex: Sendable {
    private struct Entry {
        let account: AccountID
        let record: VaultRecord
        let metadata: Range<Int>
    }

    let tenant: TenantKey
    let following: Following
    let generation: UInt64
    private let revision: Revision
    private let vaultID: Identifier
    /// The vault's, for names of budget groups.
    let groupScope: String
    private let key: SecretBytes
    /// By account id, the active credential before the retiring one.
    private let entries: [Entry]
    /// The records of `entries`, as they are in the vault.
    private let sealed: ByteBuffer
    /// Their opened metadata, one after the other.
    private let metadata: ByteBuffer
    /// Credentials that were asked for already, by their place in `entries`.
    private let known = Lock<[Int: Credential]>([:])

    init(
        _ tenant: Snapshot.TenantEntry, of snapshot: Snapshot, _ following: Following
    ) throws(Failure) {
        let sealed = ByteBuffer(limit: VaultLayout.maximumCount)
        let metadata = ByteBuffer(limit: VaultLayout.maximumCount)
        var entries: [Entry] = []
        entries.reserveCapacity(tenant.accounts.count)
        for place in tenant.accounts {
            let found = snapshot.accounts[place]
            let record = try snapshot.record(at: found.offset)
            entries.append(
                Entry(
                    account: found.account, record: try snapshot.copy(record, into: sealed),
                    metadata: try snapshot.openMetadata(record, into: metadata)))
        }
        self.tenant = TenantKey(opened: following.opened, name: tenant.name)
        self.following = following
        key = try snapshot.tenantKey(tenant)
        self.entries = entries
        self.sealed = sealed
        self.metadata = metadata
        vaultID = snapshot.header.vaultID
        groupScope = HexText.of(snapshot.keys.groupScope)
        generation = snapshot.header.generation
        revision = snapshot.header.revision
    }

    func isOf(_ snapshot: Snapshot) -> Bool { revision == snapshot.header.revision }

    func list() throws(Failure) -> ByteBuffer {
        try AccountList.write(generation: generation) { (row) throws(Failure) in
            for entry in entries { try row(metadata, entry.metadata) }
        }
    }

    /// Every account once, in the order of their ids.
    var accounts: [AccountID] {
        var accounts: [AccountID] = []
        for entry in entries where entry.account != accounts.last {
            accounts.append(entry.account)
        }
        return accounts
    }

    /// What the owner calls an account; "" where it has no name or is not there.
    func label(of account: AccountID) -> String {
        guard let place = places(of: account).first else { return "" }
        return (try? credential(at: place))?.label ?? ""
    }

    // MARK: - Credentials

    /// The credential to use now for one account; nil means the only account.
    package func credential(account: String?) throws(Failure) -> Credential {
        let id: AccountID?
        if let account { id = try AccountID(account) } else { id = nil }
        return try credential(of: id)
    }

    /// The same for an account id that was checked already.
    package func credential(of account: AccountID?) throws(Failure) -> Credential {
        try credential(account, nowMs: UInt64(clamping: tvs_wall_ms()))
    }

    /// The same, where its secret may go to this origin.
    func credential(
        of account: AccountID?, towards origin: Origin
    ) throws(Failure) -> Credential {
        let credential = try credential(of: account)
        guard credential.origin == origin.text else {
            throw Failure(
                .origin,
                "the credential is sealed for \(credential.origin), and api.base_url is at "
                    + origin.text)
        }
        return credential
    }

    /// What to use while the server refuses `credential`: the account's other one, if it is valid.
    func fallback(for credential: Credential) throws(Failure) -> Credential? {
        try fallback(for: credential, nowMs: UInt64(clamping: tvs_wall_ms()))
    }

    /// Whether what was lent may still be sent: its account has the same secret for the same place,
    /// and it is valid.
    func lends(_ credential: Credential) -> Bool {
        let nowMs = UInt64(clamping: tvs_wall_ms())
        return places(of: credential.account).contains { place in
            guard let held = try? self.credential(at: place) else { return false }
            return held.identity.fingerprint == credential.identity.fingerprint
                && held.email == credential.email && held.origin == credential.origin
                && held.isValid(atMs: nowMs)
        }
    }

    /// The places of one account's credentials: none, one or two.
    private func places(of account: AccountID) -> Range<Int> {
        let start = entries.indices.firstPlace { entries[$0].account >= account }
        var end = start
        while end < entries.count, entries[end].account == account { end += 1 }
        return start..<end
    }

    /// The credential to use now for one account, or for the only one when none is named: the
    /// active one if it is valid, else the retiring one if that is.
    func credential(_ account: AccountID?, nowMs: UInt64) throws(Failure) -> Credential {
        let wanted: AccountID
        if let account {
            wanted = account
        } else {
            guard let first = entries.first, let last = entries.last else {
                throw Tenant.unknownAccount
            }
            guard first.account == last.account else {
                throw Failure(.ambiguous, "the tenant has several accounts: name one")
            }
            wanted = first.account
        }
        var refusal = Tenant.unknownAccount
        for place in places(of: wanted) {
            let credential = try credential(at: place)
            if credential.isValid(atMs: nowMs) { return credential }
            if refusal.status == .notFound { refusal = credential.invalidity(atMs: nowMs) }
        }
        throw refusal
    }

    /// Another valid credential of the same account; nil when there is none.
    private func fallback(for refused: Credential, nowMs: UInt64) throws(Failure) -> Credential? {
        for place in places(of: refused.account) {
            let credential = try credential(at: place)
            // The same secret is no other one, also if its label or its place has changed.
            let isSame = credential.identity.fingerprint == refused.identity.fingerprint
            if !isSame, credential.isValid(atMs: nowMs) { return credential }
        }
        return nil
    }

    private func credential(at place: Int) throws(Failure) -> Credential {
        if let credential = known.withLock({ $0[place] }) { return credential }
        let entry = entries[place]
        let credential = metadata.withBytes { span in
            Metadata(span, entry.metadata, of: .credential).map {
                Credential($0, span, entry.record, entry.account, of: tenant)
            }
        }
        guard let credential else { throw VaultRecord.unopened }
        known.withLock { $0[place] = credential }
        return credential
    }

    // MARK: - Secrets

    /// Opens the secret of exactly this credential, still padded.
    private func open(_ credential: Credential) throws(Failure) -> SecretBytes {
        let candidates = entries[places(of: credential.account)]
        guard !candidates.isEmpty else { throw Tenant.unknownAccount }
        let same = candidates.first {
            $0.record.id == credential.identity.record && $0.record.version == credential.version
        }
        guard let found = same else {
            var failure = Failure(.conflict, "the credential was replaced: look it up again")
            failure.retriable = true
            throw failure
        }
        return try sealed.withBytes { (sealed) throws(Failure) in
            try metadata.withBytes { (metadata) throws(Failure) in
                try found.record.openSecret(
                    sealed, vaultID: vaultID, metadata: metadata.extracting(found.metadata),
                    key: key)
            }
        }
    }

    /// Opens one secret for the closure and wipes it afterwards.
    package func lend<R: ~Copyable>(
        _ credential: Credential,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        guard credential.key == tenant else { throw Tenant.unknownAccount }
        return try unsafe VaultRecord.lend(open(credential), body)
    }

    /// The secret header line of a request; keep it until the transfer has ended.
    func authorization(for credential: Credential) throws(Failure) -> SecretHeader {
        try unsafe lend(credential) { (secret) throws(Failure) in
            switch credential.kind {
            case .apiToken:
                try unsafe SecretHeader(prefix: "Authorization: Bearer ", secret: secret)
            case .globalKey:
                try unsafe SecretHeader(prefix: "X-Auth-Key: ", secret: secret)
            }
        }
    }
}
