// JSONWriter+Members.swift - members of an object in one step, and text that was written before.
//
// The summary repeats what events hold: a member is one append, and what is repeated comes out of
// the document itself, escapes and all.

/// A place in the document being written: the inside of a string, or a number. Empty is "none".
struct Written: Equatable {
    private(set) var start: UInt32 = 0
    private(set) var length: UInt32 = 0

    static let none = Written()

    init() {}

    /// None when the document has become too large for it.
    @inline(__always)
    init(_ start: Int, _ end: Int) {
        guard let first = UInt32(exactly: start), let length = UInt32(exactly: end - start) else {
            return
        }
        (self.start, self.length) = (first, length)
    }

    /// Both are known to fit.
    @inline(__always)
    init(_ start: Int, upTo end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        length = UInt32(truncatingIfNeeded: end &- start)
    }

    /// Only its beginning counts, which is not longer.
    mutating func end(after length: Int) { self.length = UInt32(truncatingIfNeeded: length) }

    /// No document begins with a string, so place 0 is free to mean "none".
    var isNone: Bool { start == 0 }
    /// Becomes `other` unless it is something already.
    mutating func setOnce(_ other: Written) {
        if isNone { self = other }
    }

    var range: Range<Int> { Int(start)..<(Int(start) + Int(length)) }
}

extension JSONWriter {
    // Not generic: a copy for each type would be in the library, beside one for all of them.
    @inline(__always)
    package mutating func int(_ value: Int) { int(Int64(value)) }
    @inline(__always)
    package mutating func int(_ value: Int32) { int(Int64(value)) }
    @inline(__always)
    package mutating func int(_ value: UInt32) { int(UInt64(value)) }
    @inline(__always)
    package mutating func int(_ value: UInt8) { int(UInt64(value)) }
    package mutating func int(_ value: UInt64) {
        separate()
        digits(value)
        needsComma = true
    }

    /// Members of an object that are whole numbers.
    mutating func numbers(_ members: [(StaticString, Int64)]) {
        for (name, value) in members {
            key(name)
            int(value)
        }
    }

    // MARK: - The summary

    /// A member whose value was written before.
    @inline(__always)
    mutating func member(_ name: SummaryName, again value: Written) {
        unsafe member(name.slot, again: value)
    }

    /// The same with the name of an event's field.
    @inline(__always)
    mutating func member(_ name: PostfixEvent.Name, again value: Written) {
        unsafe member(name.slot, again: value)
    }

    @inline(never)
    private mutating func member(_ slot: UnsafePointer<UInt8>, again value: Written) {
        let before = buffer.count
        guard !value.isNone, value.range.upperBound <= before else { return }
        let (start, count) = (Int(value.start), Int(value.length))
        let comma = needsComma
        unsafe put(upTo: count &+ 4 &* Self.slotSize) { place in
            let mark = unsafe slot[31]
            let out = unsafe Self.name(slot, comma, to: place)
            let source = unsafe UnsafePointer(place - before + start)
            // It stands before the place that is written, where there is room for more.
            unsafe Self.copy(source, count, count &+ Self.slotSize, to: out)
            unsafe out[count] = UInt8(ascii: "\"")
            return unsafe out - place &+ count &+ Int((mark >> 5 & 1) ^ 1)
        }
        needsComma = true
    }

    /// Copies a name with what is around it, its comma onto the byte before when there is none to
    /// write; what stood there is put back. Answers the place behind it.
    @inline(__always)
    private static func name(
        _ slot: UnsafePointer<UInt8>, _ comma: Bool, to place: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let first = unsafe comma ? place : place - 1
        let before = unsafe place[-1]
        unsafe copySlot(slot, to: first)
        unsafe place[-1] = before
        return unsafe first + Int(slot[31] & 31)
    }

    /// A member whose value is the time of a queue id.
    mutating func member(_ name: StaticString, time: QueueIDNumbers) {
        guard let seconds = time.seconds else { return }
        key(name)
        unsafe put(upTo: Timestamp.microsecondsLength + 2) { place in
            unsafe place[0] = UInt8(ascii: "\"")
            unsafe Timestamp.write(
                seconds: seconds, microseconds: time.microseconds,
                to: UnsafeMutableBufferPointer(
                    start: place + 1, count: Timestamp.microsecondsLength))
            unsafe place[Timestamp.microsecondsLength + 1] = UInt8(ascii: "\"")
            return Timestamp.microsecondsLength + 2
        }
        needsComma = true
    }

    /// A member whose value is a word of ours; in an object.
    mutating func member(_ name: SummaryName, word: StaticString) {
        guard buffer.count > 0 else { return }
        let count = word.utf8CodeUnitCount
        let comma = needsComma
        unsafe put(upTo: count &+ 2 &* Self.slotSize) { place in
            let out = unsafe Self.name(name.slot, comma, to: place)
            unsafe UnsafeMutableRawPointer(out).copyMemory(
                from: word.utf8Start, byteCount: count)
            unsafe out[count] = UInt8(ascii: "\"")
            return unsafe out - place &+ count &+ 1
        }
        needsComma = true
    }
}

/// The names of the summary's members that are no event's.
enum SummaryName: UInt8, CaseIterable {
    case address, state, at, sender, firstAt, lastAt, ownID, id, side, previousID, slowest, kind
    case fromID

    /// 32 bytes, as for `PostfixEvent.Name`.
    @inline(__always)
    var slot: UnsafePointer<UInt8> { unsafe Self.slots.utf8Start + Int(rawValue) * 32 }

    private static let slots: StaticString = """
        ,"address":"                   L,"state":"                     J\
        ,"at":"                        G,"sender":"                    K\
        ,"first_at":"                  M,"last_at":"                   L\
        ,"queue_id":"                  M,"id":"                        G\
        ,"side":"                      I,"previous_queue_id":"         V\
        ,"slowest":"                   L,"kind":"                      I\
        ,"from_queue_id":"             R
        """
}
