// CurlOptions.swift - every libcurl option of a transfer that does not depend on the request.
//
// libcurl's defaults suit a command-line tool: it follows the environment, other protocols,
// redirects with credentials. Each row here closes one of those doors or bounds one wait. A test
// intercepts curl_easy_setopt() and compares what really arrives with docs/curl-options.txt.

import CCurl
import CSystem

/// What an engine wants of libcurl, the same for all its transfers.
package struct TransportSettings: Sendable {
    package var base: BaseURL
    let caFile: SettingFile
    /// The file of those trusted for a proxy that speaks TLS; nil: `caFile`.
    let proxyCAFile: SettingFile?
    package var proxy: ProxyURL?
    package var http2: Bool
    package var connectTimeoutMs: Int
    package var firstByteMs: Int
    package var maxReplyBytes: Int
    package var maxConnections: Int
    package var maxStreams: Int
    package var userAgent: String

    package init(_ config: Config) throws(Failure) {
        base = try BaseURL(
            config.text(.baseURL), allowHTTPLoopback: config.bool(.allowHTTPLoopback))
        caFile = config.file(.caFile)
        proxyCAFile = config.text(.proxyCAFile).isEmpty ? nil : config.file(.proxyCAFile)
        proxy = ProxyURL(config.text(.proxy))
        guard proxy == nil || !base.origin.isPlain else {
            throw Failure(
                .configValue,
                "http.proxy cannot be used with a plain http api.base_url: the proxy would read "
                    + "the credential")
        }
        http2 = config.text(.httpVersion) == "auto"
        connectTimeoutMs = config.int(.connectTimeout)
        firstByteMs = config.int(.firstByte)
        maxReplyBytes = config.int(.maxReplyBytes)
        maxConnections = config.int(.maxConnections)
        maxStreams = config.int(.maxStreams)
        userAgent = "tracevault/" + Library.version
    }
}

/// A setopt call waiting to be made.
struct CurlOption {
    enum Value {
        case long(Int)
        case off(Int64)
        /// nil sets NULL.
        case text(String?)
    }

    let option: CURLoption
    let value: Value

    init(_ option: CURLoption, _ value: Value) {
        self.option = option
        self.value = value
    }

    /// libcurl's code, 0 when it took the option.
    func apply(to easy: UnsafeMutableRawPointer) -> Int32 {
        switch value {
        case .long(let number): return unsafe tvs_curl_set_long(easy, option.rawValue, number)
        case .off(let number): return unsafe tvs_curl_set_off(easy, option.rawValue, number)
        case .text(let text):
            guard let text else { return unsafe tvs_curl_set_text(easy, option.rawValue, nil) }
            return unsafe tvs_curl_set_text(easy, option.rawValue, text)
        }
    }
}

extension TransportSettings {
    /// Cloudflare closes idle connections; curl must not try one that old.
    private static let connectionAge = (idle: 118, life: 300)

    /// The options of every transfer. No file of authorities: `TrustStore` reads them.
    var transferOptions: [CurlOption] {
        let scheme = base.origin.isPlain ? "http" : "https"
        return [
            // Only this protocol, no redirects, no credentials but ours.
            CurlOption(CURLOPT_PROTOCOLS_STR, .text(scheme)),
            CurlOption(CURLOPT_REDIR_PROTOCOLS_STR, .text(scheme)),
            CurlOption(CURLOPT_DEFAULT_PROTOCOL, .text(scheme)),
            CurlOption(CURLOPT_FOLLOWLOCATION, .long(0)),
            CurlOption(CURLOPT_MAXREDIRS, .long(0)),
            CurlOption(CURLOPT_UNRESTRICTED_AUTH, .long(0)),
            CurlOption(CURLOPT_HTTPAUTH, .long(0)),
            CurlOption(CURLOPT_NETRC, .long(0)),
            CurlOption(CURLOPT_DISALLOW_USERNAME_IN_URL, .long(1)),
            CurlOption(CURLOPT_PATH_AS_IS, .long(1)),
            CurlOption(CURLOPT_HTTPGET, .long(1)),
            // The environment decides nothing: an empty proxy also switches its variables off.
            CurlOption(CURLOPT_PROXY, .text(proxy?.text ?? "")),
            CurlOption(CURLOPT_NOPROXY, .text("")),
            CurlOption(CURLOPT_SUPPRESS_CONNECT_HEADERS, .long(1)),
            // TLS: verified; CurlExchange asks for 1.2 or newer.
            CurlOption(CURLOPT_SSL_VERIFYPEER, .long(1)),
            CurlOption(CURLOPT_SSL_VERIFYHOST, .long(2)),
            CurlOption(CURLOPT_SSL_OPTIONS, .long(0)),
            CurlOption(CURLOPT_PROXY_SSL_VERIFYPEER, .long(1)),
            CurlOption(CURLOPT_PROXY_SSL_VERIFYHOST, .long(2)),
            CurlOption(CURLOPT_PROXY_SSLVERSION, .long(Int(CURL_SSLVERSION_TLSv1_2))),
            CurlOption(CURLOPT_PROXY_CAINFO, .text(nil)),
            CurlOption(CURLOPT_PROXY_CAPATH, .text(nil)),
            CurlOption(CURLOPT_CERTINFO, .long(0)),
            CurlOption(CURLOPT_CAINFO, .text(nil)),
            CurlOption(CURLOPT_CAPATH, .text(nil)),
            // It would keep, and put back, whom we have trusted before.
            CurlOption(CURLOPT_CA_CACHE_TIMEOUT, .long(0)),
            // Nothing remembered from one transfer to the next but the connection. Alt-Svc is off
            // unless CURLOPT_ALTSVC_CTRL turns it on; libcurl 7.88 refuses to be told 0.
            CurlOption(CURLOPT_HSTS_CTRL, .long(0)),
            CurlOption(CURLOPT_DNS_CACHE_TIMEOUT, .long(60)),
            // Ending a transfer must not wait for its name lookup, which can take half a minute and
            // would hold up every other transfer and the shutdown.
            CurlOption(CURLOPT_QUICK_EXIT, .long(1)),
            CurlOption(CURLOPT_MAXAGE_CONN, .long(Self.connectionAge.idle)),
            CurlOption(CURLOPT_MAXLIFETIME_CONN, .long(Self.connectionAge.life)),
            CurlOption(CURLOPT_TCP_KEEPALIVE, .long(1)),
            // The host process: no signals, no output.
            CurlOption(CURLOPT_NOSIGNAL, .long(1)),
            CurlOption(CURLOPT_VERBOSE, .long(0)),
            CurlOption(CURLOPT_NOPROGRESS, .long(1)),
            // Bounds. The absolute and the expansion cap are counted in the write callback.
            CurlOption(CURLOPT_CONNECTTIMEOUT_MS, .long(connectTimeoutMs)),
            // Off until the reply begins; see `CurlExchange.takeHeader`.
            CurlOption(CURLOPT_LOW_SPEED_LIMIT, .long(0)),
            CurlOption(CURLOPT_MAXFILESIZE_LARGE, .off(Int64(maxReplyBytes))),
            CurlOption(CURLOPT_BUFFERSIZE, .long(16_384)),
            CurlOption(CURLOPT_ACCEPT_ENCODING, .text("gzip")),
            CurlOption(CURLOPT_HEADEROPT, .long(Int(CURLHEADER_SEPARATE))),
            CurlOption(CURLOPT_USERAGENT, .text(userAgent)),
            // Wait for a connection that can be shared rather than open another.
            CurlOption(CURLOPT_PIPEWAIT, .long(1)),
        ]
    }
}
