// RedisAddress.swift - where a Redis or Valkey is: redis://HOST:PORT, or rediss:// for TLS.

package struct RedisAddress: Sendable, Equatable {
    /// "HOST:PORT", an IPv6 address in brackets.
    package let place: String
    package let hasTLS: Bool

    private static let standardPort = 6379
    private static let most = 16

    /// One address; nil for anything else, also where it carries a user, a password or a path.
    init?(_ text: Substring) {
        let scheme = text.prefix { $0 != ":" }
        let rest = text.dropFirst(scheme.count)
        guard scheme == "redis" || scheme == "rediss", rest.hasPrefix("://"),
            let (host, port) = Origin.hostAndPort(rest.dropFirst(3))
        else { return nil }
        place = "\(host):\(port ?? Self.standardPort)"
        hasTLS = scheme == "rediss"
    }

    /// The address that a node of a cluster names: same kind of connection.
    init?(moved place: Substring, from other: RedisAddress) {
        self.init((other.hasTLS ? "rediss://" : "redis://") + place)
    }

    static let rule =
        "redis://HOST:PORT or rediss://HOST:PORT, at most \(most) of them with commas between; "
        + "user and password are no part of it"

    /// The addresses of a setting, separated by commas; empty where there are none.
    static func list(_ text: String) throws(Failure) -> [RedisAddress] {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let found = parts.compactMap { RedisAddress($0) }
        guard found.count == parts.count, found.count <= most else {
            throw Failure(.configValue, "redis.addresses must be " + rule)
        }
        return found
    }
}
