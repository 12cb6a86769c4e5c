// TurnQueueTests.swift - nobody has more than its turns, however urgent it is and whoever comes and goes.

import Testing

@testable import TraceVaultCore

@Suite struct TurnQueueTests {
    private struct Record: TurnTaking, Sendable {
        var round: UInt64 = 0
        var line = TurnLine.odd
        var previous = none
        var next = none
    }

    /// Gives turns to `count` records of which each is urgent in its own way; says who had each turn.
    private func turns(
        _ count: Int, of number: Int, isUrgent: (Int32, Int) -> Bool
    ) -> [Int32] {
        var slab = Slab<Record>()
        var queue = TurnQueue()
        let everybody = (0..<count).map { _ in slab.add(Record()) }
        for place in everybody { queue.append(place, isUrgent: isUrgent(place, 0), in: &slab) }
        return (1...number).map { turn in
            for place in everybody where isUrgent(place, turn) { queue.hurry(place, in: &slab) }
            guard let place = queue.popFirst(in: &slab) else { return none }
            queue.spend(place, in: &slab)
            queue.append(place, isUrgent: isUrgent(place, turn), in: &slab)
            return place
        }
    }

    /// By how much the one with most turns was ever ahead of the one with least.
    private func greatestLead(_ turns: [Int32], among count: Int) -> Int {
        var had = [Int](repeating: 0, count: count)
        var greatest = 0
        for turn in turns {
            had[Int(turn)] += 1
            greatest = max(greatest, (had.max() ?? 0) - (had.min() ?? 0))
        }
        return greatest
    }

    @Test func withoutHurryTurnsGoRound() {
        #expect(turns(3, of: 7) { _, _ in false } == [0, 1, 2, 0, 1, 2, 0])
    }

    @Test func whoIsUrgentGoesFirstBorrowsATurnAndSitsOutTheNext() {
        let turns = turns(4, of: 12) { place, turn in place == 3 && turn == 1 }
        #expect(turns == [3, 3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2])
    }

    @Test func whoIsAlwaysUrgentGetsNoMoreThanItsShare() {
        let turns = turns(5, of: 1000) { place, _ in place < 2 }
        for place in 0..<5 as Range<Int32> {
            #expect((199...201).contains(turns.count { $0 == place }), "\(place)")
        }
        #expect(greatestLead(turns, among: 5) <= 2)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func nobodyLeadsByMoreThanABorrowedTurn(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 2...9, using: &random)
        // From never to always urgent, each with a rhythm of its own.
        let rhythm = (0..<count).map { _ in Int.random(in: 1...3 * count, using: &random) }
        let phase = (0..<count).map { _ in Int.random(in: 0...3 * count, using: &random) }
        let isNever = (0..<count).map { _ in Bool.random(using: &random) }
        let chance = seed % 2 == 0
        var coin = SplitMix64(seed: seed &+ 99)
        let turns = turns(count, of: 2000) { place, turn in
            let place = Int(place)
            if isNever[place] { return false }
            if chance { return UInt64.random(in: 0..<UInt64(rhythm[place]), using: &coin) == 0 }
            return (turn + phase[place]) % rhythm[place] == 0
        }
        #expect(!turns.contains(none))
        // One of this round that the other waits for yet, and one of the next that is borrowed.
        #expect(greatestLead(turns, among: count) <= 2)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func whoComesAndGoesGainsNothing(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var slab = Slab<Record>()
        var queue = TurnQueue()
        let steady = (0..<3).map { _ in slab.add(Record()) }
        let restless = (0..<3).map { _ in slab.add(Record()) }
        for place in steady { queue.append(place, isUrgent: false, in: &slab) }
        var isIn = [Bool](repeating: false, count: 6)
        for place in steady { isIn[Int(place)] = true }
        var turns: [Int32] = []
        for _ in 0..<3000 {
            for place in restless {
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where isIn[Int(place)]:
                    queue.remove(place, from: &slab)
                    isIn[Int(place)] = false
                case 1 where !isIn[Int(place)]:
                    queue.append(place, isUrgent: Bool.random(using: &random), in: &slab)
                    isIn[Int(place)] = true
                case 2 where isIn[Int(place)]: queue.hurry(place, in: &slab)
                default: break
                }
            }
            guard let place = queue.popFirst(in: &slab) else { continue }
            if Int.random(in: 0..<8, using: &random) == 0 {
                // Nothing could be done with it: it is the next again.
                queue.putBack(place, in: &slab)
                #expect(queue.popFirst(in: &slab) == place)
            }
            turns.append(place)
            queue.spend(place, in: &slab)
            isIn[Int(place)] = false
            if place < 3 || Bool.random(using: &random) {
                queue.append(place, isUrgent: place >= 3, in: &slab)
                isIn[Int(place)] = true
            }
        }
        // Those who always wait are never behind one who comes and goes by more than three.
        for one in restless {
            for other in steady {
                var lead = 0
                for turn in turns {
                    if turn == one { lead += 1 }
                    if turn == other { lead = max(0, lead - 1) }
                    #expect(lead <= 3, "\(one) over \(other)")
                }
            }
        }
    }
}
