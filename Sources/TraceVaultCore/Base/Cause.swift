// Cause.swift - what lies behind a failure, below the words of HTTP.

/// Raw values are the numbers of `tv_cause` in `tracevault.h`; a test keeps the two lists equal.
package enum Cause: Int32, CaseIterable, Sendable {
    /// Nothing below HTTP, or not known.
    case none = 0
    case nameLookup = 1
    case refused = 2
    case unreachable = 3
    case connectTimeout = 4
    case broken = 5
    case noFirstByte = 6
    case silence = 7
    case proxyLogin = 8
    case proxyRefused = 9
    case unknownAuthority = 10
    case certificateExpired = 11
    case certificateNotYetValid = 12
    case certificateName = 13
    case certificate = 14
    case handshake = 15
    case trustStore = 16
    case descriptors = 17
    case memory = 18
}

extension Cause {
    /// The name in the header, such as "TV_CAUSE_REFUSED".
    package var name: StaticString {
        switch self {
        case .none: return "TV_CAUSE_NONE"
        case .nameLookup: return "TV_CAUSE_NAME_LOOKUP"
        case .refused: return "TV_CAUSE_REFUSED"
        case .unreachable: return "TV_CAUSE_UNREACHABLE"
        case .connectTimeout: return "TV_CAUSE_CONNECT_TIMEOUT"
        case .broken: return "TV_CAUSE_BROKEN"
        case .noFirstByte: return "TV_CAUSE_NO_FIRST_BYTE"
        case .silence: return "TV_CAUSE_SILENCE"
        case .proxyLogin: return "TV_CAUSE_PROXY_LOGIN"
        case .proxyRefused: return "TV_CAUSE_PROXY_REFUSED"
        case .unknownAuthority: return "TV_CAUSE_UNKNOWN_AUTHORITY"
        case .certificateExpired: return "TV_CAUSE_CERTIFICATE_EXPIRED"
        case .certificateNotYetValid: return "TV_CAUSE_CERTIFICATE_NOT_YET_VALID"
        case .certificateName: return "TV_CAUSE_CERTIFICATE_NAME"
        case .certificate: return "TV_CAUSE_CERTIFICATE"
        case .handshake: return "TV_CAUSE_HANDSHAKE"
        case .trustStore: return "TV_CAUSE_TRUST_STORE"
        case .descriptors: return "TV_CAUSE_DESCRIPTORS"
        case .memory: return "TV_CAUSE_MEMORY"
        }
    }
}
