// Written.swift - where something was written, so that it can be written again without a copy.

/// A place in the document being written: the inside of a string, or a number. Empty is "none".
struct Written: Equatable {
    private(set) var start: UInt32 = 0
    private(set) var length: UInt32 = 0

    static let none = Written()

    init() {}

    /// None when the document has become too large for it.
    @inline(__always)
    init(_ start: Int, _ end: Int) {
        guard let first = UInt32(exactly: start), let length = UInt32(exactly: end - start) else {
            return
        }
        (self.start, self.length) = (first, length)
    }

    /// Both are known to fit.
    @inline(__always)
    init(_ start: Int, upTo end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        length = UInt32(truncatingIfNeeded: end &- start)
    }

    /// Only its beginning counts, which is not longer.
    mutating func end(after length: Int) { self.length = UInt32(truncatingIfNeeded: length) }

    /// No document begins with a string, so place 0 is free to mean "none".
    var isNone: Bool { start == 0 }
    /// Becomes `other` unless it is something already.
    mutating func setOnce(_ other: Written) {
        if isNone { self = other }
    }

    var range: Range<Int> { Int(start)..<(Int(start) + Int(length)) }
}
