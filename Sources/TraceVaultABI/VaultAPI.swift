// VaultAPI.swift - tv_unlock, tv_vault, tv_tenant.

public import CTraceVault
import TraceVaultCore

extension UnlockSecret: Handled { static let handleKind = HandleKind.unlock }
extension Vault: Handled { static let handleKind = HandleKind.vault }
extension Tenant: Handled { static let handleKind = HandleKind.tenant }

// MARK: - Unlocking

@_cdecl("tv_unlock_passphrase") @implementation
public func tv_unlock_passphrase(
    _ passphrase: UnsafeRawPointer?, _ passphrase_len: Int,
    _ unlock_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(unlock_out, "unlock_out", error_out) { () throws(Failure) in
        let most = UnlockSecret.passphraseSizes.upperBound
        let secret = try unsafe bytes(passphrase, passphrase_len, "passphrase", limit: most)
        return try unsafe UnlockSecret(passphrase: secret)
    }
}

@_cdecl("tv_unlock_key") @implementation
public func tv_unlock_key(
    _ key: UnsafeRawPointer?, _ key_len: Int,
    _ unlock_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(unlock_out, "unlock_out", error_out) { () throws(Failure) in
        let secret = try unsafe bytes(key, key_len, "key", limit: 32, isText: false)
        return try unsafe UnlockSecret(key: secret)
    }
}

@_cdecl("tv_unlock_keyfile") @implementation
public func tv_unlock_keyfile(
    _ path: UnsafePointer<CChar>?, _ path_len: Int,
    _ unlock_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(unlock_out, "unlock_out", error_out) { () throws(Failure) in
        let path = try unsafe text(path, path_len, "path")
        return try UnlockSecret(keyFile: path)
    }
}

@_cdecl("tv_unlock_credential") @implementation
public func tv_unlock_credential(
    _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ unlock_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(unlock_out, "unlock_out", error_out) { () throws(Failure) in
        let name = try unsafe text(name, name_len, "name")
        return try UnlockSecret(credential: name)
    }
}

@_cdecl("tv_unlock_free") @implementation
public func tv_unlock_free(_ unlock: OpaquePointer?) {
    unsafe release(unlock, as: UnlockSecret.self)
}

// MARK: - Vaults

private func filePath(
    _ path: UnsafePointer<CChar>?, _ path_len: Int
) throws(Failure) -> String {
    let path = try unsafe text(path, path_len, "path")
    guard !path.utf8.contains(0) else { throw Failure(.argument, "path contains a NUL byte") }
    return path
}

/// What creating and opening share.
private func vault(
    _ path: UnsafePointer<CChar>?, _ path_len: Int, _ unlock: OpaquePointer?,
    _ config: OpaquePointer?, _ vault_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut,
    _ make: (String, UnlockSecret, ConfigObject) throws(Failure) -> Vault
) -> tv_status {
    unsafe give(vault_out, "vault_out", error_out) { () throws(Failure) in
        let path = try unsafe filePath(path, path_len)
        let secret = try unsafe Handles.get(unlock, as: UnlockSecret.self)
        return try make(path, secret, try unsafe ConfigObject.optional(config))
    }
}

@_cdecl("tv_vault_create") @implementation
public func tv_vault_create(
    _ path: UnsafePointer<CChar>?, _ path_len: Int, _ unlock: OpaquePointer?,
    _ config: OpaquePointer?, _ vault_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe vault(path, path_len, unlock, config, vault_out, error_out) {
        (path, unlock, config) throws(Failure) in
        try Vault.create(
            at: path, unlock: unlock, config: config.config, secrets: config.secrets)
    }
}

@_cdecl("tv_vault_open") @implementation
public func tv_vault_open(
    _ path: UnsafePointer<CChar>?, _ path_len: Int, _ unlock: OpaquePointer?,
    _ config: OpaquePointer?, _ vault_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe vault(path, path_len, unlock, config, vault_out, error_out) {
        (path, unlock, config) throws(Failure) in
        try Vault.open(
            at: path, unlock: unlock, config: config.config, secrets: config.secrets)
    }
}

@_cdecl("tv_vault_refresh") @implementation
public func tv_vault_refresh(_ vault: OpaquePointer?, _ error_out: ErrorOut) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe Handles.get(vault, as: Vault.self).refresh()
    }
}

@_cdecl("tv_vault_generation") @implementation
public func tv_vault_generation(
    _ vault: OpaquePointer?, _ generation_out: UnsafeMutablePointer<UInt64>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(vault, as: Vault.self)
        unsafe try required(generation_out, "generation_out").pointee = object.generation
    }
}

@_cdecl("tv_vault_list") @implementation
public func tv_vault_list(
    _ vault: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        try unsafe Document(json: Handles.get(vault, as: Vault.self).list())
    }
}

@_cdecl("tv_vault_describe") @implementation
public func tv_vault_describe(
    _ vault: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        try unsafe Document(json: Handles.get(vault, as: Vault.self).describe())
    }
}

@_cdecl("tv_vault_verify") @implementation
public func tv_vault_verify(
    _ vault: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        try unsafe Document(json: Handles.get(vault, as: Vault.self).verify())
    }
}

@_cdecl("tv_vault_lock") @implementation
public func tv_vault_lock(_ vault: OpaquePointer?, _ error_out: ErrorOut) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe Handles.get(vault, as: Vault.self).lock()
    }
}

@_cdecl("tv_vault_unlock") @implementation
public func tv_vault_unlock(
    _ vault: OpaquePointer?, _ unlock: OpaquePointer?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(vault, as: Vault.self)
        try unsafe object.unlock(Handles.get(unlock, as: UnlockSecret.self))
    }
}

@_cdecl("tv_vault_export") @implementation
public func tv_vault_export(
    _ vault: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ path: UnsafePointer<CChar>?, _ path_len: Int, _ unlock: OpaquePointer?,
    _ config: OpaquePointer?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(vault, as: Vault.self)
        let secret = try unsafe Handles.get(unlock, as: UnlockSecret.self)
        let config = try unsafe ConfigObject.optional(config)
        // An empty name is a mistake; only NULL stands for all.
        let isNamed = unsafe tenant != nil || tenant_len != 0
        let name = isNamed ? try unsafe text(tenant, tenant_len, "tenant") : nil
        try unsafe object.export(
            tenant: name, to: filePath(path, path_len), unlock: secret, config: config.config,
            secrets: config.secrets)
    }
}

@_cdecl("tv_vault_free") @implementation
public func tv_vault_free(_ vault: OpaquePointer?) {
    unsafe release(vault, as: Vault.self)
}

// MARK: - Tenants

@_cdecl("tv_tenant_open") @implementation
public func tv_tenant_open(
    _ vault: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ tenant_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(vault, as: Vault.self)
        let out = try unsafe required(tenant_out, "tenant_out")
        let name = try unsafe text(name, name_len, "name")
        unsafe out.pointee = try Handles.add(object.tenant(named: name))
    }
}

@_cdecl("tv_tenant_list") @implementation
public func tv_tenant_list(
    _ tenant: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(tenant, as: Tenant.self)
        let out = try unsafe required(document_out, "document_out")
        unsafe out.pointee = try Handles.add(Document(json: object.list()))
    }
}

@_cdecl("tv_tenant_free") @implementation
public func tv_tenant_free(_ tenant: OpaquePointer?) {
    unsafe release(tenant, as: Tenant.self)
}
