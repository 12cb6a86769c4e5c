// SummaryTable.swift - what a trace's summary remembers: recipients, hops and ids, by their text.
//
// A hostile reply can name any number of them, so each kind has a maximum and all of it is in C
// memory. Texts are places in the document being written. What they mean is in TraceSummary.swift.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// One recipient, hop or id.
struct SummaryRecord {
    /// The other is a recipient's outcome at another hop than its last one's.
    enum Kind: UInt8 { case recipient, hop, next, other }

    fileprivate(set) var kind: Kind
    let key: Written
    fileprivate(set) var hash: UInt32
    var state = RecipientState.queued
    var nextKind = NextIDKind.queuedAs
    var side = Trace.Direction.inbound
    var attempts: UInt32 = 0
    /// Of the slowest delivery, in milliseconds.
    var slowest: Int64 = -1
    /// A hop that had the message, or is not only named by a remark; whose message was in its
    /// queue, was removed from it, has expired, could not all be delivered, is a notification. Of a
    /// recipient only the last: it is a notification's.
    var isTaken = false
    var isQueued = false
    var isRemoved = false
    var isExpired = false
    var isReported = false
    var isNotification = false

    // A recipient's last outcome.
    var dsn = Written.none
    var reply = Written.none
    var origTo = Written.none
    var queuedAs = Written.none
    /// Also an id's: the position of the hop that told it, -1 when the line had none.
    var hop = -1
    // Also a hop's: of its last delivery.
    var at = Written.none
    var relay = Written.none
    // A hop's.
    var firstAt = Written.none
    var lastAt = Written.none
    var sender = Written.none
    var messageID = Written.none
    var size = Written.none
    var nrcpt = Written.none
    var clientHost = Written.none
    var clientIP = Written.none
    var previousID = Written.none
    // Of the slowest delivery; the whole is a recipient's too.
    var delay = Written.none
    var delayBeforeQmgr = Written.none
    var delayInQmgr = Written.none
    var delayConnSetup = Written.none
    var delayTransmission = Written.none

    init(_ kind: Kind, _ key: Written, _ hash: UInt32) {
        (self.kind, self.key, self.hash) = (kind, key, hash)
    }
}

/// Who knows the message by an id; the names of the events' fields.
enum NextIDKind: UInt8 {
    case queuedAs, exchangeID, googleID, notification

    var text: StaticString {
        switch self {
        case .queuedAs: "queued_as"
        case .exchangeID: "exchange_internal_id"
        case .googleID: "google_id"
        case .notification: "notification_queue_id"
        }
    }
}

/// The records of one trace, in the order in which they came up.
@safe
final class SummaryTable {
    static let maxRecipients = 1000
    static let maxHops = 64
    static let maxNext = 256

    private(set) var count = 0
    private var counts = (recipients: 0, hops: 0, next: 0)
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

    /// Copies all but what a record is and how often it was tried.
    func copy(_ from: Int, to index: Int) {
        guard from >= 0, from < count, let records = unsafe records else { return }
        with(index) { record in
            let (kind, hash, attempts) = (record.kind, record.hash, record.attempts)
            record = unsafe records[from]
            (record.kind, record.hash, record.attempts) = (kind, hash, attempts)
        }
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

    /// Whether the hop at a position has this id.
    func isHop(_ index: Int, _ id: Written, _ document: RawSpan) -> Bool {
        self[key: index].map { Self.isSame($0, id, document) } ?? false
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
        if count == Self.few, unsafe slots == nil { makeSlots() }
        let hash = Self.hash(kind, key, document)
        let (found, slot) = place(kind, key, hash, document)
        if let found { return found }
        guard takeRoom(for: kind), reserve(), let records = unsafe records else { return nil }
        unsafe (records + count).initialize(to: SummaryRecord(kind, key, hash))
        if let slots = unsafe slots { unsafe slots[slot] = UInt16(truncatingIfNeeded: count + 1) }
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
                && Self.isSame(records[index].key, key, document)
            {
                return (index, 0)
            }
            return (nil, 0)
        }
        var slot = Int(hash) % Self.slotCount
        while unsafe slots[slot] != 0 {
            let index = unsafe Int(slots[slot]) - 1
            if unsafe records[index].hash == hash, unsafe records[index].kind == kind,
                Self.isSame(unsafe records[index].key, key, document)
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
        // As many as recipients at most.
        case .other: break
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
        for index in 0..<count {
            var slot = unsafe Int(records[index].hash) % Self.slotCount
            while unsafe slots[slot] != 0 { slot = (slot + 1) % Self.slotCount }
            unsafe slots[slot] = UInt16(truncatingIfNeeded: index + 1)
        }
        unsafe self.slots = slots
    }

    // MARK: - Texts

    static func isSame(_ one: Written, _ other: Written, _ document: RawSpan) -> Bool {
        if one == other { return true }
        guard one.length == other.length, one.range.upperBound <= document.byteCount,
            other.range.upperBound <= document.byteCount
        else { return false }
        return unsafe document.withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return true }
            return unsafe tvs_is_same(
                base + Int(one.start), base + Int(other.start), Int(one.length)) != 0
        }
    }

    /// Eight bytes at a time. Who forces collisions gains little: there are few records.
    private static func hash(
        _ kind: SummaryRecord.Kind, _ key: Written, _ document: RawSpan
    ) -> UInt32 {
        let range = key.range
        guard range.upperBound <= document.byteCount else { return 0 }
        var hash = UInt64(kind.rawValue) &+ UInt64(key.length) << 8
        var place = range.lowerBound
        while place &+ 8 <= range.upperBound {
            hash = mix(hash, document, place)
            place &+= 8
        }
        // The rest together with what was taken before, or byte by byte when that is all.
        if key.length >= 8 {
            hash = mix(hash, document, range.upperBound &- 8)
        } else {
            while place < range.upperBound {
                hash = (hash ^ UInt64(document.at(place))) &* 0x9E37_79B9_7F4A_7C15
                place &+= 1
            }
        }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    }

    @inline(__always)
    private static func mix(_ hash: UInt64, _ document: RawSpan, _ place: Int) -> UInt64 {
        let word = unsafe document.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self)
        let mixed = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ mixed >> 29
    }
}
