// Statistics.swift - what an operator may ask a running engine: why something waits, and how it
// went.

import CSystem

/// What the engine's thread counts.
struct Counts {
    var tries: Int64 = 0
    /// Of these: ended by a deadline or a cancel, or for another tenant's sake.
    var givenUp: Int64 = 0
    var retries: Int64 = 0
    var polls: Int64 = 0
    var pages: Int64 = 0
    var rateLimited: Int64 = 0
    var rejected: Int64 = 0
    /// Requests that joined another's fetch.
    var joined: Int64 = 0
    /// By the status's number.
    var answers: [Int: Int64] = [:]
    /// From submitting to the answer; of single tries.
    var latency = Latencies()
    var tryLatency = Latencies()

    @_optimize(size) mutating func countTry(_ verdict: Verdict) {
        tries += 1
        switch verdict {
        case .final, .unsent, .unheard, .rejected: break
        case .pending, .later: polls += 1
        case .more: pages += 1
        case .retry, .roomless: retries += 1
        case .rateLimited: rateLimited += 1
        }
    }
}

/// The statistics of an engine whose thread has ended.
final class LastStats: Sendable {
    private let document = Lock<Document?>(nil)

    func set(_ newest: Document?) { document.withLock { $0 = newest } }
    var newest: Document? { document.withLock { $0 } }
}

extension EngineLoop {
    /// At most so many groups are listed.
    private static let maxGroups = 100
    private static let maxVaults = 100

    @_optimize(size) func statistics() -> Document? {
        try? Document.json { writer in
            writer.beginObject()
            numbers(into: &writer)
            answers(into: &writer)
            writer.key("latency")
            counts.latency.describe(into: &writer)
            writer.key("try_latency")
            counts.tryLatency.describe(into: &writer)
            writer.key("cache")
            cache.describe(into: &writer)
            writer.key("connections")
            transport.describeConnections(into: &writer)
            writer.key("ledger")
            describeLedger(into: &writer)
            groups(into: &writer)
            unfollowedVaults(into: &writer)
            writer.endObject()
        }
    }

    @_optimize(size) private func numbers(into writer: inout JSONWriter) {
        let members: [(StaticString, Int64)] = [
            ("queued", Int64(scheduler.queued)), ("in_flight", Int64(scheduler.inFlight)),
            ("sleeping", Int64(scheduler.sleeping)), ("untaken", Int64(results.count)),
            ("outstanding", Int64(mailbox.outstanding)), ("tries", counts.tries),
            ("given_up", counts.givenUp), ("untaken_bytes", Int64(mailbox.heldBytes)),
            ("transient_failures", counts.retries), ("pending_answers", counts.polls),
            ("pages", counts.pages), ("rate_limited", counts.rateLimited),
            ("credentials_refused", counts.rejected), ("joined", counts.joined),
            ("notices", notices.count), ("notices_lost", results.lostNotices),
            ("credentials", Int64(lanes.count)), ("slowest_ms", counts.latency.longestUs / 1000),
        ]
        writer.numbers(members)
    }

    @_optimize(size) private func answers(into writer: inout JSONWriter) {
        writer.key("answers")
        writer.beginObject()
        for status in Status.allCases {
            guard let count = counts.answers[Int(status.rawValue)] else { continue }
            writer.key(status.name)
            writer.int(count)
        }
        writer.endObject()
    }

    @_optimize(size) private func describeLedger(into writer: inout JSONWriter) {
        let report = ledger.describe()
        writer.beginObject()
        writer.key("shared")
        writer.bool(report.isShared)
        writer.key("path")
        writer.string(report.path)
        writer.key("warning")
        writer.string(report.reason)
        writer.key("groups")
        writer.int(report.groups)
        writer.key("overflows")
        writer.int(report.overflows)
        writer.key("crowdings")
        writer.int(report.crowdings)
        writer.key("redis")
        if let shared { shared.describe(into: &writer) } else { writer.null() }
        writer.endObject()
    }

    @_optimize(size) private func unfollowedVaults(into writer: inout JSONWriter) {
        writer.key("unfollowed_vaults")
        writer.beginArray()
        for trouble in lanes.troubles(Self.maxVaults, nowMs: tvs_boot_us() / 1000) {
            writer.beginObject()
            writer.key("vault_id")
            writer.string(HexText.of([trouble.vaultID.high, trouble.vaultID.low]))
            trouble.write(into: &writer)
            writer.endObject()
        }
        writer.endArray()
    }

    @_optimize(size) private func groups(into writer: inout JSONWriter) {
        let now = tvs_boot_us()
        writer.key("group_count")
        writer.int(scheduler.groupCount)
        writer.key("groups")
        writer.beginArray()
        for group in scheduler.busiest(Self.maxGroups, now: now) {
            let state = scheduler.state(of: group, now: now)
            writer.beginObject()
            writer.key("name")
            writer.string(lanes.name(of: group))
            writer.pace(state.available, state.burst, state.intervalUs)
            let members: [(StaticString, Int64)] = [
                ("queued", Int64(state.queued)), ("in_flight", Int64(state.inFlight)),
                ("next_permit_ms", max(0, state.permittedAt - now + 999) / 1000),
                ("parked_ms", max(0, state.parkedUntil - now + 999) / 1000),
                ("done_ms", max(0, state.emptyAt - now + 999) / 1000),
                ("resting_credentials", Int64(state.resting)),
            ]
            writer.numbers(members)
            writer.endObject()
        }
        writer.endArray()
    }
}
