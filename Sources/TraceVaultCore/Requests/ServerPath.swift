// ServerPath.swift - URLs that a server hands us: the next page, the place of a deferred answer.
//
// A credential travels with what is made of them, so a URL counts only on the base URL's own origin
// and below its path, and only with characters that mean nothing special to anybody.

enum ServerPath {
    /// The longest URL that is looked at.
    static let longest = 4096

    /// The path and query below the base URL; nil when it is elsewhere or has odd characters.
    static func below(_ base: BaseURL, _ url: String) -> String? {
        guard url.utf8.count <= longest, let rest = onOrigin(base.origin, url),
            rest.hasPrefix(base.path + "/")
        else { return nil }
        let path = String(rest.dropFirst(base.path.utf8.count))
        return isPlain(path) ? path : nil
    }

    /// Whether a checked path leads into an account that is not this one.
    static func namesAccount(_ path: String, besides account: String) -> Bool {
        let segments = path.prefix { $0 != "?" }.split(separator: "/")
        return zip(segments, segments.dropFirst()).contains { name, id in
            name.lowercased() == "accounts" && id.lowercased() != account.lowercased()
        }
    }

    /// What follows the origin. An absolute path is on it already.
    private static func onOrigin(_ origin: Origin, _ url: String) -> Substring? {
        if url.hasPrefix("/") { return url.hasPrefix("//") ? nil : url[...] }
        guard let start = hostStart(url) else { return nil }
        let end = url[start...].firstIndex(of: "/") ?? url.endIndex
        guard let found = Origin(String(url[..<end])), found == origin else { return nil }
        return url[end...]
    }

    /// Behind "://", which must be where the scheme ends.
    static func hostStart(_ url: String) -> String.Index? {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
            return nil
        }
        return url.index(colon, offsetBy: 3)
    }

    /// Segments without escapes, none of them empty or of dots; in the query whole escapes too.
    private static func isPlain(_ path: String) -> Bool {
        var inQuery = false
        var segment = 0
        var dots = 0
        var escape = 0
        for byte in path.utf8.dropFirst() {
            if escape > 0 {
                guard JSONText.hexValue(byte) != nil else { return false }
                escape -= 1
                continue
            }
            switch byte {
            case UInt8(ascii: "/") where !inQuery, UInt8(ascii: "?") where !inQuery:
                guard segment > 0, dots < segment || segment > 2 else { return false }
                (segment, dots, inQuery) = (0, 0, byte == UInt8(ascii: "?"))
            case UInt8(ascii: "."):
                segment += 1
                dots += 1
            case UInt8(ascii: "%") where inQuery: escape = 2
            case UInt8(ascii: "="), UInt8(ascii: "&"), UInt8(ascii: "/"), UInt8(ascii: "?"):
                guard inQuery else { return false }
            case UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: ","):
                segment += 1
            default:
                guard isUnreserved(byte) else { return false }
                segment += 1
            }
        }
        return escape == 0 && (inQuery || (segment > 0 && (dots < segment || segment > 2)))
    }

    // MARK: - Escapes

    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// RFC 3986, 2.3: what never needs an escape.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: isLetter(byte)
        }
    }

    /// Appends a query's value, everything but unreserved characters as an escape.
    static func escape(_ value: String, onto path: inout String) {
        for byte in value.utf8 {
            if isUnreserved(byte) {
                path.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                path += "%"
                path.unicodeScalars.append(Unicode.Scalar(hexDigit(byte >> 4)))
                path.unicodeScalars.append(Unicode.Scalar(hexDigit(byte & 15)))
            }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// The value of a parameter of a checked path, without escapes.
    static func parameter(_ name: String, of path: String) -> String? {
        guard let query = path.firstIndex(of: "?") else { return nil }
        for parameter in path[query...].dropFirst().split(separator: "&")
        where parameter.hasPrefix(name + "=") {
            var bytes: [UInt8] = []
            var rest = parameter.utf8.dropFirst(name.utf8.count + 1)
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "%"), let high = rest.popFirst(),
                    let low = rest.popFirst()
                {
                    let value = (JSONText.hexValue(high) ?? 0) << 4 | (JSONText.hexValue(low) ?? 0)
                    bytes.append(UInt8(truncatingIfNeeded: value))
                } else {
                    bytes.append(byte)
                }
            }
            return unsafe bytes.withUnsafeBytes {
                unsafe String(validating: $0, as: UTF8.self)
            }
        }
        return nil
    }

    /// The URL with rel="next" in a `Link` header (RFC 8288); nil when there is none.
    static func next(inLink header: String) -> String? {
        for part in header.split(separator: "<") {
            guard let end = part.firstIndex(of: ">") else { continue }
            for parameter in part[end...].split(separator: ";") {
                let plain = parameter.filter { $0 != " " && $0 != "\"" && $0 != "," }
                if plain.lowercased() == "rel=next" { return String(part[..<end]) }
            }
        }
        return nil
    }
}
