// CurlExchange.swift - one transfer: its easy handle, what it is filled with and fills.

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// One exchange under way. Its handle serves no other: libcurl before 8.3 writes to freed memory of
/// the handle's last transfer (LibcurlFaults.swift), and nothing of one credential can stay for the
/// next.
@safe
final class CurlExchange {
    let easy: UnsafeMutableRawPointer
    let id: UInt64
    let request: HTTPRequest
    /// How libcurl says that it ended; nil while it is under way.
    var end: CURLcode?
    var body: ByteBuffer
    var overflowed = false
    /// The host had no memory for the body.
    var lacksMemory = false
    /// Nil once it is crowded out.
    var place: ReplyRoom.Place?
    var isCrowdedOut: Bool { wanted > 0 }
    /// Of one that is crowded out: how large it may well be.
    var wanted = 0
    var passed = 0
    /// How much of an object is of use, once that is known, and whether the rest was cut off.
    var useful: Int?
    var isCut = false
    var headers = HeaderCount()
    private var codings = BodyCodings()
    /// HTTP/2 carries many requests on one connection.
    var isConnectionShared = false
    /// Others were or may be on its connection of HTTP/1.1: the reply may be theirs.
    var isIntruding = false
    let hasOwnConnection: Bool
    /// libcurl has let it go once, and it began again with a connection of its own.
    let isAgain: Bool
    /// It may share a connection, if the server speaks HTTP/2.
    let wantsHTTP2: Bool
    /// libcurl had it in its last call and did not begin it.
    var wasKept = false
    let startedUs: Int64
    let watch: UnsafeMutablePointer<tvs_curl_watch>
    /// When libcurl sent the request. In C memory, as its callback writes it.
    let sent: UnsafeMutablePointer<tvs_curl_sent>
    /// Lives as long as the handle that uses it.
    private let sessions: CurlSessions
    /// The list of header lines in C memory; what it points to lives in the next ones.
    private let nodes: UnsafeMutablePointer<curl_slist>
    private static let accept = HeaderText("Accept: application/json")
    var authorization: SecretHeader { request.authorization }
    private let email: HeaderText?
    private let isStillLent: (UInt64) -> Bool
    private let trust: TrustedFiles?
    var object: ObjectPart? { request.object }
    private let lines: [HeaderText]

    /// - Parameter isAgain: it begins once more, with a connection of its own.
    init(
        _ id: UInt64, _ request: HTTPRequest, _ line: CurlLine, _ place: ReplyRoom.Place? = nil,
        isAgain: Bool = false, nowUs: Int64
    ) throws(Failure) {
        guard let easy = unsafe curl_easy_init() else {
            throw Failure(lacking: ENOMEM, "libcurl has no memory for a request")
        }
        unsafe self.easy = easy
        self.id = id
        self.request = request
        unsafe watch = line.watch
        // A key header would enter HTTP/2's shared compression table (security: HPACK).
        wantsHTTP2 =
            line.settings.http2 && request.email == nil && !line.settings.base.origin.isPlain
        self.isAgain = isAgain
        hasOwnConnection = isAgain || !wantsHTTP2
        sessions = hasOwnConnection ? line.ownSessions : line.sessions
        let most = 3 + (request.object?.lines.count ?? 0)
        unsafe nodes = .allocate(capacity: most)
        unsafe nodes.initialize(repeating: curl_slist(), count: most)
        unsafe sent = .allocate(capacity: 1)
        unsafe sent.initialize(
            to: tvs_curl_sent(
                watch: line.watch, easy: easy, us: 0, is_repeat: 0, own: tvs_own(), was_held: 0,
                is_alone: 0, has_begun: 0, has_socket: 0, contexts: 0, call: 0, looks: 0,
                may_leave: exchangeMayLeave, exchange: nil, was_taken_back: 0))
        body = ByteBuffer(limit: line.settings.maxReplyBytes)
        self.place = place ?? line.room.place(for: request.tenant)
        startedUs = nowUs
        email = request.email.map { HeaderText("X-Auth-Email: " + $0) }
        (isStillLent, trust) = (line.isStillLent, line.trust)
        lines = request.object?.lines.map { HeaderText($0) } ?? []
        var codes = line.options.map { unsafe $0.apply(to: easy) }
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe sent.pointee.exchange = context
        codes += unsafe [
            tvs_curl_guard(easy, watch, sent),
            tvs_curl_note_sent(easy, sent),
            tvs_curl_set_sink(easy, CURLOPT_HEADERFUNCTION.rawValue, readHeader),
            tvs_curl_set_pointer(easy, CURLOPT_HEADERDATA.rawValue, context),
            tvs_curl_set_sink(easy, CURLOPT_WRITEFUNCTION.rawValue, writeBody),
            tvs_curl_set_pointer(easy, CURLOPT_WRITEDATA.rawValue, context),
            tvs_curl_set_pointer(easy, CURLOPT_PRIVATE.rawValue, context),
            tvs_curl_set_pointer(easy, CURLOPT_SHARE.rawValue, sessions.share),
        ]
        if line.settings.proxy != nil { codes.append(unsafe tvs_curl_bound_proxy(easy, sent)) }
        try Self.check(
            codes, .other, "this libcurl does not know an option that safety depends on")
        try prepare(line)
    }

