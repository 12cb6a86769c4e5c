// JSONMembers.swift - the members of an object, each name once: the last one wins.
//
// Names repeat only in hostile or broken replies. A few short names are compared with each other;
// all others are found again by their hash (RepeatedNames.swift), so that the cost stays in
// proportion to the body, whatever it names its members.

#if canImport(Glibc)
    import Glibc
#endif

/// Walks the members of one object.
package struct JSONMembers {
    /// How many members there were whose name came again later.
    package private(set) var duplicates = 0
    /// Its names are so few, short and plain that comparing them with each other is least work.
    let comparesNames: Bool
    private let repeated: RepeatedNames?
    private var key: Int
    private var number = 0
    private let end: Int
    /// As many as an item of a search has: comparing lengths costs less than hashing names.
    private static let few = 40
    /// No longer than any name that Cloudflare is known to use.
    private static let short = 64

    /// Of the object at a position; no members when it is none.
    package init(
        of object: Int, _ tape: borrowing JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        key = object + 1
        end = tape[object].kind == .object ? Int(tape[object].next) : object
        var (count, longest, marks, name) = (0, 0, JSONToken.Marks(), key)
        while name + 1 < end {
            let token = tape[name]
            longest = max(longest, Int(token.end &- token.start))
            marks.formUnion(token.marks)
            count += 1
            name = Int(tape[name + 1].next)
        }
        let areSmall =
            count <= Self.few && longest <= Self.short && !marks.contains(.escaped)
        comparesNames = areSmall || count < 2
        repeated =
            comparesNames ? nil : try RepeatedNames.find(key..<end, count, tape, bytes)
    }

    /// The next member's key and value, of the same tape.
    package mutating func next(_ tape: JSONTape, _ bytes: RawSpan) -> (key: Int, value: Int)? {
        while key + 1 < end {
            let current = key
            key = Int(tape[current + 1].next)
            let comesAgain =
                comparesNames
                ? comesAgain(current, tape, bytes) : repeated?.contains(number) == true
            number += 1
            if !comesAgain { return (current, current + 1) }
            duplicates += 1
        }
        return nil
    }

    private func comesAgain(_ candidate: Int, _ tape: JSONTape, _ bytes: RawSpan) -> Bool {
        let token = tape[candidate]
        var later = key
        while later + 1 < end {
            let other = tape[later]
            // Names of different lengths: nearly all.
            let mayBeSame = token.end &- token.start == other.end &- other.start
            if mayBeSame, Self.isSame(token, other, bytes) { return true }
            later = Int(tape[later + 1].next)
        }
        return false
    }

    /// Whether two texts say the same; looks no further than to the first difference.
    @inline(never)
    static func isSame(_ one: JSONToken, _ other: JSONToken, _ bytes: RawSpan) -> Bool {
        let first = bytes.extracting(one.range(within: bytes.byteCount))
        let second = bytes.extracting(other.range(within: bytes.byteCount))
        if !one.marks.union(other.marks).contains(.escaped) { return isSame(first, second) }
        var (left, right) = (JSONUnits(), JSONUnits())
        while let unit = left.next(of: first) {
            guard right.next(of: second) == unit else { return false }
        }
        return right.next(of: second) == nil
    }

    private static func isSame(_ one: RawSpan, _ other: RawSpan) -> Bool {
        guard one.byteCount == other.byteCount else { return false }
        return unsafe one.withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { other in
                guard let first = one.baseAddress, let second = other.baseAddress else {
                    return true
                }
                return unsafe memcmp(first, second, one.count) == 0
            }
        }
    }
}
