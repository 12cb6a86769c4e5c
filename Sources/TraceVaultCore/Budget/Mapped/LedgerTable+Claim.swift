// LedgerTable+Claim.swift - giving slots to groups: the only part of the ledger that needs a lock.
//
// The lock is held for some hundred instructions and tried, not waited for. Its holder may be
// killed between any two of them: a slot that is left BUSY tells the next holder whose it was.
//
// Against spenders, who take no lock: a slot changes hands as  key = BUSY, arrival = next epoch,
// parked = next epoch, the rest = 0, key = the new group.  A spender reads arrival, then key, then
// swaps arrival. Its swap fails when the epoch has moved on; while the epoch was the same, the key
// can only have been the old group's or BUSY. So whoever succeeds has spent from its own group,
// and a request that the old group spends in the last moment makes the swap here fail: then it
// stays.

import CSystem

extension LedgerTable {
    /// A group that was not used for so long may lose its slot. Its arrival time lies in the past
    /// by then, so that a fresh slot says the same: nothing is forgotten but the server's policy.
    static let idleUs = LedgerTime.hour

    /// Finds the group a slot or gives it one. Nil when the lock cannot be had within `attempts` or
    /// every slot in reach is in use.
    func claim(_ key: UInt64, now: Int64, attempts: Int32) -> Int? {
        if let index = find(key) { return index }
        // A fork in between would give the child a share in the lock, for as long as it lives.
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        return claims.withLock { backing in
            switch backing {
            case .process: return place(key, now: now)
            case .retired: return nil
            case .file(let file):
                guard file.lock(attempts: attempts) else { return nil }
                defer { file.unlock() }
                return place(key, now: now)
            }
        }
    }

    private func isIdle(_ slot: LedgerSlot, now: Int64) -> Bool {
        slot.stamp(.arrival).time < now - Self.idleUs && slot.stamp(.parked).time <= now
            && LedgerSlowdown(word: slot.load(.slowdown)).until <= now
    }

    /// Under the lock.
    private func place(_ key: UInt64, now: Int64) -> Int? {
        let home = Self.home(key)
        var free: Int?
        for index in home..<home + Self.reach {
            let slot = slot(index)
            let holder = slot.load(.key) == LedgerKey.busy ? repair(slot) : slot.load(.key)
            if holder == key { return index & (Self.slotCount - 1) }
            let isFree = holder == LedgerKey.empty
            if free == nil, isFree || (holder != LedgerKey.crowd && isIdle(slot, now: now)) {
                free = index & (Self.slotCount - 1)
            }
            if isFree { break }
        }
        guard let free, claim(slot(free), for: key, now: now) else { return nil }
        return free
    }

    /// Puts back what a killed holder of the lock left half done, and tells whose slot it is.
    private func repair(_ slot: LedgerSlot) -> UInt64 {
        let arrival = slot.stamp(.arrival)
        let parked = slot.stamp(.parked)
        if !parked.isOfEpoch(arrival) { slot.store(.parked, parked.inEpoch(arrival).word) }
        let former = slot.load(.former)
        slot.store(.key, former)
        return former
    }

    /// Under the lock. False when the group that has the slot has just come back.
    private func claim(_ slot: LedgerSlot, for key: UInt64, now: Int64) -> Bool {
        let former = slot.load(.key)
        slot.store(.former, former)
        slot.store(.key, LedgerKey.busy)
        let old = slot.stamp(.arrival)
        let fresh = old.next(time: max(now, header.earliest))
        guard former == LedgerKey.empty || isIdle(slot, now: now),
            slot.swap(.arrival, old.word, fresh.word)
        else {
            slot.store(.key, former)
            return false
        }
        let parked = LedgerStamp(word: slot.exchange(.parked, fresh.with(time: 0).word))
        guard parked.time <= now || former == LedgerKey.empty else {
            // Parked since it was looked at: the stamp goes into the new epoch, the group stays.
            slot.store(.parked, parked.inEpoch(fresh).word)
            slot.store(.key, former)
            return false
        }
        slot.store(.policy, 0)
        slot.store(.slowdown, 0)
        slot.store(.key, key)
        if former == LedgerKey.empty { header.countGroup() }
        return true
    }

