// TurnQueue.swift - who of many has the next turn: round robin in which a round gives everybody who
// waits one turn. Who is urgent goes first in its round, and may borrow its turn of the next one
// when it has had this one's; it sits out the next round for that. A record remembers its last
// round, so that who comes, goes and hurries has one turn in every round all the same, and k + 1 in
// k rounds at most.

/// Where in a `TurnQueue` a record stands.
enum TurnLine: UInt8, Sendable {
    case express
    /// Among those of a round with an even or an odd number.
    case even, odd
}

/// What a record must keep to stand in a `TurnQueue`.
protocol TurnTaking: Linked {
    /// The last round of which it has used its turn.
    var round: UInt64 { get set }
    var line: TurnLine { get set }
}

/// A queue of records in a slab. A record stands in at most one queue at a time.
struct TurnQueue: Sendable {
    private var express = List()
    private var even = List()
    private var odd = List()
    private(set) var round: UInt64 = 1

    var isEmpty: Bool { express.isEmpty && even.isEmpty && odd.isEmpty }

    /// Who of this round is the next, apart from those in a hurry.
    var head: Int32 { present == .even ? even.first : odd.first }

    private var present: TurnLine { round & 1 == 0 ? .even : .odd }
    private var following: TurnLine { round & 1 == 0 ? .odd : .even }

    /// Lets a record wait for its turn; `isUrgent` goes first, or borrows a turn if none is owed.
    mutating func append<Record: TurnTaking>(
        _ place: Int32, isUrgent: Bool, in records: inout Slab<Record>
    ) {
        let last = records[place].round
        if isUrgent && last <= round {
            stand(place, in: .express, &records)
        } else {
            stand(place, in: last < round ? present : following, &records)
        }
    }

    /// Puts a record back whose turn came to nothing: it is the next again.
    mutating func putBack<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        if records[place].line != .express { records[place].line = present }
        switch records[place].line {
        case .express: records.prepend(place, to: &express)
        case .even: records.prepend(place, to: &even)
        case .odd: records.prepend(place, to: &odd)
        }
    }

    mutating func remove<Record: TurnTaking>(_ place: Int32, from records: inout Slab<Record>) {
        switch records[place].line {
        case .express: records.remove(place, from: &express)
        case .even: records.remove(place, from: &even)
        case .odd: records.remove(place, from: &odd)
        }
    }

    /// Something urgent came for a record that waits.
    mutating func hurry<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        guard records[place].line != .express, records[place].round <= round else { return }
        remove(place, from: &records)
        stand(place, in: .express, &records)
    }

    /// Takes the record whose turn it is out of the queue. Whoever takes several before they have
    /// used their turns keeps to the round: those who were taken would be missing in the next.
    mutating func popFirst<Record: TurnTaking>(
        in records: inout Slab<Record>, withinRound: Bool = false
    ) -> Int32? {
        while true {
            var place = express.first
            if place == none { place = present == .even ? even.first : odd.first }
            guard place != none else {
                if withinRound || isEmpty { return nil }
                round += 1
                continue
            }
            remove(place, from: &records)
            if records[place].line == .express || records[place].round < round { return place }
            // It had this round's turn in the one before.
            stand(place, in: following, &records)
        }
    }

    /// Notes that a record which `popFirst` gave has used its turn.
    mutating func spend<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        records[place].round = max(records[place].round + 1, round)
    }

    private mutating func stand<Record: TurnTaking>(
        _ place: Int32, in line: TurnLine, _ records: inout Slab<Record>
    ) {
        records[place].line = line
        switch line {
        case .express: records.append(place, to: &express)
        case .even: records.append(place, to: &even)
        case .odd: records.append(place, to: &odd)
        }
    }
}
