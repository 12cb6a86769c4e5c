// JSONWriter+Members.swift - members of an object in one step, and text that was written before.
//
// The events of a line are many small members, and the summary repeats what they hold: a member is
// one append, and what is repeated comes out of the document itself, escapes and all.

import CSystem

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

    /// `"event":{…}`: its kind, then the fields in the order of the line. `source` is what the
    /// message stands in, at `offset`; `isPlain` when nothing of it needs an escape. Notes where
    /// each value was written.
    mutating func event(
        _ event: borrowing PostfixEvent, in source: RawSpan, at offset: Int, isPlain: Bool
    ) {
        let fields = unsafe event.all
        var room = 4 * Self.slotSize
        for index in fields.indices {
            let length = unsafe Int(fields[index].end &- fields[index].start)
            // An escape takes up to six bytes for one. Forty fields of 2 GiB do not overflow.
            room &+= (isPlain ? length : length &* 6) &+ 2 * Self.slotSize
        }
        let before = buffer.count
        guard before + room <= Int(UInt32.max) else { return }
        let (slot, slotLength) = unsafe (event.kind.slot, event.kind.length)
        unsafe source.withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return }
            let end = unsafe base + bytes.count
            unsafe put(upTo: room) { place in
                unsafe UnsafeMutableRawPointer(place).copyMemory(
                    from: Self.eventKey.utf8Start, byteCount: 10)
                unsafe Self.copySlot(slot, to: place + 10)
                var out = unsafe place + 10 + slotLength
                for index in fields.indices {
                    let field = unsafe fields[index]
                    // Looked at before the slot is copied: else it would be waited for.
                    let mark = field.name.mark
                    unsafe Self.copySlot(field.name.slot, to: out)
                    unsafe out += Int(mark & 31)
                    let from = unsafe base + offset + Int(field.start)
                    var count = Int(field.end &- field.start)
                    guard unsafe from + count <= end else { break }
                    let start = unsafe out - place
                    if !isPlain, unsafe tvs_plain_run(from, count) != count {
                        count = unsafe Self.escape(from, count, to: out)
                    } else if count <= Self.slotSize, unsafe from + Self.slotSize <= end {
                        unsafe Self.copySlot(from, to: out)
                    } else {
                        unsafe UnsafeMutableRawPointer(out).copyMemory(
                            from: from, byteCount: count)
                    }
                    unsafe fields[index].written = Written(
                        before &+ start, upTo: before &+ start &+ count)
                    unsafe out[count] = UInt8(ascii: "\"")
                    unsafe out += count &+ (mark & 32 == 0 ? 1 : 0)
                }
                unsafe out[0] = UInt8(ascii: "}")
                return unsafe out - place + 1
            }
        }
        needsComma = true
    }

    private static let eventKey: StaticString = ",\"event\":{"
    private static let slotSize = 32

    /// Copies 32 bytes, whatever they are.
    @inline(__always)
    private static func copySlot(_ source: UnsafeRawPointer, to place: UnsafeMutableRawPointer) {
        let (first, second) = unsafe (
            source.loadUnaligned(as: SIMD16<UInt8>.self),
            source.loadUnaligned(fromByteOffset: 16, as: SIMD16<UInt8>.self)
        )
        unsafe place.storeBytes(of: first, as: SIMD16<UInt8>.self)
        unsafe place.storeBytes(of: second, toByteOffset: 16, as: SIMD16<UInt8>.self)
    }

    /// Copies UTF-8 with the escapes it needs; answers how long it became.
    private static func escape(
        _ source: UnsafePointer<UInt8>, _ count: Int, to place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var size = 0
        var index = 0
        while index < count {
            let run = unsafe tvs_plain_run(source + index, count - index)
            unsafe UnsafeMutableRawPointer(place + size).copyMemory(
                from: source + index, byteCount: run)
            index += run
            size += run
            guard index < count else { break }
            let character = unsafe source[index]
            if needsEscape(character) {
                size += unsafe escape(character, to: place + size)
            } else {
                unsafe place[size] = character
                size += 1
            }
            index += 1
        }
        return size
    }

    // MARK: - The summary

    /// A member whose value was written before.
    mutating func member(_ name: StaticString, again value: Written, isNumber: Bool = false) {
        guard !value.isNone, value.range.upperBound <= buffer.count else { return }
        unsafe member(name, nil, Int(value.start), Int(value.length), isNumber ? 0 : 1)
    }

    /// A member whose value is a word of ours.
    mutating func member(_ name: StaticString, word: StaticString) {
        unsafe member(name, UnsafeRawPointer(word.utf8Start), 0, word.utf8CodeUnitCount, 1)
    }

    /// Copies from `source`, or from `start` of the document without one.
    private mutating func member(
        _ name: StaticString, _ source: UnsafeRawPointer?, _ start: Int, _ count: Int,
        _ quote: Int
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
            unsafe out += 2 + quote
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
            return unsafe out - place + count + quote
        }
        needsComma = true
    }
}
