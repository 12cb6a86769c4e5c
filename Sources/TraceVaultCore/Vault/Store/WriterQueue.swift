// WriterQueue.swift - who of this process's threads may try for the vault's file lock next.
//
// The kernel's lock knows no order: a thread that commits in a loop would take it again before
// those that poll for it. Who is not the first holds nothing while it waits, no descriptor either:
// however many threads write, a process has those of one writer for each vault that it has opened.

import CSystem

final class WriterQueue: Sendable {
    /// One that stands in the queue, with the bell that is rung when it has become the first.
    private final class Writer: Sendable {
        let bell = Bell()
    }

    private let line = Lock<[Writer]>([])
    /// Who waits is rung when its turn comes, and looks this often whether it is to give up.
    private static let lookMs: Int64 = 50

    /// A place in the queue, given up when it goes.
    struct Place: ~Copyable {
        private let queue: WriterQueue
        private let writer = Writer()

        init(in queue: WriterQueue) {
            self.queue = queue
            let writer = self.writer
            queue.line.withLock { $0.append(writer) }
        }

        private var isFirst: Bool {
            let writer = self.writer
            return queue.line.withLock { $0.first === writer }
        }

        /// Waits until nobody is before this place; false when it is not so by `deadline`, on the
        /// monotonic clock in ms. Forks go through meanwhile.
        func wait(until deadline: Int64, unless isCancelled: () -> Bool) throws(Failure) -> Bool {
            while true {
                let seen = writer.bell.count
                guard !isCancelled() else { throw WriterQueue.cancelled }
                if isFirst { return true }
                let rest = deadline - tvs_monotonic_ms()
                guard rest > 0 else { return false }
                writer.bell.wait(since: seen, atMostMs: min(WriterQueue.lookMs, rest))
            }
        }

        deinit {
            let writer = self.writer
            let next = queue.line.withLock { line -> Writer? in
                let wasFirst = line.first === writer
                line.removeAll { $0 === writer }
                return wasFirst ? line.first : nil
            }
            next?.bell.ring()
        }
    }

    static var cancelled: Failure {
        Failure(.cancelled, "the commit was cancelled before it began: nothing is stored")
    }

    /// The head of the queue as a lease, given up when it goes.
    final class Turn: StoreLease {
        private let place: Place

        init(_ place: consuming Place) { self.place = place }

        func release() {}
    }
}
