// Lookout.swift - the threads that look whether files have changed, so that nobody else waits.
//
// A file system or a server may hang for minutes. One thread looks at all open vaults and files of
// authorities in turn. While it hangs in one store, whoever uses another vault finds its look
// overdue and has another thread started for the rest. docs/adr/023-looks-of-the-library.md.

import CSystem

/// What is looked at.
protocol Watched: AnyObject, Sendable {
    /// Makes a look ready, which may hang: it holds neither a key nor what is watched. It tells
    /// when something new has come that is still to be read, and answers whether it found what is
    /// there. Nil when there is nothing to look for.
    func errand() -> ((_ hasCome: () -> Void) -> Bool)?
    /// What is to be done after a look that has found what is there, and nobody waits for. It holds
    /// neither a key nor what is watched. Nil when there is nothing to do.
    func upkeep() -> (() -> Void)?
}

extension Watched {
    func upkeep() -> (() -> Void)? { nil }
}

final class Lookout: Sendable {
    private final class Entry: Sendable {
        weak let target: (any Watched)?
        let watch: Watch

        init(_ target: any Watched, _ watch: Watch) {
            self.target = target
            self.watch = watch
        }
    }

    private struct Worker: Sendable {
        let thread: UInt
        var isLooking = false
    }

    private enum Step {
        case look(Entry)
        case rest(ms: Int64)
        case end
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        /// The threads that are to look, by a number that is never given twice.
        var workers: [UInt64: Worker] = [:]
        var lastWorker: UInt64 = 0
    }

    private let state = Lock(State())
    /// There may be something to do for a thread that rests.
    private let changed = Bell()
    /// A look has come further.
    private let looked = Bell()

    /// A forked child has one of its own: its parent's threads and vaults are not there.
    private static let perProcess = PerProcess { Lookout() }
    static var ofProcess: Lookout { perProcess.get() }

    /// As many stores may hang before vaults in others are not looked at any more.
    private static let mostWorkers = 8
    private static let longestRestMs: Int64 = 60_000
    private static let stack = 512 * 1024

    private static var bootMs: Int64 { tvs_boot_us() / 1000 }

    // MARK: - What is watched

    /// A thread begins at once for what is a server's: a look that only began with the first use
    /// that needs it would be late. For a file it begins with that use.
    func add(_ target: any Watched, _ watch: Watch) {
        state.withLock { $0.entries[ObjectIdentifier(target)] = Entry(target, watch) }
        // Without one, whoever uses it tries again.
        if watch.isRemote { _ = hasFreeWorker() }
        changed.ring()
    }

    /// With the last one the threads end. One that hangs in a store ends when it comes back.
    func remove(_ target: any Watched) {
        let name = ObjectIdentifier(target)
        let dismissed = state.withLock { state -> [Worker] in
            guard state.entries.removeValue(forKey: name) != nil, state.entries.isEmpty else {
                return []
            }
            defer { state.workers.removeAll() }
            return Array(state.workers.values)
        }
        guard !dismissed.isEmpty else { return }
        changed.ring()
        for worker in dismissed {
            guard !worker.isLooking else {
                tvs_thread_detach(worker.thread)
                continue
            }
            let held = tvs_fork_pause()
            tvs_thread_join(worker.thread)
            tvs_fork_resume(held)
        }
    }

