// Waiter.swift - a host thread that waits for one answer.

import CSystem
import Synchronization

@safe
final class Waiter: @unchecked Sendable {
    private let gate: OpaquePointer
    private let event = Mutex<Event?>(nil)

    init() throws(Failure) {
        guard let gate = unsafe tvs_gate_new() else { throw Failure(.noMemory, "out of memory") }
        unsafe self.gate = gate
    }

    deinit { unsafe tvs_gate_free(gate) }

    /// Hands the answer over; once.
    func answer(_ answer: Event) {
        event.withLock { $0 = answer }
        unsafe tvs_gate_open(gate)
    }

    /// Waits for the answer, however long: the engine answers every request in time.
    func wait() -> Event? {
        unsafe tvs_gate_wait(gate)
        return event.withLock { $0 }
    }
}
