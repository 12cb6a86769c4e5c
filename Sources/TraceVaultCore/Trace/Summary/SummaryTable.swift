// SummaryTable.swift - what a trace's summary remembers: recipients, hops and ids, by their text.
//
// A hostile reply can name any number of them, so each kind has a maximum and all of it is in C
// memory. Texts are places in the document being written: SummaryTable+Texts.swift compares them.
// What they mean is in TraceSummary.swift.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// The records of one trace, in the order in which they came up.
@safe
final class SummaryTable {
    static let maxRecipients = 1000
    static let maxHops = 64
    static let maxNext = 256
    static let maxOutcomes = 8000

    private(set) var count = 0
    private var counts = (recipients: 0, hops: 0, next: 0, outcomes: 0)
    private var records: UnsafeMutablePointer<SummaryRecord>?
    private var capacity = 0
    /// Positions in `records` by hash, plus one; made when there are too many to look through.
    private var slots: UnsafeMutablePointer<UInt16>?
    private static let few = 32
    /// Far more than there can be records.
    private static let slotCount = 4096

    deinit {
        unsafe free(records)
        unsafe free(slots)
    }

    /// Lends a record, by its position; nil without one. Others may be looked at meanwhile.
    @discardableResult
    @inline(__always)
    func look<R>(_ index: Int, _ body: (borrowing SummaryRecord) -> R) -> R? {
        guard index >= 0, index < count, let records = unsafe records else { return nil }
        return body(unsafe records[index])
    }

    /// Lends a record to change it in place; nobody else may look at it meanwhile.
    @discardableResult
    @inline(__always)
    func with<R>(_ index: Int, _ body: (inout SummaryRecord) -> R) -> R? {
        guard index >= 0, index < count, let records = unsafe records else { return nil }
        return body(&(unsafe records[index]))
    }

    /// What a record is of; a look at it copies nothing else.
    subscript(kind index: Int) -> SummaryRecord.Kind? {
        guard index >= 0, index < count, let records = unsafe records else { return nil }
        return unsafe records[index].kind
    }

    /// The text of a record; nil without one.
    subscript(key index: Int) -> Written? {
        guard index >= 0, index < count, let records = unsafe records else { return nil }
        return unsafe records[index].key
    }

    /// The position of the record with this text.
    func find(_ kind: SummaryRecord.Kind, _ key: Written, _ document: RawSpan) -> Int? {
        let hash = Self.hash(kind, key, document)
        let (index, _) = place(kind, key, hash, document)
        return index
    }

    /// The same, made when it is not there; nil when there are too many already.
    func findOrAdd(_ kind: SummaryRecord.Kind, _ key: Written, _ document: RawSpan) -> Int? {
        guard !key.isNone else { return nil }
        // Before the place is looked for, which is another with them.
        if count >= Self.few, unsafe slots == nil { makeSlots() }
        let hash = Self.hash(kind, key, document)
        let (found, slot) = place(kind, key, hash, document)
        if let found { return found }
        guard takeRoom(for: kind), reserve(), let records = unsafe records else { return nil }
        unsafe (records + count).initialize(to: SummaryRecord(kind, key, hash))
        if let slots = unsafe slots { unsafe slots[slot] = UInt16(truncatingIfNeeded: count + 1) }
        count += 1
        return count - 1
    }

    /// One more outcome, which no text finds; nil when there are too many already.
    func addOutcome(of recipient: Written) -> Int? {
        guard takeRoom(for: .outcome), reserve(), let records = unsafe records else { return nil }
        unsafe (records + count).initialize(to: SummaryRecord(.outcome, recipient, 0))
        count += 1
        return count - 1
    }

    private func place(
        _ kind: SummaryRecord.Kind, _ key: Written, _ hash: UInt32, _ document: RawSpan
    ) -> (index: Int?, slot: Int) {
        guard let records = unsafe records else { return (nil, 0) }
        guard let slots = unsafe slots else {
            for index in 0..<count
            where unsafe records[index].hash == hash && records[index].kind == kind
                && Self.isSame(kind, records[index].key, key, document)
            {
                return (index, 0)
            }
            return (nil, 0)
        }
        var slot = Int(hash) % Self.slotCount
        while unsafe slots[slot] != 0 {
            let index = unsafe Int(slots[slot]) - 1
            if unsafe records[index].hash == hash, unsafe records[index].kind == kind,
                Self.isSame(kind, unsafe records[index].key, key, document)
            {
                return (index, slot)
            }
            slot = (slot + 1) % Self.slotCount
        }
        return (nil, slot)
    }

    private func takeRoom(for kind: SummaryRecord.Kind) -> Bool {
        switch kind {
        case .recipient:
            guard counts.recipients < Self.maxRecipients else { return false }
            counts.recipients += 1
        case .hop:
            guard counts.hops < Self.maxHops else { return false }
            counts.hops += 1
        case .next:
            guard counts.next < Self.maxNext else { return false }
            counts.next += 1
        case .outcome:
            guard counts.outcomes < Self.maxOutcomes else { return false }
            counts.outcomes += 1
        }
        return true
    }

    private func reserve() -> Bool {
        guard count == capacity else { return true }
        let larger = max(16, capacity * 2)
        guard
            let grown = unsafe realloc(records, larger * MemoryLayout<SummaryRecord>.stride)
        else { return false }
        unsafe records = grown.bindMemory(to: SummaryRecord.self, capacity: larger)
        capacity = larger
        return true
    }

    /// Without memory for them the records are looked through one by one, as before.
    private func makeSlots() {
        guard let records = unsafe records,
            let made = unsafe calloc(Self.slotCount, MemoryLayout<UInt16>.stride)
        else { return }
        let slots = unsafe made.bindMemory(to: UInt16.self, capacity: Self.slotCount)
        for index in 0..<count where unsafe records[index].kind != .outcome {
            var slot = unsafe Int(records[index].hash) % Self.slotCount
            while unsafe slots[slot] != 0 { slot = (slot + 1) % Self.slotCount }
            unsafe slots[slot] = UInt16(truncatingIfNeeded: index + 1)
        }
        unsafe self.slots = slots
    }
}
