// WriterQueue.swift - who of this process's threads may try for the vault's file lock next.
//
// The kernel's lock knows no order: a thread that commits in a loop would take it again before
// those that poll for it. No waiting here; whoever has a place asks whether it is the first.

final class WriterQueue: Sendable {
    private struct State {
        var next: UInt64 = 0
        var waiting: [UInt64] = []
    }

    private let state = Lock(State())

    /// A place in the queue, given up when it goes.
    struct Place: ~Copyable {
        private let queue: WriterQueue
        private let number: UInt64

        init(in queue: WriterQueue) {
            self.queue = queue
            number = queue.state.withLock { state in
                state.next += 1
                state.waiting.append(state.next)
                return state.next
            }
        }

        var isFirst: Bool { queue.state.withLock { $0.waiting.first } == number }

        deinit {
            let number = self.number
            queue.state.withLock { $0.waiting.removeAll { $0 == number } }
        }
    }

    /// The head of the queue as a lease, given up when it goes.
    final class Turn: StoreLease {
        private let place: Place

        init(_ place: consuming Place) { self.place = place }

        func release() {}
    }
}