    /// Has an overdue look made. Waits for the store no longer than a moment, and only where a
    /// thread is free: no store holds the caller up. Once the store has answered, waits until the
    /// look is over: who goes on before that uses what may have been removed. Where reading took so
    /// long that it is out of date by then, one more look is waited for. False when no thread is
    /// free.
    func hasten(_ watch: Watch) -> Bool {
        // What was known then must not be too old.
        var atMs = Self.bootMs
        // While a look is under way a thread is there for it, even if it hangs.
        if watch.due != nil {
            guard hasFreeWorker() else { return false }
            watch.hasten(nowMs: atMs)
            changed.ring()
        }
        var until = tvs_monotonic_ms() + Watch.briefMs
        var (wasReading, isSecond) = (false, false)
        while true {
            let seen = looked.count
            let isReading = watch.isReading
            if wasReading, !isReading {
                until = tvs_monotonic_ms() + Watch.briefMs
                if !isSecond { (atMs, isSecond) = (Self.bootMs, true) }
            }
            wasReading = isReading
            guard watch.isLate(nowMs: atMs) else { return true }
            let rest = isReading ? Self.longestRestMs : until - tvs_monotonic_ms()
            guard rest > 0 else { return true }
            looked.wait(since: seen, atMostMs: rest)
        }
    }

    // MARK: - Threads

    /// How many are there to look, those that were sent away not counted.
    var threadCount: Int { state.withLock { $0.workers.count } }

    /// Whether a thread is there that is not in a look; starts one if there may be one more.
    private func hasFreeWorker() -> Bool {
        state.withLock { state in
            if state.workers.values.contains(where: { !$0.isLooking }) { return true }
            guard state.workers.count < Self.mostWorkers else { return false }
            state.lastWorker += 1
            let context = unsafe Unmanaged.passRetained(Errand(self, state.lastWorker))
            var thread: UInt = 0
            guard unsafe tvs_thread_start(runErrand, context.toOpaque(), Self.stack, &thread) == 0
            else {
                unsafe context.release()
                return false
            }
            state.workers[state.lastWorker] = Worker(thread: thread)
            return true
        }
    }

    /// A thread's life.
    fileprivate func work(_ number: UInt64) {
        while let entry = next(number) {
            let hasFound = look(entry)
            // The keys of a look were in its calls' frames, and this thread rests from here on.
            tvs_wipe_stack()
            entry.watch.end(nowMs: Self.bootMs, hasFound: hasFound)
            looked.ring()
            if hasFound, let upkeep = entry.target?.upkeep() { upkeep() }
        }
    }

    /// Rests until a look is due. Nil when the thread is not needed any more.
    private func next(_ number: UInt64) -> Entry? {
        while true {
            let seen = changed.count
            switch state.withLock({ Self.step(&$0, number, nowMs: Self.bootMs) }) {
            case .look(let entry): return entry
            case .rest(let ms): changed.wait(since: seen, atMostMs: ms)
            case .end:
                // Whoever stays may not know yet when the look is due that has just ended.
                changed.ring()
                return nil
            }
        }
    }

    private static func step(_ state: inout State, _ number: UInt64, nowMs: Int64) -> Step {
        guard var own = state.workers[number] else { return .end }
        if state.workers.contains(where: { $0.key != number && !$0.value.isLooking }) {
            // Another one took over while this one hung.
            state.workers[number] = nil
            tvs_thread_detach(own.thread)
            return .end
        }
        let next = state.entries.values.min { $0.watch.due ?? .max < $1.watch.due ?? .max }
        let rest = (next?.watch.due).map { $0 - nowMs } ?? longestRestMs
        own.isLooking = rest <= 0
        state.workers[number] = own
        guard own.isLooking, let next else { return .rest(ms: min(rest, longestRestMs)) }
        next.watch.begin(nowMs: nowMs)
        return .look(next)
    }

    private func look(_ entry: Entry) -> Bool {
        guard let errand = entry.target?.errand() else { return true }
        return errand {
            entry.watch.read()
            looked.ring()
        }
    }
}

/// What a thread is started for.
private final class Errand: Sendable {
    let lookout: Lookout
    let worker: UInt64

    init(_ lookout: Lookout, _ worker: UInt64) {
        self.lookout = lookout
        self.worker = worker
    }
}

private let runErrand: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    tvs_fork_unsafe_enter()
    let errand = unsafe Unmanaged<Errand>.fromOpaque(context).takeRetainedValue()
    errand.lookout.work(errand.worker)
    tvs_fork_unsafe_leave()
}
