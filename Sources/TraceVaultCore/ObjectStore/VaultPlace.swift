// VaultPlace.swift - where a vault is kept, by the text that a host gives: memory, a file, an
// object.

extension Vault {
    /// Creates an empty vault: at "s3://bucket/key" in an object store, in memory where the place
    /// is empty, and else in a file of that path.
    package static func create(
        at place: String, unlock: UnlockSecret, config: Config, secrets: NamedSecrets
    ) throws(Failure) -> Vault {
        let settings = VaultSettings(config)
        guard let store = try objectStore(at: place, config, secrets) else {
            return try create(path: place, unlock: unlock, settings: settings)
        }
        return try create(in: store, unlock: unlock, settings: settings)
    }

    package static func open(
        at place: String, unlock: UnlockSecret, config: Config, secrets: NamedSecrets
    ) throws(Failure) -> Vault {
        let settings = VaultSettings(config)
        guard let store = try objectStore(at: place, config, secrets) else {
            return try open(path: place, unlock: unlock, settings: settings)
        }
        return try open(in: store, unlock: unlock, settings: settings)
    }

    /// Writes one tenant, or every tenant when none is named, into a vault of its own.
    package func export(
        tenant: String?, to place: String, unlock: UnlockSecret, config: Config,
        secrets: NamedSecrets
    ) throws(Failure) {
        let settings = VaultSettings(config)
        guard let store = try Self.objectStore(at: place, config, secrets, keepsCopy: false) else {
            return try export(tenant: tenant, path: place, unlock: unlock, settings: settings)
        }
        try export(tenant: tenant, into: store, unlock: unlock, settings: settings)
    }

    /// The object store that a place names; nil where it names a file or memory.
    private static func objectStore(
        at place: String, _ config: Config, _ secrets: NamedSecrets, keepsCopy: Bool = true
    ) throws(Failure) -> ObjectStore? {
        guard ObjectAddress.isMeant(by: place) else { return nil }
        return try ObjectStore(
            try ObjectAddress(place), config, secrets, keepsCopy: keepsCopy)
    }
}
