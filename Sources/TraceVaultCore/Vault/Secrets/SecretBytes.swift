// SecretBytes.swift - bytes that exist once, in guarded memory, and are wiped when they go.
//
// Secrets enter by pointer and leave by pointer; there is no way to make a String or an array of
// one, and none must be added.

/// A secret in a slot of the guarded arena.
@safe
package struct SecretBytes: ~Copyable, @unchecked Sendable {
    private let arena: GuardedArena
    private let slot: GuardedArena.Slot
    package let count: Int

    /// A secret of zeros, to be written through `withUnsafeMutableBytes`.
    package init(count: Int, in arena: GuardedArena = .shared) throws(Failure) {
        slot = try arena.claim(count)
        self.arena = arena
        self.count = count
    }

    package init(
        copying source: UnsafeRawBufferPointer, in arena: GuardedArena = .shared
    ) throws(Failure) {
        try self.init(count: source.count, in: arena)
        unsafe withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
    }

    /// Text, a secret and text again in one piece.
    init(
        joining before: String, _ secret: UnsafeRawBufferPointer, _ after: String
    ) throws(Failure) {
        let start = before.utf8.count
        let end = start + secret.count
        try self.init(count: end + after.utf8.count)
        unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.copyBytes(from: before.utf8)
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end])
                .copyMemory(from: secret)
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[end...])
                .copyBytes(from: after.utf8)
        }
    }

    deinit { arena.release(slot) }

    /// Lends the bytes; the pointer must not outlive `body` unless the value does.
    package borrowing func withUnsafeBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try unsafe body(
            UnsafeRawBufferPointer(
                start: UnsafeRawPointer(bitPattern: slot.address), count: count))
    }

    package borrowing func withUnsafeMutableBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try unsafe body(
            UnsafeMutableRawBufferPointer(
                start: UnsafeMutableRawPointer(bitPattern: slot.address), count: count))
    }
}

/// One complete HTTP header line with a secret in it, such as "Authorization: Bearer …".
///
/// libcurl does not copy header lists, so the line stays in guarded memory and this object must
/// live until the transfer has ended.
package final class SecretHeader: Sendable {
    private let line: SecretBytes

    /// "<name>: <secret>" from a prefix and the secret's bytes.
    init(prefix: StaticString, secret: UnsafeRawBufferPointer) throws(Failure) {
        let prefixCount = prefix.utf8CodeUnitCount
        line = try SecretBytes(count: prefixCount + secret.count + 1)
        unsafe line.withUnsafeMutableBytes { bytes in
            unsafe bytes.copyMemory(
                from: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefixCount))
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[prefixCount...])
                .copyMemory(from: secret)
            unsafe bytes[bytes.count - 1] = 0
        }
        try checkIsOneLine()
    }

    /// A line with a secret in the middle.
    init(
        _ before: String, _ secret: UnsafeRawBufferPointer, _ after: String
    ) throws(Failure) {
        line = try unsafe SecretBytes(joining: before, secret, after + "\0")
        try checkIsOneLine()
    }

    /// Whatever its parts were checked for: a line break would begin another header or another
    /// request.
    private func checkIsOneLine() throws(Failure) {
        let isOne = unsafe line.withUnsafeBytes { bytes in
            unsafe !bytes.dropLast().contains { Self.isEnd($0) }
        }
        guard isOne else {
            throw Failure(.credentialFormat, "a header line has no line break and no NUL in it")
        }
    }

    /// CR, LF and NUL end a header line.
    static func isEnd(_ byte: UInt8) -> Bool { byte == 0x0D || byte == 0x0A || byte == 0 }

    /// Whether the line begins so. Compares where the line is; nothing is copied.
    func begins(with text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return unsafe line.withUnsafeBytes { bytes in
            unsafe bytes.starts(with: UnsafeRawBufferPointer(start: text.utf8Start, count: count))
        }
    }

    /// The line, NUL-terminated; valid while this object lives.
    package var cString: UnsafePointer<CChar>? {
        unsafe line.withUnsafeBytes { unsafe $0.baseAddress?.assumingMemoryBound(to: CChar.self) }
    }
}
