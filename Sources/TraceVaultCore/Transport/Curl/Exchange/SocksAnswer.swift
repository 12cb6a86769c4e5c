// SocksAnswer.swift - what a SOCKS proxy answered, and what follows from it.
//
// Of libcurl's numbers (CURLINFO_PROXY_ERROR), which stand for those of RFC 1928, RFC 1929 and
// SOCKS 4.

import CCurl

struct SocksAnswer {
    enum Kind {
        /// It refuses the login, or wants one; each try may be counted.
        case login
        /// It does not do what is asked.
        case refusal
        /// It cannot do so now.
        case trouble
        /// This host has to look up the server's name, and could not.
        case nameLookup
    }

    let kind: Kind
    let words: String

    private init(_ kind: Kind, _ words: String) { (self.kind, self.words) = (kind, words) }

    /// Nil when libcurl knows of none.
    init?(_ number: Int) {
        switch CURLproxycode(UInt32(clamping: number)) {
        case CURLPX_OK: return nil
        case CURLPX_USER_REJECTED: self.init(.login, "user and password are refused")
        case CURLPX_NO_AUTH, CURLPX_GSSAPI, CURLPX_GSSAPI_PERMSG, CURLPX_GSSAPI_PROTECTION:
            self.init(.login, "no login that it takes")
        case CURLPX_LONG_USER, CURLPX_LONG_PASSWD: self.init(.login, "user or password too long")
        case CURLPX_IDENTD, CURLPX_IDENTD_DIFFER: self.init(.login, "the user is not confirmed")
        case CURLPX_REPLY_NOT_ALLOWED: self.init(.refusal, "not allowed by its rules")
        case CURLPX_REPLY_COMMAND_NOT_SUPPORTED: self.init(.refusal, "command not supported")
        case CURLPX_REPLY_ADDRESS_TYPE_NOT_SUPPORTED, CURLPX_BAD_ADDRESS_TYPE,
            CURLPX_LONG_HOSTNAME:
            self.init(.refusal, "address type not supported")
        case CURLPX_BAD_VERSION, CURLPX_UNKNOWN_MODE: self.init(.refusal, "an answer of no SOCKS")
        case CURLPX_RESOLVE_HOST: self.init(.nameLookup, "name not found")
        case CURLPX_REPLY_GENERAL_SERVER_FAILURE: self.init(.trouble, "general failure")
        case CURLPX_REPLY_NETWORK_UNREACHABLE: self.init(.trouble, "network unreachable")
        case CURLPX_REPLY_HOST_UNREACHABLE: self.init(.trouble, "host unreachable")
        case CURLPX_REPLY_CONNECTION_REFUSED: self.init(.trouble, "connection refused")
        case CURLPX_REPLY_TTL_EXPIRED: self.init(.trouble, "time to live is over")
        case CURLPX_REQUEST_FAILED: self.init(.trouble, "rejected or failed")
        // Amid the login as well: a reset says nothing of user and password.
        case CURLPX_RECV_AUTH, CURLPX_SEND_AUTH, CURLPX_CLOSED, CURLPX_RECV_CONNECT,
            CURLPX_RECV_REQACK, CURLPX_RECV_ADDRESS,
            CURLPX_SEND_CONNECT, CURLPX_SEND_REQUEST:
            self.init(.trouble, "the connection broke")
        default: self.init(.trouble, "unknown answer")
        }
    }
}
