// Slab.swift - records in one array, named by small numbers, and lists threaded through them: what
// a million waiting requests are kept in. No record is moved or looked up by hash, every list
// operation costs the same whatever the length, and a record costs its own size.

import CSystem

/// No record.
let none: Int32 = -1

/// Reusable places for records. A number is good until `remove`; the caller keeps numbers honest.
struct Slab<Record: Sendable>: Sendable {
    private var records: [Record] = []
    private var free: [Int32] = []

    /// Records that are in use.
    var count: Int { records.count - free.count }
    /// One more than the highest number ever given.
    var end: Int32 { Int32(clamping: records.count) }

    mutating func add(_ record: Record) -> Int32 {
        if let place = free.popLast() {
            records[Int(place)] = record
            return place
        }
        grow()
        records.append(record)
        return Int32(clamping: records.count - 1)
    }

    mutating func remove(_ place: Int32) { free.append(place) }

    /// Makes sure that `place` exists, for callers that choose the numbers themselves.
    mutating func cover(_ place: Int, filling record: Record) {
        while records.count <= place {
            grow()
            records.append(record)
        }
    }

    subscript(place: Int32) -> Record {
        _read { yield records[Int(place)] }
        _modify { yield &records[Int(place)] }
    }

    /// Has a record brought near that is needed soon: at a million records most are far from the
    /// processor. Any number will do, also one that nobody has.
    func bring(_ place: Int32) {
        guard place >= 0, Int(place) < records.count else { return }
        unsafe records.withUnsafeBufferPointer { records in
            guard let base = records.baseAddress else { return }
            unsafe tvs_bring(base + Int(place), MemoryLayout<Record>.stride)
        }
    }

    /// By a quarter, not by doubling: at a million records half the memory would stand empty.
    private mutating func grow() {
        guard records.count == records.capacity else { return }
        records.reserveCapacity(records.count + max(16, records.count / 4))
    }
}

/// A record that stands in at most one list at a time.
protocol Linked {
    var previous: Int32 { get set }
    var next: Int32 { get set }
}

/// First and last record of a list; the links are in the records.
struct List: Sendable {
    fileprivate(set) var first = none
    fileprivate(set) var last = none

    var isEmpty: Bool { first == none }
}

extension Slab where Record: Linked {
    mutating func append(_ place: Int32, to list: inout List) {
        self[place].previous = list.last
        self[place].next = none
        if list.last == none { list.first = place } else { self[list.last].next = place }
        list.last = place
    }

    mutating func prepend(_ place: Int32, to list: inout List) {
        self[place].previous = none
        self[place].next = list.first
        if list.first == none { list.last = place } else { self[list.first].previous = place }
        list.first = place
    }

    mutating func remove(_ place: Int32, from list: inout List) {
        let (previous, next) = (self[place].previous, self[place].next)
        if previous == none { list.first = next } else { self[previous].next = next }
        if next == none { list.last = previous } else { self[next].previous = previous }
    }
}
