// JSONUnits.swift - the bytes of a string without its escapes, one after the other.
//
// For whoever may stop early. Only for text that `JSONReader` has checked.

/// A place in a string.
struct JSONUnits {
    private var place = 0
    /// What is left of a character, its next byte lowest.
    private var rest: UInt32 = 0

    /// The next byte of the same text; nil at its end.
    @inline(__always)
    mutating func next(of text: RawSpan) -> UInt8? {
        if rest != 0 {
            defer { rest >>= 8 }
            return UInt8(truncatingIfNeeded: rest)
        }
        guard place < text.byteCount else { return nil }
        let byte = text.at(place)
        if byte == UInt8(ascii: "\\") { return escaped(text) }
        place += 1
        return byte
    }

    private mutating func escaped(_ text: RawSpan) -> UInt8 {
        let (value, length) = JSONText.escape(text, at: place)
        place += length
        if value < 0x80 { return UInt8(truncatingIfNeeded: value) }
        var (bytes, shift): (UInt32, UInt32) = (0, 0)
        for unit in Self.encoded(value) {
            bytes |= UInt32(unit) << shift
            shift += 8
        }
        rest = bytes >> 8
        return UInt8(truncatingIfNeeded: bytes)
    }

    /// A character's UTF-8.
    static func encoded(_ value: UInt32) -> UTF8.EncodedScalar {
        UTF8.encode(Unicode.Scalar(value) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter
    }
}
