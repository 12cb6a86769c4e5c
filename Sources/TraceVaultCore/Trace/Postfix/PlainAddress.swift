// PlainAddress.swift - which texts of a line may stand in a typed field of a schema.
//
// A store that checks its types refuses the whole event for one odd address, so what does not fit
// is left out there and stays in the event's own fields. Nothing is ever mended.

#if canImport(Glibc)
    import Glibc
#endif

enum PlainAddress {
    /// Longer ones no mail server takes; a hostile line could have megabytes of them.
    private static let maxMailbox = 320

    /// The pattern of OCSF's email_t: no null sender, no quotes, ASCII, a dot in the domain.
    static func isMailbox(_ text: RawSpan, _ place: Range<Int>) -> Bool {
        let end = place.upperBound
        let at = text.find(UInt8(ascii: "@"), place.lowerBound, end)
        guard place.count <= maxMailbox, at > place.lowerBound, at < end else { return false }
        for index in place.lowerBound..<at where !isLocal(text.at(index)) { return false }
        for index in at + 1..<end where !isDomain(text.at(index)) { return false }
        let dot = text.find(UInt8(ascii: "."), at + 1, end)
        return dot > at + 1 && dot < end - 1
    }

    private static func isAlphanumeric(_ character: UInt8) -> Bool {
        (character | 0x20) &- UInt8(ascii: "a") < 26 || character &- UInt8(ascii: "0") < 10
    }

    private static func isDomain(_ character: UInt8) -> Bool {
        isAlphanumeric(character) || character == UInt8(ascii: ".")
            || character == UInt8(ascii: "-")
    }

    private static func isLocal(_ character: UInt8) -> Bool {
        if isAlphanumeric(character) { return true }
        switch character {
        // "+" to "/" is the pattern's own range, which has the comma in it.
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"),
            UInt8(ascii: "*")...UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"),
            UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "{")...UInt8(ascii: "~"):
            return true
        default: return false
        }
    }

    /// Whether it is an IPv4 or IPv6 address as the C library reads them: no zone, no brackets.
    static func isIP(_ text: RawSpan, _ place: Range<Int>) -> Bool {
        guard place.count > 1, place.count < 46 else { return false }
        var terminated: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
        return unsafe withUnsafeMutableBytes(of: &terminated) { room in
            for index in place {
                // C would take what comes before a NUL for the whole.
                guard text.at(index) != 0 else { return false }
                unsafe room[index - place.lowerBound] = text.at(index)
            }
            guard let start = unsafe room.baseAddress?.assumingMemoryBound(to: CChar.self) else {
                return false
            }
            var address = in6_addr()
            return unsafe inet_pton(AF_INET, start, &address) == 1
                || inet_pton(AF_INET6, start, &address) == 1
        }
    }

    /// A host's name, and not Postfix's word for "none".
    static func isHost(_ text: RawSpan, _ place: Range<Int>) -> Bool {
        guard !place.isEmpty, place.count < 254,
            !(place.count == 7 && text.has("unknown", place.lowerBound))
        else { return false }
        for index in place where !isDomain(text.at(index)) && text.at(index) != UInt8(ascii: "_") {
            return false
        }
        return true
    }
}
