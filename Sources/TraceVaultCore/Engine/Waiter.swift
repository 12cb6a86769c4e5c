// Waiter.swift - a host thread that waits for one answer of the engine's thread.

import CSystem

@safe
final class Waiter<Answer: Sendable>: @unchecked Sendable {
    private let gate: OpaquePointer
    private let given = Lock<Answer?>(nil)

    init() throws(Failure) {
        guard let gate = unsafe tvs_gate_new() else { throw Failure(.noMemory, "out of memory") }
        unsafe self.gate = gate
    }

    deinit { unsafe tvs_gate_free(gate) }

    /// Hands the answer over; once.
    func answer(_ answer: Answer?) {
        given.withLock { $0 = answer }
        unsafe tvs_gate_open(gate)
    }

    /// Waits for the answer, however long: the engine answers everything in time.
    func wait() -> Answer? {
        unsafe tvs_gate_wait(gate)
        return given.withLock { $0 }
    }
}
