// CText.swift - a text as C wants it: NUL-terminated, at one place for as long as its owner lives.

/// Text that lives as long as its owner, for accessors that return a pointer; not for secrets.
@safe
package final class CText: @unchecked Sendable {
    private let buffer: ByteBuffer
    package let count: Int

    package init(_ text: String) {
        var text = text
        buffer = ByteBuffer(limit: 1 << 20)
        let buffer = buffer
        text.withUTF8 { utf8 in _ = unsafe buffer.append(UnsafeRawBufferPointer(utf8)) }
        count = buffer.count
        // From here on the buffer is only read, from any thread.
        unsafe _ = buffer.cString
    }

    package var pointer: UnsafePointer<CChar>? {
        guard let start = unsafe buffer.cString else { return nil }
        return unsafe UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
    }

    package static let empty = CText("")
}
