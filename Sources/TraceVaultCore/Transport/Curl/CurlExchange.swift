// CurlExchange.swift - one transfer: its easy handle, what it is filled with and fills.

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// What the exchanges of a transport have in common.
@safe
struct CurlLine {
    let settings: TransportSettings
    let options: [CurlOption]
    /// Outlives the connections.
    let watch: UnsafeMutablePointer<tvs_curl_watch>
    var sessions: CurlSessions
    var trust: TrustStore
    let room: ReplyRoom
}

/// One exchange under way. Its handle serves no other: libcurl before 8.3 writes to freed memory of
/// the handle's last transfer (LibcurlFaults.swift), and nothing of one credential can stay for the
/// next.
@safe
final class CurlExchange {
    let easy: UnsafeMutableRawPointer
    let id: UInt64
    private var body: ByteBuffer
    private var overflowed = false
    private var place: ReplyRoom.Place
    private var isCrowdedOut = false
    private var headers = HeaderCount()
    /// HTTP/2 carries many requests on one connection.
    private var isConnectionShared = false
    /// Others were or may be on its connection of HTTP/1.1: the reply may be theirs.
    private var isIntruding = false
    private let startedUs: Int64
    private let watch: UnsafeMutablePointer<tvs_curl_watch>
    /// Lives as long as the handle that uses it.
    private let sessions: CurlSessions
    /// Three list nodes in C memory: the secret header, Accept, X-Auth-Email.
    private let nodes: UnsafeMutablePointer<curl_slist>
    private static let accept = HeaderText("Accept: application/json")
    private let authorization: SecretHeader
    private let email: HeaderText?

    init(
        _ id: UInt64, _ request: HTTPRequest, _ line: CurlLine, nowUs: Int64
    ) throws(Failure) {
        guard let easy = unsafe curl_easy_init() else {
            throw Failure(.noMemory, "libcurl gave no transfer handle")
        }
        unsafe self.easy = easy
        self.id = id
        unsafe watch = line.watch
        sessions = line.sessions
        unsafe nodes = .allocate(capacity: 3)
        unsafe nodes.initialize(repeating: curl_slist(), count: 3)
        body = ByteBuffer(limit: line.settings.maxReplyBytes)
        place = line.room.place(for: request.tenant)
        startedUs = nowUs
        authorization = request.authorization
        email = request.email.map { HeaderText("X-Auth-Email: " + $0) }
        var accepted = true
        for option in line.options {
            accepted = unsafe option.apply(to: easy) && accepted
        }
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        let codes = unsafe [
            tvs_curl_guard(easy, watch),
            tvs_curl_set_sink(easy, CURLOPT_HEADERFUNCTION.rawValue, readHeader),
            tvs_curl_set_pointer(easy, CURLOPT_HEADERDATA.rawValue, context),
            tvs_curl_set_sink(easy, CURLOPT_WRITEFUNCTION.rawValue, writeBody),
            tvs_curl_set_pointer(easy, CURLOPT_WRITEDATA.rawValue, context),
            tvs_curl_set_pointer(easy, CURLOPT_PRIVATE.rawValue, context),
            tvs_curl_set_pointer(easy, CURLOPT_SHARE.rawValue, sessions.share),
        ]
        guard accepted, codes.allSatisfy({ $0 == 0 }) else {
            throw Failure(.other, "this libcurl does not know an option that safety depends on")
        }
        try prepare(request, line, nowUs)
    }

    deinit {
        unsafe curl_easy_cleanup(easy)
        unsafe nodes.deallocate()
    }

