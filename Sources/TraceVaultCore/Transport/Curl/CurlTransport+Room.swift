// CurlTransport+Room.swift - whom libcurl keeps waiting for room on a connection.

import CSystem

extension CurlTransport {
    /// Whether a connection was seen that carries many requests at once.
    package var hasHTTP2: Bool { unsafe watch.pointee.has_http2 != 0 }

    /// A reply came over a connection that carries one request at a time, although HTTP/2 was
    /// possible.
    package func noteHTTP1() { unsafe watch.pointee.has_http2 = 0 }

    /// Finds those that libcurl has to begin again.
    func findUnbegun() {
        guard !line.settings.base.origin.isPlain else { return }
        for exchange in flying.values where exchange.beginsAgain() { unbegun.append(exchange.id) }
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
