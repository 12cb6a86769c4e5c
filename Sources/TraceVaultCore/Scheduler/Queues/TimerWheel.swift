// TimerWheel.swift - what is due when: a hierarchy of wheels (Varghese and Lauck, 1987), so that a
// timer is set, moved and cancelled in constant time, whether a thousand or a million are running.
//
// Six wheels of 64 slots; a slot of the first is a tick of 1,024 µs, a slot of each next one a
// whole turn of the one before. A timer sits in the wheel of the highest digit (base 64) in which
// its tick differs from the present one, and moves down when the present comes to its slot. No
// timer fires early; it fires with the first `popDue` after its tick has begun.

struct TimerWheel: Sendable {
    private struct Timer: Sendable, Linked {
        var tick: Int64
        var payload: UInt32
        /// Which list it is in; `dueSlot` for those whose time has come.
        var slot: Int32
        var previous = none
        var next = none
    }

    static let tickShift: Int64 = 10
    private static let levels = 6
    private static let dueSlot = Int32(levels * 64)
    /// 200 days: beyond every wait there is, and less than a turn of the top wheel.
    private static let farthest: Int64 = 1 << 34

    private var timers = Slab<Timer>()
    private var lists = [List](repeating: List(), count: Int(dueSlot) + 1)
    /// A bit for each slot of a wheel that has timers.
    private var occupied = [UInt64](repeating: 0, count: levels)
    private var present: Int64

    /// - Parameter now: the time, in µs; the wheel never goes back behind it.
    init(now: Int64) { present = max(0, now) >> Self.tickShift }

    var count: Int { timers.count }

    /// Sets a timer that fires at `time` (µs) or up to a tick later.
    mutating func add(_ payload: UInt32, at time: Int64) -> Int32 {
        let tick = Self.tick(atOrAfter: time, present: present)
        let timer = timers.add(Timer(tick: tick, payload: payload, slot: 0))
        insert(timer)
        return timer
    }

    mutating func cancel(_ timer: Int32) {
        unlink(timer)
        timers.remove(timer)
    }

    /// Sets a running timer to another time.
    mutating func move(_ timer: Int32, to time: Int64) {
        unlink(timer)
        timers[timer].tick = Self.tick(atOrAfter: time, present: present)
        insert(timer)
    }

    /// When a running timer fires.
    func time(of timer: Int32) -> Int64 { timers[timer].tick << Self.tickShift }

    /// Has a timer brought near that may be cancelled soon.
    func bring(_ timer: Int32) { timers.bring(timer) }

    /// Takes the payload of one timer whose time has come; it is gone then.
    mutating func popDue(at now: Int64) -> UInt32? {
        let nowTick = now >> Self.tickShift
        while true {
            let due = lists[Int(Self.dueSlot)].first
            if due != none {
                timers.remove(due, from: &lists[Int(Self.dueSlot)])
                let payload = timers[due].payload
                timers.remove(due)
                return payload
            }
            guard let (level, slot, tick) = nextSlot, tick <= nowTick else {
                present = max(present, nowTick)
                return nil
            }
            present = max(present, tick)
            empty(level, slot)
        }
    }

    /// When `popDue` must be asked again, in µs; nil when no timer runs. Never too late.
    var nextTime: Int64? {
        if !lists[Int(Self.dueSlot)].isEmpty { return present << Self.tickShift }
        return nextSlot.map { $0.tick << Self.tickShift }
    }

    private static func tick(atOrAfter time: Int64, present: Int64) -> Int64 {
        let tick = (max(0, time) >> tickShift) + (time & (1 << tickShift - 1) == 0 ? 0 : 1)
        return min(tick, present + farthest)
    }

    /// The first slot in time that has timers, and the tick at which it begins.
    private var nextSlot: (level: Int, slot: Int, tick: Int64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = Int64(6 * level)
            let here = Int((present >> shift) & 63)
            let ahead = (occupied[level] >> UInt64(here)) | (occupied[level] << UInt64(64 - here))
            let slot = (here + ahead.trailingZeroBitCount) & 63
            let turn = Int64(64) << shift
            var tick = (present & ~(turn - 1)) + Int64(slot) << shift
            // Only the top wheel may hold a slot of its next turn.
            if tick + (1 << shift) <= present { tick += turn }
            return (level, slot, tick)
        }
        return nil
    }

    /// Sorts the timers of a slot whose time has come into the wheels below, or marks them due.
    private mutating func empty(_ level: Int, _ slot: Int) {
        let list = level * 64 + slot
        while lists[list].first != none {
            let timer = lists[list].first
            timers.remove(timer, from: &lists[list])
            insert(timer)
        }
        occupied[level] &= ~(1 << UInt64(slot))
    }

    private mutating func insert(_ timer: Int32) {
        let tick = timers[timer].tick
        var slot = Self.dueSlot
        if tick > present {
            let differing = (UInt64(tick ^ present) | 63)
            let level = min((63 - differing.leadingZeroBitCount) / 6, Self.levels - 1)
            let place = Int((tick >> Int64(6 * level)) & 63)
            slot = Int32(level * 64 + place)
            occupied[level] |= 1 << UInt64(place)
        }
        timers[timer].slot = slot
        timers.append(timer, to: &lists[Int(slot)])
    }

    private mutating func unlink(_ timer: Int32) {
        let slot = timers[timer].slot
        timers.remove(timer, from: &lists[Int(slot)])
        if slot != Self.dueSlot, lists[Int(slot)].isEmpty {
            occupied[Int(slot) / 64] &= ~(1 << UInt64(slot & 63))
        }
    }
}