    /// Whether its connection would be made under the same authorities now.
    var isStillTrusted: Bool {
        trust?.have(sessions.trust, nowUs: tvs_monotonic_us()) ?? true
    }

    var mayLeave: Bool { isStillLent(id) && isStillTrusted }

    /// libcurl is not to be called for it any more.
    var isAbandoned = false

    deinit {
        if !isAbandoned { unsafe curl_easy_cleanup(easy) }
        unsafe nodes.deallocate()
        unsafe sent.deallocate()
    }

    /// Fills in what differs from request to request.
    private func prepare(_ line: CurlLine) throws(Failure) {
        guard (lines + [email].compactMap { $0 } + [Self.accept]).allSatisfy(\.isThere) else {
            throw Failure(.other, "a header line of a request cannot be made")
        }
        unsafe link(authorization.cString, at: 0)
        if let object {
            for (place, line) in lines.enumerated() {
                unsafe link(line.pointer, at: place + 1)
            }
            if let token = object.token { unsafe link(token.cString, at: lines.count + 1) }
        } else {
            unsafe link(Self.accept.pointer, at: 1)
            if let email { unsafe link(email.pointer, at: 2) }
        }
        // Connections with different TLS settings are never shared: saying "at most 1.3" aloud
        // keeps a token from waiting for a key's connection, which it cannot share.
        let tls =
            email != nil
            ? Int(CURL_SSLVERSION_TLSv1_2) | Int(CURL_SSLVERSION_MAX_TLSv1_3)
            : Int(CURL_SSLVERSION_TLSv1_2)
        let version = wantsHTTP2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        let isOwn = hasOwnConnection ? 1 : 0
        let codes = unsafe [
            tvs_curl_set_text(easy, CURLOPT_URL.rawValue, line.settings.base.text + request.path),
            tvs_curl_set_pointer(easy, CURLOPT_HTTPHEADER.rawValue, nodes),
            tvs_curl_set_long(easy, CURLOPT_HTTP_VERSION.rawValue, Int(version)),
            // Over HTTP/1.1 no connection has a second request; see `takeHeader`.
            tvs_curl_set_long(easy, CURLOPT_FRESH_CONNECT.rawValue, isOwn),
            tvs_curl_set_long(easy, CURLOPT_FORBID_REUSE.rawValue, isOwn),
            tvs_curl_set_long(easy, CURLOPT_SSLVERSION.rawValue, tls),
            tvs_curl_set_long(easy, CURLOPT_TIMEOUT_MS.rawValue, request.timeoutMs),
        ]
        try unsafe Self.check(
            codes + Authorities.give(sessions.trust, to: easy) + (object.map { storing($0) } ?? []),
            .noMemory,
            "libcurl could not take the request")
    }

