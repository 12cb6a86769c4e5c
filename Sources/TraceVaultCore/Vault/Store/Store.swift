// Store.swift - where sealed bytes live: read them, replace them if nobody else did.
//
// A store never sees a key. The first 96 bytes tell which state it has; what is behind them it only
// compares. The file store is the default; ObjectStore.swift keeps the same bytes as an object of
// an S3-compatible store.

import CSystem

/// Keeps other writers away while it lives, where the store can.
package protocol StoreLease: AnyObject {
    func release()
}

package protocol Store: Sendable {
    /// Whether nobody outside this process can change it, so that nothing in it can be missed.
    var isOfProcess: Bool { get }
    /// Whether each look costs a request to a server: looks are then spread, and rarer while they
    /// fail.
    var isRemote: Bool { get }
    /// What this host keeps of it on its own disk, to start with while the store is away.
    var copy: StoreCopy? { get }
    /// The current bytes, whole.
    func read() throws(Failure) -> ByteBuffer
    /// Which snapshot is current.
    func revision() throws(Failure) -> Revision
    /// The current bytes, whole; nil while they are `known`, and cheap where nothing has touched
    /// them since they were found to be.
    func newBytes(since known: ByteBuffer) throws(Failure) -> ByteBuffer?
    /// Stores the first bytes; `.exists` when there are some.
    func create(_ bytes: ByteBuffer) throws(Failure)
    /// Makes other writers wait, and waits for them up to the time-out where they may be other
    /// processes. A hint for fewer conflicts: `replace` is right without it only
    /// where the store itself compares and swaps.
    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease
    /// The same, given up soon with `.cancelled` once somebody says so.
    func lease(
        timeoutMs: Int, unless isCancelled: () -> Bool
    ) throws(Failure) -> any StoreLease
    /// Replaces the bytes if their revision is still `expected`; false on a conflict. On failure
    /// the old bytes stand, except `.durabilityUnknown`. A store that can keep a copy of what is
    /// replaced does so if that is still `previous`: what was damaged meanwhile must not take an
    /// earlier copy's place. Without `previous` it must keep no copy and delete earlier ones: they
    /// may hold a removed tenant, or open with a removed unlock.
    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool
}

extension Store {
    package var isOfProcess: Bool { false }
    package var isRemote: Bool { false }
    package var copy: StoreCopy? { nil }

    /// For stores whose bytes nobody changes but through `replace`.
    package func newBytes(since known: ByteBuffer) throws(Failure) -> ByteBuffer? {
        try revision() == Revision(of: known) ? nil : try read()
    }

    /// For stores that do not wait long.
    package func lease(
        timeoutMs: Int, unless isCancelled: () -> Bool
    ) throws(Failure) -> any StoreLease {
        let lease = try lease(timeoutMs: timeoutMs)
        guard isCancelled() else { return lease }
        lease.release()
        throw WriterQueue.cancelled
    }
}

/// A vault that touches no disk. Its writers are threads of this process that only compute, so
/// they stand in line and no time-out applies.
package final class MemoryStore: Store {
    package let isOfProcess = true
    private let current = Lock<ByteBuffer?>(nil)
    private let queue = WriterQueue()

    package init() {}

    package func read() throws(Failure) -> ByteBuffer {
        guard let bytes = current.withLock({ $0 }) else { throw VaultHeader.notVault }
        return bytes
    }

    package func revision() throws(Failure) -> Revision { try Revision(of: try read()) }

    package func create(_ bytes: ByteBuffer) throws(Failure) {
        let isFirst = current.withLock { held in
            guard held == nil else { return false }
            held = bytes
            return true
        }
        guard isFirst else { throw Failure(.exists, "there is a vault already") }
    }

    package func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try lease(timeoutMs: timeoutMs, unless: { false })
    }

    package func lease(
        timeoutMs: Int, unless isCancelled: () -> Bool
    ) throws(Failure) -> any StoreLease {
        let place = WriterQueue.Place(in: queue)
        _ = try place.wait(until: .max, unless: isCancelled)
        return WriterQueue.Turn(place)
    }

    package func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        try current.withLock { (held) throws(Failure) in
            guard let old = held else { throw VaultHeader.notVault }
            guard try Revision(of: old) == expected else { return false }
            held = bytes
            return true
        }
    }
}
