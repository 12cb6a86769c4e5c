// LiveEngines.swift - ends the engines of a host that exits without freeing them.
//
// exit() runs OpenSSL's own clean-up while an engine's thread may be in the middle of TLS, which
// ends in a crash now and then. A handler registered later than OpenSSL's runs earlier. Nothing but
// the list and the handler belongs here.

#if canImport(Glibc)
    import Glibc
#endif

final class LiveEngines: Sendable {
    private struct Entry {
        weak var engine: Engine?
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var isOver = false
    }

    private let state = Lock(State())

    /// A forked child starts with none: its parent's engines are not its to end.
    private static let perProcess = PerProcess { LiveEngines() }
    private static let isRegistered = atexit { LiveEngines.perProcess.get().endAll() } == 0

    /// Call only once libcurl and with it OpenSSL are started. Throws when the process is ending:
    /// nobody would end this engine before OpenSSL's handler.
    static func add(_ engine: Engine) throws(Failure) {
        _ = isRegistered
        let isAdded = perProcess.get().state.withLock { state in
            if !state.isOver { state.entries[ObjectIdentifier(engine)] = Entry(engine: engine) }
            return !state.isOver
        }
        guard isAdded else { throw CurlTransport.processEnds }
    }

    static func remove(_ engine: Engine) {
        perProcess.get().state.withLock {
            _ = $0.entries.removeValue(forKey: ObjectIdentifier(engine))
        }
    }

    private func endAll() {
        let engines = state.withLock { state in
            state.isOver = true
            return state.entries.values.compactMap(\.engine)
        }
        for engine in engines { engine.shutdown() }
    }
}
