// CanonicalTimes.swift - whether the times of a trace's lines are written as this library does.
//
// They nearly always are, and many of the same minute: it is checked once, then only the seconds.
// And whether they can be the times of a trace at all: a clock that was never set says 1970.

/// Checks one time after the other.
struct CanonicalTimes {
    /// Postfix is not older.
    static let usual = Timestamp.days(year: 1998, month: 1, day: 1) * 1440...Int64.max
    /// Times of one trace are not further from each other, in minutes.
    static let year: Int64 = 366 * 1440

    /// Which times are told, in minutes since 1970; others are unknown.
    let window: ClosedRange<Int64>
    /// Takes down every time; then none counts as canonical.
    let isCollecting: Bool
    private(set) var all: [Int64] = []
    private(set) var first = Int64.max
    private(set) var last = Int64.min
    /// The last time that was one, up to its minute; none begins with a zero byte.
    private var minute: (UInt64, UInt64) = (0, 0)

    init(_ window: ClosedRange<Int64> = usual, isCollecting: Bool = false) {
        (self.window, self.isCollecting) = (window, isCollecting)
    }

    /// Whether a time can be one of the trace's.
    mutating func isPlausible(_ time: Timestamp) -> Bool {
        let minutes = time.minutes
        guard window.contains(minutes) else { return false }
        (first, last) = (min(first, minutes), max(last, minutes))
        if isCollecting { all.append(minutes) }
        return true
    }

    /// Whether some times are too far from others, or from the queue id's, to be all true.
    func areScattered(_ queueID: Int64?) -> Bool {
        guard first <= last else { return false }
        let (low, high) = (min(first, queueID ?? first), max(last, queueID ?? last))
        return high - low > Self.year
    }

    /// The window around what most lines say, and around the queue id's own time; that of before
    /// when nobody can tell.
    func narrowed(_ queueID: Int64?) -> ClosedRange<Int64> {
        guard all.count > 2 || queueID != nil, !all.isEmpty else { return window }
        let middle = all.count > 2 ? all.sorted()[all.count / 2] : queueID ?? 0
        let (low, high) = (min(middle, queueID ?? middle), max(middle, queueID ?? middle))
        // Most lines and the id contradict each other: the lines are many.
        if high - low > Self.year { return (middle - Self.year)...(middle + Self.year) }
        return (low - Self.year)...(high + Self.year)
    }

    /// Whether a text is RFC 3339 in UTC, with "T" and "Z".
    mutating func isCanonical(_ text: RawSpan) -> Bool {
        let count = text.byteCount
        guard count >= 20, !isCollecting else { return false }
        let minute = unsafe (
            text.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self),
            text.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        guard minute == self.minute else {
            guard let time = Timestamp(text), time.isCanonical, isPlausible(time) else {
                return false
            }
            self.minute = minute
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
}
