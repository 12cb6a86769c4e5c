// ResultQueue.swift - finished requests on their way to the host, and the descriptor that says so.
//
// The engine admits no more requests than the host may leave untaken, so the queue is bounded
// without ever dropping an answer. Tenants take turns: a host that takes slowly has not taken all
// of one with thousands before another's only one.

import CSystem

package final class ResultQueue: Sendable {
    /// Whose results are taken in their order. All of a hunt are, its end behind its findings,
    /// whichever tenants it asks.
    private enum Turn: Hashable {
        case tenant(TenantKey?)
        case hunt(UInt64)

        init(_ result: RequestResult) {
            self = result.kind.isOfHunt ? .hunt(result.id) : .tenant(result.tenant)
        }
    }

    private struct State {
        var results = RoundRobin<Turn, RequestResult>()
        /// What nobody asked for: taken when there is no answer.
        var notices = Queue<RequestResult>()
        /// How many of them wait for each tenant; nil: for those that concern none.
        var noticesOf: [TenantKey?: Int] = [:]
        var lostNotices: Int64 = 0
        var isClosed = false
        var isSignalled = false

        var isEmpty: Bool { results.isEmpty && notices.isEmpty }

        mutating func count(_ notice: RequestResult, _ step: Int) {
            let count = (noticesOf[notice.tenant] ?? 0) + step
            noticesOf[notice.tenant] = count > 0 ? count : nil
        }

        /// Of too many notices the oldest goes of who has the most: a tenant with many pushes out
        /// its own.
        mutating func loseNotice() {
            let most = noticesOf.values.max()
            let lost = notices.removeFirst { noticesOf[$0.tenant] == most }
            if let lost { count(lost, -1) }
            lostNotices += 1
        }
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
            for result in results { state.results.append(result, of: Turn(result)) }
            signal(&state)
        }
    }

    /// Adds a notice; at most so many wait.
    func tell(_ notice: RequestResult, most: Int) {
        state.withLock { state in
            state.notices.append(notice)
            state.count(notice, 1)
            while state.notices.count > most { state.loseNotice() }
            signal(&state)
        }
    }

    /// How many notices were dropped because nobody took them.
    var lostNotices: Int64 { state.withLock { $0.lostNotices } }

    /// Makes an answer that was taken the oldest of its tenant again, and a notice the oldest of
    /// all. The end of a hunt stays behind what another taker has put back of it.
    package func putBack(_ result: RequestResult) {
        state.withLock { state in
            defer { signal(&state) }
            switch result.kind {
            case .notice:
                state.notices.prepend(result)
                state.count(result, 1)
            case .hunt: state.results.append(result, of: Turn(result))
            default: state.results.prepend(result, of: Turn(result))
            }
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

    /// The oldest result of the tenant whose turn it is, nil when none came within `timeoutMs` (0
    /// polls, negative waits for ever). `onLoss` is called while the descriptor is gone and the
    /// queue not closed: an engine that sleeps finds its own loss only when it wakes.
    package func take(
        timeoutMs: Int32, onLoss: () -> Void = {}
    ) throws(Failure) -> RequestResult? {
        let started = tvs_monotonic_ms()
        while true {
            let (result, isClosed) = state.withLock { state in
                var result = state.results.popFirst()
                if result == nil, let notice = state.notices.popFirst() {
                    state.count(notice, -1)
                    result = notice
                }
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
                // A number that is the host's own by now.
                onLoss()
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
