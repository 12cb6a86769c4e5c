// LiveReadings.swift - has exit() wait for threads that read or free authorities.
//
// They are not an engine's: nobody ends them, and exit() runs OpenSSL's own clean-up, which must
// not meet one of them. Nothing but their count and the handler belongs here.

#if canImport(Glibc)
    import Glibc
#endif

import CSystem

/// The same as `LiveEngines`, for threads that look at files.
final class LiveReadings: Sendable {
    private struct State {
        var count = 0
        var isOver = false
    }

    private let state = Lock(State())
    private let ended = Bell()

    /// As long exit() waits for them.
    private static let patienceMs: Int64 = 2000
    private static let perProcess = PerProcess { LiveReadings() }
    /// Registered later than OpenSSL's handler, so that it runs earlier.
    private static let isRegistered = atexit { LiveReadings.perProcess.get().endAll() } == 0

    /// Does what needs OpenSSL. Nil, and nothing is done, when the process is ending.
    static func run<Outcome>(_ body: () -> Outcome) -> Outcome? {
        _ = isRegistered
        let live = perProcess.get()
        let isAdded = live.state.withLock { state in
            if !state.isOver { state.count += 1 }
            return !state.isOver
        }
        guard isAdded else { return nil }
        defer {
            live.state.withLock { $0.count -= 1 }
            live.ended.ring()
        }
        return body()
    }

    private func endAll() {
        state.withLock { $0.isOver = true }
        let until = tvs_monotonic_ms() + Self.patienceMs
        while true {
            let seen = ended.count
            let rest = until - tvs_monotonic_ms()
            guard rest > 0, state.withLock({ $0.count > 0 }) else { return }
            ended.wait(since: seen, atMostMs: rest)
        }
    }
}
