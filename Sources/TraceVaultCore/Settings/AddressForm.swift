// AddressForm.swift - what a setting that names a server must look like. A login in the wrong place
// is refused as soon as it is set, so that nobody shows it as a setting.

package enum AddressForm: Sendable {
    case api
    case proxy
    case redis
    case store

    /// Whether plain http is allowed is for another setting to say.
    func fits(_ text: String) -> Bool {
        switch self {
        case .api: return (try? BaseURL(text, allowHTTPLoopback: true)) != nil
        case .proxy: return text.isEmpty || ProxyURL(text) != nil
        case .redis: return (try? RedisAddress.list(text)) != nil
        case .store: return text.isEmpty || Self.storeOrigin(text) != nil
        }
    }

    var rule: String {
        switch self {
        case .api: return BaseURL.rule
        case .proxy:
            return "empty or SCHEME://[USER:PASSWORD@]HOST:PORT with one of: "
                + ProxyURL.schemes.joined(separator: ", ")
        case .redis: return "empty or " + RedisAddress.rule
        case .store:
            return "empty or https://HOST[:PORT] without a path; http is for loopback only"
        }
    }

    /// An object store's; nil for anything else.
    static func storeOrigin(_ text: String) -> Origin? {
        Origin(text.hasSuffix("/") ? String(text.dropLast()) : text)
    }
}
