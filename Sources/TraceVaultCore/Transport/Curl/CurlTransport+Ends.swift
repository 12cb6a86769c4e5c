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
        max(leastForEach, exchange.body.count)
    }

    /// Ends who has waited too long for the first byte, and whose bytes become nothing.
    func endLate(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        let nowUs = tvs_monotonic_us()
        guard !flying.isEmpty, nowUs >= lookAtUs else { return false }
        lookAtUs = nowUs + lookEveryUs
        findUnbegun()
        let limitUs = Int64(line.settings.firstByteMs) * 1000
        let late = flying.values.filter { ($0.waitedUs(nowUs) ?? 0) >= limitUs }
        let idle = flying.values.filter(\.hasTooMuch)
        let over =
            late.map { ($0, CURLE_OPERATION_TIMEDOUT) } + idle.map { ($0, CURLE_FILESIZE_EXCEEDED) }
        var bytes = 0
        for (exchange, code) in over {
            guard bytes < Self.enoughAtOnce else {
                // They are found again by the next call, which comes at once.
                lookAtUs = nowUs
                break
            }
            bytes += Self.weight(exchange)
            finish(exchange, code, ended)
        }
        return !over.isEmpty
    }

    /// Reads what has ended. libcurl keeps what is left for the next call, which comes at once.
    func collect(_ ended: (UInt64, HTTPReply) -> Void) -> Bool {
        var remaining: Int32 = 0
        var bytes = 0
        while bytes < Self.enoughAtOnce,
            let message = unsafe curl_multi_info_read(multi, &remaining)
        {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let easy = unsafe message.pointee.easy_handle,
                let context = unsafe tvs_curl_private(easy)
            else { continue }
            let code = unsafe message.pointee.data.result
            let exchange = unsafe Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
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
        if code == CURLE_ABORTED_BY_CALLBACK, exchange.takesOwnConnection(),
            unsafe curl_multi_add_handle(multi, exchange.easy) == CURLM_OK
        {
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

    /// The proxy refused the login: nor is it tried by those who were about to.
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
