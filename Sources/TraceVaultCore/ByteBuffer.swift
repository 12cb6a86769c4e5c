// ByteBuffer.swift - bytes that come from outside, held in C memory.
//
// The Swift heap ends the process when memory runs out; malloc says so. Everything whose size an
// outsider decides (reply bodies, files, views) lives in one of these. Not for secrets.

#if canImport(Glibc)
    import Glibc
#endif

/// A growable run of bytes with a maximum; a class, so that results can be shared and freed once.
/// Not synchronised: one owner fills it, afterwards it is only read.
@safe
package final class ByteBuffer: @unchecked Sendable {
    private var storage: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    package private(set) var count = 0
    /// The most bytes this buffer will hold.
    package let limit: Int

    package init(limit: Int) {
        self.limit = max(0, limit)
    }

    deinit { unsafe free(storage) }

    /// Appends bytes and keeps a NUL behind them. False, and nothing appended, when the limit or
    /// the memory would be exceeded.
    package func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return reserve(0) }
        guard bytes.count <= limit - count, reserve(bytes.count) else { return false }
        guard let storage = unsafe storage else { return false }
        unsafe memcpy(storage + count, source, bytes.count)
        count += bytes.count
        unsafe storage[count] = 0
        return true
    }

    /// Makes room for `most` bytes and lets `write` fill them; it answers how many it used.
    @inline(__always)
    package func append(upTo most: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) -> Bool {
        guard reserve(most), let storage = unsafe storage else { return false }
        count += unsafe max(0, min(write(storage + count), most))
        unsafe storage[count] = 0
        return true
    }

    /// Makes room for `extra` more bytes and the NUL.
    package func reserve(_ extra: Int) -> Bool {
        guard extra >= 0, extra <= limit - count else { return false }
        let needed = count + extra + 1
        if needed <= capacity { return true }
        let doubled = capacity > limit / 2 ? limit + 1 : capacity * 2
        let size = max(needed, max(256, min(doubled, limit + 1)))
        guard let grown = unsafe realloc(storage, size) else { return false }
        unsafe storage = grown.assumingMemoryBound(to: UInt8.self)
        capacity = size
        unsafe storage?[count] = 0
        return true
    }

    /// Forgets the content, keeps the memory.
    package func removeAll() {
        count = 0
        unsafe storage?[0] = 0
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
