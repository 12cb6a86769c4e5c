// LedgerTable.swift - budget groups in a table of slots, in memory that may be shared by processes.
//
// Everything here is lock-free and bounded: nobody waits for a thread that was stopped or killed.
// Finding a group its slot, which needs a lock, is in LedgerTable+Claim.swift.
//
// Why no window ever sees more than the quota (docs/adr/008-budget-ledger.md): let requests carry
// the `now` they were spent with. Each moves `arrival` from t to max(t, now) + interval by one
// compare-and-swap and was allowed only if t - tolerance <= now. Take the n requests of any window
// [a, a + W] in the order of their swaps. The first leaves arrival >= a + interval, each of the
// others (and whatever comes between, of any process) adds at least one interval, and the last
// found arrival <= a + W + tolerance. So (n - 1) * interval <= W + tolerance, in whatever order
// the clocks were read. A larger interval or smaller tolerance for a while (policy, slowdown) only
// makes n smaller.

import CSystem

@safe
final class LedgerTable: @unchecked Sendable {
    /// 8 MiB; a host with more groups in use at once keeps some in a private table.
    static let slotCount = 1 << 17
    static let headerCount = 4096
    static let byteCount = headerCount + slotCount * LedgerSlot.byteCount
    /// How far from its home a group may live.
    static let reach = 64
    /// Compare-and-swap is repeated when another one succeeded; so often in a row is beyond any
    /// load.
    static let attempts = 4096

    /// What came of a call: the slot is another group's by now, or a time.
    enum Spent {
        case moved
        case at(Int64)
    }

    /// Whose memory the table is in.
    enum Backing {
        case process
        case file(LedgerFile)
        /// It was a file's, and is empty now.
        case retired
    }

    private let base: UnsafeMutableRawPointer
    let header: LedgerHeader
    /// Threads of this process exclude each other here, processes by the lock on the file.
    let claims: Lock<Backing>

    /// Over a file's mapping, which it takes over.
    init(mapped base: UnsafeMutableRawPointer, of file: LedgerFile) {
        unsafe self.base = unsafe base
        unsafe header = LedgerHeader(base)
        claims = Lock(.file(file))
    }

    /// Over private memory.
    init() throws(Failure) {
        var fresh: UnsafeMutableRawPointer?
        guard unsafe tvs_map_private(Self.byteCount, &fresh) == 0, let base = unsafe fresh else {
            throw Failure.noMemory
        }
        unsafe self.base = unsafe base
        unsafe header = LedgerHeader(base)
        claims = Lock(.process)
        slot(Self.crowdPlace).store(.key, LedgerKey.crowd)
    }

    deinit { unsafe tvs_unmap(base, Self.byteCount) }

    /// nil for memory of this process.
    var file: LedgerFile? {
        claims.withLock { if case .file(let file) = $0 { file } else { nil } }
    }

    /// Lets the file and its memory go. Threads that are at it still find an empty table, which
    /// costs nothing but addresses.
    func retire() {
        claims.withLock { $0 = .retired }
        unsafe _ = tvs_map_over(base, Self.byteCount)
    }

    /// In private tables: the slot of all groups that found none.
    static let crowdPlace = 0

    // MARK: - Finding

    /// `index` is taken round the table.
    func slot(_ index: Int) -> LedgerSlot {
        let offset = (index & (Self.slotCount - 1)) * LedgerSlot.byteCount
        return unsafe LedgerSlot(base + (Self.headerCount + offset))
    }

    /// Where a group's search begins. Keys are hashes, but of nobody's choosing only most of the
    /// time.
    static func home(_ key: UInt64) -> Int {
        Int((key &* 0x9E37_79B9_7F4A_7C15) >> 47)
    }

    /// The group's slot, without a lock. Never wrong; may miss a group that is just being given
    /// one.
    func find(_ key: UInt64) -> Int? {
        let home = Self.home(key)
        for index in home..<home + Self.reach {
            let holder = slot(index).load(.key)
            if holder == key { return index & (Self.slotCount - 1) }
            if holder == LedgerKey.empty { return nil }
        }
        return nil
    }

    // MARK: - Spending

    /// What holds now, when a slowdown has ended, and when the server's policy has aged.
    struct GroupLimits {
        let present: Quota
        let lasting: Quota
        /// When `lasting` holds at the latest.
        let until: Int64
        let own: Quota
        /// When `own` holds at the latest.
        let end: Int64
    }

