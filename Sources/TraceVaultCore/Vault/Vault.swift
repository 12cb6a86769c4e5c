// Vault.swift - the sealed credentials of many tenants, open.
//
// Holds the store and the current snapshot with its keys; readers take the snapshot and go on
// without a lock. Formats, cryptography and files are elsewhere; what it tells about itself is in
// VaultReport.swift.

import CSystem

/// What a host may choose about a vault.
package struct VaultSettings: Sendable {
    /// Memory that one guess at a passphrase costs, in KiB; for new vaults.
    package var kdfMemoryKiB = 262_144
    /// Passes over that memory.
    package var kdfPasses = 3
    /// How long a commit waits for another writer.
    package var lockTimeoutMs = 10_000
    /// The oldest generation that is opened.
    package var minGeneration: UInt64 = 0

    package init() {}

    /// Refuses a cost that readers would refuse, before anything is written.
    func check() throws(Failure) {
        guard let memory = UInt64(exactly: kdfMemoryKiB), memory <= 1_048_576,
            let passes = UInt32(exactly: kdfPasses)
        else { throw Self.outOfBounds }
        do throws(Failure) {
            try KeySlot.checkCost(passes: passes, memory: memory * 1024, lanes: 1)
        } catch { throw Self.outOfBounds }
        guard (0...600_000).contains(lockTimeoutMs) else {
            throw Failure(.configValue, "vault.lock_timeout_ms must be 0 to 600000 ms")
        }
    }

    private static let outOfBounds = Failure(
        .configValue,
        "the passphrase cost must be 19456 to 1048576 KiB, 2 to 10 passes, at most 4 GiB together"
    )
}

