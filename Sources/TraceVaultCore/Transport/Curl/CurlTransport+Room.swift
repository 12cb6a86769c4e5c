// CurlTransport+Room.swift - whom libcurl keeps waiting for room on a connection.

import CCurl
import CSystem

extension CurlTransport {
    /// What replies that are still coming hold.
    var room: ReplyRoom { line.room }

    /// Whether a connection was seen that carries many requests at once.
    package var hasHTTP2: Bool { unsafe watch.pointee.has_http2 != 0 }

    /// A reply came over a connection that carries one request at a time, although HTTP/2 was
    /// possible.
    package func noteHTTP1() { unsafe watch.pointee.has_http2 = 0 }

    /// Gives connections of their own to those who wait for one that turned out to be of HTTP/1.1,
    /// where each has one anyway. From 8.13 on libcurl has them wait until its reply has come, or
    /// their time to connect is over.
    func leaveHTTP1(_ ended: (UInt64, HTTPReply) -> Void) {
        guard !unbegun.isEmpty, !hasHTTP2,
            flying.values.contains(where: { $0.wantsHTTP2 && $0.isAlone })
        else { return }
        for exchange in unbegun.compactMap({ flying[$0] })
        where !exchange.hasOwnConnection {
            unsafe _ = curl_multi_remove_handle(multi, exchange.easy)
            guard !beginAlone(exchange) else { continue }
            finish(exchange, CURLE_OUT_OF_MEMORY, ended)
        }
    }

    /// Begins once more what libcurl has let go unsent, with a connection of its own. It has a new
    /// handle for that: header lines may have come to the first, of a proxy at least, and libcurl
    /// adds new ones to those (LibcurlFaults.swift). False: it has begun again before, or there is
    /// no memory.
    func beginAlone(_ exchange: CurlExchange) -> Bool {
        guard !exchange.isAgain, let next = try? exchange.alone(line),
            unsafe curl_multi_add_handle(multi, next.easy) == CURLM_OK
        else { return false }
        flying[next.id] = next
        return true
    }

    /// Exchanges that libcurl keeps because each connection has as many as the settings or its
    /// server allow, and there may be no more connections, in the order in which they began. It
    /// says so nowhere: they are those that it has not begun to make a connection for, nor sent on
    /// one. Nil: that is not certain before the next `move`, which finds it out at once.
    package func kept() -> [UInt64]? {
        guard !unbegun.isEmpty else {
            hasRoom = false
            return []
        }
        // One that is being made may have room for all of them.
        let isCertain = !flying.values.contains(where: \.isConnecting)
        let hadRoom = hasRoom
        hasRoom = false
        guard isCertain, !hadRoom else {
            for id in unbegun { flying[id]?.wasKept = false }
            return isCertain ? nil : []
        }
        // Who is new in this call of libcurl may have come before the room.
        let isNew = unbegun.contains { flying[$0]?.wasKept == false }
        for id in unbegun { flying[id]?.wasKept = true }
        return isNew ? nil : unbegun
    }
}
