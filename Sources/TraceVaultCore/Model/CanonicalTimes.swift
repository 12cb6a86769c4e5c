// CanonicalTimes.swift - whether the times of a trace's lines are written as this library does.
//
// They nearly always are, and many of the same minute: it is checked once, then only the seconds.

/// Checks one time after the other.
struct CanonicalTimes {
    /// The last time that was one, up to its minute; none begins with a zero byte.
    private var minute: (UInt64, UInt64) = (0, 0)

    /// Whether a text is RFC 3339 in UTC, with "T" and "Z".
    mutating func isCanonical(_ text: RawSpan) -> Bool {
        let count = text.byteCount
        guard count >= 20 else { return false }
        let minute = unsafe (
            text.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self),
            text.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        guard minute == self.minute else {
            guard let time = Timestamp(text), time.isCanonical else { return false }
            self.minute = minute
            return true
        }
        if count == 24,
            Self.isSecond(unsafe text.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt64.self))
        {
            return true
        }
        let (tens, ones) = (text.at(17) &- UInt8(ascii: "0"), text.at(18) &- UInt8(ascii: "0"))
        guard text.at(16) == UInt8(ascii: ":"), tens < 6 && ones < 10 || tens == 6 && ones == 0,
            text.at(count - 1) == UInt8(ascii: "Z")
        else { return false }
        if count == 20 { return true }
        return text.at(19) == UInt8(ascii: ".") && count > 21
            && count <= 21 + Timestamp.maxFraction
            && text.digitsEnd(20, count) == count - 1
    }

    /// Whether eight bytes are `:SS.mmmZ`, as nearly always; no leap second.
    private static func isSecond(_ bytes: UInt64) -> Bool {
        // Byte by byte from the end: what is to be the same becomes 0, digits become their values.
        let rest = UInt64(littleEndian: bytes) ^ 0x5A_30_30_30_2E_30_30_3A
        // A sum of 16 or more is one of a tens digit above 5 or of another above 9.
        let sums = rest &+ 0x00_06_06_06_00_06_0A_00
        return rest & 0xFF_F0_F0_F0_FF_F0_F0_FF == 0 && sums & 0x00_F0_F0_F0_00_F0_F0_00 == 0
    }
}
