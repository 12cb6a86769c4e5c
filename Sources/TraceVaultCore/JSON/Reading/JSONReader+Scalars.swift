// JSONReader+Scalars.swift - the inside of strings and numbers.
//
// Apart from the structure because this is where the time goes. Strings are checked to be UTF-8
// (no overlong forms, no surrogates), but never copied or decoded here.

import CSystem

extension JSONReader {
    // MARK: - Strings

    /// From a place inside a string to behind the closing quote.
    func stringBody(from start: Int) throws(Failure) -> (end: Int, marks: JSONToken.Marks) {
        var marks = JSONToken.Marks()
        var index = start
        while true {
            index = plainEnd(from: index)
            guard index < count else { throw endsEarly() }
            let character = unsafe base[index]
            if character == UInt8(ascii: "\"") { break }
            if character == UInt8(ascii: "\\") {
                marks.insert(.escaped)
                index = try escape(at: index, &marks)
            } else if character >= 0x80 {
                index = try multibyte(at: index)
            } else {
                throw malformed("a control character stands in a string", at: index)
            }
        }
        return (index + 1, marks)
    }

    /// The first place from `start` that is no printable ASCII, a quote or a backslash.
    @inline(__always)
    func plainEnd(from start: Int) -> Int {
        unsafe start &+ tvs_plain_run(base + start, count &- start)
    }

    /// From the backslash to behind the escape.
    private func escape(at start: Int, _ marks: inout JSONToken.Marks) throws(Failure) -> Int {
        guard start + 1 < count else { throw endsEarly() }
        switch unsafe base[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "/"):
            marks.insert(.rewritten)
            return start + 2
        case UInt8(ascii: "u"):
            marks.insert(.rewritten)
            let unit = try codeUnit(at: start)
            guard unit >= 0xD800, unit < 0xE000 else { return start + 6 }
            // Half of a pair without its other half is legal in the grammar but is no character.
            guard unit < 0xDC00, start + 7 < count, unsafe base[start + 6] == UInt8(ascii: "\\"),
                unsafe base[start + 7] == UInt8(ascii: "u")
            else {
                marks.insert(.loneSurrogate)
                return start + 6
            }
            let second = try codeUnit(at: start + 6)
            guard second >= 0xDC00, second < 0xE000 else {
                marks.insert(.loneSurrogate)
                return start + 6
            }
            return start + 12
        default:
            throw malformed("an unknown escape stands in a string", at: start)
        }
    }

    /// The value of the `\uXXXX` at a place.
    private func codeUnit(at start: Int) throws(Failure) -> UInt32 {
        var unit: UInt32 = 0
        for index in (start + 2)..<(start + 6) {
            guard index < count else { throw endsEarly() }
            guard let digit = JSONText.hexValue(unsafe base[index]) else {
                throw malformed("an unknown escape stands in a string", at: start)
            }
            unit = unit << 4 | digit
        }
        return unit
    }

    /// From the first byte of one or more characters beyond ASCII to behind them.
    private func multibyte(at start: Int) throws(Failure) -> Int {
        var index = start
        while index < count {
            let lead = unsafe base[index]
            let length: Int
            var lowest: UInt8 = 0x80
            var highest: UInt8 = 0xBF
            switch lead {
            case 0..<0x80: return index
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, lowest) = (3, 0xA0)
            case 0xED: (length, highest) = (3, 0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, lowest) = (4, 0x90)
            case 0xF4: (length, highest) = (4, 0x8F)
            case 0xF1...0xF3: length = 4
            default: throw malformed("the text is not UTF-8", at: index)
            }
            for offset in 1..<length {
                guard index + offset < count else { throw endsEarly() }
                let next = unsafe base[index + offset]
                guard next >= lowest, next <= highest else {
                    throw malformed("the text is not UTF-8", at: index)
                }
                (lowest, highest) = (0x80, 0xBF)
            }
            index += length
        }
        return index
    }

    // MARK: - Numbers

    /// From the first character to behind the number.
    func number(from start: Int) throws(Failure) -> (end: Int, marks: JSONToken.Marks) {
        var marks = JSONToken.Marks.integer
        var at = start
        if unsafe base[at] == UInt8(ascii: "-") { at += 1 }
        guard at < count else { throw endsEarly() }
        at = unsafe base[at] == UInt8(ascii: "0") ? at + 1 : try digitsEnd(at)
        if unsafe base[at] == UInt8(ascii: ".") {
            marks = []
            at = try digitsEnd(at + 1)
        }
        if unsafe base[at] | 0x20 == UInt8(ascii: "e") {
            marks = []
            at += 1
            if unsafe base[at] == UInt8(ascii: "+") || base[at] == UInt8(ascii: "-") { at += 1 }
            at = try digitsEnd(at)
        }
        return (at, marks)
    }

    /// The end of one or more digits; the NUL behind the text is none.
    private func digitsEnd(_ start: Int) throws(Failure) -> Int {
        var at = start
        while unsafe base[at] &- UInt8(ascii: "0") < 10 { at += 1 }
        guard at > start else {
            throw at < count ? malformed("a digit was expected", at: at) : endsEarly()
        }
        return at
    }
}
