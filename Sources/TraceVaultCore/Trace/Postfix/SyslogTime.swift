// SyslogTime.swift - the time that a collector put before a line, in the forms that are seen.
//
// Only where it ends is told: what it says is text, as most of them have no year or no zone. Months
// are words of any language.

enum SyslogTime {
    /// The place of the space behind the time; nil when there is none.
    static func end(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        if text.isDigit(start), text.at(start + 4) == UInt8(ascii: "-") {
            return dated(text, start, end)
        }
        return named(text, start, end)
    }

    /// `2026-01-05T10:00:00.123+01:00`, also with spaces for the "T" and before the zone.
    private static func dated(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        guard text.digitsEnd(start, end) == start + 4, text.digitsEnd(start + 5, end) == start + 7,
            text.at(start + 7) == UInt8(ascii: "-"), text.digitsEnd(start + 8, end) == start + 10
        else { return nil }
        if text.at(start + 10) == UInt8(ascii: "T") {
            let timeEnd = text.find(UInt8(ascii: " "), start, end)
            return timeEnd < end ? timeEnd : nil
        }
        guard text.at(start + 10) == UInt8(ascii: " "),
            let timeEnd = clock(text, start + 11, end)
        else { return nil }
        let zone = timeEnd + 1
        let isOffset = text.at(zone) == UInt8(ascii: "+") || text.at(zone) == UInt8(ascii: "-")
        let zoneEnd = text.find(UInt8(ascii: " "), zone, end)
        return isOffset && text.isDigit(zone + 1) && zoneEnd < end ? zoneEnd : timeEnd
    }

    /// `Jan  6 10:00:00` or `6 janv. 10:00:00`: one blank or two, a day of the week before it, a
    /// year before the month, behind the day or behind the time, decimals.
    private static func named(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        if let timeEnd = dayAndTime(text, start, end) { return timeEnd }
        // Perhaps a day of the week.
        let wordEnd = text.find(UInt8(ascii: " "), start, min(end, start + 24))
        let nameEnd = text.at(wordEnd - 1) == UInt8(ascii: ",") ? wordEnd - 1 : wordEnd
        guard text.at(wordEnd) == UInt8(ascii: " "), isMonth(text, start, nameEnd) else {
            return nil
        }
        return dayAndTime(text, blanksEnd(text, wordEnd), end)
    }

    private static func dayAndTime(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        let first = yearEnd(text, start, end)
        let date =
            month(text, first, end).flatMap { day(text, $0, end) }
            ?? day(text, start, end).flatMap { month(text, $0, end) }
        guard let date, let timeEnd = clock(text, yearEnd(text, date, end), end) else { return nil }
        // A year, unless it is the name of the host before the tag.
        let yearEnd = yearEnd(text, timeEnd + 1, end)
        let wordEnd = text.find(UInt8(ascii: " "), yearEnd, end)
        let isHost = text.at(wordEnd - 1) == UInt8(ascii: ":") || wordEnd == end
        return yearEnd == timeEnd + 1 || isHost ? timeEnd : yearEnd - 1
    }

    /// Behind a year and a blank; `start` without them.
    private static func yearEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        text.digitsEnd(start, end) == start + 4 && text.at(start + 4) == UInt8(ascii: " ")
            ? start + 5 : start
    }

    /// Behind a month and its blanks.
    private static func month(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        let monthEnd = text.find(UInt8(ascii: " "), start, min(end, start + 24))
        guard monthEnd >= start + 3, text.at(monthEnd) == UInt8(ascii: " "),
            isMonth(text, start, monthEnd)
        else { return nil }
        return blanksEnd(text, monthEnd)
    }

    /// Behind a day, perhaps with a point, and its blank.
    private static func day(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        var dayEnd = text.digitsEnd(start, end)
        guard dayEnd > start, dayEnd <= start + 2 else { return nil }
        if text.at(dayEnd) == UInt8(ascii: ".") { dayEnd += 1 }
        return text.at(dayEnd) == UInt8(ascii: " ") ? dayEnd + 1 : nil
    }

    /// Behind one blank or two.
    private static func blanksEnd(_ text: RawSpan, _ blank: Int) -> Int {
        text.at(blank + 1) == UInt8(ascii: " ") ? blank + 2 : blank + 1
    }

    /// Letters of any language, perhaps with a point; or a number before a letter, as in China.
    private static func isMonth(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        for place in start..<end {
            let character = text.at(place)
            let isLetter = (character | 0x20) &- UInt8(ascii: "a") < 26 || character >= 0x80
            let isPoint = character == UInt8(ascii: ".") && place == end - 1
            guard isLetter || isPoint || (text.isDigit(place) && text.at(end - 1) >= 0x80) else {
                return false
            }
        }
        return true
    }

    /// `10:00:00` and what may stand behind it without a space; the space behind it.
    private static func clock(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        guard text.digitsEnd(start, end) == start + 2, text.at(start + 2) == UInt8(ascii: ":"),
            text.digitsEnd(start + 3, end) == start + 5, text.at(start + 5) == UInt8(ascii: ":"),
            text.digitsEnd(start + 6, end) == start + 8
        else { return nil }
        let timeEnd = text.find(UInt8(ascii: " "), start + 8, min(end, start + 32))
        guard text.at(timeEnd) == UInt8(ascii: " "),
            timeEnd == start + 8 || !isLetter(text.at(start + 8))
        else { return nil }
        return timeEnd
    }

    private static func isLetter(_ character: UInt8) -> Bool {
        (character | 0x20) &- UInt8(ascii: "a") < 26
    }

    // MARK: - Facilities

    /// `mail.info`, `<mail.info>`, `[mail.info]`, or the severity or facility alone.
    static func isFacility(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        var (start, end) = (start, end)
        if text.at(start) == UInt8(ascii: "<") || text.at(start) == UInt8(ascii: "[") {
            (start, end) = (start + 1, end - 1)
        }
        guard end > start else { return false }
        let point = text.find(UInt8(ascii: "."), start, end)
        if point == end { return text.says("mail", start..<end) || isSeverity(text, start..<end) }
        return isSeverity(text, point + 1..<end)
            && (text.says("mail", start..<point) || text.says("daemon", start..<point)
                || text.says("user", start..<point) || text.says("syslog", start..<point)
                || (text.has("local", start) && point == start + 6))
    }

    private static func isSeverity(_ text: RawSpan, _ word: Range<Int>) -> Bool {
        text.says("info", word) || text.says("notice", word) || text.says("warning", word)
            || text.says("warn", word) || text.says("err", word) || text.says("error", word)
            || text.says("crit", word) || text.says("alert", word) || text.says("emerg", word)
            || text.says("debug", word) || text.says("INFO", word)
    }
}
