// LibraryAPI.swift - what the loaded library is.

public import CTraceVault
import TraceVaultCore

@_cdecl("tv_abi") @implementation
public func tv_abi() -> Int32 { TV_ABI }

private let version = CText(Library.version)

@_cdecl("tv_version") @implementation
public func tv_version() -> UnsafePointer<CChar>? {
    unsafe inside { unsafe version.pointer }
}

@_cdecl("tv_cause_name") @implementation
public func tv_cause_name(_ cause: tv_cause) -> UnsafePointer<CChar>? {
    unsafe inside {
        let name = (Cause(rawValue: cause) ?? .none).name
        return unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

@_cdecl("tv_status_name") @implementation
public func tv_status_name(_ status: tv_status) -> UnsafePointer<CChar>? {
    unsafe inside {
        let name = (Status(rawValue: status) ?? .other).name
        return unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

@_cdecl("tv_build_info") @implementation
public func tv_build_info(
    _ document_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        let document = try Document.json { Library.describe(into: &$0) }
        return document
    }
}
