// CanonicalTimes.swift - whether the times of a trace's lines are written as this library does.
//
// They nearly always are, and of the same day: the day is checked once, then only the clock.

/// Checks one time after the other.
struct CanonicalTimes {
    /// The date of the last time that was one; none begins with a zero byte.
    private var day: (UInt64, UInt16) = (0, 0)

    /// Whether a text is RFC 3339 in UTC, with "T" and "Z".
    mutating func isCanonical(_ text: RawSpan) -> Bool {
        let count = text.byteCount
        guard count >= 20 else { return false }
        let date = unsafe (
            text.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self),
            text.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt16.self)
        )
        guard date == day else {
            guard let time = Timestamp(text), time.isCanonical else { return false }
            day = date
            return true
        }
        guard let clock = Timestamp.digits(text, at: 11, between: 0x0000_FF00_00FF_0000),
            Timestamp.pair(clock, 0) <= 23, Timestamp.pair(clock, 3) <= 59,
            Timestamp.pair(clock, 6) <= 60, text.at(10) == UInt8(ascii: "T"),
            text.at(count - 1) == UInt8(ascii: "Z")
        else { return false }
        if count == 20 { return true }
        return text.at(19) == UInt8(ascii: ".") && count > 21
            && count <= 21 + Timestamp.maxFraction
            && text.digitsEnd(20, count) == count - 1
    }
}
