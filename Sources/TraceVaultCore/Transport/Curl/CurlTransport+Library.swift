// CurlTransport+Library.swift - libcurl itself: started once, looked at, described; how it frees.

import CCurl
import CSystem

extension CurlTransport {
    /// Starts libcurl, which counts its users; never undone: the rest of the host may rely on it.
    private static let startCode: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    private static let hasStarted = Lock(false)

    /// Why there is no new engine after exit() has begun.
    static let processEnds = Failure(.shutdown, "the process is ending: no engine can be made")

    static func startLibcurl(_ origin: Origin) throws(Failure) {
        // In an exit handler of the host OpenSSL may have cleaned up for good.
        guard tvs_tls_is_over() == 0 else { throw processEnds }
        if !hasStarted.withLock({ $0 }) { try checkKeyLog() }
        guard startCode == CURLE_OK, let info = unsafe curl_version_info(CURLVERSION_TENTH) else {
            throw Failure(.other, "libcurl could not be started")
        }
        hasStarted.withLock { $0 = true }
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

    /// libcurl opens the file that SSLKEYLOGFILE names as soon as it starts, for whomever it is. We
    /// write nothing there (docs/adr/004), but to open it is too much already where it may wait, or
    /// where the one who set the variable has fewer rights than the process.
    private static func checkKeyLog() throws(Failure) {
        guard tvs_keylog_is_unfit() != 0 else { return }
        throw Failure(
            .unsafeFile,
            "libcurl would open what SSLKEYLOGFILE names, and that is no regular file, or this "
                + "process has more rights than who set it: take it out of the environment")
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

/// While libcurl frees what has connections, it has the process ignore SIGPIPE, and then puts back
/// what it has found. Of two threads at once the second finds that it is ignored, and it would stay
/// so.
enum CurlFreeing {
    private static let turn = Lock(())

    static func multi(_ multi: UnsafeMutableRawPointer) {
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        turn.withLock { _ in unsafe _ = curl_multi_cleanup(multi) }
    }

    static func share(_ share: UnsafeMutableRawPointer) {
        tvs_fork_unsafe_enter()
        defer { tvs_fork_unsafe_leave() }
        turn.withLock { _ in unsafe _ = curl_share_cleanup(share) }
    }
}