    // MARK: - Moving to another table

    /// Takes over one slot of another table: the later of both times.
    private func absorb(_ other: LedgerSlot, at index: Int, key: UInt64, now: Int64) {
        let slot = slot(index)
        for _ in 0..<Self.attempts {
            let arrival = slot.stamp(.arrival)
            guard slot.load(.key) == key else { return }
            let later = arrival.with(time: max(arrival.time, other.stamp(.arrival).time))
            if later == arrival || slot.swap(.arrival, arrival.word, later.word) { break }
        }
        _ = park(index, key, until: other.stamp(.parked).time, now: now)
        if slot.load(.policy) == 0 { _ = setPolicy(index, key, other.load(.policy), now: now) }
        let slowdown = LedgerSlowdown(word: other.load(.slowdown))
        if LedgerSlowdown(word: slot.load(.slowdown)).until < slowdown.until {
            _ = slow(index, key, slowdown)
        }
    }

    /// Takes over one group of another table; false when there is no slot for it.
    func absorb(
        _ key: UInt64, from other: LedgerTable, at place: Int, now: Int64, attempts: Int32
    ) -> Int? {
        guard let index = claim(key, now: now, attempts: attempts) else { return nil }
        absorb(other.slot(place), at: index, key: key, now: now)
        return index
    }

    /// Takes over every group that is in use; the number of those that found no slot.
    func absorbAll(of other: LedgerTable, now: Int64) -> Int {
        var left = 0
        for place in 0..<Self.slotCount {
            // This takes milliseconds: its file may be cut meanwhile.
            if place % 512 == 0, let file = other.file, !file.isWhole { break }
            let slot = other.slot(place)
            let key = slot.load(.key)
            guard key > LedgerKey.crowd, !isIdle(slot, now: now) else { continue }
            // Once the lock could not be had, the others are not made to wait for it in turn.
            let attempts: Int32 = left == 0 ? LedgerFile.attempts : 1
            let index = absorb(key, from: other, at: place, now: now, attempts: attempts)
            if index == nil { left += 1 }
        }
        return left
    }

    /// The host was started anew: its clock began again at 0. Nobody else uses the table.
    ///
    /// How long it was off is unknown (wall clocks jump), so no time of that is counted: what was
    /// left when the ledger was last used is left from the start on, at most a day. A mover may be
    /// killed and another begin again, so the new value is first written beside the old one, then
    /// put in place; the next mover puts it in place again.
    func moveToNewBoot(_ boot: UInt64, now: Int64) {
        let last = header.lastUse
        // Odd, so that it is not the 0 of a slot that never was moved.
        let mark = boot | 1
        for index in 0..<Self.slotCount {
            let slot = slot(index)
            guard slot.load(.key) != LedgerKey.empty else { continue }
            if slot.load(.moved) != mark {
                if slot.load(.key) == LedgerKey.busy { _ = repair(slot) }
                let arrival = slot.stamp(.arrival)
                let left = max(LedgerTime.span(arrival.time - last), LedgerHeader.afterBootUs)
                slot.store(.former, arrival.with(time: left).word)
                let parked = slot.stamp(.parked)
                slot.store(.spare, parked.with(time: LedgerTime.span(parked.time - last)).word)
                let slowdown = LedgerSlowdown(word: slot.load(.slowdown))
                let until = LedgerTime.span(slowdown.until - last)
                let moved = LedgerSlowdown(gapMs: slowdown.gapMs, until: until)
                slot.store(.slowdown, until > 0 ? moved.word : 0)
                // When it was named is a time of the old clock; the next answer names it again.
                slot.store(.policy, 0)
                slot.store(.moved, mark)
            }
            slot.store(.arrival, slot.load(.former))
            slot.store(.parked, slot.load(.spare))
        }
        header.note(now: now)
    }
}
