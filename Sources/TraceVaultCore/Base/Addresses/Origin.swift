// Origin.swift - scheme, host and port of a server, in one spelling.

/// Scheme, host and port in one spelling, such as "https://api.cloudflare.com" or
/// "https://localhost:8443": lower case, the scheme's own port left out.
package struct Origin: Sendable, Equatable {
    package let text: String
    package let isPlain: Bool
    /// This host itself.
    package let isLoopback: Bool

    package static let cloudflare = Origin(cloudflare: ())

    private init(cloudflare: Void) {
        text = "https://api.cloudflare.com"
        isPlain = false
        isLoopback = false
    }

    /// Reads "scheme://host[:port]"; nil for anything else: user names, paths, plain http to
    /// anything but a loopback address.
    package init?(_ text: String) {
        guard let separator = Self.schemeEnd(text) else { return nil }
        let scheme = text[..<separator].lowercased()
        let rest = text[text.index(separator, offsetBy: 3)...]
        guard scheme == "https" || scheme == "http", let (host, port) = Self.hostAndPort(rest)
        else { return nil }
        let isPlain = scheme == "http"
        isLoopback = ["localhost", "127.0.0.1", "[::1]"].contains(host)
        guard !isPlain || isLoopback else { return nil }
        let isStandardPort = port == nil || port == (isPlain ? 80 : 443)
        self.text = scheme + "://" + host + (isStandardPort ? "" : ":\(port ?? 0)")
        self.isPlain = isPlain
    }

    private static func schemeEnd(_ text: String) -> String.Index? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            return nil
        }
        return colon
    }

    static func hostAndPort(_ text: Substring) -> (String, Int?)? {
        var host = text
        var port: Int?
        if let colon = text.lastIndex(of: ":"), text.last != "]" {
            host = text[..<colon]
            let digits = text[text.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ isDigit($0) }),
                let number = Int(digits), (1...65_535).contains(number)
            else { return nil }
            port = number
        }
        guard (1...253).contains(host.utf8.count) else { return nil }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let inner = isBracketed ? host.dropFirst().dropLast() : host
        let allowed = inner.utf8.allSatisfy { byte in
            isBracketed
                ? isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ":")
                : isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ".")
                    || byte == UInt8(ascii: "-")
        }
        guard allowed, !inner.isEmpty else { return nil }
        return (host.lowercased(), port)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
