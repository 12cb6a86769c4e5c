// TimerWheelTests.swift - the wheel against a plain list of times, and the lists and records below it.

import Testing

@testable import TraceVaultCore

@Suite struct TimerWheelTests {
    /// The wheel and a model of it that cannot be wrong.
    private struct Pair {
        var wheel: TimerWheel
        var now: Int64
        var times: [UInt32: Int64] = [:]
        var handles: [UInt32: Int32] = [:]
        var nextPayload: UInt32 = 0
        /// No timer may be later than a tick.
        static let tick: Int64 = 1 << 10

        init(now: Int64) {
            self.now = now
            wheel = TimerWheel(now: now)
        }

        mutating func add(at time: Int64) {
            nextPayload += 1
            handles[nextPayload] = wheel.add(nextPayload, at: time)
            times[nextPayload] = time
        }

        mutating func fire(to time: Int64) {
            now = time
            var fired: [UInt32] = []
            while let payload = wheel.popDue(at: now) { fired.append(payload) }
            for payload in fired {
                let due = times.removeValue(forKey: payload)
                handles[payload] = nil
                #expect(due.map { $0 <= now } == true, "early, or twice: \(payload)")
            }
            // Whoever is left may be late by no more than what the tick rounds up.
            #expect(times.values.allSatisfy { $0 > now - Self.tick }, "late at \(now)")
        }
    }

    private func nextLeap(_ random: inout SplitMix64) -> Int64 {
        // Of every order of magnitude, so that each wheel and each boundary has its turn.
        let magnitude = Int64(1) << Int64.random(in: 0...44, using: &random)
        return Int64.random(in: 0...magnitude, using: &random)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func noTimerIsEarlyLateLostOrDouble(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        // Uptimes of years too: the top wheel turns once in 2.2 years.
        let turn = Int64(1) << 46
        var pair = Pair(
            now: [0, 12_345_678, turn - 5_000_000, 3 * turn - 1, 9 * turn][Int(seed % 5)])
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let leap = nextLeap(&random)
                pair.add(
                    at: Bool.random(using: &random) ? pair.now + leap : (pair.now + leap) & ~1023)
            case 4:
                if let (payload, handle) = pair.handles.min(by: { $0.key < $1.key }) {
                    pair.wheel.cancel(handle)
                    pair.times[payload] = nil
                    pair.handles[payload] = nil
                }
            case 5, 6:
                if let (payload, handle) = pair.handles.max(by: { $0.key < $1.key }) {
                    let time = pair.now + nextLeap(&random)
                    pair.wheel.move(handle, to: time)
                    pair.times[payload] = time
                }
            case 7:
                // To the very moment the wheel asks for.
                if let wake = pair.wheel.nextTime {
                    let first = pair.times.values.min() ?? 0
                    #expect(wake < max(first, pair.now) + 2 * Pair.tick, "asks too late")
                    pair.fire(to: max(pair.now, wake))
                }
            default:
                pair.fire(to: pair.now + nextLeap(&random) / 64)
            }
            #expect(pair.wheel.count == pair.times.count)
        }
        while let wake = pair.wheel.nextTime { pair.fire(to: max(pair.now, wake)) }
        #expect(pair.times.isEmpty && pair.wheel.count == 0)
    }

    @Test func whatLiesBeyondEveryWaitIsClampedAndDoesNotTrap() {
        var wheel = TimerWheel(now: 0)
        _ = wheel.add(1, at: Int64.max)
        _ = wheel.add(2, at: -5)
        #expect(wheel.popDue(at: 2000) == 2)
        #expect(wheel.popDue(at: 2000) == nil)
        #expect(wheel.popDue(at: 250 * 86_400 * second) == 1)
        #expect(wheel.nextTime == nil)
    }

    @Test func aClockThatStandsOrGoesBackFiresNothingTwice() {
        var wheel = TimerWheel(now: 50 * second)
        _ = wheel.add(1, at: 51 * second)
        #expect(wheel.popDue(at: 40 * second) == nil)
        #expect(wheel.popDue(at: 52 * second) == 1)
        #expect(wheel.popDue(at: 52 * second) == nil)
        _ = wheel.add(2, at: 51 * second)
        #expect(wheel.popDue(at: 51 * second) == 2)
    }

    @Test func aMillionTimersOfTheSameMomentAllFire() {
        var wheel = TimerWheel(now: 0)
        for payload in 0..<100_000 as Range<UInt32> { _ = wheel.add(payload, at: 3600 * second) }
        var fired = 0
        while wheel.popDue(at: 3601 * second) != nil { fired += 1 }
        #expect(fired == 100_000)
    }
}

@Suite struct SlabTests {
    private struct Item: Linked, Sendable {
        var previous = none
        var next = none
    }

    private func order(_ list: List, _ slab: Slab<Item>) -> [Int32] {
        var (found, place) = ([Int32](), list.first)
        while place != none {
            found.append(place)
            place = slab[place].next
        }
        return found
    }

    @Test func listsKeepTheirOrderWhateverIsTakenOutOfThem() {
        for seed in 0..<40 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var slab = Slab<Item>()
            var lists = [List(), List()]
            var model: [[Int32]] = [[], []]
            for _ in 0..<300 {
                let which = Int.random(in: 0...1, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    let place = slab.add(Item())
                    slab.append(place, to: &lists[which])
                    model[which].append(place)
                case 1:
                    let place = slab.add(Item())
                    slab.prepend(place, to: &lists[which])
                    model[which].insert(place, at: 0)
                default:
                    guard let place = model[which].randomElement(using: &random) else { continue }
                    slab.remove(place, from: &lists[which])
                    slab.remove(place)
                    model[which].removeAll { $0 == place }
                }
                #expect(order(lists[which], slab) == model[which])
                #expect(lists[which].last == model[which].last ?? none)
                #expect(slab.count == model[0].count + model[1].count)
            }
        }
    }

    @Test func whatIsBroughtNearMayBeAnyNumberAndStaysAsItIs() {
        var slab = Slab<Item>()
        slab.bring(0)
        let place = slab.add(Item(previous: 5, next: 7))
        for number in [place, none, Int32.min, 1, 1_000_000, Int32.max] { slab.bring(number) }
        #expect(slab[place].previous == 5 && slab[place].next == 7 && slab.end == 1)
    }

    @Test func aPlaceIsGivenAgainOnlyAfterItWasGivenBack() {
        var slab = Slab<Item>()
        let (first, second) = (slab.add(Item()), slab.add(Item()))
        #expect(first != second)
        slab.remove(first)
        #expect(slab.add(Item()) == first)
        #expect(slab.end == 2)
    }
}
