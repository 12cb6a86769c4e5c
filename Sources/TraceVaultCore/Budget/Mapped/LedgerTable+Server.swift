// LedgerTable+Server.swift - what the server says of a group's quota, and what is told of it.

extension LedgerTable {
    // MARK: - What the server says

    /// Never shortens a parking; nothing is parked for longer than a day.
    func park(_ index: Int, _ key: UInt64, until time: Int64, now: Int64) -> Spent {
        let slot = slot(index)
        let time = min(LedgerTime.bounded(time), now + LedgerTime.day)
        for _ in 0..<Self.attempts {
            let arrival = slot.stamp(.arrival)
            guard slot.load(.key) == key else { return .moved }
            let parked = sane(slot, .parked, now: now)
            // The slot is changing hands, or was while this thread looked.
            guard parked.isOfEpoch(arrival) else { return .moved }
            if parked.time >= time || slot.swap(.parked, parked.word, parked.with(time: time).word)
            {
                break
            }
        }
        header.note(now: now)
        return .at(time)
    }

    /// The parking ends, and so does a slower pace. No arrival time changes: what was spent is
    /// spent.
    func lift(_ index: Int, _ key: UInt64, now: Int64) -> Spent {
        let slot = slot(index)
        for _ in 0..<Self.attempts {
            let arrival = slot.stamp(.arrival)
            guard slot.load(.key) == key else { return .moved }
            let parked = sane(slot, .parked, now: now)
            guard parked.isOfEpoch(arrival) else { return .moved }
            if parked.time <= now || slot.swap(.parked, parked.word, parked.with(time: now).word) {
                break
            }
        }
        slot.store(.slowdown, 0)
        return slot.load(.key) == key ? .at(0) : .moved
    }

    /// One that nobody names any more ends by itself (`limits`); this takes its word out.
    /// Policy and slowdown carry no epoch. Should the slot go to another group in the very moment,
    /// an hour after this one's last request, that group is slowed until its next reply.
    /// The answer is 1 where another one holds now.
    func setPolicy(_ index: Int, _ key: UInt64, _ word: UInt64, now: Int64) -> Spent {
        let slot = slot(index)
        guard slot.load(.key) == key else { return .moved }
        let old = slot.load(.policy)
        if word == 0, old == 0 { return .at(0) }
        // In the future: of another boot.
        let age = UInt64(now).subtractingReportingOverflow(slot.load(.spare))
        // Once a second, so that processes do not fight for the cache line.
        if word != 0 ? age.overflow || age.partialValue > 1_000_000 : age.overflow {
            slot.store(.spare, UInt64(now))
        }
        let holds = word == 0 && (age.overflow || age.partialValue < LedgerTime.policyHeld)
        let changes = !holds && old != word
        if changes { slot.store(.policy, word) }
        return slot.load(.key) == key ? .at(changes ? 1 : 0) : .moved
    }

    /// The newest counts: it knows what was spent since the others.
    func slow(_ index: Int, _ key: UInt64, _ slowdown: LedgerSlowdown) -> Spent {
        let slot = slot(index)
        guard slot.load(.key) == key else { return .moved }
        slot.store(.slowdown, slowdown.word)
        return slot.load(.key) == key ? .at(0) : .moved
    }

    // MARK: - Reports

    /// One part of what holds now, as a time that is a number.
    func pace(
        _ index: Int, _ key: UInt64, _ quota: Quota, _ part: PacePart, now: Int64
    ) -> Spent {
        let slot = slot(index)
        guard slot.load(.key) == key else { return .moved }
        let limits = limits(slot, quota, now: now)
        guard slot.load(.key) == key else { return .moved }
        let isSlow = limits.until > now
        switch part {
        case .interval: return .at(limits.lasting.intervalUs)
        case .tolerance: return .at(limits.lasting.toleranceUs)
        case .gap: return .at(isSlow ? limits.present.intervalUs : 0)
        case .until: return .at(isSlow ? limits.until : 0)
        }
    }

    enum PacePart { case interval, tolerance, gap, until }

    func parkedUntil(_ index: Int, _ key: UInt64) -> Spent {
        let slot = slot(index)
        let parked = slot.stamp(.parked)
        return slot.load(.key) == key ? .at(parked.time) : .moved
    }

    /// How many could go at once, as a time that is a number.
    func available(_ index: Int, _ key: UInt64, _ quota: Quota, now: Int64) -> Spent {
        let slot = slot(index)
        let arrival = slot.stamp(.arrival)
        guard slot.load(.key) == key else { return .moved }
        let limits = limits(slot, quota, now: now).present
        guard slot.stamp(.parked).time <= now else { return .at(0) }
        return .at(Self.available(limits, arrival: arrival.time, now: now))
    }

    static func available(_ limits: Quota, arrival: Int64, now: Int64) -> Int64 {
        guard limits.intervalUs > 0 else { return Int64.max }
        let room = now + limits.toleranceUs - max(arrival, now)
        return room < 0 ? 0 : room / limits.intervalUs + 1
    }
}
