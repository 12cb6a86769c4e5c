// CurlLink.swift - a connection to a Redis over libcurl, which brings TLS, names and time-outs: it
// only connects (CURLOPT_CONNECT_ONLY), and carries bytes after that.

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

@safe
package final class CurlLink: RedisLink {
    /// Nil where no address has TLS.
    private let trust: TrustStore?
    /// Whom the watch names; nil for a connection without TLS.
    private var trusted: Authorities?
    private var easy: UnsafeMutableRawPointer?
    private var multi: UnsafeMutableRawPointer?
    private let watch: UnsafeMutablePointer<tvs_curl_watch>
    /// The connection, as long as the host has not closed it.
    private var socket = tvs_own()

    private static let retryUs: UInt32 = 2000

    package init(_ settings: RedisSettings) throws(Failure) {
        trust =
            settings.addresses.contains(where: \.hasTLS)
            ? try TrustStore(
                settings.caFile, nowUs: tvs_monotonic_us(), lookout: .ofProcess)
            : nil
        unsafe watch = .allocate(capacity: 1)
        unsafe watch.initialize(to: tvs_curl_watch())
    }

    deinit {
        close()
        unsafe watch.deallocate()
    }

    package func open(_ address: RedisAddress, until limit: LinkLimit) throws(Failure) {
        close()
        trusted = address.hasTLS ? try trust?.look(nowUs: tvs_monotonic_us()) : nil
        unsafe watch.pointee.authorities = trusted?.store
        guard let easy = unsafe curl_easy_init(), let multi = unsafe tvs_curl_multi_new() else {
            throw Failure(lacking: ENOMEM, "libcurl has no memory for a connection")
        }
        unsafe (self.easy, self.multi) = unsafe (easy, multi)
        for option in options(address) {
            guard unsafe option.apply(to: easy) == 0 else { throw Self.unknownOption }
        }
        guard unsafe tvs_curl_guard(easy, watch, nil) == 0,
            unsafe Authorities.give(trusted.map { [$0] } ?? [], to: easy).allSatisfy({ $0 == 0 })
        else { throw Self.unknownOption }
        unsafe _ = curl_multi_add_handle(multi, easy)
        tvs_tls_forget_refusal()
        while true {
            var running: Int32 = 0
            unsafe tvs_curl_begin(watch)
            unsafe _ = curl_multi_perform(multi, &running)
            var left: Int32 = 0
            if let message = unsafe curl_multi_info_read(multi, &left) {
                try Self.check(unsafe message.pointee.data.result)
                break
            }
            let restMs = try limit.restMs(nowMs: tvs_monotonic_ms())
            let held = tvs_fork_pause()
            var ready: Int32 = 0
            unsafe _ = curl_multi_wait(multi, nil, 0, min(restMs, 20), &ready)
            if ready == 0 { usleep(Self.retryUs) }
            tvs_fork_resume(held)
        }
        socket = tvs_own_of(unsafe tvs_curl_socket(easy))
    }

    private static let unknownOption = Failure(
        .other, "this libcurl does not know an option that safety depends on")

    /// Only this protocol, no proxy, verified TLS, nothing of the environment.
    private func options(_ address: RedisAddress) -> [CurlOption] {
        let scheme = address.hasTLS ? "https" : "http"
        return [
            CurlOption(CURLOPT_URL, .text("\(scheme)://\(address.place)")),
            CurlOption(CURLOPT_CONNECT_ONLY, .long(1)),
            CurlOption(CURLOPT_PROTOCOLS_STR, .text(scheme)),
            CurlOption(CURLOPT_PROXY, .text("")),
            CurlOption(CURLOPT_NETRC, .long(0)),
            CurlOption(CURLOPT_SSL_VERIFYPEER, .long(1)),
            CurlOption(CURLOPT_SSL_VERIFYHOST, .long(2)),
            CurlOption(CURLOPT_SSLVERSION, .long(Int(CURL_SSLVERSION_TLSv1_2))),
            CurlOption(CURLOPT_SSL_ENABLE_ALPN, .long(0)),
            CurlOption(CURLOPT_CAINFO, .text(nil)),
            CurlOption(CURLOPT_CA_CACHE_TIMEOUT, .long(0)),
            CurlOption(CURLOPT_QUICK_EXIT, .long(1)),
            CurlOption(CURLOPT_TCP_KEEPALIVE, .long(1)),
            CurlOption(CURLOPT_NOSIGNAL, .long(1)),
            CurlOption(CURLOPT_VERBOSE, .long(0)),
            CurlOption(CURLOPT_NOPROGRESS, .long(1)),
        ]
    }

    private static func check(_ code: CURLcode) throws(Failure) {
        switch code {
        case CURLE_OK: return
        case CURLE_COULDNT_RESOLVE_HOST: throw Failure(.transport, "its name is not known")
        case CURLE_PEER_FAILED_VERIFICATION:
            throw Failure(.tls, "its certificate is not one to trust")
        case CURLE_SSL_CONNECT_ERROR: throw Failure(.tls, "TLS with it failed")
        default: throw Failure(.transport, "nobody answers there")
        }
    }

    package func send(_ bytes: UnsafeRawBufferPointer, until limit: LinkLimit) throws(Failure) {
        var place = 0
        while place < bytes.count {
            _ = try limit.restMs(nowMs: tvs_monotonic_ms())
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[place...])
            var sent = 0
            let code = unsafe curl_easy_send(
                try handle(), rest.baseAddress, rest.count, &sent)
            guard code != CURLE_AGAIN else {
                try wait(for: Int16(POLLOUT), limit)
                continue
            }
            guard code == CURLE_OK else { throw Self.broken }
            place += sent
        }
    }

    package func receive(
        _ room: UnsafeMutableRawBufferPointer, until limit: LinkLimit
    ) throws(Failure) -> Int {
        while true {
            // Not only where it has to wait: a server may leave nothing to wait for.
            _ = try limit.restMs(nowMs: tvs_monotonic_ms())
            var came = 0
            let easy = try unsafe handle()
            unsafe tvs_curl_begin(watch)
            let code = unsafe curl_easy_recv(easy, room.baseAddress, room.count, &came)
            if code == CURLE_OK, came > 0 { return came }
            guard code == CURLE_AGAIN else { throw Self.broken }
            try wait(for: Int16(POLLIN), limit)
        }
    }

    package var isStillTrusted: Bool {
        guard let trusted else { return true }
        return (try? trust?.look(nowUs: tvs_monotonic_us())) === trusted
    }

    private static let broken = Failure(.transport, "the connection broke off")

    /// The handle, if the connection is still ours.
    private func handle() throws(Failure) -> UnsafeMutableRawPointer {
        guard let easy = unsafe easy, unsafe tvs_own_is_there(&socket) else {
            throw Failure(.descriptorsLost, "the host closed the connection's descriptor")
        }
        return unsafe easy
    }

    private func wait(for events: Int16, _ limit: LinkLimit) throws(Failure) {
        let restMs = try limit.restMs(nowMs: tvs_monotonic_ms())
        var watched = pollfd(fd: socket.place - 1, events: events, revents: 0)
        let held = tvs_fork_pause()
        unsafe _ = poll(&watched, 1, restMs)
        tvs_fork_resume(held)
    }

    /// Ends the connection. Where the host has closed it, libcurl is left alone with what it has:
    /// it would close what is the host's now.
    package func close() {
        let isOurs = unsafe socket.place == 0 || tvs_own_is_there(&socket)
        if isOurs, tvs_tls_is_over() == 0, let easy = unsafe easy {
            if let multi = unsafe multi { unsafe _ = curl_multi_remove_handle(multi, easy) }
            unsafe curl_easy_cleanup(easy)
            if let multi = unsafe multi { unsafe CurlFreeing.multi(multi) }
        }
        unsafe (easy, multi) = (nil, nil)
        socket = tvs_own()
    }
}