package final class Vault: Sendable {
    let store: any Store
    let settings: VaultSettings
    let state: Lock<VaultState>

    private init(_ store: any Store, _ settings: VaultSettings, _ opened: Snapshot) {
        self.store = store
        self.settings = settings
        state = Lock(VaultState(opened, nowMs: tvs_monotonic_ms()))
    }

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

    package static func create(
        in store: any Store, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Vault {
        try Sealing.start()
        let slot = try PreparedSlot(unlock, settings: settings)
        let snapshot = try Snapshot.empty(slot, generation: 1, like: nil)
        try store.create(snapshot.bytes)
        return Vault(store, settings, snapshot)
    }

    package static func open(
        in store: any Store, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Vault {
        try Sealing.start()
        try settings.check()
        return Vault(store, settings, try opened(store, unlock, settings))
    }

    private static func opened(
        _ store: any Store, _ unlock: UnlockSecret, _ settings: VaultSettings
    ) throws(Failure) -> Snapshot {
        let snapshot = try Snapshot.open(
            try store.read(), with: unlock, memory: settings.affordableMemory)
        guard snapshot.header.generation >= settings.minGeneration else {
            throw Failure(
                .rollback,
                "the vault's generation \(snapshot.header.generation) is older than "
                    + "vault.min_generation \(settings.minGeneration): an old copy was put back")
        }
        return snapshot
    }

    /// Writes one tenant, or every tenant when none is named, into a vault file of its own.
    package func export(
        tenant: String?, path: String, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) {
        var name: TenantName?
        if let tenant { name = try TenantName(tenant) }
        let source = try current()
        let target = try FileStore(path: path, settings)
        let slot = try PreparedSlot(unlock, settings: settings)
        try target.create(try source.exported(name, with: slot).bytes)
    }

    // MARK: - Locking

    /// Wipes every key, those of tenants taken from it too. What is under way ends.
    package func lock() {
        for tenant in state.withLock({ $0.lock() }) { tenant.forget() }
    }

    /// Opens a locked vault again, with the state that its store has now.
    package func unlock(_ unlock: UnlockSecret) throws(Failure) {
        var opened: Snapshot
        repeat {
            // Asked first: what another thread commits may be newer than what is read here.
            let newest = state.withLock { $0.newest }
            opened = try Self.opened(store, unlock, settings)
            if opened.header.revision != newest.revision {
                try opened.checkFollows(newest)
            }
        } while !state.withLock { $0.unlock(opened) }
    }

    var isLocked: Bool { state.withLock { $0.snapshot == nil } }

    private static let locked = Failure(
        .locked, "the vault is locked: unlock it with its unlock secret")

    // MARK: - Reading

    /// The current state, looked up in the store again when that is due. A look that fails changes
    /// nothing: the state that is known goes on.
    func current() throws(Failure) -> Snapshot {
        let now = tvs_monotonic_ms()
        let (held, isDue) = state.withLock { state in
            (state.snapshot, state.snapshot != nil && state.freshness.begin(nowMs: now))
        }
        guard let held else { throw Self.locked }
        guard isDue else { return held }
        defer { state.withLock { $0.freshness.end() } }
        do throws(Failure) {
            return try followed(held)
        } catch {
            let failure = error
            state.withLock { $0.lookFailure = failure }
            return held
        }
    }

    /// Reads the store again if another writer changed it; whether it did.
    @discardableResult
    package func refresh() throws(Failure) -> Bool {
        guard let held = state.withLock({ $0.snapshot }) else { throw Self.locked }
        return try followed(held) !== held
    }

    /// The newest state of the store, published.
    private func followed(_ held: Snapshot) throws(Failure) -> Snapshot {
        let newest = try newest(after: held)
        state.withLock { state in
            state.lookFailure = nil
            state.publish(newest)
        }
        return newest
    }

    /// What the store has now: `held` or a later state of the same vault.
    func newest(after held: Snapshot) throws(Failure) -> Snapshot {
        guard try store.revision() != held.header.revision else { return held }
        let next = try Snapshot(try store.read(), keysOf: held)
        if next.header.revision != held.header.revision { try next.checkFollows(held.header) }
        return next
    }

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
        let tenant = try Tenant(try TenantName(name), from: self)
        let isLocked = state.withLock { state in
            state.add(tenant)
            return state.snapshot == nil
        }
        // Locked in between: then nobody else tells this tenant.
        if isLocked { tenant.forget() }
        return tenant
    }

    // MARK: - Changing

    package func edit() -> Edit { Edit(self) }

    /// Applies changes to the newest state and stores the result, or fails and changes nothing.
    func commit(_ changes: EditChanges) throws(Failure) {
        var base = try current()
        guard !changes.isEmpty else { return }
        let deadline = tvs_monotonic_ms() + Int64(settings.lockTimeoutMs)
        let lease = try store.lease(timeoutMs: settings.lockTimeoutMs)
        defer { lease.release() }
        repeat {
            base = try newest(after: base)
            let next = try base.changed(by: changes)
            guard !isLocked else { throw Self.locked }
            if try store.replace(
                next.bytes, ifRevision: base.header.revision,
                keepingPrevious: !changes.forgetsPrevious)
            {
                state.withLock { $0.publish(next) }
                return
            }
        } while tvs_monotonic_ms() < deadline
        throw Failure(.conflict, "the vault was changed under this edit, again and again")
    }
}

extension Snapshot {
    /// Refuses to go back: to an older state, or to another one of the same age.
    func checkFollows(_ known: VaultHeader) throws(Failure) {
        guard header.vaultID == known.vaultID else { throw Self.replaced }
        guard header.generation > known.generation else {
            throw Failure(
                .rollback,
                "the vault's file is older than what was read from it before: an old copy was "
                    + "put back; close the vault and open it again if that is meant")
        }
    }

    /// Opens what came in a known state's place with that one's keys.
    convenience init(_ bytes: ByteBuffer, keysOf known: Snapshot) throws(Failure) {
        do throws(Failure) {
            try self.init(bytes, known.keys)
        } catch {
            guard error.status == .headerMAC else { throw error }
            throw known.reason(error, for: bytes)
        }
    }

    /// Why bytes that came in this state's place do not open with its keys.
    private func reason(_ failure: Failure, for later: ByteBuffer) -> Failure {
        later.withBytes { later in
            guard later.identifier(at: 24) == header.vaultID else { return Self.replaced }
            let isSame = bytes.withBytes {
                $0.extracting(VaultLayout.slots).isSame(as: later.extracting(VaultLayout.slots))
            }
            if isSame { return failure }
            return Failure(
                .unlock, "the vault was rekeyed: open it again with its new unlock secret")
        }
    }

    private static let replaced = Failure(
        .conflict, "another vault was put in this one's place: close it and open it again")
}

extension Vault: TenantSource {
    func tenantIndex(_ name: TenantName, known: TenantIndex?) throws(Failure) -> TenantIndex {
        let snapshot = try current()
        if let known, known.isOf(snapshot) { return known }
        guard let entry = snapshot.tenant(name) else {
            throw Failure(.notFound, "the vault has no such tenant")
        }
        return try TenantIndex(entry, of: snapshot)
    }
}
