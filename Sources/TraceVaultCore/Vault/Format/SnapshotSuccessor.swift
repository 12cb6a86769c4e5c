// SnapshotSuccessor.swift - the index of a snapshot that this process has just printed.
//
// What was copied keeps its entry and is not opened again; what is new is, from the new bytes and
// with the keys that readers use. That the file holds these bytes is the store's to compare.

/// Where copied records went: from each start on, all moved by the same number of bytes.
struct RecordMoves {
    private var starts: [Int] = []
    private var shifts: [Int] = []

    /// Notes one record; they come in ascending order.
    mutating func note(_ old: Int, movedTo new: Int) {
        guard shifts.last != new - old else { return }
        starts.append(old)
        shifts.append(new - old)
    }

    /// Where a copied record starts now.
    func place(of old: Int) -> Int {
        let next = starts.indices.firstPlace { starts[$0] > old }
        return next > 0 ? old + shifts[next - 1] : old
    }
}

/// The bytes of a new snapshot, and how they came from the old one's.
struct PrintedSnapshot {
    let bytes: ByteBuffer
    /// Where new records start.
    let fresh: [Int]
    /// Where records started in the old bytes that were not copied.
    let dropped: Set<Int>
    let moves: RecordMoves
}

/// What an edit makes of a state.
struct Successor {
    let snapshot: Snapshot
    /// Whether the previous generation would still open what the edit takes away, or open with it.
    let forgetsPrevious: Bool
}

extension Snapshot {
    /// The next state. What is new in it was opened with the real keys, so it may replace this one.
    func changed(by changes: EditChanges) throws(Failure) -> Successor {
        let printed = try SnapshotWriter.apply(changes, to: self)
        // A tenant goes by a step of its own or with its last account.
        let losesTenant = tenants.contains { printed.dropped.contains($0.record.start) }
        var next = try Snapshot(printed, after: self)
        if let slot = changes.rekey {
            next = try next.rekeyed(with: slot, after: header.generation)
        }
        return Successor(
            snapshot: next, forgetsPrevious: losesTenant || changes.removesUnlock)
    }

    /// The state that follows `base`.
    convenience init(_ printed: PrintedSnapshot, after base: Snapshot) throws(Failure) {
        let header = try printed.bytes.withBytes { (span) throws(Failure) in
            try VaultHeader(span)
        }
        var index = SuccessorIndex(printed, base)
        try index.openFresh()
        let (tenants, accounts) = try index.finish()
        guard header.vaultID == base.header.vaultID,
            tenants.count + accounts.count + base.epochs.count == Int(header.recordCount)
        else { throw Self.damagedBody }
        self.init(
            printed.bytes, header, base.keys, epochs: base.epochs, tenants: tenants,
            accounts: accounts)
    }
}

private struct SuccessorIndex {
    private let printed: PrintedSnapshot
    private let base: Snapshot
    private var tenants: [Snapshot.TenantEntry] = []
    private var accounts: [TenantName: [(owner: Snapshot.Owner, start: Int)]] = [:]

    init(_ printed: PrintedSnapshot, _ base: Snapshot) {
        self.printed = printed
        self.base = base
    }

    private func record(_ span: RawSpan, at start: Int) throws(Failure) -> VaultRecord {
        let end = span.byteCount - VaultLayout.macCount
        guard let record = VaultRecord(span, at: start, before: end) else {
            throw Snapshot.damagedBody
        }
        return record
    }

    /// Opens the new records' metadata.
    mutating func openFresh() throws(Failure) {
        let scratch = ByteBuffer(limit: Metadata.maximumCount)
        try printed.bytes.withBytes { (span) throws(Failure) in
            for start in printed.fresh {
                let record = try record(span, at: start)
                let owner = try Snapshot.owner(of: record, span, base.header, base.epochs, scratch)
                if record.type == .tenantKey {
                    tenants.append(Snapshot.TenantEntry(name: owner.tenant, record: record))
                } else {
                    accounts[owner.tenant, default: []].append((owner, start))
                }
            }
        }
    }

    /// Brings old and new entries into the index's order.
    consuming func finish() throws(Failure) -> ([Snapshot.TenantEntry], [Snapshot.AccountEntry]) {
        let hasNewTenants = !tenants.isEmpty
        try printed.bytes.withBytes { (span) throws(Failure) in
            for var entry in base.tenants where !printed.dropped.contains(entry.record.start) {
                let start = printed.moves.place(of: entry.record.start)
                let moved = try record(span, at: start)
                guard moved.id == entry.record.id else { throw Snapshot.damagedBody }
                entry.record = moved
                tenants.append(entry)
            }
        }
        if hasNewTenants { tenants.sort { $0.name < $1.name } }
        var sorted: [Snapshot.AccountEntry] = []
        sorted.reserveCapacity(base.accounts.count + printed.fresh.count)
        for place in tenants.indices {
            let start = sorted.count
            for old in base.accounts[tenants[place].accounts]
            where !printed.dropped.contains(old.offset) {
                sorted.append(
                    Snapshot.AccountEntry(
                        tenant: place, account: old.account, state: old.state,
                        identity: old.identity, offset: printed.moves.place(of: old.offset)))
            }
            if let new = accounts[tenants[place].name] {
                for (owner, start) in new {
                    guard let account = owner.account else { throw VaultRecord.unopened }
                    sorted.append(
                        Snapshot.AccountEntry(
                            tenant: place, account: account, state: owner.state,
                            identity: owner.identity, offset: start))
                }
                sorted[start...].sort { $0.order < $1.order }
            }
            tenants[place].accounts = start..<sorted.count
        }
        return (tenants, sorted)
    }
}
