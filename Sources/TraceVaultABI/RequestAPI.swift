// RequestAPI.swift - tv_request: a question to one account, or a hunt through many.

public import CTraceVault
import TraceVaultCore

final class RequestObject: Handled {
    static let handleKind = HandleKind.request

    /// One of the two.
    private let one: Held<Request>?
    private let many: Held<Hunt>?

    init(_ request: Request) { (one, many) = (Held(request), nil) }
    init(_ hunt: Hunt) { (one, many) = (nil, Held(hunt)) }

    func request() throws(Failure) -> Request {
        guard let one else { throw Failure(.argument, "a hunt is for tv_engine_hunt() alone") }
        return one.state.withLock { $0 }
    }

    func hunt() throws(Failure) -> Hunt {
        guard let many else {
            throw Failure(.argument, "tv_engine_hunt() takes what tv_request_hunt() gives")
        }
        return many.state.withLock { $0 }
    }

    func set(_ name: String, to value: String) throws(Failure) {
        try one?.state.withLock { request throws(Failure) in try request.set(name, to: value) }
        try many?.state.withLock { hunt throws(Failure) in try hunt.set(name, to: value) }
    }
}

/// What several threads may set.
private final class Held<Value: Sendable>: Sendable {
    let state: Lock<Value>
    init(_ value: Value) { state = Lock(value) }
}

func accountID(
    _ account: UnsafePointer<CChar>?, _ length: Int
) throws(Failure) -> UnsafeRawBufferPointer {
    try unsafe bytes(account, length, "account", limit: Library.maxName, beyond: .accountID)
}

/// Gives what `make` makes of the account's bytes.
private func give(
    _ request_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut,
    _ account: UnsafePointer<CChar>?, _ account_len: Int,
    _ make: (RawSpan) throws(Failure) -> RequestObject
) -> tv_status {
    unsafe give(request_out, "request_out", error_out) { () throws(Failure) in
        let account = try unsafe accountID(account, account_len)
        return try unsafe make(RawSpan(_unsafeBytes: account))
    }
}

@_cdecl("tv_request_trace") @implementation
public func tv_request_trace(
    _ account: UnsafePointer<CChar>?, _ account_len: Int, _ message: UnsafePointer<CChar>?,
    _ message_len: Int, _ request_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe give(request_out, error_out, account, account_len) { account throws(Failure) in
        let message = try unsafe bytes(
            message, message_len, "message", limit: Library.maxName, beyond: .messageRef)
        return RequestObject(
            try unsafe Request.trace(
                accountID: account, messageRef: RawSpan(_unsafeBytes: message)))
    }
}

@_cdecl("tv_request_search") @implementation
public func tv_request_search(
    _ account: UnsafePointer<CChar>?, _ account_len: Int,
    _ request_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(request_out, error_out, account, account_len) { account throws(Failure) in
        RequestObject(try Request.search(accountID: account))
    }
}

@_cdecl("tv_request_check") @implementation
public func tv_request_check(
    _ account: UnsafePointer<CChar>?, _ account_len: Int,
    _ request_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(request_out, error_out, account, account_len) { account throws(Failure) in
        RequestObject(try Request.check(accountID: account))
    }
}

@_cdecl("tv_request_hunt") @implementation
public func tv_request_hunt(
    _ account: UnsafePointer<CChar>?, _ account_len: Int,
    _ request_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(request_out, error_out, account, account_len) { account throws(Failure) in
        RequestObject(try Hunt(accountID: account))
    }
}

@_cdecl("tv_request_set") @implementation
public func tv_request_set(
    _ request: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_len: Int,
    _ value: UnsafePointer<CChar>?, _ value_len: Int, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let object = try unsafe Handles.get(request, as: RequestObject.self)
        try unsafe object.set(
            text(name, name_len, "name"), to: text(value, value_len, "value"))
    }
}

@_cdecl("tv_request_free") @implementation
public func tv_request_free(_ request: OpaquePointer?) {
    unsafe release(request, as: RequestObject.self)
}
