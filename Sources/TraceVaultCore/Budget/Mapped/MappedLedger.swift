// MappedLedger.swift - the ledger of one host: a table in a shared file, or else in this process.
//
// A group that finds no room in the shared table, or not in time, lives in the process's own table
// until it does; its quota is then kept by each process for itself. No call waits for another
// process for more than some milliseconds, and only when a group is new.
//
// A group takes a slot when it first spends. Who finds none in either table shares one budget with
// all others in that crowd, and nothing else: a parking or a slower pace would be theirs, too.

import CSystem
import Synchronization

package final class MappedLedger: BudgetLedger {
    private struct State {
        /// Every shared table that was ever current: calls in other threads may still be at it. All
        /// but the last are retired.
        var tables: [LedgerTable] = []
        var reason = ""
    }

    package let place: LedgerPlace
    private let limitation: String
    let own: LedgerTable
    private let state: Lock<State>
    /// The unretained address of the shared table, which `state` keeps; 0: `own` alone.
    private let shared = Atomic<UInt>(0)
    /// How many engines of this process share their quota with other hosts by this ledger's name.
    let lenders = Atomic<Int>(0)
    private let overflows = Atomic<Int>(0)
    private let crowdings = Atomic<Int>(0)
    private let nextRefresh = Atomic<Int64>(0)
    private let nextOpening = Atomic<Int64>(0)
    private let nextPromotion = Atomic<Int64>(0)
    /// How often the next new group asks for the lock: once where it could not be had the last
    /// time. Its holder may be stopped for hours, and each group would wait for it in turn.
    private let attempts = Atomic<Int32>(LedgerFile.attempts)

    private static let refreshUs: Int64 = 1_000_000
    /// How often a file that could not be used is tried again.
    private static let openingUs: Int64 = 60_000_000
    /// How often groups in the own table ask for a place in the shared one.
    private static let promotionUs: Int64 = 200_000
    /// Somebody who replaces the file again and again gets no more of this process's addresses.
    private static let maximumTables = 256
    /// In an entry's place: the index is one of the own table.
    static let ownBit = 1 << 40
    static let nowhere = -1

    /// Opens or makes the file; falls back to memory of this process. Fails only without any
    /// memory.
    package init(_ place: LedgerPlace, now: Int64) throws(Failure) {
        self.place = place
        limitation = place.limitation
        own = try LedgerTable()
        state = Lock(State())
        if place != .ofProcess { open(isPatient: true, now: now) }
    }

    // MARK: - The file

    /// - Parameter known: what this process has open already.
    private func open(known: LedgerFile? = nil, isPatient: Bool, now: Int64) {
        nextOpening.store(now + Self.openingUs, ordering: .relaxed)
        // Before the mutex: a thread that waits to enter must hold nothing that others wait for.
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        state.withLock { state in
            guard state.tables.count < Self.maximumTables else {
                state.reason = "the file was replaced too often"
                return
            }
            do throws(LedgerRefusal) {
                let table = try LedgerFile.open(
                    place, known: known, isPatient: isPatient, now: now)
                if let table { state.tables.append(table) }
                state.reason = ""
            } catch {
                state.reason = error.reason
                // Somebody moves it over a reboot, or is stopped: no need to wait a minute.
                if error.isPassing {
                    nextOpening.store(now + Self.refreshUs, ordering: .relaxed)
                }
                if error.isLasting { nextOpening.store(.max, ordering: .relaxed) }
            }
        }
        let newest = state.withLock { $0.reason.isEmpty ? $0.tables.last : nil }
        guard let newest else { return }
        shared.store(Self.address(of: newest), ordering: .releasing)
    }

    private static func address(of table: LedgerTable) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passUnretained(table).toOpaque())
    }

    var table: LedgerTable? {
        let address = shared.load(ordering: .acquiring)
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged<LedgerTable>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// The file that is shared now.
    var file: LedgerFile? { table?.file }

    /// Looks, at most once a second, whether the file is still whole and still the one at its path.
    package func refresh(now: Int64) {
        guard place != .ofProcess else { return }
        let due = nextRefresh.load(ordering: .relaxed)
        guard now >= due || due > now + 2 * Self.refreshUs,
            nextRefresh.compareExchange(
                expected: due, desired: now + Self.refreshUs, ordering: .relaxed
            ).exchanged
        else { return }
        look(now: now)
        guard let old = table, let file else {
            guard now >= nextOpening.load(ordering: .relaxed) else { return }
            open(isPatient: false, now: now)
            if let new = table {
                overflows.add(new.absorbAll(of: own, now: now), ordering: .relaxed)
            }
            return
        }
        guard file.isElsewhere(place) else { return }
        open(known: file, isPatient: false, now: now)
        // The same file: it was away for a moment.
        if table === old, state.withLock({ $0.reason.isEmpty }) { return }
        if table === old { shared.store(0, ordering: .releasing) }
        let left = (table ?? own).absorbAll(of: old, now: now)
        overflows.add(left, ordering: .relaxed)
        if left > 0, table != nil { _ = own.absorbAll(of: old, now: now) }
        old.retire()
    }

    /// Looks whether the file is whole: a cut one is not touched again. One system call; each call
    /// of the seam begins with it.
    package func look(now: Int64) {
        guard let old = table, let file = old.file, !file.isWhole,
            shared.compareExchange(
                expected: Self.address(of: old), desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        else { return }
        old.retire()
        state.withLock { $0.reason = "it was cut while in use" }
        nextOpening.store(now + Self.openingUs, ordering: .relaxed)
    }

    package func describe() -> LedgerReport {
        look(now: nextRefresh.load(ordering: .relaxed))
        let table = table
        return LedgerReport(
            isShared: table != nil && limitation.isEmpty, path: place.path,
            reason: limitation.isEmpty ? state.withLock { $0.reason } : limitation,
            groups: (table ?? own).header.groups, overflows: overflows.load(ordering: .relaxed),
            crowdings: crowdings.load(ordering: .relaxed))
    }

    // MARK: - Finding a group

    /// Where the group's slot is. Nil where it has none and may not take one now.
    private func locate(_ entry: inout LedgerEntry, mayTake: Bool, now: Int64) -> LedgerTable? {
        let key = LedgerKey.of(entry.key)
        let shared = table
        if let shared, entry.place >= 0, entry.place < Self.ownBit { return shared }
        if entry.place >= Self.ownBit {
            guard mayTake, isPromotionDue(now) else { return own }
            let isCrowd = Self.index(of: entry) == LedgerTable.crowdPlace
            let origin: LedgerOrigin = isCrowd ? .crowd(of: own) : .table(own)
            if let shared, let index = shared.claim(key, from: origin, now: now, attempts: 1) {
                entry.place = index
                return shared
            }
            if isCrowd, let index = own.claim(key, from: origin, now: now, attempts: 1) {
                entry.place = index | Self.ownBit
            }
            return own
        }
        if let shared, let index = shared.find(key) {
            entry.place = index
            return shared
        }
        guard mayTake else {
            guard own.header.groups > 0, let left = own.find(key) else { return nil }
            entry.place = left | Self.ownBit
            return own
        }
        if let shared {
            let index = shared.claim(
                key, from: .table(own), now: now, attempts: attempts.load(ordering: .relaxed))
            attempts.store(index == nil ? 1 : LedgerFile.attempts, ordering: .relaxed)
            if let index {
                entry.place = index
                return shared
            }
            overflows.add(1, ordering: .relaxed)
        }
        let index = own.claim(key, now: now, attempts: 1)
        if index == nil { crowdings.add(1, ordering: .relaxed) }
        entry.place = (index ?? LedgerTable.crowdPlace) | Self.ownBit
        // Another thread may have had more luck meanwhile: one group spends in one place.
        guard let shared, index != nil, shared.find(key) != nil,
            let there = shared.claim(key, from: .table(own), now: now, attempts: 1)
        else { return own }
        entry.place = there
        return shared
    }

    static func index(of entry: LedgerEntry) -> Int { entry.place & (ownBit - 1) }

    private func isPromotionDue(_ now: Int64) -> Bool {
        let due = nextPromotion.load(ordering: .relaxed)
        guard now >= due else { return false }
        return nextPromotion.compareExchange(
            expected: due, desired: now + Self.promotionUs, ordering: .relaxed
        ).exchanged
    }

    enum Call {
        case permitted(Quota)
        case spend(Quota)
        case refund(Quota)
        case park(Int64)
        case lift
        case policy(UInt64)
        case slow(LedgerSlowdown)
        case parked
        case available(Quota)
        case pace(Quota, LedgerTable.PacePart)

        /// Whether a group that has no slot takes one for it.
        var takesSlot: Bool {
            switch self {
            case .spend, .park, .slow: true
            case .policy(let word): word != 0
            case .permitted, .refund, .lift, .parked, .available, .pace: false
            }
        }

        /// Whether it is for the one group alone: in the crowd it would be for all others.
        var isOfOne: Bool {
            switch self {
            case .park, .lift, .policy, .slow: true
            case .spend, .permitted, .refund, .parked, .available, .pace: false
            }
        }
    }

    /// Finds the group and makes the call, again where the slot was given away meanwhile. Nil when
    /// there is no slot that it could be made on.
    func perform(_ call: Call, _ entry: inout LedgerEntry, now: Int64) -> Int64? {
        look(now: now)
        return answer(call, &entry, now: now)
    }

    /// The same for the next part of a call of the seam, which has looked at the file.
    func answer(_ call: Call, _ entry: inout LedgerEntry, now: Int64) -> Int64? {
        for _ in 0..<8 {
            guard let table = locate(&entry, mayTake: call.takesSlot, now: now) else {
                return (self.table ?? own).fresh(call, now: now)
            }
            let index = Self.index(of: entry)
            let isCrowd = table === own && index == LedgerTable.crowdPlace
            if isCrowd, call.isOfOne { return nil }
            let key = isCrowd ? LedgerKey.crowd : LedgerKey.of(entry.key)
            let answer =
                switch call {
                case .permitted(let quota): table.permittedAt(index, key, quota, now: now)
                case .spend(let quota): table.spend(index, key, quota, now: now)
                case .refund(let quota): table.refund(index, key, quota)
                case .park(let time): table.park(index, key, until: time, now: now)
                case .lift: table.lift(index, key, now: now)
                case .policy(let word): table.setPolicy(index, key, word, now: now)
                case .slow(let slowdown): table.slow(index, key, slowdown)
                case .parked: table.parkedUntil(index, key)
                case .available(let quota): table.available(index, key, quota, now: now)
                case .pace(let quota, let part):
                    table.pace(index, key, quota, part, now: now)
                }
            if case .at(let time) = answer { return time }
            entry.place = Self.nowhere
        }
        // Its slots were given away eight times in a row: nothing is permitted, ask again.
        return now + 1000
    }
}
