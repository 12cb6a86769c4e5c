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

    /// A member whose value, a string, was written before.
    mutating func member(_ name: StaticString, again value: Written) {
        guard !value.isNone, value.range.upperBound <= buffer.count else { return }
        unsafe member(name, nil, Int(value.start), Int(value.length))
    }

    /// The same with the name of an event's field, which are written together: never the first
    /// member of an object.
    mutating func member(_ name: PostfixEvent.Name, again value: Written) {
        let before = buffer.count
        guard !value.isNone, value.range.upperBound <= before else { return }
        let (start, count) = (Int(value.start), Int(value.length))
        unsafe put(upTo: count &+ 3 &* Self.slotSize) { place in
            let mark = name.mark
            unsafe Self.copySlot(name.slot, to: place)
            let out = unsafe place + Int(mark & 31)
            let source = unsafe UnsafePointer(place - before + start)
            // It stands before the place that is written, where there is room for more.
            unsafe Self.copy(source, count, Self.slotSize, to: out)
            unsafe out[count] = UInt8(ascii: "\"")
            return Int(mark & 31) &+ count &+ Int((mark >> 5 & 1) ^ 1)
        }
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

    /// A member whose value is a word of ours.
    mutating func member(_ name: StaticString, word: StaticString) {
        unsafe member(name, UnsafeRawPointer(word.utf8Start), 0, word.utf8CodeUnitCount)
    }

    /// Copies from `source`, or from `start` of the document without one.
    private mutating func member(
        _ name: StaticString, _ source: UnsafeRawPointer?, _ start: Int, _ count: Int
    ) {
        let before = buffer.count
        let length = name.utf8CodeUnitCount
        let comma = needsComma ? 1 : 0
        unsafe put(upTo: length + count + 2 * Self.slotSize) { place in
            unsafe place[0] = UInt8(ascii: ",")
            var out = unsafe place + comma
            unsafe out[0] = UInt8(ascii: "\"")
            unsafe UnsafeMutableRawPointer(out + 1).copyMemory(
                from: name.utf8Start, byteCount: length)
            unsafe out += length + 1
            unsafe out[0] = UInt8(ascii: "\"")
            unsafe out[1] = UInt8(ascii: ":")
            unsafe out[2] = UInt8(ascii: "\"")
            unsafe out += 3
            if let source = unsafe source {
                unsafe UnsafeMutableRawPointer(out).copyMemory(from: source, byteCount: count)
            } else if count <= Self.slotSize {
                // It stands before the place that is written, where there is room for more.
                unsafe Self.copySlot(place - before + start, to: out)
            } else {
                unsafe UnsafeMutableRawPointer(out).copyMemory(
                    from: place - before + start, byteCount: count)
            }
            unsafe out[count] = UInt8(ascii: "\"")
            return unsafe out - place + count + 1
        }
        needsComma = true
    }
}
