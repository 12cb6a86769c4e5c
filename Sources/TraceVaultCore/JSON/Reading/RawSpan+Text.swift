// RawSpan+Text.swift - looking for things in the bytes of a line.
//
// Places outside of the span hold 0 and nothing is ever found there, so that readers need no
// check of their own. Knows nothing of what the bytes mean.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

extension RawSpan {
    @inline(__always)
    func at(_ index: Int) -> UInt8 { JSONText.byte(self, index) }

    @inline(__always)
    func isDigit(_ index: Int) -> Bool { at(index) &- UInt8(ascii: "0") < 10 }

    /// The first place from `start` that is no digit; at most `end`.
    @inline(__always)
    func digitsEnd(_ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, isDigit(index) { index += 1 }
        return index
    }

    /// Whether the text stands at a place.
    @inline(__always)
    func has(_ text: StaticString, _ index: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard index >= 0, index <= byteCount - length else { return false }
        return unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return length == 0 }
            return unsafe memcmp(base + index, text.utf8Start, length) == 0
        }
    }

    /// Whether the text ends at a place.
    @inline(__always)
    func ends(_ text: StaticString, _ end: Int) -> Bool { has(text, end - text.utf8CodeUnitCount) }

    /// The first place of a byte in `start..<end`, `end` without one.
    @inline(never)
    func find(_ byte: UInt8, _ start: Int, _ end: Int) -> Int { find(byte, byte, start, end) }

    /// The first place of the one or the other; `end` without either.
    @inline(never)
    func findEither(_ byte: UInt8, _ other: UInt8, _ start: Int, _ end: Int) -> Int {
        find(byte, other, start, end)
    }

    @inline(__always)
    private func find(_ byte: UInt8, _ other: UInt8, _ start: Int, _ end: Int) -> Int {
        let last = Swift.min(end, byteCount)
        guard start >= 0, start < last else { return end }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return end }
            let found = unsafe Int(tvs_find(base, start, last, bytes.count, byte, other))
            return found < last ? found : end
        }
    }

    /// The first place from `start` that is neither letter nor digit; at most `end`.
    func wordEnd(_ start: Int, _ end: Int) -> Int {
        let last = Swift.min(end, byteCount)
        guard start >= 0, start < last else { return start }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return start }
            return unsafe start &+ tvs_word_run(base + start, last &- start)
        }
    }

    /// The first place from `start` where a word begins with one of four lower-case letters, in
    /// either case; the end without one.
    func wordStart(_ letters: StaticString, _ start: Int) -> Int {
        guard start >= 0, start < byteCount, letters.utf8CodeUnitCount == 4
        else { return byteCount }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return 0 }
            return unsafe Int(tvs_word_start(base, start, bytes.count, letters.utf8Start))
        }
    }

    /// What is true of the letters and digits in `start..<end`: bits of `TVS_HEXADECIMAL` and
    /// `TVS_VOWEL_FREE`.
    func wordKinds(_ start: Int, _ end: Int) -> Int {
        guard start >= 0, start < end, end <= byteCount else { return 0 }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return 0 }
            return unsafe Int(tvs_word_kinds(base + start, end &- start, bytes.count &- start))
        }
    }

    /// Whether `start..<end` are at most 15 digits, perhaps with one point between them.
    func isDecimal(_ start: Int, _ end: Int) -> Bool {
        guard start >= 0, start < end, end <= byteCount else { return false }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return false }
            return unsafe tvs_is_decimal(base + start, end &- start, bytes.count &- start) != 0
        }
    }

    /// The end of the number at a place when the byte comes next; nil when not, and when it is an
    /// unusual number.
    @inline(never)
    func numberEnd(_ start: Int, before byte: UInt8) -> Int? {
        guard start >= 0, start < byteCount else { return nil }
        let length = unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return 0 }
            return unsafe Int(tvs_number_run(base + start, bytes.count &- start))
        }
        return length > 0 && at(start &+ length) == byte ? start &+ length : nil
    }

    /// The first place in `start..<end` where the whole text stands before `end`; nil without one.
    func find(_ text: StaticString, _ start: Int, _ end: Int) -> Int? {
        let last = Swift.min(end, byteCount) - text.utf8CodeUnitCount + 1
        let first = unsafe text.utf8Start.pointee
        var index = find(first, start, last)
        while index < last {
            if has(text, index) { return index }
            index = find(first, index + 1, last)
        }
        return nil
    }

    /// The last place of a byte in `start..<end`; nil without one.
    @inline(never)
    func findLast(_ byte: UInt8, _ start: Int, _ end: Int) -> Int? {
        let last = Swift.min(end, byteCount)
        guard start < last else { return nil }
        return unsafe withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return nil }
            let behind = unsafe Int(
                tvs_find_last(base, Swift.max(0, start), last, bytes.count, byte))
            return behind > 0 ? behind &- 1 : nil
        }
    }

    /// The last place in `start..<end` where the whole text stands before `end`; nil without one.
    func findLast(_ text: StaticString, _ start: Int, _ end: Int) -> Int? {
        let first = unsafe text.utf8Start.pointee
        var last = Swift.min(end, byteCount) - text.utf8CodeUnitCount + 1
        while let place = findLast(first, start, last) {
            if has(text, place) { return place }
            last = place
        }
        return nil
    }

    /// Whether a place holds exactly this word.
    @inline(never)
    func says(_ word: StaticString, _ place: Range<Int>) -> Bool {
        place.count == word.utf8CodeUnitCount && has(word, place.lowerBound)
    }

    /// The integer that a place holds.
    @inline(never)
    func integer(_ place: Range<Int>) -> Int64? {
        JSONText.int64(extracting(place.clamped(to: 0..<byteCount)))
    }
}
