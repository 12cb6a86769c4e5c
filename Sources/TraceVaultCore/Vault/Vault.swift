// Vault.swift - the sealed credentials of many tenants, open.
//
// Holds the store and the current snapshot with its keys; readers take the snapshot and go on
// without a lock. Formats, cryptography and files are elsewhere.

import CSystem
import Synchronization

/// What a host may choose about a vault.
package struct VaultSettings: Sendable {
    /// Memory that one guess at a passphrase costs, in KiB; for new vaults.
    package var kdfMemoryKiB = 262_144
    /// Passes over that memory.
    package var kdfPasses = 3
    /// How long a commit waits for another writer.
    package var lockTimeoutMs = 10_000

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
    private let store: any Store
    let settings: VaultSettings
    private let current: Mutex<Snapshot>

    private init(_ store: any Store, _ settings: VaultSettings, _ opened: Snapshot) {
        self.store = store
        self.settings = settings
        current = Mutex(opened)
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
        try settings.check()
        let snapshot = try SnapshotWriter.empty(unlock: unlock, settings: settings)
        try store.create(snapshot.bytes)
        return Vault(store, settings, snapshot)
    }

    package static func open(
        in store: any Store, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) -> Vault {
        try Sealing.start()
        try settings.check()
        return Vault(store, settings, try Snapshot.open(try store.read(), with: unlock))
    }

    // MARK: - Reading

    var snapshot: Snapshot { current.withLock { $0 } }

    /// The number of the snapshot in use.
    package var generation: UInt64 { snapshot.header.generation }

    /// Reads the store again if another writer changed it; whether it did.
    package func refresh() throws(Failure) -> Bool {
        let seen = snapshot
        guard try store.revision() != seen.header.revision else { return false }
        let newer = try seen.reopened(try store.read())
        publish(newer, insteadOf: seen)
        return true
    }

    /// Every account of every tenant: metadata only.
    package func list() throws(Failure) -> ByteBuffer {
        let snapshot = self.snapshot
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

    func holds(_ key: AccountKey) -> Bool {
        let snapshot = self.snapshot
        return snapshot.tenant(key.tenant).flatMap { snapshot.account(key.account, of: $0) } != nil
    }

    /// Takes one tenant out of the vault.
    package func tenant(named name: String) throws(Failure) -> Tenant {
        try Tenant(try TenantName(name), from: self)
    }

    // MARK: - Changing

    package func edit() -> Edit { Edit(self) }

    /// Applies changes to the newest snapshot and stores the result, or fails and changes nothing.
    func commit(
        _ changes: [AccountKey: Change], _ pending: PendingSecrets?, _ unlocks: UnlockChanges
    ) throws(Failure) {
        guard !changes.isEmpty || !unlocks.isEmpty else { return }
        let deadline = tvs_monotonic_ms() + Int64(settings.lockTimeoutMs)
        let lease = try store.lease(timeoutMs: settings.lockTimeoutMs)
        defer { lease.release() }
        let seen = snapshot
        var base = seen
        repeat {
            if try store.revision() != base.header.revision {
                base = try base.reopened(try store.read())
            }
            // What is new is opened with the real keys before it may replace anything.
            let next = try base.successor(changes, pending, unlocks)
            if try store.replace(
                next.bytes, ifRevision: base.header.revision,
                keepingPrevious: !unlocks.forgetsPrevious)
            {
                publish(next, insteadOf: seen)
                return
            }
        } while tvs_monotonic_ms() < deadline
        throw Failure(.conflict, "the vault was changed under this edit, again and again")
    }

    /// Makes a snapshot current unless a newer one came in between.
    private func publish(_ next: Snapshot, insteadOf seen: Snapshot) {
        current.withLock { held in
            if held === seen || held.header.generation < next.header.generation { held = next }
        }
    }
}

extension Vault: TenantSource {
    func tenantIndex(_ name: TenantName, known: TenantIndex?) throws(Failure) -> TenantIndex {
        let snapshot = self.snapshot
        if let known, known.isOf(snapshot) { return known }
        guard let entry = snapshot.tenant(name) else {
            throw Failure(.notFound, "the vault has no such tenant")
        }
        return try TenantIndex(entry, of: snapshot)
    }
}
