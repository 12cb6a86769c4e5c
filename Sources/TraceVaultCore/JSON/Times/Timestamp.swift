// Timestamp.swift - instants as text: RFC 3339 in, RFC 3339 in UTC out.
//
// Own arithmetic, because the C library's depends on the process's locale and time zone. Digits of
// a fraction are kept as written, never rounded. No clock is read here.

/// One parsed instant. The fraction stays in the text it was parsed from.
package struct Timestamp: Sendable, Equatable {
    // The date as written; with the zone's offset taken off, the minute may be of another day.
    private let year: Int64
    private let month: Int64
    private let day: Int64
    private let minuteOfDay: Int64
    /// 0 to 60; a leap second stays one.
    package let second: Int64
    /// Where the digits of the fraction are in the parsed text; empty without one.
    package let fraction: Range<Int>
    /// The text named no zone; UTC was assumed.
    package let zoneMissing: Bool
    /// The text is already what would be written.
    package let isCanonical: Bool

    /// How long it is as RFC 3339 in UTC.
    var length: Int { Self.stemLength + (fraction.isEmpty ? 1 : fraction.count + 2) }

    /// More digits than any clock has; times are compared digit by digit, again and again.
    static let maxFraction = 32
    /// The first and the last minute with a year of four digits.
    private static let allowed = Int64(-1_036_120_320)...Int64(4_223_371_679)
    /// The last millisecond with a year of four digits, since 1970.
    static let lastMillisecond = (allowed.upperBound + 1) * 60_000 - 1

    /// `YYYY-MM-DDThh:mm:ss[.digits][zone]`: also a space or "t" for the T, "z", offsets as
    /// +hh:mm, +hhmm and +hh, and no zone at all. Nil when it is anything else.
    package init?(_ text: RawSpan) {
        guard text.byteCount >= Self.stemLength,
            let date = Self.digits(text, at: 0, between: 0xFF00_00FF_0000_0000),
            let day = Self.digits(text, 8, 2),
            let clock = Self.digits(text, at: 11, between: 0x0000_FF00_00FF_0000)
        else { return nil }
        let year = Self.pair(date, 0) * 100 + Self.pair(date, 2)
        let month = Self.pair(date, 5)
        let (hour, minute, second) = (
            Self.pair(clock, 0), Self.pair(clock, 3), Self.pair(clock, 6)
        )
        guard
            month >= 1, month <= 12, day >= 1, day <= Self.daysInMonth(year, month),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }
        let separator = JSONText.byte(text, 10)
        guard
            separator == UInt8(ascii: "T") || separator == UInt8(ascii: "t")
                || separator == UInt8(ascii: " ")
        else { return nil }
        var index = 19
        var fraction = 19..<19
        if Self.is(text, 19, ".") {
            index = 20
            while JSONText.byte(text, index) &- UInt8(ascii: "0") < 10 { index += 1 }
            guard index > 20, index <= 20 + Self.maxFraction else { return nil }
            fraction = 20..<index
        }
        guard let zone = Self.zone(text, at: index) else { return nil }
        let minuteOfDay = hour * 60 + minute - zone.minutes
        self.minuteOfDay = minuteOfDay
        (self.year, self.month, self.day) = (year, month, day)
        self.second = second
        self.fraction = fraction
        zoneMissing = zone.isMissing
        isCanonical = zone.isCanonical && separator == UInt8(ascii: "T")
        guard zone.minutes == 0 || Self.allowed.contains(minutes) else { return nil }
    }

    /// Of a text in another form; nil when it is of no year of four digits.
    init?(
        year: Int64, month: Int64, day: Int64, minuteOfDay: Int64, second: Int64,
        fraction: Range<Int>, zoneMissing: Bool
    ) {
        guard (1...12).contains(month), day >= 1, day <= Self.daysInMonth(year, month) else {
            return nil
        }
        (self.year, self.month, self.day) = (year, month, day)
        (self.minuteOfDay, self.second, self.fraction) = (minuteOfDay, second, fraction)
        (self.zoneMissing, isCanonical) = (zoneMissing, false)
        guard Self.allowed.contains(minutes) else { return nil }
    }

    /// Whole minutes since 1970, UTC. Not kept, because few texts need their instant.
    package var minutes: Int64 {
        Self.days(year: year, month: month, day: day) * 1440 + minuteOfDay
    }

    /// The same text with a zone behind it that is so many minutes ahead of UTC.
    func moved(by offset: Int64) -> Timestamp? {
        Timestamp(
            year: year, month: month, day: day, minuteOfDay: minuteOfDay - offset,
            second: second, fraction: fraction, zoneMissing: false)
    }

    // MARK: - Writing

    /// `YYYY-MM-DDThh:mm:ss` without fraction and zone; 19 ASCII characters.
    package var stem: String { Self.stem(minutes: minutes, second: second) }

    /// RFC 3339 in UTC; `fraction` in units of the last of `digits` decimal places.
    package static func text(seconds: Int64, fraction: Int64, digits: Int) -> String {
        let minutes = floorDivide(seconds, 60)
        return text(
            minutes: minutes, second: seconds - minutes * 60, fraction: fraction,
            digits: max(1, min(digits, 18)))
    }

    /// RFC 3339 in UTC with three decimals; nil outside the years 0000 to 9999.
    package static func text(milliseconds: Int64) -> String? {
        let seconds = floorDivide(milliseconds, 1000)
        guard allowed.contains(floorDivide(seconds, 60)) else { return nil }
        return text(seconds: seconds, fraction: milliseconds - seconds * 1000, digits: 3)
    }

    private static func stem(minutes: Int64, second: Int64) -> String {
        unsafe String(unsafeUninitializedCapacity: stemLength) { place in
            unsafe writeStem(place, minutes, second)
            return stemLength
        }
    }

    private static func text(
        minutes: Int64, second: Int64, fraction: Int64, digits: Int
    ) -> String {
        let length = stemLength + digits + 2
        return unsafe String(unsafeUninitializedCapacity: length) { place in
            unsafe write(place, minutes, second, fraction, digits)
            return length
        }
    }

    /// How long `write(seconds:microseconds:to:)` makes it.
    static let microsecondsLength = stemLength + 8

    /// RFC 3339 in UTC with six decimals, to where there is room for it.
    static func write(
        seconds: Int64, microseconds: Int64, to place: UnsafeMutableBufferPointer<UInt8>
    ) {
        let minutes = floorDivide(seconds, 60)
        unsafe write(place, minutes, seconds - minutes * 60, microseconds, 6)
    }

    private static func write(
        _ place: UnsafeMutableBufferPointer<UInt8>, _ minutes: Int64, _ second: Int64,
        _ fraction: Int64, _ digits: Int
    ) {
        unsafe writeStem(place, minutes, second)
        unsafe place[stemLength] = UInt8(ascii: ".")
        unsafe writeDigits(place, at: stemLength + 1, fraction, digits)
        unsafe place[stemLength + digits + 1] = UInt8(ascii: "Z")
    }

    private static let stemLength = 19

    private static func writeStem(
        _ place: UnsafeMutableBufferPointer<UInt8>, _ minutes: Int64, _ second: Int64
    ) {
        let days = floorDivide(minutes, 1440)
        let minuteOfDay = minutes - days * 1440
        let (year, month, day) = civil(days: days)
        unsafe writeDigits(place, at: 0, year, 4)
        unsafe place[4] = UInt8(ascii: "-")
        unsafe writeDigits(place, at: 5, month, 2)
        unsafe place[7] = UInt8(ascii: "-")
        unsafe writeDigits(place, at: 8, day, 2)
        unsafe place[10] = UInt8(ascii: "T")
        unsafe writeDigits(place, at: 11, minuteOfDay / 60, 2)
        unsafe place[13] = UInt8(ascii: ":")
        unsafe writeDigits(place, at: 14, minuteOfDay % 60, 2)
        unsafe place[16] = UInt8(ascii: ":")
        unsafe writeDigits(place, at: 17, second, 2)
    }

    /// The last `count` digits of a value that is not negative.
    private static func writeDigits(
        _ place: UnsafeMutableBufferPointer<UInt8>, at start: Int, _ value: Int64, _ count: Int
    ) {
        var rest = value.magnitude
        var index = start &+ count
        while index > start {
            index &-= 1
            unsafe place[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    // MARK: - Parsing

    /// Eight characters as digits, one in each byte: all of them digits but those `between`, which
    /// are "-" in the date and ":" in the time of day. One look at eight characters instead of
    /// eight, as every line of a trace has a time: 360 instructions for each before, 200 after.
    @inline(__always)
    static func digits(
        _ text: RawSpan, at start: Int, between separators: UInt64
    ) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let separator = UInt64(start == 0 ? UInt8(ascii: "-") : UInt8(ascii: ":"))
        let expected =
            (ones &* UInt64(UInt8(ascii: "0"))) & ~separators | (ones &* separator) & separators
        let word = UInt64(
            littleEndian: unsafe text.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
        let digits = word ^ expected
        // A byte above 9 reaches bit 7 with 0x76 added, or has it already.
        let tooLarge = ((digits &+ ones &* 0x76) | digits) & (ones &* 0x80)
        return tooLarge == 0 && digits & separators == 0 ? digits : nil
    }

    /// The number of two digits in a row.
    @inline(__always)
    static func pair(_ digits: UInt64, _ index: UInt64) -> Int64 {
        Int64((digits >> (8 * index)) & 15) * 10 + Int64((digits >> (8 * index + 8)) & 15)
    }

    static func digits(_ text: RawSpan, _ start: Int, _ count: Int) -> Int64? {
        guard start + count <= text.byteCount else { return nil }
        var value: Int64 = 0
        for index in start..<(start + count) {
            let digit = JSONText.byte(text, index) &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return value
    }

    private static func `is`(_ text: RawSpan, _ index: Int, _ character: Unicode.Scalar) -> Bool {
        JSONText.byte(text, index) == UInt8(ascii: character) && index < text.byteCount
    }

    /// The zone from `index` to the end of the text.
    static func zone(
        _ text: RawSpan, at index: Int
    ) -> (minutes: Int64, isMissing: Bool, isCanonical: Bool)? {
        let rest = text.byteCount - index
        if rest == 0 { return (0, true, false) }
        let sign = JSONText.byte(text, index)
        if rest == 1, sign == UInt8(ascii: "Z") { return (0, false, true) }
        if rest == 1, sign == UInt8(ascii: "z") { return (0, false, false) }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = digits(text, index + 1, 2), hours <= 23
        else { return nil }
        let minutes: Int64?
        switch rest {
        case 3: minutes = 0
        case 5: minutes = digits(text, index + 3, 2)
        case 6 where Self.is(text, index + 3, ":"): minutes = digits(text, index + 4, 2)
        default: minutes = nil
        }
        guard let minutes, minutes <= 59 else { return nil }
        let offset = hours * 60 + minutes
        return (sign == UInt8(ascii: "-") ? -offset : offset, false, false)
    }

    // MARK: - The calendar (proleptic Gregorian)

    private static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970. Years are counted from March, so that the leap day comes last.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * part + 2) / 5 + 1
        )
    }

    static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}
