// Tenant.swift - the right to list and use one tenant's accounts, and nothing else.
//
// Holds this tenant's key and index only. It asks its source for a newer index while there is one;
// a vault that was closed wipes its keys, and its tenants go on with what they know.

import CSystem

/// Where a tenant learns that the vault has changed.
protocol TenantSource: AnyObject, Sendable {
    /// The newest index of the tenant; `known` when nothing has changed.
    func tenantIndex(_ name: TenantName, known: TenantIndex?) throws(Failure) -> TenantIndex
    /// Whether it has wiped its keys, so that its tenants must not keep theirs.
    var isLocked: Bool { get }
}

/// One tenant's part of a snapshot, with its key.
final class TenantIndex: Sendable {
    private struct Entry {
        let account: AccountID
        let record: VaultRecord
        let metadata: Range<Int>
    }

    let generation: UInt64
    private let sealed: ByteBuffer
    private let vaultID: Identifier
    /// The vault's, for names of budget groups.
    let groupScope: String
    private let name: String
    private let key: SecretBytes
    /// By account id, the active credential before the retiring one.
    private let entries: [Entry]
    /// The opened metadata of this tenant's accounts, one after the other.
    private let metadata: ByteBuffer
    /// Credentials that were asked for already, by their place in `entries`.
    private let known = Lock<[Int: Credential]>([:])

    init(_ tenant: Snapshot.TenantEntry, of snapshot: Snapshot) throws(Failure) {
        let metadata = ByteBuffer(limit: VaultLayout.maximumCount)
        var entries: [Entry] = []
        entries.reserveCapacity(tenant.accounts.count)
        for place in tenant.accounts {
            let found = snapshot.accounts[place]
            let record = try snapshot.record(at: found.offset)
            entries.append(
                Entry(
                    account: found.account, record: record,
                    metadata: try snapshot.openMetadata(record, into: metadata)))
        }
        name = tenant.name.text
        key = try snapshot.tenantKey(tenant)
        self.entries = entries
        self.metadata = metadata
        sealed = snapshot.bytes
        vaultID = snapshot.header.vaultID
        groupScope = AccountID.hex(snapshot.keys.groupScope)
        generation = snapshot.header.generation
    }

    func isOf(_ snapshot: Snapshot) -> Bool { sealed === snapshot.bytes }

    func list() throws(Failure) -> ByteBuffer {
        try AccountList.write(generation: generation) { (row) throws(Failure) in
            for entry in entries { try row(metadata, entry.metadata) }
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
    func fallback(for refused: Credential, nowMs: UInt64) throws(Failure) -> Credential? {
        for place in places(of: refused.account) {
            let credential = try credential(at: place)
            let isSame =
                credential.recordID == refused.recordID && credential.version == refused.version
            if !isSame, credential.isValid(atMs: nowMs) { return credential }
        }
        return nil
    }

    private func credential(at place: Int) throws(Failure) -> Credential {
        if let credential = known.withLock({ $0[place] }) { return credential }
        let entry = entries[place]
        let credential = metadata.withBytes { span in
            Metadata(span, entry.metadata, of: .credential).map {
                Credential($0, span, entry.record, entry.account, tenant: name)
            }
        }
        guard let credential else { throw VaultRecord.unopened }
        known.withLock { $0[place] = credential }
        return credential
    }

    /// Opens the secret of exactly this credential, still padded.
    func open(_ credential: Credential) throws(Failure) -> SecretBytes {
        let candidates = entries[places(of: credential.account)]
        guard !candidates.isEmpty else { throw Tenant.unknownAccount }
        let same = candidates.first {
            $0.record.id == credential.recordID && $0.record.version == credential.version
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
}

package final class Tenant: Sendable {
    /// The same for an account that does not exist and one of another tenant.
    static let unknownAccount = Failure(.notFound, "the tenant has no such account")

    package let name: String
    private let tenantName: TenantName
    /// Weak: a tenant must not keep the keys of all others in memory.
    private weak let source: (any TenantSource)?
    /// Or why there is none: the vault was locked, the tenant removed.
    private let index: Lock<Result<TenantIndex, Failure>>

    init(_ name: TenantName, from source: any TenantSource) throws(Failure) {
        self.name = name.text
        tenantName = name
        self.source = source
        index = Lock(.success(try source.tenantIndex(name, known: nil)))
    }

    /// Throws what keeps it from being used now.
    func check() throws(Failure) { _ = try current() }

    /// This tenant's accounts: metadata only.
    package func list() throws(Failure) -> ByteBuffer { try current().list() }

    /// The credential of one account as the vault has it now; nil means the only account.
    package func credential(account: String?) throws(Failure) -> Credential {
        let id: AccountID?
        if let account { id = try AccountID(account) } else { id = nil }
        return try credential(of: id)
    }

    /// The same for an account id that was checked already.
    package func credential(of account: AccountID?) throws(Failure) -> Credential {
        try current().credential(account, nowMs: UInt64(clamping: tvs_wall_ms()))
    }

    /// What to use while the server refuses `credential`: the account's other one, if it is valid.
    package func fallback(for credential: Credential) throws(Failure) -> Credential? {
        try current().fallback(for: credential, nowMs: UInt64(clamping: tvs_wall_ms()))
    }

    func groupScope() throws(Failure) -> String { try current().groupScope }

    var holdsKey: Bool { index.withLock { (try? $0.get()) != nil } }

    /// Wipes the tenant's key and what is known of its accounts.
    func forget() { forget(Failure(.locked, "the vault was locked and closed")) }

    private func forget(_ why: Failure) { index.withLock { $0 = .failure(why) } }

    /// Opens one secret for the closure and wipes it afterwards.
    package func lend<R: ~Copyable>(
        _ credential: Credential,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        guard credential.tenant.utf8.elementsEqual(name.utf8) else { throw Self.unknownAccount }
        let padded = try current().open(credential)
        return try unsafe padded.withUnsafeBytes { (bytes) throws(Failure) in
            guard let count = unsafe Sealing.unpaddedCount(bytes) else {
                throw VaultRecord.unopened
            }
            return try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }

    /// The secret header line of a request; keep it until the transfer has ended.
    package func authorization(for credential: Credential) throws(Failure) -> SecretHeader {
        try unsafe lend(credential) { (secret) throws(Failure) in
            switch credential.kind {
            case .apiToken:
                try unsafe SecretHeader(prefix: "Authorization: Bearer ", secret: secret)
            case .globalKey:
                try unsafe SecretHeader(prefix: "X-Auth-Key: ", secret: secret)
            }
        }
    }

    private func current() throws(Failure) -> TenantIndex {
        let known = index.withLock { $0 }
        guard let source else { return try known.get() }
        let newest: TenantIndex
        do throws(Failure) {
            newest = try source.tenantIndex(tenantName, known: try? known.get())
        } catch {
            if error.status == .notFound { forget(error) }
            throw error
        }
        index.withLock { held in
            let heldGeneration = (try? held.get())?.generation ?? 0
            // Asked while no `forget` can come in between: the vault locks before it calls it.
            if !source.isLocked, heldGeneration <= newest.generation { held = .success(newest) }
        }
        return newest
    }
}
