// Timestamp+Forms.swift - other forms of times that collectors write.
//
// Seconds, milliseconds, microseconds or nanoseconds since 1970, RFC 2822, and Go's own form.

extension Timestamp {
    /// RFC 3339, or one of the forms below; nil when it is none of them.
    init?(anyForm text: RawSpan) {
        if let usual = Timestamp(text) {
            self = usual
            return
        }
        let found = Self.counted(text) ?? Self.spaced(text) ?? Self.mail(text)
        guard let found else { return nil }
        self = found
    }

    /// `1767607200`, with three, six or nine more digits for what is smaller than a second, or with
    /// a point and decimals.
    private static func counted(_ text: RawSpan) -> Timestamp? {
        let count = text.byteCount
        let whole = text.digitsEnd(0, count)
        var (length, fraction) = (whole, whole..<whole)
        if whole < count {
            guard text.at(whole) == UInt8(ascii: "."), whole + 1 < count,
                text.digitsEnd(whole + 1, count) == count, count - whole <= maxFraction
            else { return nil }
            fraction = whole + 1..<count
        } else if whole > 11 {
            length = whole - (whole > 17 ? 9 : whole > 14 ? 6 : 3)
            fraction = length..<whole
        }
        guard length > 0, length <= 11, let seconds = digits(text, 0, length) else { return nil }
        let days = floorDivide(seconds, 86_400)
        let (year, month, day) = civil(days: days)
        let rest = seconds - days * 86_400
        return Timestamp(
            year: year, month: month, day: day, minuteOfDay: rest / 60, second: rest % 60,
            fraction: fraction, zoneMissing: false)
    }

    /// `2026-01-05 10:00:00.5 +0000 UTC`, perhaps with Go's reading of another clock behind it.
    private static func spaced(_ text: RawSpan) -> Timestamp? {
        let count = text.byteCount
        let space = text.find(UInt8(ascii: " "), 11, count)
        guard space >= 19, space < count, let time = Timestamp(text.extracting(0..<space)),
            time.zoneMissing, let offset = offset(text, space + 1)
        else { return nil }
        return time.moved(by: offset)
    }

    /// `[Mon, ]05 Jan 2026 10:00:00 +0000`.
    private static func mail(_ text: RawSpan) -> Timestamp? {
        let count = text.byteCount
        let comma = text.find(UInt8(ascii: ","), 0, min(count, 10))
        var place = text.at(comma) == UInt8(ascii: ",") ? comma + 2 : 0
        let dayEnd = text.digitsEnd(place, count)
        guard (1...2).contains(dayEnd - place), let day = digits(text, place, dayEnd - place),
            text.at(dayEnd) == UInt8(ascii: " "), let month = month(text, dayEnd + 1),
            text.at(dayEnd + 4) == UInt8(ascii: " "), let year = digits(text, dayEnd + 5, 4)
        else { return nil }
        place = dayEnd + 10
        guard let hour = digits(text, place, 2), hour < 24, text.at(place + 2) == UInt8(ascii: ":"),
            let minute = digits(text, place + 3, 2), minute < 60
        else { return nil }
        var second: Int64 = 0
        place += 5
        if text.at(place) == UInt8(ascii: ":") {
            guard let written = digits(text, place + 1, 2), written <= 60 else { return nil }
            (second, place) = (written, place + 3)
        }
        let isMissing = place == count
        let zone = isMissing ? 0 : offset(text, place + 1)
        guard let zone, isMissing || text.at(place) == UInt8(ascii: " ") else { return nil }
        return Timestamp(
            year: year, month: month, day: day, minuteOfDay: hour * 60 + minute - zone,
            second: second, fraction: place..<place, zoneMissing: isMissing)
    }

    /// Minutes of `+0100`, `UTC`, `GMT` or `Z`, whatever follows behind a space.
    private static func offset(_ text: RawSpan, _ start: Int) -> Int64? {
        let end = text.find(UInt8(ascii: " "), start, text.byteCount)
        guard start < end else { return nil }
        if text.says("UTC", start..<end) || text.says("GMT", start..<end) { return 0 }
        return zone(text.extracting(0..<end), at: start)?.minutes
    }

    private static func month(_ text: RawSpan, _ start: Int) -> Int64? {
        let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        for month in 0..<12 {
            var isIt = true
            for letter in 0..<3 {
                let expected = unsafe names.utf8Start[month * 3 + letter]
                if text.at(start + letter) != expected { isIt = false }
            }
            if isIt { return Int64(month + 1) }
        }
        return nil
    }

    // MARK: - Comparing

    /// The same instant, however it was written.
    package func isSame(as other: Timestamp, _ text: RawSpan, _ otherText: RawSpan) -> Bool {
        guard minutes == other.minutes, second == other.second else { return false }
        for place in 0..<max(fraction.count, other.fraction.count)
        where decimal(place, text) != other.decimal(place, otherText) { return false }
        return true
    }

    /// An earlier instant, however both were written.
    func isBefore(_ other: Timestamp, _ text: RawSpan, _ otherText: RawSpan) -> Bool {
        let (seconds, others) = (minutes * 60 + second, other.minutes * 60 + other.second)
        guard seconds == others else { return seconds < others }
        for place in 0..<max(fraction.count, other.fraction.count) {
            let (digit, otherDigit) = (decimal(place, text), other.decimal(place, otherText))
            guard digit == otherDigit else { return digit < otherDigit }
        }
        return false
    }

    /// A digit of the fraction; zero behind its last.
    private func decimal(_ place: Int, _ text: RawSpan) -> UInt8 {
        place < fraction.count
            ? JSONText.byte(text, fraction.lowerBound + place) : UInt8(ascii: "0")
    }
}
