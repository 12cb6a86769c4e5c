// CurlFault.swift - what libcurl's code for the end of a transfer means.

import CCurl

extension HTTPReply.Fault {
    /// nil when a whole reply came.
    init?(_ code: CURLcode, _ headers: HeaderCount, wasSent: Bool) {
        if headers.areTooLarge {
            self = .headersTooLarge
            return
        }
        switch code {
        case CURLE_OK:
            guard !headers.areWhole else { return nil }
            self = .broken
        case CURLE_OPERATION_TIMEDOUT:
            self = headers.hasBegun ? .silence : wasSent ? .noFirstByte : .connect
        case CURLE_PROXY: self = .proxy
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            self = .connect
        case CURLE_PARTIAL_FILE: self = headers.areWhole ? .truncated : .broken
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
            self = .tls
        case CURLE_SSL_CONNECT_ERROR: self = .handshake
        case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE: self = .trustStore
        case CURLE_FILESIZE_EXCEEDED: self = .tooLarge
        // libcurl 7.88 says "out of memory" for a header line that is too long, 8.6 has this.
        case CURLE_OUT_OF_MEMORY, Self.tooLargeCode:
            self = wasSent || code == Self.tooLargeCode ? .headersTooLarge : .exhausted
        // "Write error" is what it says of bytes behind the compressed data.
        case CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR: self = .encoding
        // What only a caller can do wrong, and does before anything is sent.
        case CURLE_FAILED_INIT, CURLE_URL_MALFORMAT, CURLE_NOT_BUILT_IN, CURLE_UNKNOWN_OPTION:
            self = .internalError
        // Whatever else a server can bring about, also through codes that say something else: a
        // header line without a colon is a "bad function argument" to libcurl 7.88.
        default: self = .broken
        }
    }

    private static let tooLargeCode = CURLcode(100)
}
