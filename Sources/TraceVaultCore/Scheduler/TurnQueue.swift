// TurnQueue.swift - who of many has the next turn: deficit round robin (Shreedhar and Varghese,
// 1995) in which a turn is one request, so that the deficit is at most one, and one may borrow it:
// who has waited for nothing so far may send an urgent request at once and sits out its next turn
// for that. Over any number of rounds nobody gets more than one turn more than anybody else.

/// What a record must keep to stand in a `TurnQueue`.
protocol TurnTaking: Linked {
    /// 0, or the turn of the queue up to which a borrowed turn is owed: then a round is over.
    var owedUntil: UInt64 { get set }
    var isExpress: Bool { get set }
}

/// A queue of records in a slab. A record stands in at most one queue at a time.
struct TurnQueue: Sendable {
    private var regular = List()
    private var express = List()
    private var regularCount: UInt64 = 0
    /// Regular turns that came so far, those that were sat out included.
    private var turns: UInt64 = 0

    var isEmpty: Bool { regular.isEmpty && express.isEmpty }

    /// Lets a record wait for its turn; `isUrgent` borrows one if none is owed.
    mutating func append<Record: TurnTaking>(
        _ place: Int32, isUrgent: Bool, in records: inout Slab<Record>
    ) {
        if isUrgent && !owes(records[place].owedUntil) {
            records[place].isExpress = true
            records.append(place, to: &express)
        } else {
            records[place].isExpress = false
            records.append(place, to: &regular)
            regularCount += 1
        }
    }

    /// Puts a record back whose turn came to nothing: it is the next again.
    mutating func putBack<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        if records[place].isExpress {
            records.prepend(place, to: &express)
        } else {
            records.prepend(place, to: &regular)
            regularCount += 1
            turns -= 1
        }
    }

    mutating func remove<Record: TurnTaking>(_ place: Int32, from records: inout Slab<Record>) {
        if records[place].isExpress {
            records.remove(place, from: &express)
        } else {
            records.remove(place, from: &regular)
            regularCount -= 1
        }
    }

    /// Something urgent came for a record that waits: it borrows a turn if none is owed.
    mutating func hurry<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        guard !records[place].isExpress, !owes(records[place].owedUntil) else { return }
        remove(place, from: &records)
        append(place, isUrgent: true, in: &records)
    }

    /// Takes the record whose turn it is out of the queue.
    mutating func popFirst<Record: TurnTaking>(in records: inout Slab<Record>) -> Int32? {
        if express.first != none {
            let place = express.first
            records.remove(place, from: &express)
            return place
        }
        while regular.first != none {
            let place = regular.first
            records.remove(place, from: &regular)
            turns += 1
            guard owes(records[place].owedUntil, at: turns - 1) else {
                regularCount -= 1
                return place
            }
            // It had this turn before the others.
            records[place].owedUntil = 0
            records.append(place, to: &regular)
        }
        return nil
    }

    private func owes(_ until: UInt64) -> Bool { owes(until, at: turns) }
    private func owes(_ until: UInt64, at turn: UInt64) -> Bool { until != 0 && until >= turn }

    /// Notes that a record which `popFirst` gave has used its turn.
    mutating func spend<Record: TurnTaking>(_ place: Int32, in records: inout Slab<Record>) {
        guard records[place].isExpress else { return }
        records[place].isExpress = false
        // Until everybody who waits now has had one.
        records[place].owedUntil = turns + regularCount
    }
}
