// CurlTransport.swift - HTTP exchanges over libcurl's multi interface. With CurlOptions.swift the
// only Swift file that speaks libcurl. One thread uses a transport, except for `wake()`; all but
// `wait()` runs where a fork cannot come between (tvs_fork_unsafe_enter).

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Runs exchanges; `move` reports their ends.
@safe
package final class CurlTransport {
    private var line: CurlLine
    private let multi: UnsafeMutableRawPointer
    private var flying: [UInt64: CurlExchange] = [:]
    /// Ends a wait: one system call to set and one to clear, where curl_multi_wakeup() has a socket
    /// pair with one to set and two to clear.
    private let bell: Int32
    /// Ends a long wait in time also when the system was suspended meanwhile: the clock of poll()
    /// stands still then.
    private let alarm: Int32
    private static let longWaitMs: Int32 = 1000
    private let watch: UnsafeMutablePointer<tvs_curl_watch>
    /// Exchanges have ended since memory was last wiped.
    private var hasFreed = false

    package init(_ settings: TransportSettings) throws(Failure) {
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        try Self.startLibcurl(settings.base.origin)
        let trust = try TrustStore(settings.caFile, nowUs: tvs_monotonic_us())
        let sessions = try CurlSessions()
        let bell = tvs_eventfd_new()
        let alarm = tvs_timerfd_new()
        guard bell >= 0, alarm >= 0 else {
            if bell >= 0 { tvs_close(bell) }
            if alarm >= 0 { tvs_close(alarm) }
            throw Failure(.limit, "no file descriptor left for the engine")
        }
        guard let multi = unsafe curl_multi_init() else {
            tvs_close(bell)
            tvs_close(alarm)
            throw Failure(.noMemory, "libcurl gave no multi handle")
        }
        self.bell = bell
        self.alarm = alarm
        unsafe self.multi = multi
        unsafe watch = .allocate(capacity: 1)
        unsafe watch.initialize(to: tvs_curl_watch())
        unsafe line = CurlLine(
            settings: settings, options: settings.options(authorities: trust.path), watch: watch,
            sessions: sessions, trust: trust, room: ReplyRoom(settings.maxReplyBytes))
        let streams = settings.maxStreams
        unsafe _ = tvs_curl_multi_set_long(
            multi, CURLMOPT_PIPELINING.rawValue, Int(CURLPIPE_MULTIPLEX))
        unsafe _ = tvs_curl_multi_set_long(
            multi, CURLMOPT_MAX_HOST_CONNECTIONS.rawValue, settings.maxConnections)
        unsafe _ = tvs_curl_multi_set_long(
            multi, CURLMOPT_MAX_TOTAL_CONNECTIONS.rawValue, settings.maxConnections)
        unsafe _ = tvs_curl_multi_set_long(
            multi, CURLMOPT_MAX_CONCURRENT_STREAMS.rawValue, streams)
    }

    deinit {
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        for exchange in flying.values { unsafe _ = curl_multi_remove_handle(multi, exchange.easy) }
        flying = [:]
        unsafe _ = curl_multi_cleanup(multi)
        unsafe watch.deallocate()
        tvs_close(bell)
        tvs_close(alarm)
        tvs_wipe_freed()
    }

    /// Begins an exchange. `id` names it until `move` reports its end. `origin` is where the secret
    /// may go; any other base URL is refused here, next to the socket.
    package func start(
        _ id: UInt64, _ request: HTTPRequest, to origin: String
    ) throws(Failure) {
        guard origin == line.settings.base.origin.text else {
            throw Failure(.origin, "the credential is sealed for another origin than api.base_url")
        }
        let nowUs = tvs_monotonic_us()
        // Sessions would let in a server whose authority is not trusted any more.
        if try line.trust.look(nowUs: nowUs) { line.sessions = try CurlSessions() }
        let exchange = try CurlExchange(id, request, line, nowUs: nowUs)
        guard unsafe curl_multi_add_handle(multi, exchange.easy) == CURLM_OK else {
            throw Failure(.other, "libcurl refused a transfer")
        }
        flying[id] = exchange
    }

    /// Whether a connection was seen that carries many requests at once.
    package var hasHTTP2: Bool { unsafe watch.pointee.has_http2 != 0 }

    /// A reply came over a connection that does not, although it might have.
    package func noteHTTP1() { unsafe watch.pointee.has_http2 = 0 }

    /// How far an exchange has come; nil when it is not under way.
    package func progress(_ id: UInt64) -> HTTPProgress? { flying[id]?.progress }

    /// Ends an exchange without a report.
    package func abort(_ id: UInt64) {
        guard let exchange = flying.removeValue(forKey: id) else { return }
        exchange.endDeadConnection()
        unsafe watch.pointee.moved_us = tvs_thread_cpu_us()
        unsafe _ = curl_multi_remove_handle(multi, exchange.easy)
        hasFreed = true
    }

    /// Moves what can be moved and calls `ended` for every exchange that is over. True when there
    /// was one: more may have come meanwhile, so do not wait yet.
    package func move(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        var running: Int32 = 0
        unsafe watch.pointee.moved_us = tvs_thread_cpu_us()
        unsafe _ = curl_multi_perform(multi, &running)
        return collect(ended)
    }

    /// How long nothing happens before what was freed is wiped: a busy engine uses it again.
    private static let restMs: Int32 = 100

    /// Waits until there is something to move, at most `timeoutMs`. After a moment of rest, what
    /// libcurl and nghttp2 made of credentials and freed as it was is wiped where it can be found.
    package func wait(timeoutMs: Int32) {
        let rests = hasFreed && flying.isEmpty && timeoutMs > Self.restMs
        let timeoutMs = rests ? Self.restMs : timeoutMs
        let isLong = timeoutMs > Self.longWaitMs
        if isLong { tvs_timerfd_set(alarm, tvs_boot_us() + Int64(timeoutMs) * 1000) }
        var extra = [bell, alarm].map {
            curl_waitfd(fd: $0, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        }
        var ready: Int32 = 0
        unsafe _ = curl_multi_poll(multi, &extra, isLong ? 2 : 1, timeoutMs, &ready)
        if extra[0].revents != 0 { tvs_eventfd_clear(bell) }
        // Whether it rang or not, it must not end the next wait.
        if isLong { tvs_timerfd_set(alarm, 0) }
        if rests, ready == 0 { wipeFreed() }
    }

    /// Wipes what this thread's exchanges have left, as far as it can be found.
    package func wipeFreed() {
        guard hasFreed else { return }
        tvs_wipe_freed()
        hasFreed = false
    }

    /// Ends a `wait` at once, or the next one. Any thread.
    package func wake() { tvs_eventfd_set(bell) }

    private func collect(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        var remaining: Int32 = 0
        var found = false
        while let message = unsafe curl_multi_info_read(multi, &remaining) {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let easy = unsafe message.pointee.easy_handle,
                let context = unsafe tvs_curl_private(easy)
            else { continue }
            let code = unsafe message.pointee.data.result
            let exchange = unsafe Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
            if code == CURLE_OPERATION_TIMEDOUT { exchange.endDeadConnection() }
            unsafe _ = curl_multi_remove_handle(multi, easy)
            flying[exchange.id] = nil
            found = true
            hasFreed = true
            ended(exchange.id, exchange.reply(code))
        }
        return found
    }

    // MARK: - Once per process

    /// Starts libcurl, which counts its users; never undone: the rest of the host may rely on it.
    private static let startCode: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// Why there is no new engine after exit() has begun.
    static let processEnds = Failure(.shutdown, "the process is ending: no engine can be made")

    private static func startLibcurl(_ origin: Origin) throws(Failure) {
        // In an exit handler of the host OpenSSL may have cleaned up for good.
        guard tvs_tls_is_over() == 0 else { throw processEnds }
        guard startCode == CURLE_OK, let info = unsafe curl_version_info(CURLVERSION_TENTH) else {
            throw Failure(.other, "libcurl could not be started")
        }
        try LibcurlFault.check(
            version: unsafe info.pointee.version_num,
            zlib: unsafe info.pointee.libz_version.map { unsafe String(cString: $0) },
            origin: origin.text)
        let features = unsafe info.pointee.features
        let needed = CURL_VERSION_SSL | CURL_VERSION_ASYNCHDNS | CURL_VERSION_THREADSAFE
        guard features & needed == needed,
            unsafe String(cString: info.pointee.ssl_version).hasPrefix("OpenSSL")
        else {
            throw Failure(.other, "libcurl with OpenSSL, threads and asynchronous names is needed")
        }
    }

    /// Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7), nil for anything else.
    static func httpDate(_ text: String) -> Int64? {
        let seconds = unsafe curl_getdate(text, nil)
        return seconds < 0 ? nil : Int64(seconds)
    }

    /// How many connections are open and how many were ever made, for statistics.
    func describeConnections(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("open")
        writer.int(unsafe tvs_curl_open_sockets(watch))
        writer.key("made")
        writer.int(unsafe watch.pointee.made)
        writer.endObject()
    }

    /// libcurl's and its TLS backend's versions, for tv_build_info().
    package static func describe(into writer: inout JSONWriter) {
        guard let info = unsafe curl_version_info(CURLVERSION_TENTH) else { return }
        writer.key("libcurl")
        writer.string(unsafe String(cString: info.pointee.version))
        writer.key("tls_backend")
        writer.string(unsafe info.pointee.ssl_version.map { unsafe String(cString: $0) } ?? "")
        writer.key("http2")
        writer.bool(unsafe info.pointee.features & CURL_VERSION_HTTP2 != 0)
        writer.key("libcurl_faults")
        LibcurlFault.describe(unsafe info.pointee.version_num, into: &writer)
    }
}
