// PostfixEvent+Peer.swift - who is at the other end and what it said: parts of many lines.
//
// Every function answers where what it read ends, so that callers go on from there.

extension PostfixEvent {
    /// `host[ip]`, `[ip]`, either with `:port`; nil when it is neither. The word "unknown" for an
    /// address is none. Host names are text of others: no space, nothing more is promised.
    @inline(never)
    mutating func peer(
        _ text: RawSpan, _ start: Int, _ end: Int, _ host: Name, _ ip: Name, _ port: Name
    ) -> Int? {
        let open = text.findEither(UInt8(ascii: "["), UInt8(ascii: " "), start, end)
        guard open < end, text.at(open) == UInt8(ascii: "["), open - start <= 255 else {
            return nil
        }
        var close = text.findEither(UInt8(ascii: "]"), UInt8(ascii: "/"), open, end)
        let isSocket = close < end && text.at(close) == UInt8(ascii: "/")
        if isSocket { close = text.find(UInt8(ascii: "]"), close, end) }
        guard close > open + 1, close < end else { return nil }
        if open > start { add(host, start, open) }
        if isSocket {
            // A local socket's name, as for the next hop only.
            add(.relayService, open + 1, close)
        } else if !(close == open + 8 && text.has("unknown", open + 1)) {
            add(ip, open + 1, close)
        }
        guard text.at(close + 1) == UInt8(ascii: ":"), text.isDigit(close + 2) else {
            return close + 1
        }
        // No port has more digits than five; readers keep it in 32 bits.
        let portEnd = text.digitsEnd(close + 2, end)
        if portEnd > close + 7 { return portEnd }
        if text.at(close + 2) == UInt8(ascii: "0") {
            addNumber(port, text, close + 2, portEnd)
        } else {
            add(port, close + 2, portEnd)
        }
        return portEnd
    }

    mutating func clientPeer(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        peer(text, start, end, .clientHost, .clientIP, .clientPort)
    }

    mutating func relayPeer(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        peer(text, start, end, .relayHost, .relayIP, .relayPort)
    }

    // MARK: - What a server said

    /// `host[ip] said: REPLY (in reply to STAGE command)` and what is built like it.
    mutating func said(
        _ kind: Kind, _ text: RawSpan, _ start: Int, _ mark: StaticString, _ end: Int
    ) -> Bool {
        self.kind = kind
        guard let peerEnd = relayPeer(text, start, end), text.has(mark, peerEnd) else {
            return false
        }
        let begin = peerEnd + mark.utf8CodeUnitCount
        let replyEnd = replyEnd(text, begin, end)
        add(.reply, begin, replyEnd)
        codes(text, begin, replyEnd)
        return true
    }

    /// `conversation with host[ip] timed out while doing this`.
    mutating func timedOut(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .conversationTimeout
        guard let peerEnd = relayPeer(text, start + 18, end), text.has(" timed out", peerEnd) else {
            return false
        }
        if text.has(" while ", peerEnd + 10) { add(.during, peerEnd + 17, end) }
        return true
    }
}
