// MappedLedger+Calls.swift - the calls of the seam: each is one word to a group's slot.

import Synchronization

extension MappedLedger {
    package func entry(_ key: UInt64, now: Int64) -> LedgerEntry {
        LedgerEntry(key: key, place: Self.nowhere)
    }

    package func permittedAt(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        perform(.permitted(quota), &entry, now: LedgerTime.bounded(now)) ?? 0
    }

    package func spend(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64? {
        let now = LedgerTime.bounded(now)
        let time = perform(.spend(quota), &entry, now: now) ?? now + 1000
        return time <= now ? nil : time
    }

    package func refund(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) {
        _ = perform(.refund(quota), &entry, now: LedgerTime.bounded(now))
    }

    @discardableResult
    package func park(_ entry: inout LedgerEntry, until time: Int64, now: Int64) -> Bool {
        perform(.park(time), &entry, now: LedgerTime.bounded(now)) != nil
    }

    package func lift(_ entry: inout LedgerEntry, now: Int64) {
        _ = perform(.lift, &entry, now: LedgerTime.bounded(now))
    }

    package func setPolicy(_ entry: inout LedgerEntry, _ policy: Quota?, now: Int64) -> Bool {
        perform(.policy(LedgerPolicy.word(policy)), &entry, now: LedgerTime.bounded(now)) == 1
    }

    package func slow(
        _ entry: inout LedgerEntry, remaining: Int64, until time: Int64, now: Int64
    ) {
        let now = LedgerTime.bounded(now)
        let time = min(LedgerTime.bounded(time), now + LedgerTime.day)
        guard time > now else { return }
        guard remaining > 0 else {
            _ = park(&entry, until: time, now: now)
            return
        }
        let gapMs = ((time - now + 999) / 1000 - 1) / remaining + 1
        // Nobody may come back to say anything else.
        let slowdown = LedgerSlowdown(gapMs: gapMs, until: min(time, now + LedgerTime.policyHeld))
        _ = perform(.slow(slowdown), &entry, now: now)
    }

    package func parkedUntil(_ entry: inout LedgerEntry, now: Int64) -> Int64 {
        perform(.parked, &entry, now: LedgerTime.bounded(now)) ?? 0
    }

    package func bring(_ entry: LedgerEntry) {
        // The memory of a cut file is not touched by this either: the processor ignores the hint.
        let index = entry.place < 0 ? LedgerTable.home(LedgerKey.of(entry.key)) : entry.place
        (entry.place < Self.ownBit ? table ?? own : own).slot(index).bring()
    }

    package func pace(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> LedgerPace {
        let now = LedgerTime.bounded(now)
        look(now: now)
        func part(_ part: LedgerTable.PacePart) -> Int64 {
            answer(.pace(quota, part), &entry, now: now) ?? 0
        }
        let lasting = Quota(intervalUs: part(.interval), toleranceUs: part(.tolerance))
        return LedgerPace(lasting: lasting, gapUs: part(.gap), until: part(.until))
    }

    package func available(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        perform(.available(quota), &entry, now: LedgerTime.bounded(now)) ?? 0
    }

    /// The same in all processes that share the file; nil where this one is alone.
    var hostName: UInt64? { file?.name }

    /// Whether nobody else goes by the host's name: no engine of this process whose lender runs,
    /// and no other process.
    var isHostLeaving: Bool {
        lenders.load(ordering: .acquiring) == 0 && file?.isOnlyHere != false
    }
}

extension LedgerTable {
    /// What is true of a group that has no slot: that of one which it would take now.
    func fresh(_ call: MappedLedger.Call, now: Int64) -> Int64? {
        let arrival = max(now, header.earliest)
        switch call {
        case .permitted(let quota):
            let own = Self.bounded(quota)
            return own.intervalUs > 0 ? arrival - own.toleranceUs : 0
        case .available(let quota):
            return Self.available(Self.bounded(quota), arrival: arrival, now: now)
        case .pace(let quota, .interval): return Self.bounded(quota).intervalUs
        case .pace(let quota, .tolerance): return Self.bounded(quota).toleranceUs
        case .pace, .parked: return 0
        case .spend, .refund, .park, .lift, .policy, .slow: return nil
        }
    }
}
