// CurlTransport+Silence.swift - which connection goes when a request on it gives up.

import CSystem

extension CurlTransport {
    /// How long a connection must have been silent before anybody asks whether it is dead.
    private static let silentMs: Int64 = 3000
    /// A request that gave up sooner says nothing about its connection.
    private static let leastWaitUs: Int64 = 1_000_000

    /// Called where a request gives up. libcurl keeps an HTTP/2 connection although nothing comes
    /// over it any more, and would send all later requests there. A silent one goes when nobody
    /// else waits on it, when TCP shows that the way is cut, or when nobody may be as late as that:
    /// others that share it may wait for a slow answer, which comes.
    func leaveDeadConnection(of exchange: CurlExchange) {
        guard tvs_monotonic_us() - exchange.startedUs >= Self.leastWaitUs else { return }
        var isCut = false
        let ms = unsafe tvs_curl_silent_ms(exchange.sent, &isCut)
        guard ms >= Self.silentMs else { return }
        guard isCut || ms >= Int64(line.settings.firstByteMs) || isAlone(exchange) else { return }
        unsafe tvs_curl_end_connection(exchange.sent)
    }

    private func isAlone(_ exchange: CurlExchange) -> Bool {
        !flying.values.contains { other in
            guard other !== exchange else { return false }
            return unsafe tvs_curl_are_together(exchange.sent, other.sent)
        }
    }
}