    /// What a caller may ask for at most.
    static func bounded(_ quota: Quota) -> Quota {
        Quota(
            intervalUs: LedgerTime.span(quota.intervalUs),
            toleranceUs: LedgerTime.span(quota.toleranceUs))
    }

    /// The strictest of what the caller and the server say.
    func limits(_ slot: LedgerSlot, _ quota: Quota, now: Int64) -> GroupLimits {
        let own = Self.bounded(quota)
        let word = slot.load(.policy)
        let named = word == 0 ? 0 : Int64(clamping: slot.load(.spare))
        // Named in the future: by another clock; it holds until somebody says so again.
        let age = named > now ? 0 : now - named
        let holds = word != 0 && age < LedgerTime.policyHeld
        let lasting = holds ? own.tightened(by: LedgerPolicy.quota(word).aged(own)) : own
        let end = holds ? now + LedgerTime.policyHeld - age : now
        let slowdown = LedgerSlowdown(word: slot.load(.slowdown))
        let gap = min(slowdown.gapMs * 1000, LedgerTime.policyHeld)
        guard slowdown.until > now, gap > lasting.intervalUs else {
            return GroupLimits(present: lasting, lasting: lasting, until: now, own: own, end: end)
        }
        return GroupLimits(
            present: Quota(intervalUs: gap, toleranceUs: 0), lasting: lasting,
            until: slowdown.until, own: own, end: max(end, slowdown.until))
    }

    /// A time from the table. What is further ahead than anybody can have asked for is damage: it
    /// is taken back, or the group would never send again.
    func sane(_ slot: LedgerSlot, _ word: LedgerSlot.Word, now: Int64) -> LedgerStamp {
        let stamp = slot.stamp(word)
        guard stamp.time > now + LedgerTime.furthest else { return stamp }
        let mended = stamp.with(time: now + LedgerTime.day)
        return slot.swap(word, stamp.word, mended.word) ? mended : slot.stamp(word)
    }

    func permittedAt(_ index: Int, _ key: UInt64, _ quota: Quota, now: Int64) -> Spent {
        let slot = slot(index)
        let arrival = sane(slot, .arrival, now: now)
        guard slot.load(.key) == key else { return .moved }
        let limits = limits(slot, quota, now: now)
        return .at(permitted(arrival, limits, parked: sane(slot, .parked, now: now)))
    }

    /// Without a limit only a parking counts.
    private func permitted(
        _ arrival: LedgerStamp, _ limits: GroupLimits, parked: LedgerStamp
    ) -> Int64 {
        func paced(_ quota: Quota) -> Int64 {
            quota.intervalUs > 0 ? arrival.time - quota.toleranceUs : 0
        }
        let later = max(paced(limits.lasting), limits.until)
        let last = max(paced(limits.own), limits.end)
        return max(min(paced(limits.present), later, last), parked.time)
    }

    /// Spends one request; a time later than `now` means that none was spent.
    func spend(_ index: Int, _ key: UInt64, _ quota: Quota, now: Int64) -> Spent {
        let slot = slot(index)
        for _ in 0..<Self.attempts {
            // Order matters: the stamp before the key. A swap that succeeds then proves that the
            // slot was this group's all the time between.
            let arrival = sane(slot, .arrival, now: now)
            guard slot.load(.key) == key else { return .moved }
            let limits = limits(slot, quota, now: now)
            let interval = limits.present.intervalUs
            let parked = sane(slot, .parked, now: now)
            let permitted = permitted(arrival, limits, parked: parked)
            guard permitted <= now else { return .at(permitted) }
            let next = arrival.with(time: max(arrival.time, now) + interval)
            if interval == 0 || slot.swap(.arrival, arrival.word, next.word) {
                header.note(now: now)
                return .at(now)
            }
        }
        return .at(now + 100)
    }

    /// Takes back no more than the caller's own interval: what a slower pace had added stays spent.
    func refund(_ index: Int, _ key: UInt64, _ quota: Quota) -> Spent {
        let slot = slot(index)
        let interval = LedgerTime.span(quota.intervalUs)
        for _ in 0..<Self.attempts {
            let arrival = slot.stamp(.arrival)
            guard slot.load(.key) == key else { return .moved }
            let back = arrival.with(time: arrival.time - interval)
            if back == arrival || slot.swap(.arrival, arrival.word, back.word) { break }
        }
        return .at(0)
    }
}
