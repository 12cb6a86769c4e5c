// RateLimitHeaders.swift - what `Ratelimit` and `Ratelimit-Policy` say.
//
// Both are lists of RFC 9651: members, comma separated, each a name and parameters, and each a
// bound of its own. Read leniently: names quoted or not, parameters in any order and case, whole or
// with a fraction; what does not fit is stepped over. Nothing traps, whatever the bytes.

package enum RateLimitHeaders {
    /// Counts and spans beyond this are cut to it; a span that long limits nothing.
    static let most: Int64 = 1_000_000_000
    static let longestSeconds: Int64 = 86_400

    /// More members than anybody writes; the rest is not read.
    static let mostMembers = 64

    package static func remaining(_ header: String) -> [RateRemaining] {
        var header = header
        return header.withUTF8 { unsafe remaining(UnsafeRawBufferPointer($0)) }
    }

    package static func remaining(_ bytes: UnsafeRawBufferPointer) -> [RateRemaining] {
        unsafe members(bytes) { member in
            guard let r = member.r, let t = member.t else { return nil }
            return RateRemaining(requests: r.whole, seconds: min(t.roundedUp, longestSeconds))
        }
    }

    package static func policies(_ header: String) -> [RatePolicy] {
        var header = header
        return header.withUTF8 { unsafe policies(UnsafeRawBufferPointer($0)) }
    }

    package static func policies(_ bytes: UnsafeRawBufferPointer) -> [RatePolicy] {
        unsafe members(bytes) { member in
            guard let q = member.q, let w = member.w, w.roundedUp > 0 else { return nil }
            return RatePolicy(requests: q.whole, seconds: min(w.roundedUp, longestSeconds))
        }
    }

    private static func members<Found>(
        _ bytes: UnsafeRawBufferPointer, _ read: (Member) -> Found?
    ) -> [Found] {
        var found: [Found] = []
        var members = unsafe MemberReader(bytes)
        while found.count < mostMembers, let member = members.next() {
            if let member = read(member) { found.append(member) }
        }
        return found
    }
}

/// A number of at least 0 as both roundings that are needed: fewer requests, more seconds.
private struct Decimal {
    var whole: Int64
    var hasFraction = false
    var roundedUp: Int64 { hasFraction ? whole + 1 : whole }
}

private struct Member {
    var r: Decimal?
    var t: Decimal?
    var q: Decimal?
    var w: Decimal?
}

@safe
private struct MemberReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

    /// 0 at the end, which no header's value contains.
    private var byte: UInt8 { unsafe at < bytes.count ? bytes[at] : 0 }
    private var isAtEnd: Bool { unsafe at >= bytes.count }

    /// The next member with its parameters, nil at the end.
    mutating func next() -> Member? {
        guard !isAtEnd else { return nil }
        var member = Member()
        skipItem()
        while byte == UInt8(ascii: ";") {
            at += 1
            skipSpace()
            parameter(&member)
            skipItem()
        }
        if !isAtEnd { at += 1 }  // the comma
        return member
    }

    /// One `name=value`; a name of another length than one letter means nothing here.
    private mutating func parameter(_ member: inout Member) {
        let name = byte | 0x20
        guard !isAtEnd, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(name) else { return }
        at += 1
        skipSpace()
        guard byte == UInt8(ascii: "=") else { return }
        at += 1
        skipSpace()
        let quote = byte == UInt8(ascii: "\"") ? at : nil
        if quote != nil { at += 1 }
        let found = decimal()
        // The text of a quoted value is no place to look for parameters.
        if let quote { at = byte == UInt8(ascii: "\"") && found != nil ? at + 1 : quote }
        guard let value = found else { return }
        switch name {
        case UInt8(ascii: "r"): member.r = value
        case UInt8(ascii: "t"): member.t = value
        case UInt8(ascii: "q"): member.q = value
        case UInt8(ascii: "w"): member.w = value
        default: break
        }
    }

    /// Digits with or without a fraction. A sign of minus counts as 0 left.
    private mutating func decimal() -> Decimal? {
        let isNegative = byte == UInt8(ascii: "-")
        if isNegative { at += 1 }
        guard Self.isDigit(byte) else { return nil }
        var value = Decimal(whole: 0)
        while Self.isDigit(byte) {
            value.whole = min(value.whole * 10 + Int64(byte - 0x30), RateLimitHeaders.most)
            at += 1
        }
        if byte == UInt8(ascii: ".") {
            at += 1
            while Self.isDigit(byte) {
                if byte != 0x30 { value.hasFraction = true }
                at += 1
            }
        }
        return isNegative ? Decimal(whole: 0) : value
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func skipSpace() {
        while byte == 0x20 || byte == 0x09 { at += 1 }
    }

    /// To the next semicolon or comma outside quotes. A quote that is never closed ends at the next
    /// comma, or one broken member would hide all others.
    private mutating func skipItem() {
        while !isAtEnd, byte != UInt8(ascii: ";"), byte != UInt8(ascii: ",") {
            guard byte == UInt8(ascii: "\"") else {
                at += 1
                continue
            }
            let open = at
            at += 1
            while !isAtEnd, byte != UInt8(ascii: "\"") { at += byte == UInt8(ascii: "\\") ? 2 : 1 }
            at = isAtEnd ? open + 1 : at + 1
        }
    }
}