    /// Puts a line at the end of the list.
    private func link(_ line: UnsafePointer<CChar>?, at place: Int) {
        unsafe nodes[place].data = UnsafeMutablePointer(mutating: line)
        if place > 0 { unsafe nodes[place - 1].next = nodes + place }
    }

    /// An object is fetched and stored as it is. libcurl does not copy what it uploads.
    private func storing(_ object: ObjectPart) -> [Int32] {
        codings.areOfTransferAlone = true
        var codes = [CurlOption(CURLOPT_ACCEPT_ENCODING, .text(nil))]
        guard let upload = object.upload, let bytes = unsafe upload.cString else {
            return codes.map { unsafe $0.apply(to: easy) }
        }
        codes += [
            CurlOption(CURLOPT_POSTFIELDSIZE_LARGE, .off(Int64(upload.count))),
            CurlOption(CURLOPT_CUSTOMREQUEST, .text("PUT")),
        ]
        let place = unsafe UnsafeMutableRawPointer(mutating: bytes)
        return codes.map { unsafe $0.apply(to: easy) } + [
            unsafe tvs_curl_set_pointer(easy, CURLOPT_POSTFIELDS.rawValue, place)
        ]
    }

    static func check(
        _ codes: [Int32], _ status: Status, _ message: String
    ) throws(Failure) {
        guard let code = codes.first(where: { $0 != 0 }) else { return }
        guard code != Int32(CURLE_OUT_OF_MEMORY.rawValue) else {
            throw Failure(lacking: ENOMEM, "libcurl has no memory for a request")
        }
        throw Failure(status, message)
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
            isIntruding = unsafe isIntruding || claimsHTTP2(line) || !isAlone
            if isIntruding { return false }
        }
        let hadBegun = headers.hasBegun
        let isTaken = unsafe headers.count(line) && codings.take(line)
        if headers.hasBegun, !hadBegun { watchForSilence() }
        return isTaken
    }

    /// Below so many bytes a second for so many seconds a reply that has begun has broken off.
    private static let lowSpeed = (limit: 64, seconds: 20)

    /// libcurl's rule counts from when it is set, so the wait for the first byte is no silence.
    private func watchForSilence() {
        unsafe _ = tvs_curl_set_long(easy, CURLOPT_LOW_SPEED_TIME.rawValue, Self.lowSpeed.seconds)
        unsafe _ = tvs_curl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT.rawValue, Self.lowSpeed.limit)
    }

    /// How many times larger than what travelled a body may be. gzip reaches about 1,030; a log in
    /// JSON stays below 30.
    private static let maxExpansion = 100
    /// Below this size the ratio says nothing.
    private static let expansionFloor = 1 << 20

    /// Takes body bytes; false ends the exchange.
    fileprivate func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !isCrowdedOut else { return passes(bytes.count) }
        let total = body.count + bytes.count
        if total > Self.expansionFloor {
            let travelled = number(CURLINFO_SIZE_DOWNLOAD_T)
            if Int64(total) / Int64(Self.maxExpansion) > max(1, travelled) { overflowed = true }
        }
        if body.count == 0 { reserveAnnounced() }
        guard overflowed || place?.grow(to: total) ?? false else {
            wanted = min(body.limit, max(2 * total, Int(clamping: announced ?? 0)))
            // Its memory and its room are what the others want.
            (passed, body, place) = (total, ByteBuffer(limit: body.limit), nil)
            return isConnectionShared
        }
        if !overflowed, !(unsafe body.append(bytes)) {
            if total > body.limit { overflowed = true } else { lacksMemory = true }
        }
        return !overflowed && !lacksMemory && !hasEnough()
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
