// Happenings.swift - what is going to happen in a simulated day, in the order of virtual time.

import TraceVaultCore

enum Happening {
    /// A tenant's next request, and the one after it.
    case arrival(tenant: Int)
    /// Somebody runs a playbook over a whole mailbox.
    case burst(tenant: Int, count: Int)
    case wake(process: Int, life: Int, due: Int64)
    case reply(process: Int, life: Int, fetch: FetchID, attempt: Int, Service)
    case cancel(process: Int, life: Int, job: JobID)
    /// People in the dashboard spend from the same quota.
    case people(user: Int)
    case revoke(account: Int)
    case restore(account: Int)
    /// A tenant's requests hang, or are slow, for a while.
    case trouble(tenant: Int)
    /// Cloudflare answers 5xx for a while.
    case outage
    case crash(process: Int)
    case boot(process: Int)
    case shutdown(process: Int)
    case wallJump(process: Int)
    /// A process is stopped for a while, as in a frozen container; the clock goes on.
    case pause(process: Int)
    /// Every process ends, and the container comes back with another boot id and the same clock.
    case containers
    case audit(process: Int, life: Int)
}

/// A binary heap; what was added first comes first among those of one moment. The happenings themselves
/// stay where they are; only their times move.
struct Agenda<Happening> {
    private struct Entry {
        let time: Int64
        let order: Int
        let place: Int
    }

    private var entries: [Entry] = []
    private var happenings: [Happening] = []
    private var free: [Int] = []
    private var added = 0

    mutating func add(_ happening: Happening, at time: Int64) {
        added += 1
        let slot = free.popLast() ?? happenings.count
        if slot == happenings.count {
            happenings.append(happening)
        } else {
            happenings[slot] = happening
        }
        let entry = Entry(time: time, order: added, place: slot)
        entries.append(entry)
        var place = entries.count - 1
        while place > 0, Self.isBefore(entry, entries[(place - 1) / 2]) {
            entries[place] = entries[(place - 1) / 2]
            place = (place - 1) / 2
        }
        entries[place] = entry
    }

    mutating func next() -> (time: Int64, happening: Happening)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, Self.isBefore(entries[child + 1], entries[child]) {
                child += 1
            }
            guard Self.isBefore(entries[child], last) else { break }
            entries[place] = entries[child]
            place = child
        }
        if place < entries.count { entries[place] = last }
        free.append(first.place)
        return (first.time, happenings[first.place])
    }

    private static func isBefore(_ one: Entry, _ other: Entry) -> Bool {
        (one.time, one.order) < (other.time, other.order)
    }
}

extension SplitMix64 {
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// µs, evenly between two numbers of seconds.
    mutating func seconds(_ range: ClosedRange<Double>) -> Int64 {
        Int64(Double.random(in: range, using: &self) * 1e6)
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
