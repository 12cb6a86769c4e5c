// CurlExchange+Progress.swift - how far an exchange has come: by what was seen of it, not by
// libcurl's times, which from 8.20 on are also there for what was never reached.

import CCurl
import CSystem

extension CurlExchange {
    var progress: HTTPProgress {
        guard wasSent else { return .connecting }
        guard headers.hasBegun else { return .sent(us: waitedUs(tvs_monotonic_us()) ?? 0) }
        return .receiving(bytes: number(CURLINFO_SIZE_DOWNLOAD_T))
    }

    /// How long the first byte has been waited for, in µs; nil when it is not.
    func waitedUs(_ nowUs: Int64) -> Int64? {
        let sentUs = unsafe sent.pointee.us
        guard sentUs != 0, !headers.hasBegun else { return nil }
        return max(0, nowUs - sentUs)
    }

    /// It was sent, so the server may have seen it.
    var wasSent: Bool { unsafe sent.pointee.us != 0 }

    /// A connection was found for it, or is being made.
    var hasBegun: Bool { unsafe sent.pointee.has_begun != 0 }

    /// It has lost its connection before its reply began, as where the server refuses a stream:
    /// libcurl keeps it until there is room to send it again.
    var waitsToRepeat: Bool {
        unsafe wasSent && !headers.hasBegun && !tvs_curl_has_tls(easy)
    }

    /// It was sent, no byte of a reply came, and libcurl was about to send it again.
    var isRepeat: Bool {
        get { unsafe sent.pointee.is_repeat != 0 && !headers.hasBegun }
        set { unsafe sent.pointee.is_repeat = newValue ? 1 : 0 }
    }

    /// A connection is being made for it.
    var isConnecting: Bool { unsafe sent.pointee.has_begun != 0 && sent.pointee.us == 0 }

    /// The proxy has made the connection to the server.
    var isThroughProxy: Bool {
        progress != .connecting || (200..<300).contains(info(CURLINFO_HTTP_CONNECTCODE))
    }

    /// It was sent over HTTP/1.1, and nothing before it over its connection.
    var isAlone: Bool { unsafe sent.pointee.is_alone != 0 }

    /// libcurl lets others come onto a connection as soon as a status line says HTTP/2.
    func claimsHTTP2(_ line: UnsafeRawBufferPointer) -> Bool {
        unsafe line.starts(with: "HTTP/".utf8) && !line.starts(with: "HTTP/1.".utf8)
    }

    /// libcurl was about to send it over a connection of HTTP/1.1 that is another's: nothing was
    /// sent, and it may begin again with a connection of its own.
    var wasHeldBack: Bool { unsafe sent.pointee.was_held != 0 }

    /// The same request once more, for a connection of its own. Its place in the room goes on.
    func alone(_ line: CurlLine) throws(Failure) -> CurlExchange {
        let nowUs = tvs_monotonic_us()
        var rest = request
        rest.timeoutMs = max(1, request.timeoutMs - Int(clamping: (nowUs - startedUs) / 1000))
        return try CurlExchange(id, rest, line, place, isAgain: true, nowUs: nowUs)
    }

    /// Nothing was sent: meanwhile the vault took back the secret that was to go out, or whoever
    /// the connection is made to is trusted no more.
    var isTakenBack: Bool {
        get { unsafe sent.pointee.was_taken_back != 0 }
        set { unsafe sent.pointee.was_taken_back = newValue ? 1 : 0 }
    }

    func number(_ info: CURLINFO) -> Int64 {
        var value: Int64 = 0
        unsafe _ = tvs_curl_info_off(easy, info.rawValue, &value)
        return value
    }
}

/// Called where a request is about to leave, on the engine's thread.
let exchangeMayLeave: @convention(c) (UnsafeMutableRawPointer?) -> Bool = { context in
    guard let context = unsafe context else { return false }
    let exchange = unsafe Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    return exchange.mayLeave
}
