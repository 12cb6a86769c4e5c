// HuntAPI.swift - tv_engine_hunt and tv_engine_hunt_vault.

public import CTraceVault
import TraceVaultCore

@_cdecl("tv_engine_hunt") @implementation
public func tv_engine_hunt(
    _ engine: OpaquePointer?, _ tenants: UnsafePointer<OpaquePointer?>?, _ tenant_count: Int,
    _ request: OpaquePointer?, _ tag: UInt64, _ id_out: UnsafeMutablePointer<UInt64>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let hunt = try unsafe Handles.get(request, as: RequestObject.self).hunt()
        var asked: [Tenant] = []
        guard tenant_count != 0 else { throw Failure(.argument, "a hunt needs a tenant") }
        try Hunt.check(tenants: tenant_count)
        guard let tenants = unsafe tenants else { throw Failure(.argument, "tenants is NULL") }
        for place in 0..<tenant_count {
            asked.append(try unsafe Handles.get(tenants[place], as: Tenant.self))
        }
        try unsafe object.hunt(hunt, in: asked, tag: tag, told: writing(id_out))
    }
}

@_cdecl("tv_engine_hunt_vault") @implementation
public func tv_engine_hunt_vault(
    _ engine: OpaquePointer?, _ vault: OpaquePointer?, _ request: OpaquePointer?, _ tag: UInt64,
    _ id_out: UnsafeMutablePointer<UInt64>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let vault = try unsafe Handles.get(vault, as: Vault.self)
        let hunt = try unsafe Handles.get(request, as: RequestObject.self).hunt()
        try unsafe object.hunt(hunt, in: vault.tenants(), tag: tag, told: writing(id_out))
    }
}
