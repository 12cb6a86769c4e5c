// JSONWriter+Members.swift - members of an object in one step, and text that was written before.
//
// The events of a line are many small members, and the summary repeats what they hold: a member is
// one append, and what is repeated comes out of the document itself, escapes and all.

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

    /// No document begins with a string, so place 0 is free to mean "none".
    var isNone: Bool { start == 0 }
    var range: Range<Int> { Int(start)..<(Int(start) + Int(length)) }
}

extension JSONWriter {
    /// A member whose value is text that needs no escapes, or a number's text.
    @inline(__always)
    mutating func member(_ name: StaticString, _ value: RawSpan, isNumber: Bool) -> Written {
        unsafe value.withUnsafeBytes { bytes in
            unsafe member(name, bytes.baseAddress, 0, bytes.count, isNumber)
        }
    }

    /// A member whose value was written before.
    mutating func member(_ name: StaticString, again value: Written, isNumber: Bool = false) {
        guard !value.isNone, value.range.upperBound <= buffer.count else { return }
        _ = unsafe member(name, nil, Int(value.start), Int(value.length), isNumber)
    }

    /// A member whose value is text that may need escapes.
    mutating func member(_ name: StaticString, escaping value: RawSpan) -> Written {
        key(name)
        let before = buffer.count
        string(value)
        return Written(before + 1, buffer.count - 1)
    }

    /// A member whose value is a word of ours.
    mutating func member(_ name: StaticString, word: StaticString) {
        _ = unsafe member(name, UnsafeRawPointer(word.utf8Start), 0, word.utf8CodeUnitCount, false)
    }

    /// Copies from `source`, or from `start` of the document without one.
    @inline(__always)
    private mutating func member(
        _ name: StaticString, _ source: UnsafeRawPointer?, _ start: Int, _ count: Int,
        _ isNumber: Bool
    ) -> Written {
        let length = name.utf8CodeUnitCount
        let before = buffer.count
        let comma = needsComma ? 1 : 0
        let quote = isNumber ? 0 : 1
        let size = comma + length + 3 + count + 2 * quote
        unsafe put(upTo: size) { place in
            let value = unsafe place + comma + length + 3 + quote
            if comma != 0 { unsafe place[0] = UInt8(ascii: ",") }
            unsafe place[comma] = UInt8(ascii: "\"")
            unsafe UnsafeMutableRawPointer(place + comma + 1).copyMemory(
                from: name.utf8Start, byteCount: length)
            unsafe place[comma + length + 1] = UInt8(ascii: "\"")
            unsafe place[comma + length + 2] = UInt8(ascii: ":")
            if quote != 0 {
                unsafe value[-1] = UInt8(ascii: "\"")
                unsafe value[count] = UInt8(ascii: "\"")
            }
            if count > 0 {
                unsafe UnsafeMutableRawPointer(value).copyMemory(
                    from: source ?? UnsafeRawPointer(place - before + start), byteCount: count)
            }
            return size
        }
        needsComma = true
        let written = before + comma + length + 3 + quote
        return Written(written, written + count)
    }
}
