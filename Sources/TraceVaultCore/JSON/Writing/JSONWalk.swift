// JSONWalk.swift - the members and elements of a text that `JSONWriter` wrote.
//
// Canonical text needs no tape: there is no white space, no name comes twice and all of it is known
// to be JSON. Not for anything from outside. On any other text it ends early, it never traps.

/// Walks one object or array; values are ranges of the text, strings with their quotes.
struct JSONWalk {
    private var place: Int
    private let end: Int

    /// Of the object or array that `value` is.
    init(inside value: Range<Int>) {
        place = value.lowerBound + 1
        end = value.upperBound - 1
    }

    /// The next member: its name without quotes, and its value.
    mutating func member(_ text: RawSpan) -> (name: Range<Int>, value: Range<Int>)? {
        guard place < end, text.at(place) == UInt8(ascii: "\"") else { return nil }
        let nameEnd = Self.stringEnd(text, place, end)
        guard text.at(nameEnd) == UInt8(ascii: ":"), nameEnd < end else { return nil }
        let name = place + 1..<max(place + 1, nameEnd - 1)
        place = nameEnd + 1
        guard let value = element(text) else { return nil }
        return (name, value)
    }

    mutating func element(_ text: RawSpan) -> Range<Int>? {
        guard place < end else { return nil }
        let value = place..<Self.valueEnd(text, place, end)
        guard !value.isEmpty else { return nil }
        place = value.upperBound + (text.at(value.upperBound) == UInt8(ascii: ",") ? 1 : 0)
        return value
    }

    /// A string without its quotes.
    static func inside(_ string: Range<Int>) -> Range<Int> {
        string.lowerBound + 1..<max(string.lowerBound + 1, string.upperBound - 1)
    }

    /// Where the value that begins at `start` ends; at most `end`.
    private static func valueEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start
        var depth = 0
        while place < end {
            switch text.at(place) {
            case UInt8(ascii: "\""):
                place = stringEnd(text, place, end)
                if depth == 0 { return place }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return place }
                depth -= 1
                if depth == 0 { return place + 1 }
            case UInt8(ascii: ","):
                if depth == 0 { return place }
            default: break
            }
            place += 1
        }
        return end
    }

    /// Behind the quote that closes the string that begins at `start`.
    private static func stringEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start + 1
        while true {
            let quote = text.find(UInt8(ascii: "\""), place, end)
            guard quote < end else { return end }
            // An even number of backslashes before it are escapes of each other.
            var before = quote
            while before > place, text.at(before - 1) == UInt8(ascii: "\\") { before -= 1 }
            if (quote - before) % 2 == 0 { return quote + 1 }
            place = quote + 1
        }
    }
}
