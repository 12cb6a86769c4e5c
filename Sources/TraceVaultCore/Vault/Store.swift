// Store.swift - where sealed bytes live: read them, replace them if nobody else did.
//
// A store never sees a key and does not look behind the first 96 bytes. The file store is the
// default; the same bytes can live in a replicated key-value store behind this seam.

/// Keeps other writers away while it lives, where the store can.
package protocol StoreLease: AnyObject {
    func release()
}

package protocol Store: Sendable {
    /// Whether nobody outside this process can change it, so that nothing in it can be missed.
    var isOfProcess: Bool { get }
    /// The current bytes, whole.
    func read() throws(Failure) -> ByteBuffer
    /// Which snapshot is current; cheap.
    func revision() throws(Failure) -> Revision
    /// Stores the first bytes; `.exists` when there are some.
    func create(_ bytes: ByteBuffer) throws(Failure)
    /// Makes other writers wait. A hint for fewer conflicts: `replace` is right without it only
    /// where the store itself compares and swaps.
    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease
    /// Replaces the bytes if their revision is still `expected`; false on a conflict. On failure
    /// the old bytes stand, except `.durabilityUnknown`. A store that keeps the previous bytes must
    /// not, and must forget those before, when they would open what was taken away.
    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keepingPrevious: Bool
    ) throws(Failure) -> Bool
}

extension Store {
    package var isOfProcess: Bool { false }
}

/// A vault that touches no disk.
package final class MemoryStore: Store {
    package let isOfProcess = true
    private let current = Lock<ByteBuffer?>(nil)

    package init() {}

    private final class NoLease: StoreLease {
        func release() {}
    }

    package func read() throws(Failure) -> ByteBuffer {
        guard let bytes = current.withLock({ $0 }) else { throw VaultHeader.notVault }
        return bytes
    }

    package func revision() throws(Failure) -> Revision {
        try read().withBytes { (span) throws(Failure) in try Revision(prefix: span) }
    }

    package func create(_ bytes: ByteBuffer) throws(Failure) {
        let isFirst = current.withLock { held in
            guard held == nil else { return false }
            held = bytes
            return true
        }
        guard isFirst else { throw Failure(.exists, "there is a vault already") }
    }

    package func lease(timeoutMs: Int) throws(Failure) -> any StoreLease { NoLease() }

    package func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keepingPrevious: Bool
    ) throws(Failure) -> Bool {
        try current.withLock { (held) throws(Failure) in
            guard let old = held else { throw VaultHeader.notVault }
            let found = try old.withBytes { (span) throws(Failure) in
                try Revision(prefix: span)
            }
            guard found == expected else { return false }
            held = bytes
            return true
        }
    }
}
