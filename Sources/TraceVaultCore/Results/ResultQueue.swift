// ResultQueue.swift - finished requests on their way to the host, and the descriptor that says so.
//
// The engine admits no more requests than the host may leave untaken, so the queue is bounded
// without ever dropping an answer.

import CSystem

package final class ResultQueue: Sendable {
    private struct State {
        var results = Queue<RequestResult>()
        /// What nobody asked for: taken when there is no answer; of too many the oldest go.
        var notices = Queue<RequestResult>()
        var lostNotices: Int64 = 0
        var isClosed = false
        var isSignalled = false

        var isEmpty: Bool { results.isEmpty && notices.isEmpty }
    }

    /// Readable exactly while `take` would return at once.
    package var descriptor: Int32 { bell.descriptor }
    private let bell: Doorbell
    private let state = Lock(State())

    package init() throws(Failure) { bell = try Doorbell() }

    /// False once the host has closed the descriptor.
    var isIntact: Bool { bell.isThere }

    /// Adds results in their order: one lock and at most one wake-up for all of them.
    package func add(_ results: [RequestResult]) {
        state.withLock { state in
            for result in results { state.results.append(result) }
            signal(&state)
        }
    }

    /// Adds a notice; at most so many wait.
    func tell(_ notice: RequestResult, most: Int) {
        state.withLock { state in
            state.notices.append(notice)
            while state.notices.count > most, state.notices.popFirst() != nil {
                state.lostNotices += 1
            }
            signal(&state)
        }
    }

    /// How many notices were dropped because nobody took them.
    var lostNotices: Int64 { state.withLock { $0.lostNotices } }

    /// Makes an answer or a notice that was taken the oldest of its kind again.
    package func putBack(_ result: RequestResult) {
        state.withLock { state in
            if result.kind == .notice {
                state.notices.prepend(result)
            } else {
                state.results.prepend(result)
            }
            signal(&state)
        }
    }

    /// No more results will be added; takers that find nothing are told so.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            signal(&state)
        }
    }

    /// Answers that wait; not notices.
    package var count: Int { state.withLock { $0.results.count } }

    /// The oldest result, nil when none came within `timeoutMs` (0 polls, negative waits for ever).
    package func take(timeoutMs: Int32) throws(Failure) -> RequestResult? {
        let started = tvs_monotonic_ms()
        while true {
            let (result, isClosed) = state.withLock { state in
                let result = state.results.popFirst() ?? state.notices.popFirst()
                if state.isEmpty && !state.isClosed && state.isSignalled {
                    bell.clear()
                    state.isSignalled = false
                }
                return (result, state.isClosed)
            }
            if let result { return result }
            let isThere = bell.isThere
            if isClosed {
                throw isThere
                    ? Failure(.shutdown, "the engine is shut down and all is taken") : Doorbell.lost
            }
            var wait = timeoutMs
            if timeoutMs >= 0 {
                let left = Int64(timeoutMs) - (tvs_monotonic_ms() - started)
                if left <= 0 { return nil }
                wait = Int32(clamping: left)
            }
            if isThere {
                _ = tvs_wait_readable(descriptor, wait)
            } else {
                // A number that is the host's own by now. The engine ends in a moment.
                tvs_sleep_ms(Int64(min(UInt32(bitPattern: wait), Self.lookEveryMs)))
            }
        }
    }

    private static let lookEveryMs: UInt32 = 10

    private func signal(_ state: inout State) {
        guard !state.isSignalled else { return }
        bell.ring()
        state.isSignalled = true
    }
}
