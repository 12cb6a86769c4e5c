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

    /// Finds the group a slot or gives it one, which takes over what it had in another table. Nil
    /// when the lock cannot be had within `attempts` or every slot in reach is in use.
    func claim(
        _ key: UInt64, from origin: LedgerOrigin? = nil, now: Int64, attempts: Int32
    ) -> Int? {
        if let index = find(key) {
            absorb(origin, at: index, key: key, now: now)
            return index
        }
        // A fork in between would give the child a share in the lock, for as long as it lives.
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        return claims.withLock { backing in
            switch backing {
            case .process: return place(key, from: origin, now: now)
            case .retired: return nil
            case .file(let file):
                guard file.lock(attempts: attempts) else { return nil }
                defer { file.unlock() }
                return place(key, from: origin, now: now)
            }
        }
    }

    func isIdle(_ slot: LedgerSlot, now: Int64) -> Bool {
        slot.stamp(.arrival).time < now - Self.idleUs && slot.stamp(.parked).time <= now
            && LedgerSlowdown(word: slot.load(.slowdown)).until <= now
    }

    /// Under the lock.
    private func place(_ key: UInt64, from origin: LedgerOrigin?, now: Int64) -> Int? {
        let home = Self.home(key)
        var free: Int?
        for index in home..<home + Self.reach {
            let slot = slot(index)
            let holder = slot.load(.key) == LedgerKey.busy ? repair(slot) : slot.load(.key)
            if holder == key {
                absorb(origin, at: index, key: key, now: now)
                return index & (Self.slotCount - 1)
            }
            if free == nil, holder != LedgerKey.crowd,
                LedgerKey.isNobody(holder) || isIdle(slot, now: now)
            {
                free = index & (Self.slotCount - 1)
            }
            if holder == LedgerKey.empty { break }
        }
        guard let free, claim(slot(free), for: key, from: origin, now: now) else { return nil }
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
    private func claim(
        _ slot: LedgerSlot, for key: UInt64, from origin: LedgerOrigin?, now: Int64
    ) -> Bool {
        let former = slot.load(.key)
        slot.store(.former, former)
        slot.store(.key, LedgerKey.busy)
        let old = slot.stamp(.arrival)
        let fresh = old.next(time: max(now, header.earliest))
        guard LedgerKey.isNobody(former) || isIdle(slot, now: now),
            slot.swap(.arrival, old.word, fresh.word)
        else {
            slot.store(.key, former)
            return false
        }
        let parked = LedgerStamp(word: slot.exchange(.parked, fresh.with(time: 0).word))
        guard parked.time <= now || LedgerKey.isNobody(former) else {
            // Parked since it was looked at: the stamp goes into the new epoch, the group stays.
            slot.store(.parked, parked.inEpoch(fresh).word)
            slot.store(.key, former)
            return false
        }
        slot.store(.policy, 0)
        slot.store(.slowdown, 0)
        // Nobody spends here before the key is written, nor where the group comes from after this.
        if let state = origin?.leave(key) {
            slot.store(.arrival, fresh.with(time: max(fresh.time, state.arrival)).word)
            slot.store(.parked, fresh.with(time: state.parked).word)
            slot.store(.spare, state.named)
            slot.store(.policy, state.policy)
            slot.store(.slowdown, state.slowdown)
        }
        slot.store(.key, key)
        if former == LedgerKey.empty { header.countGroup() }
        return true
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
