// ByteBuffer.swift - bytes that come from outside, held in C memory.
//
// The Swift heap ends the process when memory runs out; malloc says so. Everything whose size an
// outsider decides (reply bodies, files, views) lives in one of these. Not for secrets.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// A growable run of bytes with a maximum; a class, so that results can be shared and freed once.
/// Not synchronised: one owner fills it, afterwards it is only read. That is also why the run-time
/// checks for overlapping access are off: they cost more than the appends of a JSON document.
@safe
package final class ByteBuffer: @unchecked Sendable {
    @exclusivity(unchecked) private var storage: UnsafeMutablePointer<UInt8>?
    @exclusivity(unchecked) private var capacity = 0
    @exclusivity(unchecked) private var used = 0
    package var count: Int { unsafe used }
    /// The most bytes this buffer will hold.
    package let limit: Int

    package init(limit: Int) {
        self.limit = min(max(0, limit), Int.max - 1)
    }

    deinit { unsafe tvs_free_grown(storage, capacity) }

    /// Appends bytes and keeps a NUL behind them. False, and nothing appended, when the limit or
    /// the memory would be exceeded.
    package func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return reserve(0) }
        guard bytes.count <= limit - count, reserve(bytes.count) else { return false }
        guard let storage = unsafe storage else { return false }
        unsafe memcpy(storage + count, source, bytes.count)
        unsafe used += bytes.count
        unsafe storage[count] = 0
        return true
    }

    /// Lets `fill` write up to `room` bytes behind the content; it answers how many it wrote.
    /// False when the limit or the memory would be exceeded or nothing was written.
    package func append(
        room: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int
    ) -> Bool {
        let before = count
        let fits = unsafe append(upTo: room) { place in
            unsafe fill(UnsafeMutableRawBufferPointer(start: place, count: room))
        }
        return fits && count > before
    }

    /// Makes room for `most` bytes and lets `write` fill them; it answers how many it used.
    @inline(__always)
    package func append(upTo most: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) -> Bool {
        let before = unsafe used
        // What is allocated is within the limit; only what is not there yet needs a closer look.
        if unsafe UInt(bitPattern: most) >= UInt(bitPattern: capacity &- before) {
            guard reserve(most) else { return false }
        }
        guard let storage = unsafe storage else { return false }
        let after = unsafe before &+ max(0, min(write(storage + before), most))
        unsafe used = after
        unsafe storage[after] = 0
        return true
    }

    /// Makes room for `extra` more bytes and the NUL.
    package func reserve(_ extra: Int) -> Bool {
        guard extra >= 0, extra <= limit - count else { return false }
        let needed = count + extra + 1
        if unsafe needed <= capacity { return true }
        let doubled = unsafe capacity > limit / 2 ? limit + 1 : capacity * 2
        // Never more than the limit: `append(upTo:)` takes what is allocated for allowed.
        let size = max(needed, min(max(256, doubled), limit + 1))
        guard let grown = unsafe tvs_regrow(storage, capacity, size) else { return false }
        unsafe storage = grown.assumingMemoryBound(to: UInt8.self)
        unsafe capacity = size
        unsafe storage?[count] = 0
        return true
    }

    /// Forgets the content, keeps the memory.
    package func removeAll() { cut(to: 0) }

    /// Forgets what stands behind the first `kept` bytes, keeps the memory.
    package func cut(to kept: Int) {
        guard kept >= 0, kept <= count else { return }
        unsafe used = kept
        unsafe storage?[kept] = 0
    }

    /// Overwrites `secret` and every part of it that has 16 characters, in any mixture of escapes
    /// of JSON and of URLs, at most three within each other. JSON stays JSON.
    package func mask(_ secret: UnsafeRawBufferPointer) {
        guard let needle = secret.baseAddress, let storage = unsafe storage else { return }
        unsafe tvs_mask(storage, count, needle, secret.count)
    }

    /// Lends the bytes.
    package func withBytes<R: ~Copyable, E: Error>(
        _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: storage, count: count)))
    }

    /// The bytes' address for C, NUL-terminated, valid while the buffer lives and is not changed.
    package var cString: UnsafePointer<UInt8>? {
        guard reserve(0) else { return nil }
        return unsafe UnsafePointer(storage)
    }
}
