// OpenLedgers.swift - the ledgers that this process has open: engines of one place share one.
//
// Two mappings of one file would do as well; two tables of one process, after a fall-back, would
// not: each would give the group its whole quota.

import CSystem

package final class OpenLedgers: Sendable {
    private struct Entry {
        weak var ledger: MappedLedger?
    }

    private let entries = Lock<[Entry]>([])

    /// A forked child opens its own.
    private static let perProcess = PerProcess { OpenLedgers() }

    /// The ledger at a place, opened for the first engine that wants it, kept by its engines.
    package static func ledger(_ place: LedgerPlace, now: Int64) throws(Failure) -> MappedLedger {
        // Before the mutex, as in MappedLedger: opening one enters as well.
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        return try perProcess.get().entries.withLock { (entries) throws(Failure) in
            entries.removeAll { $0.ledger == nil }
            for entry in entries {
                guard let ledger = entry.ledger, ledger.place == place else { continue }
                return ledger
            }
            let ledger = try MappedLedger(place, now: now)
            entries.append(Entry(ledger: ledger))
            return ledger
        }
    }
}
