// Export.swift - one tenant, or all of them, in a vault file of their own.

extension Vault {
    /// Writes a new vault file with one tenant, or with every tenant when the name is empty. It
    /// shares no key and no identifier with this one.
    package func export(
        tenant name: String, path: String, unlock: UnlockSecret, settings: VaultSettings
    ) throws(Failure) {
        guard !path.isEmpty else {
            throw Failure(.argument, "path: an exported vault needs a file")
        }
        try settings.check()
        let store = try FileStore(path: path, settings)
        let snapshot = self.snapshot
        var tenants = snapshot.tenants
        if !name.isEmpty {
            guard let one = snapshot.tenant(try TenantName(name)) else {
                throw Failure(.notFound, "the vault has no such tenant")
            }
            tenants = [one]
        }
        let keys = try NewKeys(vaultID: .random(), unlock: unlock, settings: settings)
        var resealer = try Resealer(under: keys)
        for tenant in tenants { try resealer.add(tenant, of: snapshot) }
        try store.create(try resealer.finish(VaultHeader(first: keys.vaultID)).bytes)
    }
}
