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

    private let entries = Lock<[ObjectIdentifier: Entry]>([:])

    /// A forked child starts with none: its parent's engines are not its to end.
    private static let perProcess = PerProcess { LiveEngines() }
    private static let isRegistered = atexit { LiveEngines.perProcess.get().endAll() } == 0

    /// Call only once libcurl and with it OpenSSL are started.
    static func add(_ engine: Engine) {
        _ = isRegistered
        perProcess.get().entries.withLock {
            $0[ObjectIdentifier(engine)] = Entry(engine: engine)
        }
    }

    static func remove(_ engine: Engine) {
        perProcess.get().entries.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(engine)) }
    }

    private func endAll() {
        let engines = entries.withLock { entries in entries.values.compactMap(\.engine) }
        for engine in engines { engine.shutdown() }
    }
}
