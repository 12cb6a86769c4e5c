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
    var slowestUs: Int64 = 0

    mutating func countTry(_ verdict: Verdict) {
        tries += 1
        switch verdict {
        case .final, .unsent: break
        case .pending: polls += 1
        case .retry: retries += 1
        case .rateLimited: rateLimited += 1
        case .more, .later, .rejected: break
        }
    }
}

/// The newest published counts, for any thread.
final class Figures: Sendable {
    private struct State {
        var counts = Counts()
        var answers: [Status: Int64] = [:]
    }

    private let state = Mutex(State())

    /// Takes the counts as they are now, and the answers since the last time.
    func publish(_ counts: Counts, _ answered: [Event]) {
        state.withLock { state in
            state.counts = counts
            for event in answered { state.answers[event.status, default: 0] += 1 }
        }
    }

    func write(into writer: inout JSONWriter, untaken: Int, outstanding: Int) {
        let (counts, answers) = state.withLock { ($0.counts, $0.answers) }
        let members: [(StaticString, Int64)] = [
            ("queued", Int64(counts.queued)), ("in_flight", Int64(counts.inFlight)),
            ("untaken", Int64(untaken)), ("outstanding", Int64(outstanding)),
            ("tries", counts.tries), ("transient_failures", counts.retries),
            ("pending_answers", counts.polls), ("rate_limited", counts.rateLimited),
            ("slowest_ms", counts.slowestUs / 1000),
        ]
        writer.beginObject()
        for (name, value) in members {
            writer.key(name)
            writer.int(value)
        }
        writer.key("answers")
        writer.beginObject()
        for (status, count) in answers.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            writer.key(status.name)
            writer.int(count)
        }
        writer.endObject()
        writer.endObject()
    }
}