    /// Fills in what differs from request to request.
    private func prepare(
        _ request: HTTPRequest, _ line: CurlLine, _ nowUs: Int64
    ) throws(Failure) {
        unsafe nodes[0].data = UnsafeMutablePointer(mutating: authorization.cString)
        unsafe nodes[0].next = nodes + 1
        unsafe nodes[1].data = UnsafeMutablePointer(mutating: Self.accept.pointer)
        unsafe nodes[1].next = email == nil ? nil : nodes + 2
        unsafe nodes[2].data = UnsafeMutablePointer(mutating: email?.pointer)
        // A key header would enter HTTP/2's shared compression table (security: HPACK).
        let isKey = email != nil
        let http2 = line.settings.http2 && !isKey && !line.settings.base.origin.isPlain
        // Connections with different TLS settings are never shared: saying "at most 1.3" aloud
        // keeps a token from waiting for a key's connection, which it cannot share.
        let tls =
            isKey
            ? Int(CURL_SSLVERSION_TLSv1_2) | Int(CURL_SSLVERSION_MAX_TLSv1_3)
            : Int(CURL_SSLVERSION_TLSv1_2)
        let version = http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        let keepS = line.trust.keepSeconds(nowUs: nowUs)
        let codes = unsafe [
            tvs_curl_set_text(easy, CURLOPT_URL.rawValue, line.settings.base.text + request.path),
            tvs_curl_set_pointer(easy, CURLOPT_HTTPHEADER.rawValue, nodes),
            tvs_curl_set_long(easy, CURLOPT_HTTP_VERSION.rawValue, Int(version)),
            // Over HTTP/1.1 no connection has a second request; see `takeHeader`.
            tvs_curl_set_long(easy, CURLOPT_FRESH_CONNECT.rawValue, http2 ? 0 : 1),
            tvs_curl_set_long(easy, CURLOPT_FORBID_REUSE.rawValue, http2 ? 0 : 1),
            tvs_curl_set_long(easy, CURLOPT_SSLVERSION.rawValue, tls),
            tvs_curl_set_long(easy, CURLOPT_CA_CACHE_TIMEOUT.rawValue, keepS),
            tvs_curl_set_long(easy, CURLOPT_TIMEOUT_MS.rawValue, request.timeoutMs),
        ]
        guard codes.allSatisfy({ $0 == 0 }) else {
            throw Failure(.noMemory, "libcurl could not take the request")
        }
    }

    /// How long a connection must have been silent to count as dead.
    private static let deadAfterMs: Int64 = 3000
    /// A request that gave up sooner says nothing about its connection.
    private static let leastWaitMs: Int64 = 1000

    /// Called where the request gives up. libcurl keeps an HTTP/2 connection although nothing comes
    /// over it any more, and would send all later requests there: when it has been silent for long,
    /// the connection goes too.
    func endDeadConnection() {
        guard tvs_monotonic_us() - startedUs >= Self.leastWaitMs * 1000 else { return }
        unsafe tvs_curl_end_if_silent(easy, watch, Self.deadAfterMs)
    }

    // MARK: - What came

