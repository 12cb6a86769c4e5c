// ResultAPI.swift - tv_result and tv_document.

public import CTraceVault
import TraceVaultCore

extension TakenResult: Handled { static let handleKind = HandleKind.result }
extension Document: Handled { static let handleKind = HandleKind.document }

private func taken(_ result: OpaquePointer?) throws(Failure) -> RequestResult {
    try unsafe Handles.get(result, as: TakenResult.self).result
}

private func found(_ result: OpaquePointer?) -> RequestResult? {
    try? unsafe taken(result)
}

// MARK: - Events

@_cdecl("tv_result_kind") @implementation
public func tv_result_kind(_ result: OpaquePointer?) -> Int32 {
    inside { unsafe found(result)?.kind.rawValue ?? Int32(TV_RESULT_NONE.rawValue) }
}

@_cdecl("tv_result_id") @implementation
public func tv_result_id(_ result: OpaquePointer?) -> UInt64 {
    inside { unsafe found(result)?.id ?? 0 }
}

@_cdecl("tv_result_tag") @implementation
public func tv_result_tag(_ result: OpaquePointer?) -> UInt64 {
    inside { unsafe found(result)?.tag ?? 0 }
}

@_cdecl("tv_result_status") @implementation
public func tv_result_status(_ result: OpaquePointer?) -> tv_status {
    inside {
        do throws(Failure) {
            return try unsafe taken(result).status.rawValue
        } catch {
            return error.status.rawValue
        }
    }
}

@_cdecl("tv_result_error") @implementation
public func tv_result_error(
    _ result: OpaquePointer?, _ failure_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let result = try unsafe taken(result)
        let out = try unsafe required(failure_out, "failure_out")
        if let failure = result.failure {
            unsafe out.pointee = try Handles.add(ErrorObject(failure))
        } else {
            unsafe out.pointee = nil
        }
    }
}

@_cdecl("tv_result_document") @implementation
public func tv_result_document(
    _ result: OpaquePointer?, _ view: UnsafePointer<CChar>?, _ view_len: Int,
    _ data_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ data_len_out: UnsafeMutablePointer<Int>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let result = try unsafe taken(result)
        let name = try unsafe text(view, view_len, "view")
        try unsafe lend(result.document.view(name), data_out, data_len_out)
    }
}

@_cdecl("tv_result_walk") @implementation
public func tv_result_walk(
    _ result: OpaquePointer?, _ view: UnsafePointer<CChar>?, _ view_len: Int,
    _ walk_out: UnsafeMutablePointer<tv_walk>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let result = try unsafe taken(result)
        let name = try unsafe text(view, view_len, "view")
        let out = try unsafe required(walk_out, "walk_out")
        try unsafe lend(result.document.walk(name), out)
    }
}

@_cdecl("tv_result_free") @implementation
public func tv_result_free(_ result: OpaquePointer?) {
    unsafe release(result, as: TakenResult.self)
}

// MARK: - Documents

@_cdecl("tv_document_decode") @implementation
public func tv_document_decode(
    _ body: UnsafeRawPointer?, _ body_len: Int,
    _ document_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        let bytes = try unsafe bytes(body, body_len, "body", limit: Library.maxReply, isText: false)
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

@_cdecl("tv_document_walk") @implementation
public func tv_document_walk(
    _ document: OpaquePointer?, _ view: UnsafePointer<CChar>?, _ view_len: Int,
    _ walk_out: UnsafeMutablePointer<tv_walk>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let document = try unsafe Handles.get(document, as: Document.self)
        let name = try unsafe text(view, view_len, "view")
        let out = try unsafe required(walk_out, "walk_out")
        try unsafe lend(document.walk(name), out)
    }
}

@_cdecl("tv_document_read") @implementation
public func tv_document_read(
    _ text: UnsafeRawPointer?, _ text_len: Int,
    _ document_out: UnsafeMutablePointer<OpaquePointer?>?, _ error_out: ErrorOut
) -> tv_status {
    unsafe give(document_out, "document_out", error_out) { () throws(Failure) in
        let limit = Library.maxStored
        let bytes = try unsafe bytes(text, text_len, "text", limit: limit)
        let copy = ByteBuffer(limit: limit)
        guard unsafe copy.append(bytes) else {
            throw Failure(.noMemory, "no memory for a copy of the text")
        }
        return try Document.read(copy)
    }
}

/// Lends a view and its tokens, which are entries of the header byte for byte.
private func lend(_ tape: JSONTape, _ out: UnsafeMutablePointer<tv_walk>) throws(Failure) {
    guard let text = unsafe tape.body.cString else {
        throw Failure(.noMemory, "no memory for the answer")
    }
    unsafe out.pointee = tv_walk(
        text: UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self),
        text_len: tape.body.count,
        entries: unsafe UnsafeRawPointer(tape.all)?.assumingMemoryBound(to: tv_entry.self),
        entry_count: tape.count, entry_size: MemoryLayout<tv_entry>.stride)
}

@_cdecl("tv_document_free") @implementation
public func tv_document_free(_ document: OpaquePointer?) {
    unsafe release(document, as: Document.self)
}
