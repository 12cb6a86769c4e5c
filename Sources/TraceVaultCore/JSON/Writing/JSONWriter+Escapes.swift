// JSONWriter+Escapes.swift - texts that cannot stand in a document as they are.
//
// Rare among texts of replies, so this is written to be small. The shortest escape each; those of
// a text from outside are read with `JSONText` and written anew.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

extension JSONWriter {
    /// Checked text with escapes, each made canonical.
    mutating func transcribe(_ text: RawSpan) {
        unsafe text.withUnsafeBytes { all in
            var index = 0
            while index < all.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: all[index...])
                let plain = unsafe Self.distance(to: UInt8(ascii: "\\"), in: rest)
                unsafe raw(UnsafeRawBufferPointer(rebasing: rest[..<plain]))
                index += plain
                guard index < all.count else { return }
                let (value, length) = JSONText.escape(text, at: index)
                index += length
                scalar(Unicode.Scalar(value) ?? "\u{FFFD}")
            }
        }
    }

    /// How many bytes come before the first `wanted`.
    private static func distance(to wanted: UInt8, in bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress,
            let found = unsafe memchr(start, Int32(wanted), bytes.count)
        else { return bytes.count }
        return unsafe UnsafeRawPointer(found) - start
    }

    private mutating func scalar(_ scalar: Unicode.Scalar) {
        if let ascii = UInt8(exactly: scalar.value), ascii < 0x80 {
            if Self.needsEscape(ascii) { escape(ascii) } else { byte(ascii) }
            return
        }
        for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { byte(unit) }
    }

    mutating func escaped(_ text: UnsafeRawBufferPointer) {
        // Nearly all of these are ids: 25 instructions for one instead of 200.
        if let start = unsafe text.baseAddress?.assumingMemoryBound(to: UInt8.self),
            unsafe tvs_plain_run(start, text.count) == text.count
        {
            return quoted(unsafe RawSpan(_unsafeBytes: text))
        }
        beginString()
        var start = 0
        for index in 0..<text.count where Self.needsEscape(unsafe text[index]) {
            unsafe raw(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            escape(unsafe text[index])
            start = index + 1
        }
        unsafe raw(UnsafeRawBufferPointer(rebasing: text[start..<text.count]))
        endString()
    }

    static func needsEscape(_ character: UInt8) -> Bool {
        character < 0x20 || character == UInt8(ascii: "\"") || character == UInt8(ascii: "\\")
    }

    private mutating func escape(_ character: UInt8) {
        unsafe put(upTo: 6) { unsafe Self.escape(character, to: $0) }
    }

    /// Writes up to six bytes; answers how many.
    static func escape(_ character: UInt8, to place: UnsafeMutablePointer<UInt8>) -> Int {
        unsafe place[0] = UInt8(ascii: "\\")
        let letter: UInt8
        switch character {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): letter = character
        case 0x08: letter = UInt8(ascii: "b")
        case 0x09: letter = UInt8(ascii: "t")
        case 0x0A: letter = UInt8(ascii: "n")
        case 0x0C: letter = UInt8(ascii: "f")
        case 0x0D: letter = UInt8(ascii: "r")
        default:
            unsafe place[1] = UInt8(ascii: "u")
            unsafe place[2] = UInt8(ascii: "0")
            unsafe place[3] = UInt8(ascii: "0")
            unsafe place[4] = hexDigit(character >> 4)
            unsafe place[5] = hexDigit(character & 15)
            return 6
        }
        unsafe place[1] = letter
        return 2
    }

    /// Finished JSON text with an escape for each character that steers a terminal, turns the
    /// direction of writing or hides: the text says the same. The text itself when it has none;
    /// nil without memory.
    static func withoutMarks(_ text: ByteBuffer) -> ByteBuffer? {
        guard let bytes = unsafe text.cString else { return nil }
        var (scalar, length): (UInt32, Int) = (0, 0)
        var place = unsafe tvs_next_mark(bytes, 0, text.count, &scalar, &length)
        if place == text.count { return text }
        var writer = JSONWriter(into: ByteBuffer(limit: text.limit))
        var start = 0
        while place < text.count {
            unsafe writer.raw(UnsafeRawBufferPointer(start: bytes + start, count: place - start))
            writer.longEscape(scalar)
            start = place + length
            place = unsafe tvs_next_mark(bytes, start, text.count, &scalar, &length)
        }
        unsafe writer.raw(UnsafeRawBufferPointer(start: bytes + start, count: place - start))
        return writer.isComplete ? writer.buffer : nil
    }

    private mutating func longEscape(_ scalar: UInt32) {
        let beyond = scalar &- 0x10000
        let units = scalar < 0x10000 ? [scalar] : [0xD800 | beyond >> 10, 0xDC00 | beyond & 0x3FF]
        for unit in units { unsafe put(upTo: 6) { unsafe Self.escape(unit: unit, to: $0) } }
    }

    private static func escape(unit: UInt32, to place: UnsafeMutablePointer<UInt8>) -> Int {
        unsafe place[0] = UInt8(ascii: "\\")
        unsafe place[1] = UInt8(ascii: "u")
        for index in 2..<6 {
            let digit = UInt8(truncatingIfNeeded: unit >> UInt32(4 * (5 - index)) & 15)
            unsafe place[index] = hexDigit(digit)
        }
        return 6
    }

    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
