// EventQueue.swift - finished requests on their way to the host, and the descriptor that says so.
//
// The engine admits no more requests than the host may leave untaken, so the queue is bounded
// without ever dropping an event.

import CSystem

package final class EventQueue: Sendable {
    private struct State {
        var events = Queue<Event>()
        var isClosed = false
        var isSignalled = false
    }

    /// Readable exactly while `take` would return at once.
    package let descriptor: Int32
    private let state = Lock(State())

    package init() throws(Failure) {
        descriptor = tvs_eventfd_new()
        guard descriptor >= 0 else {
            throw Failure(.limit, "no file descriptor left for the engine")
        }
    }

    deinit { tvs_close(descriptor) }

    /// Adds events in their order: one lock and at most one wake-up for all of them.
    package func add(_ events: [Event]) {
        state.withLock { state in
            for event in events { state.events.append(event) }
            signal(&state)
        }
    }

    /// Makes an event that was taken the oldest again.
    package func putBack(_ event: Event) {
        state.withLock { state in
            state.events.prepend(event)
            signal(&state)
        }
    }

    /// No more events will be added; takers that find nothing are told so.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            signal(&state)
        }
    }

    package var count: Int { state.withLock { $0.events.count } }

    /// The oldest event, nil when none came within `timeoutMs` (0 polls, negative waits for ever).
    package func take(timeoutMs: Int32) throws(Failure) -> Event? {
        let started = tvs_monotonic_ms()
        while true {
            let (event, isClosed) = state.withLock { state in
                let event = state.events.popFirst()
                if state.events.isEmpty && !state.isClosed && state.isSignalled {
                    tvs_eventfd_clear(descriptor)
                    state.isSignalled = false
                }
                return (event, state.isClosed)
            }
            if let event { return event }
            if isClosed { throw Failure(.shutdown, "the engine is shut down and all is taken") }
            var wait = timeoutMs
            if timeoutMs >= 0 {
                let left = Int64(timeoutMs) - (tvs_monotonic_ms() - started)
                if left <= 0 { return nil }
                wait = Int32(clamping: left)
            }
            _ = tvs_wait_readable(descriptor, wait)
        }
    }

    private func signal(_ state: inout State) {
        guard !state.isSignalled else { return }
        tvs_eventfd_set(descriptor)
        state.isSignalled = true
    }
}
