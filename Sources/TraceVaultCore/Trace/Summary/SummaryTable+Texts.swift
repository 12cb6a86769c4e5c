// SummaryTable+Texts.swift - whether two texts of a document are the same recipient, hop or id.

import CSystem

extension SummaryTable {
    static func isSame(_ one: Written, _ other: Written, _ document: RawSpan) -> Bool {
        if one == other { return true }
        guard one.length == other.length, one.range.upperBound <= document.byteCount,
            other.range.upperBound <= document.byteCount
        else { return false }
        return unsafe document.withUnsafeBytes { bytes in
            guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            else { return true }
            return unsafe tvs_is_same(
                base + Int(one.start), base + Int(other.start), Int(one.length)) != 0
        }
    }

    /// As Postfix compares them: recipients without the case of the domain, ids as they stand.
    static func isSame(
        _ kind: SummaryRecord.Kind, _ one: Written, _ other: Written, _ document: RawSpan
    ) -> Bool {
        if isSame(one, other, document) { return true }
        guard kind == .recipient, one.length == other.length,
            let at = document.findLast(
                UInt8(ascii: "@"), one.range.lowerBound, one.range.upperBound)
        else { return false }
        let local = at - one.range.lowerBound
        for place in 0..<Int(one.length) {
            let first = document.at(Int(one.start) + place)
            let second = document.at(Int(other.start) + place)
            if first != second, place < local || lower(first) != lower(second) { return false }
        }
        return true
    }

    /// As Postfix compares a recipient with the one before aliases: without any case.
    static func isSameFolded(_ one: Written, _ other: Written, _ document: RawSpan) -> Bool {
        guard one.length == other.length else { return false }
        for place in 0..<Int(one.length)
        where lower(document.at(Int(one.start) + place))
            != lower(document.at(Int(other.start) + place))
        {
            return false
        }
        return true
    }

    private static func lower(_ character: UInt8) -> UInt8 {
        character &- UInt8(ascii: "A") < 26 ? character | 0x20 : character
    }

    /// Eight bytes at a time, without the case of letters. Who forces collisions gains little:
    /// there are few records.
    static func hash(
        _ kind: SummaryRecord.Kind, _ key: Written, _ document: RawSpan
    ) -> UInt32 {
        let range = key.range
        guard range.upperBound <= document.byteCount else { return 0 }
        var hash = UInt64(kind.rawValue) &+ UInt64(key.length) << 8
        var place = range.lowerBound
        while place &+ 8 <= range.upperBound {
            hash = mix(hash, document, place)
            place &+= 8
        }
        // The rest together with what was taken before, or byte by byte when that is all.
        if key.length >= 8 {
            hash = mix(hash, document, range.upperBound &- 8)
        } else {
            while place < range.upperBound {
                hash = (hash ^ UInt64(document.at(place) | 0x20)) &* 0x9E37_79B9_7F4A_7C15
                place &+= 1
            }
        }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    }

    @inline(__always)
    private static func mix(_ hash: UInt64, _ document: RawSpan, _ place: Int) -> UInt64 {
        let word = unsafe document.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self)
        let mixed = (hash ^ (word | 0x2020_2020_2020_2020)) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ mixed >> 29
    }
}
