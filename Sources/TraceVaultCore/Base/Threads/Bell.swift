// Bell.swift - what threads wait for: that another one has something new.

import CSystem
import Synchronization

/// A count of rings. Who has counted, looked and found nothing waits for the next one: no ring in
/// between is missed.
@safe
struct Bell: ~Copyable {
    private let bell: _Cell<tvs_bell>

    init() { bell = _Cell(tvs_bell()) }

    var count: UInt32 { unsafe tvs_bell_count(bell._address) }

    func ring() { unsafe tvs_bell_ring(bell._address) }

    /// Waits for a ring after those that were counted, at most so long. Forks go through meanwhile.
    func wait(since counted: UInt32, atMostMs: Int64) {
        unsafe tvs_bell_wait(bell._address, counted, max(0, atMostMs))
    }
}

extension Bell: @unchecked Sendable {}
