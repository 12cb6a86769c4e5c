// VaultSettings.swift - the vault's part of the settings, and the bounds that are not in the table.

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
    /// How long a vault is used that cannot be followed; 0: for ever.
    package var maxStaleMs: Int64 = 900_000
    /// The pause between two looks at a file.
    package var refreshMs: Int64 = 500
    /// The same at an object store, where each look is a request.
    package var remoteRefreshMs: Int64 = 2000

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

extension VaultSettings {
    /// The vault's part of the settings.
    package init(_ config: Config) {
        self.init()
        kdfMemoryKiB = config.int(.kdfMemory)
        kdfPasses = config.int(.kdfPasses)
        lockTimeoutMs = config.int(.lockTimeout)
        minGeneration = UInt64(clamping: config.integer(.minGeneration))
        maxStaleMs = config.integer(.maxStale)
        refreshMs = config.integer(.refresh)
        if config.isSet(.refresh) { remoteRefreshMs = refreshMs }
    }
}
