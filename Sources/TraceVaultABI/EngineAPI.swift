// EngineAPI.swift - tv_engine.

public import CTraceVault
import TraceVaultCore

/// The engine as C holds it: freeing the handle ends the engine, whatever else still refers to it.
final class EngineObject: Handled {
    static let handleKind = HandleKind.engine
    let engine: Engine
    init(_ engine: Engine) { self.engine = engine }
}

func engine(_ handle: OpaquePointer?) throws(Failure) -> Engine {
    try unsafe Handles.get(handle, as: EngineObject.self).engine
}

@_cdecl("tv_engine_new") @implementation
public func tv_engine_new(
    _ config: OpaquePointer?, _ engine_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(engine_out, "engine_out", error_out) { () throws(Failure) in
        let config = try unsafe ConfigObject.optional(config)
        let engine = try Engine(config.config, config.secrets)
        return EngineObject(engine)
    }
}

@_cdecl("tv_engine_submit") @implementation
public func tv_engine_submit(
    _ engine: OpaquePointer?, _ tenant: OpaquePointer?, _ request: OpaquePointer?, _ tag: UInt64,
    _ id_out: UnsafeMutablePointer<UInt64>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let tenant = try unsafe Handles.get(tenant, as: Tenant.self)
        let request = try unsafe Handles.get(request, as: RequestObject.self).request()
        try unsafe object.submit(request, for: tenant, tag: tag, told: writing(id_out))
    }
}

@_cdecl("tv_engine_take") @implementation
public func tv_engine_take(
    _ engine: OpaquePointer?, _ timeout_ms: Int32,
    _ result_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let out = try unsafe required(result_out, "result_out")
        let result = try object.take(timeoutMs: timeout_ms)
        guard let result else {
            unsafe out.pointee = nil
            return
        }
        do throws(Failure) {
            unsafe out.pointee = try Handles.add(result)
        } catch {
            object.giveBack(result)
            throw error
        }
    }
}

@_cdecl("tv_engine_fd") @implementation
public func tv_engine_fd(
    _ engine: OpaquePointer?, _ fd_out: UnsafeMutablePointer<Int32>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        unsafe try required(fd_out, "fd_out").pointee = object.results.descriptor
    }
}

@_cdecl("tv_engine_cancel") @implementation
public func tv_engine_cancel(
    _ engine: OpaquePointer?, _ id: UInt64, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe TraceVaultABI.engine(engine).cancel(id)
    }
}

@_cdecl("tv_engine_fetch") @implementation
public func tv_engine_fetch(
    _ engine: OpaquePointer?, _ tenant: OpaquePointer?, _ request: OpaquePointer?,
    _ result_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let tenant = try unsafe Handles.get(tenant, as: Tenant.self)
        let request = try unsafe Handles.get(request, as: RequestObject.self).request()
        let out = try unsafe required(result_out, "result_out")
        let result = try object.fetch(request, for: tenant)
        if let failure = result.result.failure { throw failure }
        unsafe out.pointee = try Handles.add(result)
    }
}

@_cdecl("tv_engine_stats") @implementation
public func tv_engine_stats(
    _ engine: OpaquePointer?, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let out = try unsafe required(document_out, "document_out")
        unsafe out.pointee = try Handles.add(object.stats())
    }
}

@_cdecl("tv_engine_estimate") @implementation
public func tv_engine_estimate(
    _ engine: OpaquePointer?, _ tenant: OpaquePointer?, _ account: UnsafePointer<CChar>?,
    _ account_len: Int, _ count: UInt64, _ document_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let tenant = try unsafe Handles.get(tenant, as: Tenant.self)
        let account = try unsafe accountID(account, account_len)
        let id = try unsafe Request.account(RawSpan(_unsafeBytes: account))
        let out = try unsafe required(document_out, "document_out")
        let document = try object.estimate(
            Int64(clamping: count), account: id, for: tenant)
        unsafe out.pointee = try Handles.add(document)
    }
}

@_cdecl("tv_engine_lift") @implementation
public func tv_engine_lift(
    _ engine: OpaquePointer?, _ tenant: OpaquePointer?, _ account: UnsafePointer<CChar>?,
    _ account_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe TraceVaultABI.engine(engine)
        let tenant = try unsafe Handles.get(tenant, as: Tenant.self)
        let account = try unsafe accountID(account, account_len)
        try unsafe object.lift(
            account: Request.account(RawSpan(_unsafeBytes: account)), for: tenant)
    }
}

@_cdecl("tv_engine_shutdown") @implementation
public func tv_engine_shutdown(_ engine: OpaquePointer?, _ error_out: ErrorOut) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        try unsafe TraceVaultABI.engine(engine).shutdown()
    }
}

@_cdecl("tv_engine_free") @implementation
public func tv_engine_free(_ engine: OpaquePointer?) {
    // As in `release`; the shutdown lets forks through while it waits for the thread.
    Handles.enter()
    defer { Handles.leave() }
    unsafe Handles.remove(engine, as: EngineObject.self)?.engine.shutdown()
}
