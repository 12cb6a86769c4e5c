// Boundary.swift - the conventions of the header, once: statuses out, bytes and text in, borrowed
// text out. Nothing here decides anything.

internal import CTraceVault
import TraceVaultCore

#if canImport(Glibc)
    import Glibc
#endif

public typealias ErrorOut = UnsafeMutablePointer<OpaquePointer?>?

/// Runs the body of a call that gives no status. As in every call, a fork cannot come between.
func inside<R>(_ body: () -> R) -> R {
    Handles.enter()
    defer { Handles.leave() }
    return body()
}

/// Runs a call's body and turns what it throws into a status and, if wanted, an error object.
func status(_ error_out: ErrorOut, _ body: () throws(Failure) -> Void) -> tv_status {
    // A fork in another thread waits until this one has left: whatever lock is held in here, of the
    // Swift runtime too, would be locked for ever in the child.
    Handles.enter()
    defer { Handles.leave() }
    do {
        try body()
        return tv_status(TV_OK.rawValue)
    } catch {
        if let slot = unsafe error_out {
            unsafe slot.pointee = try? Handles.add(ErrorObject(error))
        }
        return error.status.rawValue
    }
}

/// Runs a call that makes one object and gives its handle. Nothing is made for a NULL output.
func give<Object: Handled>(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ name: StaticString, _ error_out: ErrorOut,
    _ make: () throws(Failure) -> Object
) -> tv_status {
    unsafe status(error_out) { () throws(Failure) in
        let out = try unsafe required(out, name)
        unsafe out.pointee = try Handles.add(make())
    }
}

/// Takes an object back from C and lets it end, where a fork cannot come between.
func release<Object: Handled>(_ handle: OpaquePointer?, as type: Object.Type) {
    inside { unsafe _ = Handles.remove(handle, as: type) }
}

/// Writes an id where the host wants it, if it does.
func writing(_ id_out: UnsafeMutablePointer<UInt64>?) -> (UInt64) -> Void {
    { id in
        if let out = unsafe id_out { unsafe out.pointee = id }
    }
}

/// An output argument that must be there.
func required<T>(
    _ pointer: UnsafeMutablePointer<T>?, _ name: StaticString
) throws(Failure) -> UnsafeMutablePointer<T> {
    guard let pointer = unsafe pointer else {
        throw Failure(.argument, "\(name) must not be NULL")
    }
    return unsafe pointer
}

/// Bytes that a host lends for the call. TV_NUL as length: a text up to its NUL, if it may be one.
/// More than the limit is `beyond`, and nothing of it is read.
func bytes(
    _ pointer: UnsafeRawPointer?, _ length: Int, _ name: StaticString, limit: Int,
    beyond: Status = .argument, isText: Bool = true
) throws(Failure) -> UnsafeRawBufferPointer {
    var length = length
    if isText, length == untilNUL {
        guard let pointer = unsafe pointer else { throw Failure(.argument, "\(name) is NULL") }
        // One more than the limit is enough to know that it is too long.
        length = unsafe strnlen(pointer.assumingMemoryBound(to: CChar.self), limit + 1)
    }
    guard length >= 0, length <= limit else {
        throw Failure(
            length < 0 ? .argument : beyond, "\(name) is longer than \(limit) bytes")
    }
    guard unsafe pointer != nil || length == 0 else {
        throw Failure(.argument, "\(name) is NULL but its length is not 0")
    }
    return unsafe UnsafeRawBufferPointer(start: pointer, count: length)
}

/// TV_NUL of the header, as Swift reads a size_t.
private let untilNUL = -1

/// Text that a host lends for the call.
@inline(never)
func text(
    _ pointer: UnsafePointer<CChar>?, _ length: Int, _ name: StaticString,
    limit: Int = Library.maxName
) throws(Failure) -> String {
    let bytes = try unsafe bytes(UnsafeRawPointer(pointer), length, name, limit: limit)
    // Names of views and accounts: the short way for what is surely UTF-8.
    if unsafe JSONText.isPlain(bytes) { return unsafe String(decoding: bytes, as: UTF8.self) }
    guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
        throw Failure(.argument, "\(name) is not valid UTF-8")
    }
    return text
}

/// Lends a buffer's bytes to the host.
func lend(
    _ buffer: ByteBuffer, _ data_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ data_len_out: UnsafeMutablePointer<Int>?
) throws(Failure) {
    let data = try unsafe required(data_out, "data_out")
    guard let start = unsafe buffer.cString else {
        throw Failure(.noMemory, "no memory for the answer")
    }
    unsafe data.pointee = UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
    if let length = unsafe data_len_out { unsafe length.pointee = buffer.count }
}
