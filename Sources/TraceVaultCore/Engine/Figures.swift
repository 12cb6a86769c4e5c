// Figures.swift - what an operator may ask a running engine.

import Synchronization

/// What the engine's thread counts for itself and publishes once a round.
struct Counts: Sendable {
    var queued = 0
    var inFlight = 0
    var tries: Int64 = 0
    var retries: Int64 = 0
    var polls: Int64 = 0
    var rateLimited: Int64 = 0
    var answers: [Status: Int64] = [:]
    var slowestUs: Int64 = 0

    mutating func countTry(_ verdict: Verdict) {
        tries += 1
        switch verdict {
        case .final: break
        case .pending: polls += 1
        case .retry: retries += 1
        case .rateLimited: rateLimited += 1
        }
    }

    mutating func countAnswer(_ status: Status, afterUs: Int64) {
        answers[status, default: 0] += 1
        slowestUs = max(slowestUs, afterUs)
    }
}

/// The newest published counts, for any thread.
final class Figures: Sendable {
    private let state = Mutex(Counts())

    func publish(_ counts: Counts) { state.withLock { $0 = counts } }

    func write(into writer: inout JSONWriter, untaken: Int, outstanding: Int) {
        let state = state.withLock { $0 }
        let members: [(StaticString, Int64)] = [
            ("queued", Int64(state.queued)), ("in_flight", Int64(state.inFlight)),
            ("untaken", Int64(untaken)), ("outstanding", Int64(outstanding)),
            ("tries", state.tries), ("transient_failures", state.retries),
            ("pending_answers", state.polls), ("rate_limited", state.rateLimited),
            ("slowest_ms", state.slowestUs / 1000),
        ]
        writer.beginObject()
        for (name, value) in members {
            writer.key(name)
            writer.int(value)
        }
        writer.key("answers")
        writer.beginObject()
        for (status, count) in state.answers.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            writer.key(status.name)
            writer.int(count)
        }
        writer.endObject()
        writer.endObject()
    }
}
