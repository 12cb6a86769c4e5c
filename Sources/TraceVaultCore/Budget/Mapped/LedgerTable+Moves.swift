// LedgerTable+Moves.swift - how a group comes from one table into another: with all that it has
// spent, and in a table of this process nothing stays behind that could be spent once more.
//
// Threads of one process may know the group by its old slot. They find it gone, and look for it
// where it is now.

/// What a group takes along.
struct LedgerState {
    var arrival: Int64
    var parked: Int64
    var policy: UInt64
    /// When the policy was named.
    var named: UInt64
    var slowdown: UInt64

    init(_ slot: LedgerSlot) {
        arrival = slot.stamp(.arrival).time
        parked = slot.stamp(.parked).time
        policy = slot.load(.policy)
        named = slot.load(.spare)
        slowdown = slot.load(.slowdown)
    }
}

/// Where a group has been until now.
enum LedgerOrigin {
    /// In a slot of a table of this process, if it has one there.
    case table(LedgerTable)
    /// In the crowd of such a table: it is as if it had spent all that was spent there.
    case crowd(of: LedgerTable)
    /// In a file that others may still have.
    case file(LedgerSlot)

    /// What the group takes along. Nil: nothing.
    func leave(_ key: UInt64) -> LedgerState? {
        switch self {
        case .table(let table): table.takeOut(key)
        case .crowd(let table): LedgerState(table.slot(LedgerTable.crowdPlace))
        case .file(let slot): LedgerState(slot)
        }
    }
}

extension LedgerTable {
    /// Ends what a group has in this table, which no other process uses.
    fileprivate func takeOut(_ key: UInt64) -> LedgerState? {
        guard header.groups > 0 else { return nil }
        return claims.withLock { _ in
            guard let index = find(key) else { return nil }
            let slot = slot(index)
            slot.store(.former, key)
            slot.store(.key, LedgerKey.busy)
            var state = LedgerState(slot)
            for _ in 0..<Self.attempts {
                let arrival = slot.stamp(.arrival)
                let next = arrival.next(time: 0)
                // Fails for each thread that had read the key before and spends now.
                guard slot.swap(.arrival, arrival.word, next.word) else { continue }
                state.arrival = arrival.time
                state.parked = LedgerStamp(word: slot.exchange(.parked, next.word)).time
                slot.store(.policy, 0)
                slot.store(.slowdown, 0)
                slot.store(.key, LedgerKey.gone)
                return state
            }
            // It stays, then, and all that it has spent with it.
            slot.store(.key, key)
            return nil
        }
    }

    /// Takes over what a group has elsewhere into the slot that it has here: the later of both
    /// times.
    func absorb(_ origin: LedgerOrigin?, at index: Int, key: UInt64, now: Int64) {
        guard let state = origin?.leave(key) else { return }
        let slot = slot(index)
        for _ in 0..<Self.attempts {
            let arrival = slot.stamp(.arrival)
            guard slot.load(.key) == key else { return }
            let later = arrival.with(time: max(arrival.time, state.arrival))
            if later == arrival || slot.swap(.arrival, arrival.word, later.word) { break }
        }
        _ = park(index, key, until: state.parked, now: now)
        // As old as it was: a policy is not made new by a move.
        if slot.load(.policy) == 0 {
            _ = setPolicy(index, key, state.policy, now: Int64(clamping: state.named))
        }
        let slowdown = LedgerSlowdown(word: state.slowdown)
        if LedgerSlowdown(word: slot.load(.slowdown)).until < slowdown.until {
            _ = slow(index, key, slowdown)
        }
    }

    /// Takes over every group that is in use; the number of those that found no slot.
    func absorbAll(of other: LedgerTable, now: Int64) -> Int {
        let file = other.file
        var left = 0
        for place in 0..<Self.slotCount {
            // This takes milliseconds: its file may be cut meanwhile.
            if place % 512 == 0, let file, !file.isWhole { break }
            let slot = other.slot(place)
            let key = slot.load(.key)
            guard LedgerKey.isGroup(key), !other.isIdle(slot, now: now) else { continue }
            // Once the lock could not be had, the others are not made to wait for it in turn.
            let attempts: Int32 = left == 0 ? LedgerFile.attempts : 1
            let origin: LedgerOrigin = file == nil ? .table(other) : .file(slot)
            if claim(key, from: origin, now: now, attempts: attempts) == nil { left += 1 }
        }
        return left
    }
}
