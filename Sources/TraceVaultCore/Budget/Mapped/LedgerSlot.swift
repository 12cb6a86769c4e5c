// LedgerSlot.swift - one budget group's words in a ledger's memory, and how they are packed.
//
// The memory may be a file that other processes write, so every bit is outside data: what is read
// here is bounded before it is reckoned with, and no sum of two bounded times overflows.

import CSystem
import Synchronization

/// A time of a slot together with the slot's epoch, which counts how often the slot was given to a
/// group. A compare-and-swap from a stamp thus fails when the slot was given away meanwhile. 12
/// bits come round when one slot was given away 4096 times, each time after an hour without use,
/// between two instructions of one thread.
struct LedgerStamp: Equatable {
    let word: UInt64
    private static let timeBits: UInt64 = 52
    private static let timeMask: UInt64 = (1 << timeBits) - 1

    init(word: UInt64) { self.word = word }

    private init(epoch: UInt64, time: Int64) {
        word = epoch << Self.timeBits | UInt64(LedgerTime.bounded(time))
    }

    var time: Int64 { Int64(word & Self.timeMask) }
    func with(time: Int64) -> LedgerStamp { LedgerStamp(epoch: word >> Self.timeBits, time: time) }
    func isOfEpoch(_ other: LedgerStamp) -> Bool { (word ^ other.word) >> Self.timeBits == 0 }
    /// The same epoch as `other`, this time.
    func inEpoch(_ other: LedgerStamp) -> LedgerStamp { other.with(time: time) }
    /// The slot's next group begins.
    func next(time: Int64) -> LedgerStamp {
        LedgerStamp(epoch: (word >> Self.timeBits) &+ 1, time: time)
    }
}

/// The server's own quota: interval in µs (37 bits) and tolerance in ms, rounded down (27 bits).
/// 0: none.
enum LedgerPolicy {
    static func word(_ policy: Quota?) -> UInt64 {
        guard let policy, policy.intervalUs > 0 else { return 0 }
        let tolerance = LedgerTime.span(policy.toleranceUs) / 1000
        return UInt64(LedgerTime.span(policy.intervalUs)) << 27 | UInt64(tolerance)
    }

    static func quota(_ word: UInt64) -> Quota {
        Quota(
            intervalUs: LedgerTime.span(Int64(word >> 27)),
            toleranceUs: LedgerTime.span(Int64(word & ((1 << 27) - 1)) * 1000))
    }
}

extension Quota {
    /// What the server says stops nobody for longer than it holds: a request that is spent at its
    /// pace stays spent when it has ended.
    func aged(_ own: Quota) -> Quota {
        Quota(
            intervalUs: min(intervalUs, max(LedgerTime.policyHeld, own.intervalUs)),
            toleranceUs: toleranceUs)
    }
}

/// A slower pace for a while: the time between requests in ms (24 bits) and its end in ms (40
/// bits). 0: none.
struct LedgerSlowdown {
    let word: UInt64
    /// 4 h 39 min.
    static let longestGapMs: Int64 = (1 << 24) - 1
    private static let untilMask: UInt64 = (1 << 40) - 1

    init(word: UInt64) { self.word = word }

    /// Both rounded up, which is slower.
    init(gapMs: Int64, until: Int64) {
        let untilMs = min((LedgerTime.bounded(until) + 999) / 1000, Int64(Self.untilMask))
        word = UInt64(min(max(0, gapMs), Self.longestGapMs)) << 40 | UInt64(untilMs)
    }

    var gapMs: Int64 { Int64(word >> 40) }
    var until: Int64 { Int64(word & Self.untilMask) * 1000 }
}

/// The eight words of one slot: 64 bytes, so that groups do not share a cache line.
@safe
struct LedgerSlot {
    enum Word: Int {
        /// The group, or one of `LedgerKey`'s.
        case key
        /// A stamp: the theoretical arrival time of GCRA.
        case arrival
        /// A stamp: nothing passes before it.
        case parked
        case policy
        case slowdown
        /// The group that had the slot before it became `LedgerKey.busy`.
        case former
        /// When the server named the policy last. While times are moved over a reboot: the new
        /// `parked`, and in `moved` which boot it is for. The new `arrival` is in `former`.
        case spare
        case moved
    }

    static let byteCount = 64
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ place: UnsafeMutableRawPointer) {
        unsafe words = place.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    func bring() { unsafe tvs_bring(words, Self.byteCount) }
    func load(_ word: Word) -> UInt64 { unsafe words[word.rawValue].load(ordering: .acquiring) }
    func store(_ word: Word, _ value: UInt64) {
        unsafe words[word.rawValue].store(value, ordering: .releasing)
    }
    func stamp(_ word: Word) -> LedgerStamp { LedgerStamp(word: load(word)) }

    /// Changes the word if it still is `old`.
    func swap(_ word: Word, _ old: UInt64, _ new: UInt64) -> Bool {
        unsafe words[word.rawValue].compareExchange(
            expected: old, desired: new, ordering: .sequentiallyConsistent
        ).exchanged
    }

    func exchange(_ word: Word, _ new: UInt64) -> UInt64 {
        unsafe words[word.rawValue].exchange(new, ordering: .sequentiallyConsistent)
    }
}

/// Words that stand in a slot's `key` for no group.
enum LedgerKey {
    static let empty: UInt64 = 0
    /// Between two groups. Only the holder of the lock leaves a slot so; who finds it under the
    /// lock knows that the holder was killed.
    static let busy: UInt64 = 1
    /// The one group of all that found no slot.
    static let crowd: UInt64 = 2

    /// In a table of a process: the group that was here has moved to the file.
    static let gone: UInt64 = 3

    /// A group's key; the few that mean something else here become others.
    static func of(_ key: UInt64) -> UInt64 { isGroup(key) ? key : ~key }
    static func isGroup(_ word: UInt64) -> Bool { word > gone }
    /// No group has the slot: what it says of times is nobody's.
    static func isNobody(_ word: UInt64) -> Bool { word == empty || word == gone }
}
