// Edit.swift - one atomic change of a vault.
//
// Checks arguments and gathers what shall happen; nothing does before `commit`, which applies it to
// the newest snapshot. What the steps mean is in CredentialVersions.swift and UnlockChange.swift.

package final class Edit: Sendable {
    struct State {
        var changes = EditChanges()
        /// Why it takes no more steps.
        var end: Failure?
    }

    private let vault: Vault
    let state = Lock(State())

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
        try step(.set(changes), tenant, account)
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
        try step(.retire, tenant, account)
    }

    /// Makes the retiring credential the active one again, and the active one, if any, retiring.
    package func promote(tenant: String, account: String) throws(Failure) {
        try step(.promote, tenant, account)
    }

    /// Removes the retiring credential of an account.
    package func removeRetiring(tenant: String, account: String) throws(Failure) {
        try step(.removeRetiring, tenant, account)
    }

    /// Removes a tenant's account and its secrets; the tenant goes with its last account.
    package func remove(tenant: String, account: String) throws(Failure) {
        try step(.remove, tenant, account)
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

    private func step(
        _ step: CredentialStep, _ tenant: String, _ account: String
    ) throws(Failure) {
        let key = AccountKey(tenant: try TenantName(tenant), account: try AccountID(account))
        let stored = Array(try vault.current().credentials(of: key))
        try open { (state) throws(Failure) in
            try state.changes.add(step, for: key, stored: stored)
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
            state = State(end: Self.finished)
            return taken
        }
        try vault.commit(taken.changes)
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
        state.withLock { state in
            guard state.end == nil else { return }
            state = State(
                end: Failure(.locked, "the vault was locked under the edit: begin a new one"))
        }
    }
}
