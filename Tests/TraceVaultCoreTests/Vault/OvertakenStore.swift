// OvertakenStore.swift - a store in memory that others use while a call of this process is under way.

import Testing

@testable import TraceVaultCore

final class OvertakenStore: Store {
    enum Step { case read, lease, replace }

    /// With a copy it is one on a server.
    let copy: StoreCopy?
    var isRemote: Bool { copy != nil }
    private let real = MemoryStore()
    private let overtaking = Lock<(step: Step, body: @Sendable () -> Void)?>(nil)

    init(copy: StoreCopy? = nil) { self.copy = copy }

    /// The next time that this step is done, this is done once before it comes back.
    func overtake(_ step: Step, _ body: @escaping @Sendable () -> Void) {
        overtaking.withLock { $0 = (step, body) }
    }

    private func done(_ step: Step) {
        let body = overtaking.withLock { waiting -> (@Sendable () -> Void)? in
            guard let next = waiting, next.step == step else { return nil }
            waiting = nil
            return next.body
        }
        body?()
    }

    /// Puts other bytes there, as another process would.
    func put(_ bytes: [UInt8]) throws {
        #expect(try real.replace(ByteBuffer(bytes), ifRevision: real.revision(), keeping: nil))
    }

    func read() throws(Failure) -> ByteBuffer {
        defer { done(.read) }
        return try real.read()
    }
    func revision() throws(Failure) -> Revision { try real.revision() }
    func create(_ bytes: ByteBuffer) throws(Failure) { try real.create(bytes) }
    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        done(.lease)
        return try real.lease(timeoutMs: timeoutMs)
    }
    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        done(.replace)
        return try real.replace(bytes, ifRevision: expected, keeping: previous)
    }
}
