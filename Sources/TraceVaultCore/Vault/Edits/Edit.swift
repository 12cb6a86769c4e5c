// Edit.swift - one atomic change of a vault.
//
// Checks arguments and gathers what shall happen; nothing does before `commit`, which applies it to
// the newest snapshot. A step that fails ends the edit: half of what somebody meant is never
// stored. What the steps mean is in CredentialVersions.swift and UnlockChange.swift.

import Synchronization

package final class Edit: Sendable {
    struct State {
        var changes = EditChanges()
        /// Kept when the edit ends.
        var hints = CredentialHints()
        /// Why it takes no more steps.
        var end: Failure?
    }

    private let vault: Vault
    let state = Lock(State())
    private let isCancelled = Atomic<Bool>(false)

    init(_ vault: Vault) {
        self.vault = vault
    }

    // MARK: - Changes

    /// Makes one step. When it fails, every later one and the commit fail with the same reason, and
    /// what was put is wiped.
    package func step(_ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) {
            try body()
        } catch {
            var reason = error
            reason.message = "an earlier step of this edit failed: " + error.message
            end(reason)
            throw error
        }
    }

    private func end(_ reason: Failure) {
        state.withLock { state in
            guard state.end == nil else { return }
            state = State(hints: state.hints, end: reason)
        }
    }

    /// What looks wrong about the credentials that this edit puts, as a JSON array. Also after its
    /// end.
    package func hints() throws(Failure) -> ByteBuffer {
        let hints = state.withLock { $0.hints }
        var writer = JSONWriter(into: ByteBuffer(limit: CredentialHints.maximumBytes))
        hints.write(nowMs: SnapshotWriter.wallClock(), into: &writer)
        guard writer.isComplete else { throw Failure.noMemory }
        return writer.buffer
    }

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
        let stored = Array(try vault.current().credentials(of: key))
        try open { (state) throws(Failure) in
            let pending: PendingSecrets
            if let held = state.changes.pending {
                pending = held
            } else {
                pending = try PendingSecrets()
                state.changes.pending = pending
            }
            let place = try unsafe pending.add(secret)
            let draft = CredentialDraft(
                kind: kind, createdMs: SnapshotWriter.wallClock(), secret: place)
            try state.changes.add(.put(draft), for: key, stored: stored)
            unsafe state.hints.put(key, CredentialHint.of(secret, isKey: kind.isKey))
        }
    }

    /// Sets a property of an account's active credential, stored or put by this edit; the origin
    /// only of one that this edit puts.
    package func set(
        tenant: String, account: String, name: String, value: String
    ) throws(Failure) {
        var changes = PropertyChanges()
        switch name {
        case "label":
            try CredentialFormat.checkText(value, "label")
            changes.label = value
        case "budget_group":
            try CredentialFormat.checkText(value, "budget_group")
            changes.budgetGroup = value
        case "not_before":
            changes.notBeforeMs = try CredentialFormat.time(value, name, rounding: .up)
        case "expires":
            changes.expiresMs = try CredentialFormat.time(value, name, rounding: .down)
        case "origin": return try setOrigin(tenant, account, value)
        default:
            throw Failure(
                .configName,
                "no such property; there are: label, origin, budget_group, not_before, expires")
        }
        try take(.set(changes), tenant, account)
    }

    /// A stored secret is never pointed at another host: whoever does that must know it.
    private func setOrigin(
        _ tenant: String, _ account: String, _ value: String
    ) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        let origin = try CredentialFormat.normalOrigin(value)
        try open { (state) throws(Failure) in
            guard state.changes.setOrigin(origin, of: key) else {
                throw Failure(
                    .origin, "only a credential that this edit puts can get an origin: put it again"
                )
            }
        }
    }

    /// Makes the active credential the retiring one: tried when the active one is refused.
    package func retire(tenant: String, account: String) throws(Failure) {
        try take(.retire, tenant, account)
    }

    /// Makes the retiring credential the active one again, and the active one, if any, retiring.
    package func promote(tenant: String, account: String) throws(Failure) {
        try take(.promote, tenant, account)
    }

    /// Removes the retiring credential of an account.
    package func removeRetiring(tenant: String, account: String) throws(Failure) {
        try take(.removeRetiring, tenant, account)
    }

    /// Removes a tenant's account and its secrets; the tenant goes with its last account.
    package func remove(tenant: String, account: String) throws(Failure) {
        try take(.remove, tenant, account)
    }

    /// Removes a tenant with its key, its accounts and the previous generation of the vault.
    package func removeTenant(_ tenant: String) throws(Failure) {
        let name = try TenantName(tenant)
        let snapshot = try vault.current()
        let stored = snapshot.tenant(name).map { Array(snapshot.accounts[$0.accounts]) }
        try open { (state) throws(Failure) in
            try state.changes.remove(name, stored: stored)
        }
    }

    private func take(
        _ step: CredentialStep, _ tenant: String, _ account: String
    ) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        let stored = Array(try vault.current().credentials(of: key))
        try open { (state) throws(Failure) in
            try state.changes.add(step, for: key, stored: stored)
            if case .set(let changes) = step { state.hints.set(key, changes) }
        }
    }

    // MARK: - Unlocks

    /// Adds a way to unlock the vault; `known` is one that opens it already. Costs both
    /// passphrases' price.
    package func addUnlock(
        _ added: UnlockSecret, known: UnlockSecret, label: String
    ) throws(Failure) {
        let root = try vault.current().root(with: known)
        let slot = try PreparedSlot(added, settings: vault.settings, label: label)
        let change = AddedUnlock(root: root, slot: slot)
        try open { (state) throws(Failure) in try state.changes.add(.add(change)) }
    }

    /// Removes the unlock in a slot, 0 to 7; see `Vault.describe`.
    package func removeUnlock(slot index: Int) throws(Failure) {
        let salt = try vault.current().salt(ofSlot: index)
        try open { (state) throws(Failure) in
            try state.changes.add(.remove(index: index, salt: salt))
        }
    }

    /// Seals everything under new keys, which `unlock` alone opens.
    package func rekey(_ unlock: UnlockSecret) throws(Failure) {
        let slot = try PreparedSlot(unlock, settings: vault.settings)
        try open { (state) throws(Failure) in try state.changes.add(rekey: slot) }
    }

    // MARK: - The end

    /// Makes all of it durable, or nothing. The edit is finished either way.
    package func commit() throws(Failure) {
        let taken = try open { (state) throws(Failure) in
            let taken = state
            state = State(hints: taken.hints, end: Self.finished)
            return taken
        }
        try vault.commit(
            taken.changes, unless: { self.isCancelled.load(ordering: .relaxed) })
    }

    /// Ends the edit, also a commit that waits for another writer. One that writes goes on.
    package func cancel() {
        isCancelled.store(true, ordering: .relaxed)
        end(Failure(.cancelled, "the edit was cancelled: begin a new one"))
    }

    private func open<R: Sendable>(
        _ body: (inout State) throws(Failure) -> R
    ) throws(Failure) -> R {
        try state.withLock { (state) throws(Failure) in
            if let end = state.end { throw end }
            return try body(&state)
        }
    }

    private static let finished = Failure(
        .editFinished, "the edit is finished: begin a new one")
}

extension Edit: KeyHolder {
    /// The vault is locked: the edit ends, and with it its secrets and the root key of an unlock.
    func forget() {
        end(Failure(.locked, "the vault was locked under the edit: begin a new one"))
    }
}
