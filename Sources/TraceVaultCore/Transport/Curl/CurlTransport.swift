// CurlTransport.swift - HTTP exchanges over libcurl's multi interface. Nothing outside this folder
// speaks libcurl. One thread uses a transport, except for `wake()`; all but `wait()` runs where a
// fork cannot come between (tvs_fork_unsafe_enter), or only where a file or a lock is waited for.

import CCurl
import CSystem
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Runs exchanges; `move` reports their ends.
@safe
package final class CurlTransport {
    var line: CurlLine
    let multi: UnsafeMutableRawPointer
    var flying: [UInt64: CurlExchange] = [:]
    /// Ends a wait for connections; curl_multi_wakeup() cannot tell whether its descriptors are
    /// still its own.
    private let bell: Doorbell
    /// Ends a wait while nothing is under way, which no descriptor has a part in: a host that has
    /// closed the bell and opened others by its numbers leaves nothing else to wake the thread.
    private let rings = Bell()
    private var heardRings: UInt32 = 0
    private let isPolling = Atomic<Bool>(false)
    let watch: UnsafeMutablePointer<tvs_curl_watch>
    /// The host has closed descriptors of it: libcurl is not called any more.
    private var isAbandoned = false
    private var intactAtUs: Int64 = 0
    /// When the next look is due at who waits for a first byte.
    var lookAtUs: Int64 = 0
    let lookEveryUs: Int64
    var login: ProxyLogin
    /// What libcurl says has ended and was not read yet, in the order in which it ended.
    var over: ArraySlice<UInt64> = []
    /// What libcurl has and has not begun, as far as is known, in the order in which it came.
    var unbegun: [UInt64] = []
    /// Something has ended since libcurl last looked for room.
    var hasRoom = false
    /// Exchanges have ended since memory was last wiped.
    var hasFreed = false

    /// - Parameter looksItself: its thread may wait for the file system of the authorities.
    package init(_ settings: TransportSettings, looksItself: Bool = false) throws(Failure) {
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        try Self.startLibcurl(settings.base.origin)
        let nowUs = tvs_monotonic_us()
        let lookout: Lookout? = looksItself ? nil : .ofProcess
        let hasTLSProxy = settings.proxy?.isSecure == true
        var trust: TrustedFiles?
        if !settings.base.origin.isPlain {
            let server = try TrustStore(settings.caFile, nowUs: nowUs, lookout: lookout)
            var proxy: TrustStore?
            if hasTLSProxy, let file = settings.proxyCAFile {
                proxy = try TrustStore(file, nowUs: nowUs, lookout: lookout)
            }
            trust = TrustedFiles(server: server, proxy: proxy)
        }
        let sessions = try CurlSessions(under: [], haveConnections: false)
        let ownSessions = try CurlSessions(under: [], haveConnections: true)
        bell = try Doorbell()
        login = ProxyLogin(settings.proxy)
        lookEveryUs = Int64(min(1000, max(10, settings.firstByteMs / 8))) * 1000
        guard let multi = unsafe tvs_curl_multi_new() else {
            let lack = tvs_lack()
            throw Failure(lacking: lack == 0 ? ENOMEM : lack, "libcurl gave no multi handle")
        }
        unsafe self.multi = multi
        unsafe watch = .allocate(capacity: 1)
        unsafe watch.initialize(to: tvs_curl_watch())
        unsafe watch.pointee.has_tls_proxy = hasTLSProxy ? 1 : 0
        unsafe line = CurlLine(
            settings: settings, options: settings.transferOptions, watch: watch,
            sessions: sessions, ownSessions: ownSessions, trust: trust,
            room: ReplyRoom(settings.maxReplyBytes))
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
        // libcurl would write to, and close, descriptors that now belong to the host.
        guard !isAbandoned else { return }
        for exchange in flying.values { unsafe _ = curl_multi_remove_handle(multi, exchange.easy) }
        flying = [:]
        unsafe CurlFreeing.multi(multi)
        unsafe watch.deallocate()
        tvs_wipe_freed()
    }

    /// Begins an exchange. `id` names it until `move` reports its end. `origin` is where the secret
    /// may go; any other base URL is refused here, next to the socket.
    package func start(
        _ id: UInt64, _ request: HTTPRequest, to origin: String
    ) throws(Failure) {
        try start(id, request, to: origin, in: nil)
    }

    /// - Parameter place: what its reply has of the room from the beginning.
    func start(
        _ id: UInt64, _ request: HTTPRequest, to origin: String, in place: ReplyRoom.Place?
    ) throws(Failure) {
        guard origin == line.settings.base.origin.text else {
            throw Failure(.origin, "the credential is sealed for another origin than api.base_url")
        }
        let nowUs = tvs_monotonic_us()
        guard !isAbandoned else { throw Doorbell.lost }
        if let trouble = login.refused(nowUs: nowUs) { throw HTTPReply.Fault.proxy.words(trouble) }
        try line.renewSessions(nowUs)
        let exchange = try CurlExchange(id, request, line, place, nowUs: nowUs)
        if login.admit(id) {
            let code = unsafe curl_multi_add_handle(multi, exchange.easy)
            guard code == CURLM_OK else {
                _ = login.leave(id)
                throw code == CURLM_OUT_OF_MEMORY
                    ? Failure(lacking: ENOMEM, "libcurl has no memory for a request")
                    : Failure(.other, "libcurl refused a transfer")
            }
            unbegun.append(id)
        }
        flying[id] = exchange
    }

    // MARK: - A host that closes what it does not know

    private static let intactForUs: Int64 = 100_000

    /// False once a descriptor of it is not its own any more.
    package var isIntact: Bool {
        guard !isAbandoned, bell.isThere else { return false }
        let nowUs = tvs_monotonic_us()
        guard nowUs - intactAtUs >= Self.intactForUs else { return true }
        intactAtUs = nowUs
        return unsafe tvs_curl_sockets_are_there(watch)
    }

    /// Never calls libcurl again, and leaves it what it holds: it would read, write and close what
    /// the host has by those numbers now. Secrets are given back all the same.
    package func abandon() {
        isAbandoned = true
        for exchange in flying.values { exchange.isAbandoned = true }
        flying = [:]
    }

    /// Whether the vault still lends an exchange what it was begun with. Asked when its request is
    /// about to leave, amid `move`.
    var isStillLent: (UInt64) -> Bool {
        get { line.isStillLent }
        set { line.isStillLent = newValue }
    }

    /// Whether the server may have seen an exchange.
    package func wasSent(_ id: UInt64) -> Bool { flying[id]?.wasSent ?? false }

    /// How far an exchange has come; nil when it is not under way.
    package func progress(_ id: UInt64) -> HTTPProgress? { flying[id]?.progress }

    /// Ends an exchange without a report.
    package func abort(_ id: UInt64) {
        guard let exchange = flying.removeValue(forKey: id) else { return }
        leaveDeadConnection(of: exchange)
        unsafe tvs_curl_begin(watch)
        unsafe _ = curl_multi_remove_handle(multi, exchange.easy)
        (hasFreed, hasRoom) = (true, true)
        // The next `move` lets another one to the proxy.
        if login.leave(id) { wake() }
    }

    /// Moves what can be moved and calls `ended` for every exchange that is over. True when there
    /// was one: more may have come meanwhile, so do not wait yet.
    package func move(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        var running: Int32 = 0
        unsafe tvs_curl_begin(watch)
        tvs_tls_forget_refusal()
        endDistrusted(ended)
        unsafe _ = curl_multi_perform(multi, &running)
        noteEnds()
        let isLate = endLate(ended)
        let hasEnded = collect(ended)
        goOnToProxy(ended)
        unbegun.removeAll { flying[$0].map { $0.hasBegun || $0.end != nil } ?? true }
        leaveHTTP1(ended)
        return hasEnded || isLate
    }

    /// Begins who has waited for another to try the login at the proxy.
    private func goOnToProxy(_ ended: (UInt64, HTTPReply) -> Void) {
        if let tried = login.tried, flying[tried]?.isThroughProxy == true { login.take() }
        for id in login.release() {
            guard let exchange = flying[id] else { continue }
            guard unsafe curl_multi_add_handle(multi, exchange.easy) != CURLM_OK else {
                unbegun.append(id)
                continue
            }
            finish(exchange, CURLE_OUT_OF_MEMORY, ended)
        }
    }

    /// How long nothing happens before what was freed is wiped: a busy engine uses it again.
    private static let restMs: Int32 = 100

    /// Waits until there is something to move, at most `timeoutMs`. After a moment of rest, memory
    /// that libcurl and nghttp2 freed without wiping, and that may hold credentials, is wiped as
    /// far as it can be found.
    package func wait(timeoutMs: Int32) {
        guard !isAbandoned else { return }
        guard flying.isEmpty else { return poll(timeoutMs) }
        let rests = hasFreed && timeoutMs > Self.restMs
        if rings.count == heardRings {
            rings.wait(since: heardRings, atMostMs: Int64(rests ? Self.restMs : timeoutMs))
        }
        if rests, rings.count == heardRings { wipeFreed() }
        heardRings = rings.count
    }

    private func poll(_ timeoutMs: Int32) {
        isPolling.store(true, ordering: .sequentiallyConsistent)
        if rings.count == heardRings {
            var extra = curl_waitfd(
                fd: bell.descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
            var ready: Int32 = 0
            // A first byte may be late before that.
            let waitMs = min(timeoutMs, Int32(clamping: lookEveryUs / 1000))
            unsafe _ = curl_multi_poll(multi, &extra, 1, waitMs, &ready)
            if extra.revents != 0 { bell.clear() }
        }
        isPolling.store(false, ordering: .sequentiallyConsistent)
        heardRings = rings.count
    }

    /// Wipes what this thread's exchanges have left, as far as it can be found.
    package func wipeFreed() {
        guard hasFreed else { return }
        tvs_wipe_freed()
        hasFreed = false
    }

    /// Ends a `wait` at once, or the next one. Any thread.
    package func wake() {
        rings.ring()
        if isPolling.load(ordering: .sequentiallyConsistent) { bell.ring() }
    }
}