    /// Takes a header line; false ends the exchange. A server that was asked for HTTP/2 may speak
    /// HTTP/1.1, where replies have no names: what came behind this one would answer the next
    /// request of the connection, which may be another tenant's. So the connection ends. The reply
    /// itself is not asked: libcurl takes "HTTP/2 200" and "http/1.1 200" for HTTP/1.1, too.
    fileprivate func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        isConnectionShared = unsafe tvs_curl_has_http2(easy)
        if !isConnectionShared {
            unsafe _ = tvs_curl_set_long(easy, CURLOPT_FORBID_REUSE.rawValue, 1)
            isIntruding = unsafe isIntruding || claimsHTTP2(line) || !madeConnection
            if isIntruding { return false }
        }
        return unsafe headers.count(line)
    }

    /// How many times larger than what travelled a body may be. gzip reaches about 1,030; a log in
    /// JSON stays below 30.
    private static let maxExpansion = 100
    /// Below this size the ratio says nothing.
    private static let expansionFloor = 1 << 20

    /// Takes body bytes; false ends the exchange.
    fileprivate func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe watch.pointee.moved_us = tvs_thread_cpu_us()
        let total = body.count + bytes.count
        if total > Self.expansionFloor {
            var travelled: Int64 = 0
            unsafe _ = tvs_curl_info_off(easy, CURLINFO_SIZE_DOWNLOAD_T.rawValue, &travelled)
            if Int64(total) / Int64(Self.maxExpansion) > max(1, travelled) { overflowed = true }
        }
        if body.count == 0 { reserveAnnounced() }
        guard overflowed || place.grow(to: total) else {
            isCrowdedOut = true
            // Its memory is what the others want.
            body = ByteBuffer(limit: 0)
            return false
        }
        if !overflowed && !(unsafe body.append(bytes)) { overflowed = true }
        return !overflowed
    }

    /// Makes room at once for what the server announces, within reason: it may be lying.
    private func reserveAnnounced() {
        var announced: Int64 = 0
        unsafe _ = tvs_curl_info_off(
            easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T.rawValue, &announced)
        if (1...65_536).contains(announced) { _ = body.reserve(Int(clamping: announced)) }
    }

    func reply(_ code: CURLcode) -> HTTPReply {
        // A server that repeats the request, as some do to explain a refusal, must not carry the
        // secret into messages and views that hosts write down, nor into the next URL.
        unsafe body.mask(secret)
        var reply = HTTPReply(body: body)
        reply.status = Int32(clamping: info(CURLINFO_RESPONSE_CODE))
        reply.wasSent = headers.hasBegun || progress != .connecting
        if reply.status != 0 { reply.sharedConnection = isConnectionShared }
        reply.fault =
            overflowed ? .tooLarge : HTTPReply.Fault(code, headers, wasSent: reply.wasSent)
        if isCrowdedOut { reply.fault = .crowdedOut }
        if isIntruding { reply.fault = .broken }
        let ray = header("cf-ray")
        reply.headers.cfRay = ray.utf8.count <= 64 ? ray : String(ray.prefix(64))
        reply.headers.rateLimit = list("ratelimit", whole: ReplyHeaders.maxList)
        reply.headers.rateLimitPolicy = list("ratelimit-policy", whole: ReplyHeaders.maxList)
        if reply.status != 200 {
            reply.headers.retryAfter = header("retry-after")
            reply.headers.retryAfterMs = header("retry-after-ms")
            reply.headers.date = header("date")
            reply.headers.shouldRetry = header("x-should-retry").lowercased()
        } else {
            reply.headers.link = list("link", whole: ReplyHeaders.maxURL)
        }
        if reply.status == 202 {
            reply.headers.location = header("location", whole: ReplyHeaders.maxURL)
        }
        return reply
    }

    /// The secret that was sent. It has no space, its header name's line has.
    private var secret: UnsafeRawBufferPointer {
        guard let line = unsafe authorization.cString, let space = unsafe strrchr(line, 0x20)
        else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: space + 1, count: strlen(space + 1))
    }

    /// The values of the first lines of one name, as one list: any of them may name a page or a
    /// quota. A line that is too long hides no other.
    private func list(_ name: StaticString, whole limit: Int) -> String {
        var list = ""
        for index in 0..<min(lines(of: name), 8) {
            let line = header(name, whole: limit, index)
            if !line.isEmpty { list += list.isEmpty ? line : ", " + line }
        }
        return list
    }

    private func lines(of name: StaticString) -> Int {
        var found: UnsafeMutablePointer<curl_header>?
        let code = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { name in
            unsafe curl_easy_header(easy, name, 0, UInt32(CURLH_HEADER), -1, &found)
        }
        return code == CURLHE_OK ? Int(clamping: unsafe found?.pointee.amount ?? 0) : 0
    }

    /// One header of the last reply, "" when absent; printable ASCII, bounded, without the secret.
    /// Longer values are cut off, or "" where only all of it is of use.
    private func header(
        _ name: StaticString, whole limit: Int? = nil, _ index: Int = 0
    ) -> String {
        var found: UnsafeMutablePointer<curl_header>?
        let code = unsafe name.utf8Start.withMemoryRebound(to: CChar.self, capacity: 1) { name in
            unsafe curl_easy_header(easy, name, index, UInt32(CURLH_HEADER), -1, &found)
        }
        guard code == CURLHE_OK, let value = unsafe found?.pointee.value else { return "" }
        guard unsafe !tvs_holds_secret(value, strlen(value), secret.baseAddress, secret.count)
        else { return "" }
        let length = unsafe strnlen(value, limit.map { $0 + 1 } ?? ReplyHeaders.maxValue)
        if let limit, length > limit { return "" }
        let bytes = unsafe UnsafeRawBufferPointer(start: value, count: length)
        if unsafe bytes.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return unsafe String(decoding: bytes, as: UTF8.self)
        }
        // Another URL than the server's is of no use.
        if limit == ReplyHeaders.maxURL { return "" }
        return unsafe String(
            decoding: bytes.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }

    private func info(_ name: CURLINFO) -> Int {
        unsafe tvs_curl_info_long(easy, name.rawValue)
    }
}

// libcurl's callbacks. C calls them on the engine's thread only.

private let writeBody: tvs_curl_sink = { bytes, size, count, context in
    unsafe sink(bytes, size, count, context) { unsafe $0.receive($1) }
}

private let readHeader: tvs_curl_sink = { bytes, size, count, context in
    unsafe sink(bytes, size, count, context) { unsafe $0.takeHeader($1) }
}

private func sink(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?,
    _ take: (CurlExchange, UnsafeRawBufferPointer) -> Bool
) -> Int {
    guard let context = unsafe context else { return 0 }
    let exchange = unsafe Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    let (length, overflow) = size.multipliedReportingOverflow(by: count)
    guard !overflow else { return 0 }
    let accepted = unsafe take(exchange, UnsafeRawBufferPointer(start: bytes, count: length))
    // Any other number than the length ends the transfer.
    return accepted || length == 0 ? length : 0
}
