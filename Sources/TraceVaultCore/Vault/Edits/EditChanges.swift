// EditChanges.swift - all that one edit is going to change, gathered and judged, not yet done.
//
// A value without keys of the vault: `Vault` applies it to the newest snapshot, again if another
// writer was faster.

struct EditChanges: Sendable {
    private(set) var accounts: [AccountKey: AccountChange] = [:]
    /// Tenants that go with all they have, before anything else happens, and what that was when
    /// they were removed.
    private(set) var removedTenants: [TenantName: Set<CredentialIdentity>] = [:]
    private(set) var unlocks: [UnlockChange] = []
    /// What the vault is sealed with anew.
    private(set) var rekey: PreparedSlot?
    var pending: PendingSecrets?

    private var stepCount = 0
    /// The most steps of one edit.
    private static let maximumSteps = 1_000_000

    var isEmpty: Bool {
        accounts.isEmpty && removedTenants.isEmpty && unlocks.isEmpty && rekey == nil
    }

    /// Whether the previous generation would still open with what this edit takes away.
    var removesUnlock: Bool {
        rekey != nil || unlocks.contains { if case .remove = $0 { true } else { false } }
    }

    // MARK: - Accounts

    /// Adds a step, judged against what is stored and the edit's earlier steps.
    @_optimize(size) mutating func add(
        _ step: CredentialStep, for key: AccountKey, stored: [Snapshot.AccountEntry]
    ) throws(Failure) {
        guard stepCount < Self.maximumSteps else {
            throw Failure(.limit, "the edit has too many steps; commit it first")
        }
        let stored = removedTenants[key.tenant] == nil ? stored : []
        var change = accounts[key] ?? AccountChange()
        try change.add(step, stored: stored)
        accounts[key] = change
        stepCount += 1
    }

    /// Gives the credential that this edit has just put its origin; false when there is none.
    @_optimize(size) mutating func setOrigin(_ origin: String, of key: AccountKey) -> Bool {
        accounts[key]?.setOrigin(origin) ?? false
    }

    /// Takes a tenant out with everything it has, also what this edit has put; `stored` is what it
    /// has in the vault, nil when the vault has no such tenant.
    @_optimize(size) mutating func remove(
        _ tenant: TenantName, stored: [Snapshot.AccountEntry]?
    ) throws(Failure) {
        let own = accounts.keys.filter { $0.tenant == tenant }
        let stands = stored != nil && removedTenants[tenant] == nil
        guard stands || !own.isEmpty else {
            throw Failure(.notFound, "the vault has no such tenant")
        }
        for key in own { accounts[key] = nil }
        removedTenants[tenant, default: []].formUnion((stored ?? []).map(\.identity))
    }

    // MARK: - Unlocks

    @_optimize(size) mutating func add(_ change: UnlockChange) throws(Failure) {
        guard rekey == nil, unlocks.count < KeySlot.maximumCount * 2 else { throw Self.eitherOr }
        if case .remove(let index, _) = change, removes(index) {
            throw Failure(.notFound, "the edit removes the unlock in this slot already")
        }
        unlocks.append(change)
    }

    @_optimize(size) private func removes(_ slot: Int) -> Bool {
        unlocks.contains { if case .remove(slot, _) = $0 { true } else { false } }
    }

    @_optimize(size) mutating func add(rekey slot: PreparedSlot) throws(Failure) {
        guard unlocks.isEmpty else { throw Self.eitherOr }
        rekey = slot
    }

    private static let eitherOr = Failure(
        .argument, "one edit either rekeys the vault or changes its unlocks: commit in between")
}
