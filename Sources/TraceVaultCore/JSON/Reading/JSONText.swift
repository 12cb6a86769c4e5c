// JSONText.swift - what the text of a token says: strings without escapes, numbers, names.
//
// Only for text that `JSONReader` has checked: nothing here reports an error, at most it finds
// nothing. Kept apart from the reader, which never decodes.

import CSystem

/// Functions over the checked text of a token.
package enum JSONText {
    @inline(__always)
    static func hexValue(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(character &- UInt8(ascii: "a") &+ 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(character &- UInt8(ascii: "A") &+ 10)
        default: nil
        }
    }

    /// The character of the escape at `index` (a backslash) and how many bytes it takes. Half of a
    /// surrogate pair is U+FFFD.
    static func escape(_ text: RawSpan, at index: Int) -> (scalar: UInt32, length: Int) {
        switch byte(text, index + 1) {
        case UInt8(ascii: "b"): return (0x08, 2)
        case UInt8(ascii: "f"): return (0x0C, 2)
        case UInt8(ascii: "n"): return (0x0A, 2)
        case UInt8(ascii: "r"): return (0x0D, 2)
        case UInt8(ascii: "t"): return (0x09, 2)
        case UInt8(ascii: "u"):
            let first = codeUnit(text, at: index)
            guard first >= 0xD800, first < 0xE000 else { return (first, 6) }
            guard first < 0xDC00, byte(text, index + 6) == UInt8(ascii: "\\"),
                byte(text, index + 7) == UInt8(ascii: "u")
            else { return (0xFFFD, 6) }
            let second = codeUnit(text, at: index + 6)
            guard second >= 0xDC00, second < 0xE000 else { return (0xFFFD, 6) }
            return (0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF), 12)
        case let character: return (UInt32(character), 2)
        }
    }

    private static func codeUnit(_ text: RawSpan, at index: Int) -> UInt32 {
        var unit: UInt32 = 0
        for offset in 2..<6 { unit = unit << 4 | (hexValue(byte(text, index + offset)) ?? 0) }
        return unit
    }

    /// A byte of the text, 0 outside of it.
    @inline(__always)
    static func byte(_ text: RawSpan, _ index: Int) -> UInt8 {
        guard UInt(bitPattern: index) < UInt(bitPattern: text.byteCount) else { return 0 }
        return unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// The string's UTF-8 bytes without escapes, one after the other, until `visit` says false.
    static func decode(_ text: RawSpan, _ visit: (UInt8) -> Bool) {
        var units = JSONUnits()
        while let unit = units.next(of: text) {
            guard visit(unit) else { return }
        }
    }

    /// The string's UTF-8 bytes without escapes; nil without memory.
    static func decoded(_ text: RawSpan) -> ByteBuffer? {
        let buffer = ByteBuffer(limit: text.byteCount)
        return decode(text, into: buffer) ? buffer : nil
    }

    /// The same as the new content of a buffer; false without memory.
    static func decode(_ text: RawSpan, into buffer: ByteBuffer) -> Bool {
        buffer.removeAll()
        // No escape is shorter than what it stands for.
        guard text.byteCount > 0 else { return buffer.reserve(0) }
        var place = 0
        return unsafe buffer.append(room: text.byteCount) { room in
            unsafe decode(text, from: &place, into: room)
        }
    }

    /// Writes the string without escapes from a place on, as far as there is room; answers how many
    /// bytes. Four bytes of room hold any character.
    static func decode(
        _ text: RawSpan, from place: inout Int, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        unsafe text.withUnsafeBytes { source in
            var used = 0
            while place < source.count, used < room.count {
                if unsafe source[place] != UInt8(ascii: "\\") {
                    let end = text.find(
                        UInt8(ascii: "\\"), place, min(source.count, place + room.count - used))
                    let plain = unsafe UnsafeRawBufferPointer(rebasing: source[place..<end])
                    unsafe UnsafeMutableRawBufferPointer(rebasing: room[used...])
                        .copyMemory(from: plain)
                    used += plain.count
                    place = end
                    continue
                }
                let (value, length) = escape(text, at: place)
                if value < 0x80 {
                    unsafe room[used] = UInt8(truncatingIfNeeded: value)
                    used += 1
                } else {
                    let units = JSONUnits.encoded(value)
                    guard used + units.count <= room.count else { return used }
                    for unit in units {
                        unsafe room[used] = unit
                        used += 1
                    }
                }
                place += length
            }
            return used
        }
    }

    /// Whether bytes are printable ASCII without a quote or a backslash.
    package static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return true
        }
        return unsafe tvs_plain_run(start, bytes.count) == bytes.count
    }

    /// Whether the string, without its escapes, is exactly `name`.
    @inline(__always)
    package static func equals(
        _ token: JSONToken, _ name: StaticString, in bytes: RawSpan
    ) -> Bool {
        if token.marks.contains(.escaped) { return equalsEscaped(token, name, bytes) }
        return token.end &- token.start == name.utf8CodeUnitCount
            && bytes.has(name, Int(token.start))
    }

    private static func equalsEscaped(
        _ token: JSONToken, _ name: StaticString, _ bytes: RawSpan
    ) -> Bool {
        var matched = 0
        var same = true
        decode(bytes.extracting(token.range(within: bytes.byteCount))) { unit in
            same =
                unsafe matched < name.utf8CodeUnitCount && name.utf8Start[matched] == unit
            matched += 1
            return same
        }
        return same && matched == name.utf8CodeUnitCount
    }

    /// The integer that the text is, when it is one and fits: digits with an optional minus.
    package static func int64(_ text: RawSpan) -> Int64? {
        let isNegative = byte(text, 0) == UInt8(ascii: "-")
        let first = isNegative ? 1 : 0
        guard text.byteCount > first else { return nil }
        var value: Int64 = 0
        for index in first..<text.byteCount {
            let digit = byte(text, index) &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            // Counts downwards: the smallest Int64 has no positive counterpart.
            let (next, tooSmall) = scaled.subtractingReportingOverflow(Int64(digit))
            guard !tooLarge, !tooSmall else { return nil }
            value = next
        }
        if isNegative { return value }
        return value == Int64.min ? nil : -value
    }

    /// Whether any JSON reader can hold the number: an Int64, or a finite double with an exponent.
    static func isCommon(_ text: RawSpan, isInteger: Bool) -> Bool {
        if isInteger { return int64(text) != nil }
        guard text.byteCount <= maxDoubleText else { return false }
        let written = unsafe text.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        return Double(written)?.isFinite ?? false
    }

    private static let maxDoubleText = 400

    /// The string's text for a message: at most `limit` bytes, what steers a terminal as spaces.
    package static func plain(_ text: RawSpan, limit: Int) -> String {
        var units: [UInt8] = []
        decode(text) { unit in
            units.append(unit)
            return units.count < limit + 4
        }
        var plain = ""
        var size = 0
        for scalar in String(decoding: units, as: UTF8.self).unicodeScalars {
            let shown = tvs_is_mark(scalar.value) ? " " : scalar
            size += UTF8.width(shown)
            guard size <= limit else { break }
            plain.unicodeScalars.append(shown)
        }
        return plain
    }
}
