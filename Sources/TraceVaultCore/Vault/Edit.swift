// Edit.swift - one atomic change of a vault.
//
// Gathers what shall become of which account; nothing happens before `commit`, which applies it to
// the newest snapshot. The last word on an account counts.

import Synchronization

package final class Edit: Sendable {
    struct State {
        var changes: [AccountKey: Change] = [:]
        var pending: PendingSecrets?
        var unlocks = UnlockChanges()
        var isFinished = false
    }

    /// The most accounts one edit changes.
    private static let maximumChanges = 1_000_000

    let vault: Vault
    private let state = Mutex(State())

    init(_ vault: Vault) {
        self.vault = vault
    }

    // MARK: - Changes

    /// Stores or replaces the API token of a tenant's account. A replaced credential keeps nothing
    /// of the old one's label and origin.
    package func putToken(
        tenant: String, account: String, token: UnsafeRawBufferPointer
    ) throws(Failure) {
        try unsafe put(tenant, account, .apiToken, token)
    }

    /// Stores or replaces the Global API Key of a tenant's account, as `putToken`.
    package func putKey(
        tenant: String, account: String, email: String, key: UnsafeRawBufferPointer
    ) throws(Failure) {
        try CredentialFormat.checkEmail(email)
        try unsafe put(tenant, account, .globalKey(email: email), key)
    }

    private func put(
        _ tenant: String, _ account: String, _ kind: CredentialKind,
        _ secret: UnsafeRawBufferPointer
    ) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        try unsafe CredentialFormat.checkSecret(secret)
        try open { (state) throws(Failure) in
            guard state.changes.count < Self.maximumChanges else {
                throw Failure(.limit, "the edit changes too many accounts; commit it first")
            }
            let pending: PendingSecrets
            if let held = state.pending {
                pending = held
            } else {
                pending = try PendingSecrets()
                state.pending = pending
            }
            let place = try unsafe pending.add(secret)
            state.changes[key] = .put(
                CredentialDraft(kind: kind, createdMs: SnapshotWriter.wallClock(), secret: place))
        }
    }

    /// Sets "label" or "origin" of a credential that this edit puts.
    package func set(
        tenant: String, account: String, name: String, value: String
    ) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        try open { (state) throws(Failure) in
            guard case .put(var draft)? = state.changes[key] else {
                throw Failure(
                    .notFound, "the edit stores no credential of this account: put it first")
            }
            switch name {
            case "label":
                try CredentialFormat.checkLabel(value)
                draft.label = value
            case "origin":
                draft.origin = try CredentialFormat.normalOrigin(value)
            default:
                throw Failure(
                    .configName, "no such property; there are: label, origin")
            }
            state.changes[key] = .put(draft)
        }
    }

    /// Removes a tenant's account and its secret; the tenant goes with its last account.
    package func remove(tenant: String, account: String) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        let isStored = vault.holds(key)
        try open { (state) throws(Failure) in
            switch state.changes[key] {
            case .put?: break
            case .remove?: throw Tenant.unknownAccount
            case nil: if !isStored { throw Tenant.unknownAccount }
            }
            state.changes[key] = isStored ? .remove : nil
        }
    }

    // MARK: - The end

    /// Makes all of it durable, or nothing. The edit is finished either way.
    package func commit() throws(Failure) {
        let taken = try open { (state) throws(Failure) in
            let taken = state
            state = State()
            state.isFinished = true
            return taken
        }
        try vault.commit(taken.changes, taken.pending, taken.unlocks)
    }

    func open<R: Sendable>(
        _ body: (inout State) throws(Failure) -> R
    ) throws(Failure) -> R {
        try state.withLock { (state) throws(Failure) in
            guard !state.isFinished else {
                throw Failure(.editFinished, "the edit is finished: begin a new one")
            }
            return try body(&state)
        }
    }
}
