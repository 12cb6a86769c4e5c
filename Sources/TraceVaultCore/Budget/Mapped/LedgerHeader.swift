// LedgerHeader.swift - the first page of a ledger's memory: what it is, of which boot, last used
// when.

import Synchronization

@safe
struct LedgerHeader {
    private enum Word: Int {
        /// Written last: a file without it was never finished.
        case magic
        case shape
        case bootHigh
        case bootLow
        /// No new group's arrival time lies before it.
        case earliest
        // Each in a cache line of its own, because they change.
        case lastUse = 8
        case groups = 16
    }

    /// Which start of the host the times are of.
    struct Boot: Equatable {
        let high: UInt64
        let low: UInt64
    }

    /// A disk keeps what was written 35 s before a crash (30 s until dirty pages are written, 5 s
    /// between the writer's rounds); what was spent later may be forgotten. All of it was spent
    /// before the new boot's time 0 and moved arrival times at most tolerance + interval beyond
    /// that: less than this for all that spend their burst in 34 s. Costs nothing once the host is
    /// up for so long.
    static let afterBootUs: Int64 = 35_000_000
    /// "TVledger" in the processor's byte order: a file of another kind of machine has no magic.
    private static let magic: UInt64 = 0x5456_6c65_6467_6572
    private static let shape = UInt64(1 << 32 | LedgerTable.slotCount)

    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ base: UnsafeMutableRawPointer) {
        unsafe words = base.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private func load(_ word: Word) -> UInt64 {
        unsafe words[word.rawValue].load(ordering: .acquiring)
    }
    private func store(_ word: Word, _ value: UInt64) {
        unsafe words[word.rawValue].store(value, ordering: .releasing)
    }

    /// Nothing was written here yet, or its writer was killed before it was done.
    var isBlank: Bool { load(.magic) == 0 && load(.lastUse) == 0 }
    var isLedger: Bool { load(.magic) == Self.magic && load(.shape) == Self.shape }

    var boot: Boot {
        get { Boot(high: load(.bootHigh), low: load(.bootLow)) }
        nonmutating set {
            store(.bootHigh, newValue.high)
            store(.bootLow, newValue.low)
        }
    }

    /// Makes a ledger of a page of zeros.
    func begin(_ boot: Boot) {
        store(.shape, Self.shape)
        store(.earliest, UInt64(Self.afterBootUs))
        self.boot = boot
        store(.magic, Self.magic)
    }

    var earliest: Int64 { LedgerTime.bounded(Int64(truncatingIfNeeded: load(.earliest))) }

    /// When somebody last spent or parked, at most a second too early.
    var lastUse: Int64 { LedgerTime.bounded(Int64(truncatingIfNeeded: load(.lastUse))) }

    /// Whether it was used at a time that this clock has not reached: the clock began anew. A
    /// second is what spenders' clocks and the note may be apart.
    func isAhead(of now: Int64) -> Bool { lastUse > LedgerTime.bounded(now) + 1_000_000 }

    /// Once a second, so that spenders do not fight for the cache line.
    func note(now: Int64) {
        let age = now - lastUse
        if age > 1_000_000 || age < -1_000_000 { store(.lastUse, UInt64(LedgerTime.bounded(now))) }
    }

    /// Slots that a group has or had.
    var groups: Int { Int(min(load(.groups), UInt64(LedgerTable.slotCount))) }
    func countGroup() { unsafe _ = words[Word.groups.rawValue].wrappingAdd(1, ordering: .relaxed) }
}
