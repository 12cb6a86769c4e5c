// CredentialVersions.swift - what an edit makes of one account's credentials, step by step.
//
// An account has at most one active and at most one retiring credential. Which of them the steps
// were judged on is in AccountChange.swift. Pure: no secret, no key and no I/O in here.

/// Which account of which tenant.
struct AccountKey: Hashable, Sendable {
    let tenant: TenantName
    let account: AccountID
}

/// Tells whether a stored credential is still the one somebody saw: a put stores another secret
/// under the same record id. The version is not used: a change of the label raises it.
struct CredentialIdentity: Hashable, Sendable {
    let record: Identifier
    let fingerprint: UInt64
}

/// Properties that a host may change without knowing the secret; nil leaves one as it is.
struct PropertyChanges: Sendable {
    /// "" takes the label away.
    var label: String?
    /// "" is the credential's own group.
    var budgetGroup: String?
    /// ms since 1970; 0 takes the bound away.
    var notBeforeMs: UInt64?
    var expiresMs: UInt64?

    var isEmpty: Bool {
        label == nil && budgetGroup == nil && notBeforeMs == nil && expiresMs == nil
    }

    mutating func add(_ later: PropertyChanges) {
        label = later.label ?? label
        budgetGroup = later.budgetGroup ?? budgetGroup
        notBeforeMs = later.notBeforeMs ?? notBeforeMs
        expiresMs = later.expiresMs ?? expiresMs
    }
}

/// A credential on its way into the vault; the secret waits in `PendingSecrets`.
struct CredentialDraft: Sendable {
    let kind: CredentialKind
    /// Nil is Cloudflare's.
    var origin: String?
    var properties = PropertyChanges()
    var createdMs: UInt64
    let secret: Range<Int>

    /// Takes over from a stored credential what this one says nothing of, and when that was put;
    /// of what the edit has set on that one before, what it set.
    mutating func keep(_ stored: Metadata, _ span: RawSpan, _ set: PropertyChanges) {
        var kept = PropertyChanges(
            label: span.text(stored.label), budgetGroup: span.text(stored.budgetGroup),
            notBeforeMs: stored.notBeforeMs, expiresMs: stored.expiresMs)
        kept.add(set)
        kept.add(properties)
        properties = kept
        origin = origin ?? span.text(stored.origin)
        createdMs = stored.createdMs
    }
}

/// One thing that an edit does to an account.
enum CredentialStep: Sendable {
    /// The new credential becomes the active one; a retiring one stays.
    case put(CredentialDraft)
    /// The active one becomes the retiring one, whose place it takes.
    case retire
    /// The retiring one becomes active and the active one, if any, retiring.
    case promote
    case removeRetiring
    case remove
    /// Changes the active one.
    case set(PropertyChanges)
}

/// A credential as it will be.
struct CredentialVersion: Sendable {
    /// The stored record that it is or, with a draft, whose id it takes over.
    let record: Snapshot.AccountEntry?
    /// The new secret; nil for the stored one.
    let draft: CredentialDraft?
    var changes = PropertyChanges()

    /// The entry whose record can be copied as it is into this state.
    func unchanged(as state: Metadata.State) -> Snapshot.AccountEntry? {
        guard draft == nil, changes.isEmpty, let record, record.state == state else { return nil }
        return record
    }
}

/// The credentials of one account.
struct CredentialVersions: Sendable {
    private(set) var active: CredentialVersion?
    private(set) var retiring: CredentialVersion?

    var isEmpty: Bool { active == nil && retiring == nil }

    init(stored entries: some Sequence<Snapshot.AccountEntry>) {
        for entry in entries {
            let version = CredentialVersion(record: entry, draft: nil)
            if entry.state == .active { active = version } else { retiring = version }
        }
    }

    /// Throws `.notFound` when there is nothing to do it to.
    mutating func add(_ step: CredentialStep) throws(Failure) {
        switch step {
        case .put(let draft):
            active = CredentialVersion(record: active?.record, draft: draft)
        case .retire:
            guard active != nil else { throw Self.noActive }
            retiring = active
            active = nil
        case .promote:
            guard retiring != nil else { throw Self.noRetiring }
            swap(&active, &retiring)
        case .removeRetiring:
            guard retiring != nil else { throw Self.noRetiring }
            retiring = nil
        case .remove:
            guard !isEmpty else { throw Tenant.unknownAccount }
            active = nil
            retiring = nil
        case .set(let changes):
            guard active != nil else { throw Self.noActive }
            active?.changes.add(changes)
        }
    }

    /// The stored credential that gives way to a new one, what was set on it before, and the new
    /// one.
    var rotation: (old: Snapshot.AccountEntry, set: PropertyChanges, new: CredentialDraft)? {
        guard let active, let draft = active.draft, active.record == nil,
            let retiring, retiring.draft == nil, let entry = retiring.record, entry.state == .active
        else { return nil }
        return (entry, retiring.changes, draft)
    }

    /// A rotation puts the credential that is there, so nothing gives way: the active one is put
    /// anew, and a stored retiring one stays. A rotation that is done twice loses nothing.
    mutating func putAnew(
        _ draft: CredentialDraft, over entry: Snapshot.AccountEntry,
        stored: some Sequence<Snapshot.AccountEntry>
    ) {
        active = CredentialVersion(
            record: entry, draft: draft, changes: active?.changes ?? PropertyChanges())
        retiring = CredentialVersions(stored: stored).retiring
    }

    private static let noActive = Failure(
        .notFound, "the tenant has no such account, or none with an active credential: put one")
    private static let noRetiring = Failure(
        .notFound, "the tenant has no such account, or none with a retiring credential")
}
