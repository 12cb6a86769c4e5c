// JSONWriter.swift - canonical JSON into a ByteBuffer.
//
// Canonical: no white space, keys in the order they are written, the shortest escape, "/" and
// non-ASCII text as they are. Running out of room is remembered, not thrown, so that callers stay
// straight lines: look at `isComplete` once, at the end.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Writes one JSON value. Commas and colons come by themselves; nesting is the caller's to balance.
package struct JSONWriter: ~Copyable {
    package let buffer: ByteBuffer
    /// False once anything did not fit.
    package internal(set) var isComplete = true
    var needsComma = false
    let ways: ShortWays

    package init(into buffer: ByteBuffer, _ ways: ShortWays = .all) {
        self.buffer = buffer
        self.ways = ways
    }

    // MARK: - Structure

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// An object's key; ASCII without characters that need escapes.
    @inline(never)
    package mutating func key(_ name: StaticString) {
        let length = name.utf8CodeUnitCount
        let comma = needsComma
        unsafe put(upTo: length + 4) { place in
            var size = 0
            if comma {
                unsafe place[0] = UInt8(ascii: ",")
                size = 1
            }
            unsafe place[size] = UInt8(ascii: "\"")
            unsafe UnsafeMutableRawPointer(place + size + 1).copyMemory(
                from: name.utf8Start, byteCount: length)
            size += length + 3
            unsafe place[size - 2] = UInt8(ascii: "\"")
            unsafe place[size - 1] = UInt8(ascii: ":")
            return size
        }
        needsComma = false
    }

    /// Members that are always the same, as they are to stand there; may end with an open bracket
    /// or the colon of a key.
    @inline(never)
    mutating func fixed(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        let comma = needsComma ? 1 : 0
        unsafe put(upTo: count &+ 1) { place in
            unsafe place[0] = UInt8(ascii: ",")
            unsafe UnsafeMutableRawPointer(place + comma).copyMemory(
                from: text.utf8Start, byteCount: count)
            return comma &+ count
        }
        switch unsafe text.utf8Start[count - 1] {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): needsComma = false
        default: needsComma = true
        }
    }

    /// An object's key from outside; see `string(_:isRewritten:)`.
    package mutating func key(_ text: RawSpan, isRewritten: Bool) {
        string(text, isRewritten: isRewritten)
        byte(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: - Values

    package mutating func null() { literal("null    ", 4) }
    package mutating func bool(_ value: Bool) {
        literal(value ? "true    " : "false   ", value ? 4 : 5)
    }

    package mutating func string(_ value: String) {
        var text = value
        text.withUTF8 { unsafe escaped(UnsafeRawBufferPointer($0)) }
    }

    /// Bytes that are already valid UTF-8.
    package mutating func string(_ value: RawSpan) {
        unsafe value.withUnsafeBytes { unsafe escaped($0) }
    }

    /// The text of a string token, which a `JSONReader` has checked; with or without escapes that
    /// are written differently here.
    package mutating func string(_ text: RawSpan, isRewritten: Bool) {
        if isRewritten {
            beginString()
            transcribe(text)
            endString()
        } else {
            // What needs an escape has one, and the shortest.
            quoted(text)
        }
    }

    /// A complete JSON value, written as it is.
    package mutating func verbatim(_ value: RawSpan) {
        separate()
        unsafe value.withUnsafeBytes { unsafe raw($0) }
        needsComma = true
    }

    // MARK: - Strings in parts

    /// Begins a string whose parts follow with `part`.
    package mutating func beginString() {
        separate()
        byte(UInt8(ascii: "\""))
    }

    /// Part of a string: UTF-8 without anything that needs an escape.
    package mutating func part(_ text: RawSpan) {
        unsafe text.withUnsafeBytes { unsafe raw($0) }
    }

    /// Part of a string: ASCII without anything that needs an escape.
    package mutating func part(_ text: String) {
        var text = text
        text.withUTF8 { unsafe raw(UnsafeRawBufferPointer($0)) }
    }

    /// Part of a string that is a word of ours.
    @inline(never)
    mutating func part(_ word: StaticString) {
        part(unsafe RawSpan(_unsafeStart: word.utf8Start, byteCount: word.utf8CodeUnitCount))
    }

    package mutating func endString() {
        byte(UInt8(ascii: "\""))
        needsComma = true
    }

    // MARK: - Bytes

    @inline(__always)
    mutating func put(upTo most: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
        if isComplete { isComplete = unsafe buffer.append(upTo: most, write) }
    }

    mutating func quoted(_ text: RawSpan) {
        let comma = needsComma
        unsafe text.withUnsafeBytes { source in
            unsafe put(upTo: source.count + (comma ? 3 : 2)) { place in
                var size = 0
                if comma {
                    unsafe place[0] = UInt8(ascii: ",")
                    size = 1
                }
                unsafe place[size] = UInt8(ascii: "\"")
                if let from = source.baseAddress {
                    unsafe UnsafeMutableRawPointer(place + size + 1).copyMemory(
                        from: from, byteCount: source.count)
                }
                unsafe place[size + 1 + source.count] = UInt8(ascii: "\"")
                return size + source.count + 2
            }
        }
        needsComma = true
    }

    @inline(__always)
    private mutating func open(_ bracket: UInt8) {
        separate()
        byte(bracket)
        needsComma = false
    }

    @inline(__always)
    private mutating func close(_ bracket: UInt8) {
        byte(bracket)
        needsComma = true
    }

    /// Copies eight characters, of which fewer count.
    private mutating func literal(_ text: StaticString, _ length: Int) {
        let comma = needsComma ? 1 : 0
        unsafe put(upTo: 9) { place in
            unsafe place[0] = UInt8(ascii: ",")
            unsafe UnsafeMutableRawPointer(place + comma).copyMemory(
                from: text.utf8Start, byteCount: 8)
            return comma &+ length
        }
        needsComma = true
    }

    @inline(__always)
    mutating func separate() {
        if needsComma { byte(UInt8(ascii: ",")) }
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        unsafe put(upTo: 1) { place in
            unsafe place[0] = value
            return 1
        }
    }

    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        if isComplete { isComplete = unsafe buffer.append(bytes) }
    }
}
