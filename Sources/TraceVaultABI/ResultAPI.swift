// ResultAPI.swift - tv_event and tv_document.

public import CTraceVault
import TraceVaultCore

extension Event: Handled { static let kind = Kind.event }
extension Document: Handled { static let kind = Kind.document }

private func found(_ event: OpaquePointer?) -> Event? {
    try? unsafe Handles.get(event, as: Event.self)
}

// MARK: - Events

@_cdecl("tv_event_kind") @implementation
public func tv_event_kind(_ event: OpaquePointer?) -> Int32 {
    inside { unsafe found(event)?.topic.rawValue ?? Int32(TV_EVENT_NONE) }
}

@_cdecl("tv_event_id") @implementation
public func tv_event_id(_ event: OpaquePointer?) -> UInt64 {
    inside { unsafe found(event)?.id ?? 0 }
}

@_cdecl("tv_event_tag") @implementation
public func tv_event_tag(_ event: OpaquePointer?) -> UInt64 {
    inside { unsafe found(event)?.tag ?? 0 }
}

@_cdecl("tv_event_status") @implementation
public func tv_event_status(_ event: OpaquePointer?) -> tv_status {
    inside {
        do throws(Failure) {
            return try unsafe Handles.get(event, as: Event.self).status.rawValue
        } catch {
            return error.status.rawValue
        }
    }
}

@_cdecl("tv_event_error") @implementation
public func tv_event_error(
    _ event: OpaquePointer?, _ failure_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let event = try unsafe Handles.get(event, as: Event.self)
        let out = try unsafe required(failure_out, "failure_out")
        if let failure = event.failure {
            unsafe out.pointee = try Handles.add(ErrorObject(failure))
        } else {
            unsafe out.pointee = nil
        }
    }
}

@_cdecl("tv_event_document") @implementation
public func tv_event_document(
    _ event: OpaquePointer?, _ view: UnsafePointer<CChar>?, _ view_len: Int,
    _ data_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ data_len_out: UnsafeMutablePointer<Int>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let event = try unsafe Handles.get(event, as: Event.self)
        let name = try unsafe text(view, view_len, "view")
        try unsafe lend(event.document.view(name), data_out, data_len_out)
    }
}

@_cdecl("tv_event_free") @implementation
public func tv_event_free(_ event: OpaquePointer?) {
    unsafe release(event, as: Event.self)
}

// MARK: - Documents

@_cdecl("tv_document_decode") @implementation
public func tv_document_decode(
    _ body: UnsafeRawPointer?, _ body_len: Int,
    _ document_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        let bytes = try unsafe bytes(body, body_len, "body", limit: Library.maxReply)
        let copy = ByteBuffer(limit: Library.maxReply)
        guard unsafe copy.append(bytes) else {
            throw Failure(.noMemory, "no memory for a copy of the reply")
        }
        return try Document.decode(copy)
    }
}

@_cdecl("tv_document_view") @implementation
public func tv_document_view(
    _ document: OpaquePointer?, _ view: UnsafePointer<CChar>?, _ view_len: Int,
    _ data_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ data_len_out: UnsafeMutablePointer<Int>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let document = try unsafe Handles.get(document, as: Document.self)
        let name = try unsafe text(view, view_len, "view")
        try unsafe lend(document.view(name), data_out, data_len_out)
    }
}

@_cdecl("tv_document_free") @implementation
public func tv_document_free(_ document: OpaquePointer?) {
    unsafe release(document, as: Document.self)
}
