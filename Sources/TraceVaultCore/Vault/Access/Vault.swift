// Vault.swift - the sealed credentials of many tenants, open.
//
// Holds the store and the current snapshot with its keys; readers take the snapshot and go on
// without a lock. Formats, cryptography and files are elsewhere; what it tells about itself is in
// VaultReport.swift.

import CSystem

package final class Vault: Sendable {
    let store: any Store
    let settings: VaultSettings
    let following: Following
    /// Nil where nobody else can change what is stored.
    let watch: Watch?
    let lookout: Lookout
    let state: Lock<VaultState>

    private init(
        _ store: any Store, _ settings: VaultSettings, _ opened: Snapshot, _ lookout: Lookout,
        away: Following.Away? = nil
    ) {
        self.store = store
        self.settings = settings
        following = Following(
            opened.header.vaultID, maxStaleMs: store.isOfProcess ? 0 : settings.maxStaleMs,
            nowMs: Self.bootMs, away: away)
        watch =
            store.isOfProcess
            ? nil
            : Watch(
                everyMs: store.isRemote ? settings.remoteRefreshMs : settings.refreshMs,
                isRemote: store.isRemote, nowMs: Self.bootMs)
        self.lookout = lookout
        state = Lock(VaultState(opened))
        if let watch { lookout.add(self, watch) }
    }

    deinit {
        lookout.remove(self)
        // Its tenants hear nothing more; where nobody else can change it, they miss nothing.
        if !store.isOfProcess { following.failed(Following.closed, nowMs: Self.bootMs) }
    }

    static var bootMs: Int64 { tvs_boot_us() / 1000 }

    // MARK: - Opening

    /// Creates an empty vault file; a vault in memory when the path is empty.
    package static func create(
        path: String, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Vault {
        let store: any Store = path.isEmpty ? MemoryStore() : try FileStore(path: path, settings)
        return try create(in: store, unlock: unlock, settings: settings)
    }

    package static func open(
        path: String, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Vault {
        guard !path.isEmpty else {
            throw Failure(.argument, "the path is empty: a vault in memory can only be created")
        }
        return try open(
            in: try FileStore(path: path, settings), unlock: unlock, settings: settings)
    }

    static func create(
        in store: any Store, unlock: UnlockSecret, settings: VaultSettings,
        lookout: Lookout = .ofProcess
    ) throws(Failure) -> Vault {
        try Sealing.start()
        try store.copy?.checkIsFree()
        let slot = try PreparedSlot(unlock, settings: settings)
        let snapshot = try Snapshot.empty(slot, generation: 1, like: nil)
        let askedMs = tvs_wall_ms()
        try store.create(snapshot.bytes)
        let vault = Vault(store, settings, snapshot, lookout)
        vault.keepCopy(of: snapshot, answeredMs: askedMs)
        return vault
    }

    static func open(
        in store: any Store, unlock: UnlockSecret, settings: VaultSettings,
        lookout: Lookout = .ofProcess
    ) throws(Failure) -> Vault {
        try Sealing.start()
        try settings.check()
        let opening = try Opening.of(store, unlock, settings)
        return Vault(store, settings, opening.snapshot, lookout, away: opening.away)
    }

    /// Writes one tenant, or every tenant when none is named, into a vault file of its own.
    package func export(
        tenant: String?, path: String, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) {
        let target = try FileStore(path: path, settings)
        try export(tenant: tenant, into: target, unlock: unlock, settings: settings)
    }

    func export(
        tenant: String?, into target: any Store, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) {
        var name: TenantName?
        if let tenant { name = try TenantName(tenant) }
        let locks = state.withLock { $0.locks }
        _ = try current()
        // Before the keys are held: a passphrase takes its time.
        let slot = try PreparedSlot(unlock, settings: settings)
        let source = try current()
        try following.check(nowMs: Self.bootMs)
        let exported = try source.exported(name, with: slot)
        // As an edit, it ends with the lock until it is being stored.
        guard state.withLock({ $0.locks == locks }) else { throw Self.locked }
        try target.create(exported.bytes)
    }

    // MARK: - Locking

    /// Wipes every key, those of tenants taken from it and of edits too. What is under way ends.
    package func lock() {
        for holder in state.withLock({ $0.lock() }) { holder.forget() }
    }

    /// Opens a locked vault again, with the state that its store has now, or with the copy of it
    /// while the store is away. Of an open one it takes that state, too, as after a rekey.
    package func unlock(_ unlock: UnlockSecret) throws(Failure) {
        var opening: Opening
        var moment: Following.Moment
        // Asked first: what other threads do and see may be newer than what is read here.
        var before = state.withLock { $0.past }
        while true {
            moment = following.moment(nowMs: Self.bootMs)
            opening = try Opening.of(store, unlock, settings)
            if opening.snapshot.header.revision != before.newest.revision {
                try opening.snapshot.checkFollows(before.newest)
            }
            let isTaken = try state.withLock { (state) throws(Failure) in
                try state.unlock(opening.snapshot, after: &before)
            }
            if isTaken { break }
        }
        if let away = opening.away {
            following.isAway(away, moment)
        } else {
            following.succeeded(moment)
        }
    }

    var isLocked: Bool { state.withLock { $0.snapshot == nil } }

    static let locked = Failure(
        .locked, "the vault is locked: unlock it with its unlock secret")

    // MARK: - Reading

    /// The number of the newest state known; also of a locked vault.
    package var generation: UInt64 {
        _ = try? current()
        return state.withLock { $0.newest.generation }
    }

    /// Every credential of every tenant: metadata only.
    package func list() throws(Failure) -> ByteBuffer {
        let snapshot = try current()
        return try AccountList.write(generation: snapshot.header.generation) {
            (row) throws(Failure) in
            let scratch = ByteBuffer(limit: Metadata.maximumCount)
            for entry in snapshot.accounts {
                scratch.removeAll()
                let record = try snapshot.record(at: entry.offset)
                let place = try snapshot.openMetadata(record, into: scratch)
                try row(scratch, place)
            }
        }
    }

    /// Takes one tenant out of the vault.
    package func tenant(named name: String) throws(Failure) -> Tenant {
        let name = try TenantName(name)
        if let known = state.withLock({ $0.tenant(named: name.text) }) {
            try known.check()
            return known
        }
        let made = try Tenant(name, from: self)
        let (tenant, isLocked) = state.withLock { state in
            (state.share(made), state.snapshot == nil)
        }
        // Locked in between: then nobody else tells this tenant.
        if isLocked { tenant.forget() }
        return tenant
    }

    /// Takes every tenant out of the vault.
    package func tenants() throws(Failure) -> [Tenant] {
        var tenants: [Tenant] = []
        for entry in try current().tenants {
            do throws(Failure) {
                tenants.append(try tenant(named: entry.name.text))
            } catch {
                // Removed since the look.
                if error.status != .notFound { throw error }
            }
        }
        return tenants
    }

    // MARK: - Changing

    package func edit() -> Edit {
        let edit = Edit(self)
        state.withLock { $0.add(edit) }
        return edit
    }

    /// Applies changes to the newest state and stores the result, or fails and changes nothing.
    func commit(_ changes: EditChanges, unless isCancelled: () -> Bool) throws(Failure) {
        let locks = state.withLock { $0.locks }
        let base = try current()
        guard !changes.isEmpty else { return }
        do throws(Failure) {
            try commit(changes, over: base, locks: locks, unless: isCancelled)
        } catch {
            // What is stored may be newer than what is known: by somebody else, or by this edit.
            if (try? followed(base)) == nil { watch?.expire(nowMs: Self.bootMs) }
            throw error
        }
    }

    private func commit(
        _ changes: EditChanges, over known: Snapshot, locks: UInt64, unless isCancelled: () -> Bool
    ) throws(Failure) {
        var base = known
        let deadline = tvs_monotonic_ms() + Int64(settings.lockTimeoutMs)
        let lease = try store.lease(
            timeoutMs: settings.lockTimeoutMs, unless: isCancelled)
        defer { lease.release() }
        repeat {
            base = try followed(base)
            let next = try base.changed(by: changes)
            // An edit ends with the lock, also where the vault was unlocked again since, until it
            // is being stored.
            guard state.withLock({ $0.locks == locks }) else { throw Self.locked }
            if changes.rekey != nil {
                let coming = next.snapshot.header.revision
                state.withLock { $0.coming = coming }
            }
            defer { state.withLock { $0.coming = nil } }
            let askedMs = tvs_wall_ms()
            if try store.replace(
                next.snapshot.bytes, ifRevision: base.header.revision,
                keeping: next.forgetsPrevious ? nil : base.bytes)
            {
                state.withLock { $0.publish(next.snapshot, over: base) }
                keepCopy(of: next.snapshot, answeredMs: askedMs)
                return
            }
            guard !isCancelled() else { throw WriterQueue.cancelled }
        } while tvs_monotonic_ms() < deadline
        throw Failure(.conflict, "the vault was changed under this edit, again and again")
    }
}

extension Vault: TenantSource {
    func tenantIndex(_ name: TenantName, known: TenantIndex?) throws(Failure) -> TenantIndex {
        let snapshot = try current()
        if let known, known.isOf(snapshot) { return known }
        guard let entry = snapshot.tenant(name) else {
            throw Failure(.notFound, "the vault has no such tenant")
        }
        return try TenantIndex(entry, of: snapshot, following)
    }
}
