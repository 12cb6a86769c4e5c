// MappedLedger+Calls.swift - the calls of the seam: each is one word to a group's slot.

extension MappedLedger {
    package func entry(_ key: UInt64, now: Int64) -> LedgerEntry {
        var entry = LedgerEntry(key: key, place: Self.nowhere)
        let now = LedgerTime.bounded(now)
        lookIfDue(now)
        _ = locate(&entry, now: now)
        return entry
    }

    package func permittedAt(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        perform(.permitted(quota), &entry, now: LedgerTime.bounded(now))
    }

    package func spend(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64? {
        let now = LedgerTime.bounded(now)
        let time = perform(.spend(quota), &entry, now: now)
        return time <= now ? nil : time
    }

    package func refund(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) {
        _ = perform(.refund(quota), &entry, now: LedgerTime.bounded(now))
    }

    package func park(_ entry: inout LedgerEntry, until time: Int64, now: Int64) {
        _ = perform(.park(time), &entry, now: LedgerTime.bounded(now))
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
        guard remaining > 0 else { return park(&entry, until: time, now: now) }
        let gapMs = ((time - now + 999) / 1000 - 1) / remaining + 1
        // Nobody may come back to say anything else.
        let slowdown = LedgerSlowdown(gapMs: gapMs, until: min(time, now + LedgerTime.policyHeld))
        _ = perform(.slow(slowdown), &entry, now: now)
    }

    package func parkedUntil(_ entry: inout LedgerEntry, now: Int64) -> Int64 {
        perform(.parked, &entry, now: LedgerTime.bounded(now))
    }

    package func bring(_ entry: LedgerEntry) {
        (entry.place < Self.ownBit ? table ?? own : own).slot(entry.place).bring()
    }

    package func pace(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> LedgerPace {
        let now = LedgerTime.bounded(now)
        let interval = perform(.pace(quota, .interval), &entry, now: now)
        return LedgerPace(
            lasting: Quota(
                intervalUs: interval,
                toleranceUs: perform(.pace(quota, .tolerance), &entry, now: now)),
            gapUs: perform(.pace(quota, .gap), &entry, now: now),
            until: perform(.pace(quota, .until), &entry, now: now))
    }

    package func available(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        perform(.available(quota), &entry, now: LedgerTime.bounded(now))
    }
}
