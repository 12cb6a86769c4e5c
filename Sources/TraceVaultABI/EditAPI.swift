// EditAPI.swift - tv_edit: one atomic change of a vault. Whatever goes wrong in a step, an argument
// that cannot be read too, ends the edit.

public import CTraceVault
import TraceVaultCore

extension Edit: Handled { static let handleKind = HandleKind.edit }

/// Makes one step of an edit.
private func step(
    _ edit: OpaquePointer?, _ error_out: ErrorOut, _ body: (Edit) throws(Failure) -> Void
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let edit = try unsafe Handles.get(edit, as: Edit.self)
        try edit.step { () throws(Failure) in try body(edit) }
    }
}

/// No secret is longer; the core says so more precisely.
private let secretLimit = 4096

@_cdecl("tv_edit_begin") @implementation
public func tv_edit_begin(
    _ vault: OpaquePointer?, _ edit_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(edit_out, "edit_out", error_out) { () throws(Failure) in
        try unsafe Handles.get(vault, as: Vault.self).edit()
    }
}

@_cdecl("tv_edit_put_token") @implementation
public func tv_edit_put_token(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ token: UnsafeRawPointer?,
    _ token_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try unsafe object.putToken(
            tenant: text(tenant, tenant_len, "tenant"),
            account: text(account, account_len, "account"),
            token: bytes(token, token_len, "token", limit: secretLimit, beyond: .credentialFormat))
    }
}

@_cdecl("tv_edit_put_key") @implementation
public func tv_edit_put_key(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ email: UnsafePointer<CChar>?,
    _ email_len: Int, _ key: UnsafeRawPointer?, _ key_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try unsafe object.putKey(
            tenant: text(tenant, tenant_len, "tenant"),
            account: text(account, account_len, "account"),
            email: text(email, email_len, "email"),
            key: bytes(key, key_len, "key", limit: secretLimit, beyond: .credentialFormat))
    }
}

@_cdecl("tv_edit_set") @implementation
public func tv_edit_set(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ name: UnsafePointer<CChar>?,
    _ name_len: Int, _ value: UnsafePointer<CChar>?, _ value_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try unsafe object.set(
            tenant: text(tenant, tenant_len, "tenant"),
            account: text(account, account_len, "account"),
            name: text(name, name_len, "name"), value: text(value, value_len, "value"))
    }
}

// MARK: - Steps on an account

private func step(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ error_out: ErrorOut,
    _ take: (Edit) -> (String, String) throws(Failure) -> Void
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        let tenant = try unsafe text(tenant, tenant_len, "tenant")
        try unsafe take(object)(tenant, text(account, account_len, "account"))
    }
}

@_cdecl("tv_edit_remove") @implementation
public func tv_edit_remove(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, tenant, tenant_len, account, account_len, error_out) { edit in
        { (tenant, account) throws(Failure) in
            try edit.remove(tenant: tenant, account: account)
        }
    }
}

@_cdecl("tv_edit_retire") @implementation
public func tv_edit_retire(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, tenant, tenant_len, account, account_len, error_out) { edit in
        { (tenant, account) throws(Failure) in
            try edit.retire(tenant: tenant, account: account)
        }
    }
}

@_cdecl("tv_edit_promote") @implementation
public func tv_edit_promote(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, tenant, tenant_len, account, account_len, error_out) { edit in
        { (tenant, account) throws(Failure) in
            try edit.promote(tenant: tenant, account: account)
        }
    }
}

@_cdecl("tv_edit_remove_retiring") @implementation
public func tv_edit_remove_retiring(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, tenant, tenant_len, account, account_len, error_out) { edit in
        { (tenant, account) throws(Failure) in
            try edit.removeRetiring(tenant: tenant, account: account)
        }
    }
}

@_cdecl("tv_edit_remove_tenant") @implementation
public func tv_edit_remove_tenant(
    _ edit: OpaquePointer?, _ tenant: UnsafePointer<CChar>?, _ tenant_len: Int,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try unsafe object.removeTenant(text(tenant, tenant_len, "tenant"))
    }
}

// MARK: - Unlocks

@_cdecl("tv_edit_add_unlock") @implementation
public func tv_edit_add_unlock(
    _ edit: OpaquePointer?, _ known: OpaquePointer?, _ added: OpaquePointer?,
    _ label: UnsafePointer<CChar>?, _ label_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        let known = try unsafe Handles.get(known, as: UnlockSecret.self)
        let added = try unsafe Handles.get(added, as: UnlockSecret.self)
        try unsafe object.addUnlock(
            added, known: known, label: text(label, label_len, "label"))
    }
}

@_cdecl("tv_edit_remove_unlock") @implementation
public func tv_edit_remove_unlock(
    _ edit: OpaquePointer?, _ slot: Int32, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try object.removeUnlock(slot: Int(slot))
    }
}

@_cdecl("tv_edit_rekey") @implementation
public func tv_edit_rekey(
    _ edit: OpaquePointer?, _ unlock: OpaquePointer?, _ error_out: ErrorOut
) -> tv_status {
    unsafe step(edit, error_out) { (object) throws(Failure) in
        try unsafe object.rekey(Handles.get(unlock, as: UnlockSecret.self))
    }
}

// MARK: - The end

@_cdecl("tv_edit_hints") @implementation
public func tv_edit_hints(
    _ edit: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        try unsafe Document(json: Handles.get(edit, as: Edit.self).hints())
    }
}

@_cdecl("tv_edit_commit") @implementation
public func tv_edit_commit(_ edit: OpaquePointer?, _ error_out: ErrorOut) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe Handles.get(edit, as: Edit.self).commit()
    }
}

@_cdecl("tv_edit_cancel") @implementation
public func tv_edit_cancel(_ edit: OpaquePointer?, _ error_out: ErrorOut) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe Handles.get(edit, as: Edit.self).cancel()
    }
}

@_cdecl("tv_edit_free") @implementation
public func tv_edit_free(_ edit: OpaquePointer?) {
    unsafe release(edit, as: Edit.self)
}
