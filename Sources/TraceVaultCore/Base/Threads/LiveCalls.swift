// LiveCalls.swift - has exit() wait for threads that use OpenSSL and belong to no engine.
//
// exit() runs OpenSSL's own clean-up, which must not meet one of them. Nothing but the list of what
// they do and the handler belongs here.

#if canImport(Glibc)
    import Glibc
#endif

import CSystem

/// For threads that ask an object store or read files of authorities; engines have `LiveEngines`.
final class LiveCalls: Sendable {
    private struct State {
        /// How each of them is ended soon.
        var running: [UInt64: @Sendable () -> Void] = [:]
        var last: UInt64 = 0
        var isOver = false
    }

    private let state = Lock(State())
    private let ended = Bell()

    /// So long exit() waits for them.
    private static let patienceMs: Int64 = 2000
    private static let perProcess = PerProcess { LiveCalls() }
    /// Registered later than OpenSSL's handler, so that it runs earlier.
    private static let isRegistered = atexit { LiveCalls.perProcess.get().endAll() } == 0

    /// Does what needs OpenSSL. Nil, and nothing is done, when the process is ending.
    /// - Parameter stop: ends it soon, from another thread; without it exit() waits for its end.
    static func run<Outcome, Trouble: Error>(
        stop: @escaping @Sendable () -> Void = {}, _ body: () throws(Trouble) -> Outcome
    ) throws(Trouble) -> Outcome? {
        _ = isRegistered
        let live = perProcess.get()
        let number = live.state.withLock { state -> UInt64? in
            guard !state.isOver else { return nil }
            state.last &+= 1
            state.running[state.last] = stop
            return state.last
        }
        guard let number else { return nil }
        defer {
            live.state.withLock { _ = $0.running.removeValue(forKey: number) }
            live.ended.ring()
        }
        return try body()
    }

    private func endAll() {
        let running = state.withLock { state in
            state.isOver = true
            return Array(state.running.values)
        }
        for stop in running { stop() }
        let until = tvs_monotonic_ms() + Self.patienceMs
        while true {
            let seen = ended.count
            let rest = until - tvs_monotonic_ms()
            guard rest > 0, state.withLock({ !$0.running.isEmpty }) else { return }
            ended.wait(since: seen, atMostMs: rest)
        }
    }
}
