// JSONWriter+Members.swift - members of an object in one step, and text that was written before.
//
// The summary repeats what events hold: a member is one append, and what is repeated comes out of
// the document itself, escapes and all.

extension JSONWriter {
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
