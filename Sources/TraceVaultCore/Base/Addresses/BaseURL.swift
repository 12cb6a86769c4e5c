// BaseURL.swift - where the API lives, and the origin a secret may be sent to.

/// An origin and the path below which the API's own paths begin.
package struct BaseURL: Sendable, Equatable {
    package let origin: Origin
    /// "" or "/" and segments, without a slash at the end.
    package let path: String

    static let rule = "https://HOST[:PORT][/PATH]; http is for loopback only"

    /// Reads api.base_url.
    package init(_ text: String, allowHTTPLoopback: Bool) throws(Failure) {
        let hostStart = text.firstIndex(of: ":").map { text[$0...].dropFirst(3) } ?? ""
        let pathStart = hostStart.firstIndex(of: "/") ?? text.endIndex
        let path = text[pathStart...]
        guard let origin = Origin(String(text[..<pathStart])), Self.isPlainPath(path) else {
            throw Failure(.configValue, "api.base_url must be " + Self.rule)
        }
        guard !origin.isPlain || allowHTTPLoopback else {
            throw Failure(
                .configValue,
                "api.base_url is plain http; set api.allow_http_loopback to true for a test server")
        }
        self.origin = origin
        self.path = path.hasSuffix("/") ? String(path.dropLast()) : String(path)
    }

    /// A server that is asked for paths from its root on.
    init(_ origin: Origin) {
        self.origin = origin
        path = ""
    }

    package var text: String { origin.text + path }

    private static func isPlainPath(_ path: Substring) -> Bool {
        let allowed = path.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
        let segments = path.split(separator: "/")
        return allowed && !segments.contains(".") && !segments.contains("..")
    }
}
