// TimerHeap.swift - what is due when. A binary heap; no entry is removed on its own, the owner
// ignores those that no longer mean anything and drops them together with `keep`.

/// Timers ordered by time, then by arrival, so that equal times fire in the order they were set.
struct TimerHeap<Payload: Sendable>: Sendable {
    private struct Entry: Sendable {
        let time: Int64
        let order: UInt64
        let payload: Payload

        func isBefore(_ other: Entry) -> Bool {
            (time, order) < (other.time, other.order)
        }
    }

    private var entries: [Entry] = []
    private var nextOrder: UInt64 = 0

    var count: Int { entries.count }
    var nextTime: Int64? { entries.first?.time }

    mutating func add(_ payload: Payload, at time: Int64) {
        entries.append(Entry(time: time, order: nextOrder, payload: payload))
        nextOrder &+= 1
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].isBefore(entries[parent]) else { break }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Drops every timer whose payload no longer matters.
    mutating func keep(_ matters: (Payload) -> Bool) {
        // A sorted array is a heap.
        entries = entries.filter { matters($0.payload) }.sorted { $0.isBefore($1) }
    }

    /// Takes the earliest payload that is due at `now`.
    mutating func popDue(at now: Int64) -> Payload? {
        guard let first = entries.first, first.time <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first.payload }
        entries[0] = last
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < entries.count && entries[child].isBefore(entries[smallest]) {
                smallest = child
            }
            if smallest == index { break }
            entries.swapAt(index, smallest)
            index = smallest
        }
        return first.payload
    }
}
