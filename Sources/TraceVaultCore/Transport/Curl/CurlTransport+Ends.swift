// CurlTransport+Ends.swift - how exchanges end: those that libcurl says are over, those that have
// waited too long, and those that a proxy will not let through.
//
// Reading a reply takes the longer the more is in it, so a call reads one, and further ones only as
// long as all are small together: the engine looks at deadlines and the shutdown in between.

import CCurl
import CSystem

extension CurlTransport {
    /// With so many bytes read, no further reply is begun; each counts for some at least. About
    /// 50 ms of the dearest.
    static let enoughAtOnce = 1 << 20
    private static let leastForEach = 4096

    private static func weight(_ exchange: CurlExchange) -> Int {
        max(leastForEach, exchange.body.count + exchange.headers.bytes)
    }

    /// Takes from libcurl what it says has ended, all of it at once: one that is over looks like
    /// one that waits for a connection.
    func noteEnds() {
        var remaining: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &remaining) {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let easy = unsafe message.pointee.easy_handle,
                let context = unsafe tvs_curl_private(easy)
            else { continue }
            let exchange = unsafe Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
            exchange.end = unsafe message.pointee.data.result
            over.append(exchange.id)
        }
    }

    /// Ends connections that are being made to whom nobody trusts any more: a proxy is told its
    /// login before a request may leave. Before libcurl moves them, as this process may have been
    /// stopped for long.
    func endDistrusted(_ ended: (UInt64, HTTPReply) -> Void) {
        guard !flying.isEmpty, tvs_monotonic_us() >= lookAtUs else { return }
        for exchange in flying.values where exchange.end == nil && !exchange.wasSent {
            // The end of another one may have ended it.
            guard !exchange.isStillTrusted, flying[exchange.id] === exchange else { continue }
            exchange.isTakenBack = true
            finish(exchange, CURLE_ABORTED_BY_CALLBACK, ended)
        }
    }

    /// Ends who has waited too long for the first byte, whose bytes become nothing, and what
    /// libcurl keeps to send it again.
    func endLate(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        let nowUs = tvs_monotonic_us()
        guard !flying.isEmpty, nowUs >= lookAtUs else { return false }
        lookAtUs = nowUs + lookEveryUs
        let limitUs = Int64(line.settings.firstByteMs) * 1000
        let underWay = flying.values.filter { $0.end == nil }
        let kept = line.settings.base.origin.isPlain ? [] : underWay.filter(\.waitsToRepeat)
        for exchange in kept { exchange.isRepeat = true }
        let late = underWay.filter { ($0.waitedUs(nowUs) ?? 0) >= limitUs && !$0.isRepeat }
        let idle = underWay.filter(\.hasTooMuch)
        let found =
            kept.map { ($0, CURLE_SEND_ERROR) } + late.map { ($0, CURLE_OPERATION_TIMEDOUT) }
            + idle.map { ($0, CURLE_FILESIZE_EXCEEDED) }
        var bytes = 0
        for (exchange, code) in found {
            guard bytes < Self.enoughAtOnce else {
                // They are found again by the next call, which comes at once.
                lookAtUs = nowUs
                break
            }
            bytes += Self.weight(exchange)
            finish(exchange, code, ended)
        }
        return !found.isEmpty
    }

    /// Reads what has ended. What is left is for the next call, which comes at once.
    func collect(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        var bytes = 0
        while bytes < Self.enoughAtOnce, let id = over.popFirst() {
            // It may have been ended for another reason meanwhile.
            guard let exchange = flying[id], let code = exchange.end else { continue }
            bytes += Self.weight(exchange)
            finish(exchange, code, ended)
        }
        return bytes > 0
    }

    func finish(
        _ exchange: CurlExchange, _ code: CURLcode, _ ended: (UInt64, HTTPReply) -> Void
    ) {
        if code == CURLE_OPERATION_TIMEDOUT { leaveDeadConnection(of: exchange) }
        unsafe _ = curl_multi_remove_handle(multi, exchange.easy)
        if code == CURLE_ABORTED_BY_CALLBACK, exchange.wasHeldBack, beginAlone(exchange) {
            unbegun.append(exchange.id)
            return
        }
        flying[exchange.id] = nil
        (hasFreed, hasRoom) = (true, true)
        if login.tried == exchange.id, exchange.isThroughProxy { login.take() }
        _ = login.leave(exchange.id)
        let reply = exchange.reply(code, line.settings)
        ended(exchange.id, reply)
        if reply.trouble.cause == .proxyLogin { refuseLogin(reply.trouble, ended) }
    }

    /// The proxy refused the login: nor is it tried by those who were about to, be it once more.
    private func refuseLogin(
        _ trouble: HTTPReply.FaultFacts, _ ended: (UInt64, HTTPReply) -> Void
    ) {
        login.refuse(trouble, nowUs: tvs_monotonic_us())
        for exchange in flying.values where exchange.progress == .connecting {
            unsafe _ = curl_multi_remove_handle(multi, exchange.easy)
            flying[exchange.id] = nil
            var reply = exchange.reply(CURLE_RECV_ERROR, line.settings)
            (reply.fault, reply.trouble) = (.proxy, trouble)
            ended(exchange.id, reply)
        }
    }
}
