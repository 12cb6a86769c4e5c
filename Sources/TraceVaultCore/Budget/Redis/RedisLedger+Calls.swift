// RedisLedger+Calls.swift - the calls of the seam, each answered at once.

extension RedisLedger {
    package func entry(_ key: UInt64, now: Int64) -> LedgerEntry { host.entry(key, now: now) }

    package func bring(_ entry: LedgerEntry) { host.bring(entry) }

    package func permittedAt(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        guard isLent(entry, quota) else { return host.permittedAt(&entry, quota, now: now) }
        if let parked = parked(&entry, now) { return parked }
        switch ask(entry.key, quota, takes: false, now: now) {
        case .now: return host.permittedAt(&entry, quota, now: now)
        case .at(let time): return time
        case .alone(let share): return host.permittedAt(&entry, share, now: now)
        }
    }

    package func spend(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64? {
        guard isLent(entry, quota) else { return host.spend(&entry, quota, now: now) }
        if let parked = parked(&entry, now) { return parked }
        switch ask(entry.key, quota, takes: true, now: now) {
        case .now:
            // What was lent rightly also passes here: whatever Redis says, a host has a limit.
            guard let time = host.spend(&entry, quota, now: now) else { return nil }
            _ = undo(entry.key, now: now)
            return time
        case .at(let time): return time
        case .alone(let share):
            let time = host.spend(&entry, share, now: now)
            if time == nil { owe(entry.key, now: now) }
            return time
        }
    }

    /// A host that is alone names times of its own part, and may have permits long before.
    package var longestLookUs: Int64 {
        state.withLock { $0.standing.isAlone } ? 500_000 : LedgerTime.longestLook
    }

    private func parked(_ entry: inout LedgerEntry, _ now: Int64) -> Int64? {
        let until = host.parkedUntil(&entry, now: now)
        guard until > now else { return nil }
        lookAtParked(entry.key, now: now)
        return until
    }

    package func refund(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) {
        guard isLent(entry, quota) else { return host.refund(&entry, quota, now: now) }
        if undo(entry.key, now: now) { return host.refund(&entry, quota, now: now) }
        // It was of this host's own part; or its time is over, and it counts as used.
        if case .alone(let share)? = usable(entry.key, quota, now: now) {
            host.refund(&entry, share, now: now)
        }
    }

    package func available(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        guard isLent(entry, quota) else { return host.available(&entry, quota, now: now) }
        guard host.parkedUntil(&entry, now: now) <= now else { return 0 }
        switch usable(entry.key, quota, now: now) {
        case .at(let count): return min(count, host.available(&entry, quota, now: now))
        case .alone(let share): return host.available(&entry, share, now: now)
        case .now, nil: return 0
        }
    }

    package func parkedUntil(_ entry: inout LedgerEntry, now: Int64) -> Int64 {
        host.parkedUntil(&entry, now: now)
    }

    package func pace(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> LedgerPace {
        guard isLent(entry, quota) else { return host.pace(&entry, quota, now: now) }
        let standing = state.withLock { $0.standing }
        guard standing.isAlone else { return host.pace(&entry, quota, now: now) }
        let share = Self.share(of: quota, standing, settings)
        return host.pace(&entry, share, now: now)
    }

    // MARK: - What Cloudflare says

    package func park(_ entry: inout LedgerEntry, until time: Int64, now: Int64) -> Bool {
        tell(entry.key, givesBack: true, isUrgent: true) {
            $0.parkedUntil = max($0.parkedUntil, time)
            $0.isLifted = false
        }
        return host.park(&entry, until: time, now: now)
    }

    package func lift(_ entry: inout LedgerEntry, now: Int64) {
        host.lift(&entry, now: now)
        tell(entry.key, isUrgent: true) { words in
            words = QuotaWords()
            words.isLifted = true
        }
    }

    package func setPolicy(_ entry: inout LedgerEntry, _ policy: Quota?, now: Int64) -> Bool {
        let isOther = host.setPolicy(&entry, policy, now: now)
        if let policy {
            tell(entry.key, givesBack: isOther, isUrgent: isOther) { $0.policy = policy }
        }
        return isOther
    }

    package func slow(
        _ entry: inout LedgerEntry, remaining: Int64, until time: Int64, now: Int64
    ) {
        host.slow(&entry, remaining: remaining, until: time, now: now)
        guard remaining > 0 else {
            return tell(entry.key, givesBack: true, isUrgent: true) {
                $0.parkedUntil = max($0.parkedUntil, time)
            }
        }
        // It changes with every reply: the next question brings it.
        let gap = LedgerTime.span(max(0, time - now)) / remaining
        tell(entry.key, isUrgent: false) {
            $0.gapUs = gap
            $0.slowUntil = time
        }
    }
}
