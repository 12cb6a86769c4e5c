// ProxyURL.swift - what http.proxy may be, and how it is named without its login.

/// "scheme://[user[:password]@]host:port", as libcurl reads it.
package struct ProxyURL: Sendable, Equatable {
    static let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    /// With the login, for libcurl alone.
    let text: String
    /// Without the login, for people.
    let name: String

    /// Nil for anything else. A port is asked for: without one libcurl takes 1080, also for http,
    /// which nobody means.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            return nil
        }
        let scheme = text[..<colon].lowercased()
        var rest = text[text.index(colon, offsetBy: 3)...]
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        // All before the last at-sign: what a password holds must be escaped, but is not always.
        let at = rest.lastIndex(of: "@")
        let place = at.map { rest[rest.index(after: $0)...] } ?? rest
        let login = at.map { rest[..<$0] } ?? ""
        guard Self.schemes.contains(scheme), Self.isLogin(login, isThere: at != nil),
            let (host, port) = Origin.hostAndPort(place), let port
        else { return nil }
        self.text = text
        name = "\(scheme)://\(host):\(port)"
    }

    var hasLogin: Bool { text.contains("@") }

    /// Whether it speaks TLS itself.
    var isSecure: Bool { name.hasPrefix("https:") }

    /// Printable, with a user, and nothing in it that ends a login in a URL.
    private static func isLogin(_ login: Substring, isThere: Bool) -> Bool {
        let allowed = login.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "/")
                && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#")
                && byte != UInt8(ascii: "@") && byte != UInt8(ascii: "\\")
        }
        return allowed && (!isThere || (!login.isEmpty && !login.hasPrefix(":")))
    }
}
