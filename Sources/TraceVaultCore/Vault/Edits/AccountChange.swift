// AccountChange.swift - what an edit does to one account, and on which credentials it was judged.
//
// Steps are folded over what is stored when the edit asks, and once more over what is stored when
// it commits. They touch only what their caller saw: another writer may have put another credential
// into the same place meanwhile, and then the edit is a conflict.

struct AccountChange: Sendable {
    /// What stood in a place that a step touches; nil: nothing did.
    private struct Judged: Sendable {
        let identity: CredentialIdentity?
    }

    private var steps: [CredentialStep] = []
    /// The places that the steps touch, as they were stored; nil where they touch none.
    private var active: Judged?
    private var retiring: Judged?
    /// What a `remove` was judged on. Then the removal is the first step, and removes everything
    /// that was there.
    private var removed: Set<CredentialIdentity>?

    // MARK: - Gathering

    /// Adds a step, judged against what is stored and the earlier steps.
    @_optimize(size) mutating func add(
        _ step: CredentialStep, stored: [Snapshot.AccountEntry]
    ) throws(Failure) {
        var versions = try folded(over: stored[...])
        try versions.add(step)
        bind(step, stored)
        switch (step, steps.last) {
        case (.remove, _): steps = []
        case (.put, .put?):
            steps.removeLast()
            steps.append(step)
        case (.set(let changes), .put(var draft)?):
            draft.properties.add(changes)
            steps.removeLast()
            steps.append(.put(draft))
        default:
            steps.append(step)
        }
    }

    /// Gives the credential that the last step put its origin; false when there is none.
    @_optimize(size) mutating func setOrigin(_ origin: String) -> Bool {
        guard case .put(var draft)? = steps.last else { return false }
        draft.origin = origin
        steps.removeLast()
        steps.append(.put(draft))
        return true
    }

    /// Remembers what a step touches, the first time: later ones find what this edit made of it.
    private mutating func bind(_ step: CredentialStep, _ stored: [Snapshot.AccountEntry]) {
        if case .remove = step {
            removed = (removed ?? []).union(stored.map(\.identity))
            (active, retiring) = (nil, nil)
        }
        guard removed == nil else { return }
        let places = step.touches
        if places.active, active == nil { active = Self.judged(.active, stored[...]) }
        if places.retiring, retiring == nil { retiring = Self.judged(.retiring, stored[...]) }
    }

    private static func judged(
        _ state: Metadata.State, _ stored: ArraySlice<Snapshot.AccountEntry>
    ) -> Judged {
        Judged(identity: stored.first { $0.state == state }?.identity)
    }

    // MARK: - Folding

    /// What the steps make of what is stored now; `.conflict` when that is not what they were
    /// judged on.
    @_optimize(size) func folded(
        over stored: ArraySlice<Snapshot.AccountEntry>
    ) throws(Failure) -> CredentialVersions {
        guard stands(active, .active, stored), stands(retiring, .retiring, stored) else {
            throw Self.conflict
        }
        var versions = CredentialVersions(stored: stored)
        if let removed {
            // What another writer has removed already is what was wanted.
            guard stored.allSatisfy({ removed.contains($0.identity) }) else { throw Self.conflict }
            versions = CredentialVersions(stored: [])
        }
        for step in steps { try versions.add(step) }
        return versions
    }

    private func stands(
        _ judged: Judged?, _ state: Metadata.State, _ stored: ArraySlice<Snapshot.AccountEntry>
    ) -> Bool {
        guard let judged else { return true }
        return Self.judged(state, stored).identity == judged.identity
    }

    static let conflict = Failure(
        .conflict,
        "another writer changed or removed a credential that this edit changes: look again and "
            + "begin a new edit")
}

extension CredentialStep {
    /// Which places of the account a step reads, moves or overwrites.
    fileprivate var touches: (active: Bool, retiring: Bool) {
        switch self {
        case .put, .set: (true, false)
        case .removeRetiring: (false, true)
        case .retire, .promote, .remove: (true, true)
        }
    }
}
