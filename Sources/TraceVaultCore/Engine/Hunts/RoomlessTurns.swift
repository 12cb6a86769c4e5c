// RoomlessTurns.swift - turns of a hunt whose pages have no room now: what was given back is
// compared with one of them, however many they are.

struct RoomlessTurns {
    private struct Entry {
        let turn: HuntTurns.HuntTurn
        /// What all tenants may hold at most for it to have room.
        let most: Int
        let number: Int

        /// Whoever finds room with more of it taken, and of several the oldest.
        func goes(before other: Entry) -> Bool {
            most == other.most ? number < other.number : most > other.most
        }
    }

    /// Each goes before the two behind it, at twice its place. Those that left stay until they are
    /// met.
    private var heap: [Entry] = []
    /// Which entry is of a turn that waits.
    private var waiting: [HuntTurns.HuntTurn: Int] = [:]
    private var last = 0

    var isEmpty: Bool { waiting.isEmpty }

    mutating func add(_ turn: HuntTurns.HuntTurn, most: Int) {
        last += 1
        waiting[turn] = last
        if heap.count > 2 * waiting.count + 64 {
            // Sorted is a heap, too.
            heap = heap.filter { waiting[$0.turn] == $0.number }.sorted { $0.goes(before: $1) }
        }
        heap.append(Entry(turn: turn, most: most, number: last))
        var place = heap.count - 1
        while place > 0, heap[place].goes(before: heap[(place - 1) / 2]) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// The first that has room while all tenants hold so much; nil: nobody has.
    mutating func popFirst(taken: Int) -> HuntTurns.HuntTurn? {
        while let first = heap.first {
            let isWaiting = waiting[first.turn] == first.number
            guard !isWaiting || first.most >= taken else { return nil }
            removeFirst()
            guard isWaiting else { continue }
            waiting[first.turn] = nil
            return first.turn
        }
        return nil
    }

    /// Takes out a turn. False: it does not wait.
    mutating func remove(_ turn: HuntTurns.HuntTurn) -> Bool {
        waiting.removeValue(forKey: turn) != nil
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var place = 0
        while true {
            var next = 2 * place + 1
            guard next < heap.count else { return }
            if next + 1 < heap.count, heap[next + 1].goes(before: heap[next]) { next += 1 }
            guard heap[next].goes(before: heap[place]) else { return }
            heap.swapAt(place, next)
            place = next
        }
    }
}
