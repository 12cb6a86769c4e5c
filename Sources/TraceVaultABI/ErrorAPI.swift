// ErrorAPI.swift - tv_error: a Failure as C sees it.

public import CTraceVault
import TraceVaultCore

final class ErrorObject: Handled {
    static let handleKind = HandleKind.error
    let failure: Failure
    let message: CText
    let cfRay: CText

    init(_ failure: Failure) {
        self.failure = failure
        message = CText(failure.message)
        cfRay = CText(failure.cfRay)
    }
}

private func found(_ error: OpaquePointer?) -> ErrorObject? {
    try? unsafe Handles.get(error, as: ErrorObject.self)
}

@_cdecl("tv_error_status") @implementation
public func tv_error_status(_ error: OpaquePointer?) -> tv_status {
    inside {
        do throws(Failure) {
            return try unsafe Handles.get(error, as: ErrorObject.self).failure.status.rawValue
        } catch {
            return error.status.rawValue
        }
    }
}

@_cdecl("tv_error_message") @implementation
public func tv_error_message(
    _ error: OpaquePointer?, _ message_len_out: UnsafeMutablePointer<Int>?
) -> UnsafePointer<CChar>? {
    unsafe inside {
        let message = unsafe found(error)?.message ?? CText.empty
        if let length = unsafe message_len_out { unsafe length.pointee = message.count }
        return unsafe message.pointer
    }
}

@_cdecl("tv_error_retriable") @implementation
public func tv_error_retriable(_ error: OpaquePointer?) -> Int32 {
    inside { unsafe found(error)?.failure.retriable == true ? 1 : 0 }
}

@_cdecl("tv_error_http_status") @implementation
public func tv_error_http_status(_ error: OpaquePointer?) -> Int32 {
    inside { unsafe found(error)?.failure.httpStatus ?? 0 }
}

@_cdecl("tv_error_code_count") @implementation
public func tv_error_code_count(_ error: OpaquePointer?) -> Int {
    inside { unsafe found(error)?.failure.codes.count ?? 0 }
}

@_cdecl("tv_error_code") @implementation
public func tv_error_code(_ error: OpaquePointer?, _ index: Int) -> Int64 {
    inside {
        let codes = unsafe found(error)?.failure.codes ?? []
        return codes.indices.contains(index) ? codes[index] : 0
    }
}

@_cdecl("tv_error_cf_ray") @implementation
public func tv_error_cf_ray(_ error: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe inside { unsafe (found(error)?.cfRay ?? CText.empty).pointer }
}

@_cdecl("tv_error_retry_after_ms") @implementation
public func tv_error_retry_after_ms(_ error: OpaquePointer?) -> Int64 {
    inside { unsafe found(error)?.failure.retryAfterMs ?? -1 }
}

@_cdecl("tv_error_cause") @implementation
public func tv_error_cause(_ error: OpaquePointer?) -> tv_cause {
    inside { unsafe found(error)?.failure.cause.rawValue ?? Cause.none.rawValue }
}

@_cdecl("tv_error_system_error") @implementation
public func tv_error_system_error(_ error: OpaquePointer?) -> Int32 {
    inside { unsafe found(error)?.failure.systemError ?? 0 }
}

@_cdecl("tv_error_curl_code") @implementation
public func tv_error_curl_code(_ error: OpaquePointer?) -> Int32 {
    inside { unsafe found(error)?.failure.curlCode ?? 0 }
}

@_cdecl("tv_error_free") @implementation
public func tv_error_free(_ error: OpaquePointer?) {
    unsafe release(error, as: ErrorObject.self)
}
