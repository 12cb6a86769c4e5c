// PostfixEvent+Peer.swift - who is at the other end, and `name=value` pairs: parts of many lines.
//
// Every function answers where what it read ends, so that callers go on from there.

extension PostfixEvent {
    /// `host[ip]`, `[ip]`, either with `:port`; nil when it is neither. The word "unknown" for an
    /// address is none. Host names are text of others: no space, nothing more is promised.
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
        return addDigits(port, text, close + 2, end)
    }

    mutating func clientPeer(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        peer(text, start, end, .clientHost, .clientIP, .clientPort)
    }

    mutating func relayPeer(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        peer(text, start, end, .relayHost, .relayIP, .relayPort)
    }

    // MARK: - Pairs

    /// `name=value` and `name=<value>`, apart by spaces or commas, as far as they go.
    mutating func pairs(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start
        while place < end {
            var begin = place
            while text.at(begin) == UInt8(ascii: " ") || text.at(begin) == UInt8(ascii: ",") {
                begin += 1
            }
            var equals = begin
            while equals < end, Self.isPairName(text.at(equals)) { equals += 1 }
            guard equals > begin, text.at(equals) == UInt8(ascii: "=") else { return place }
            let value = equals + 1
            if text.at(value) == UInt8(ascii: "<") {
                let close = Self.angleEnd(text, value, end)
                guard close < end else { return place }
                pair(text, begin, equals, value + 1, close)
                place = close + 1
            } else {
                var last = max(
                    value, text.findEither(UInt8(ascii: " "), UInt8(ascii: ","), value, end))
                // The pairs end before a colon that text follows.
                if last < end, text.at(last - 1) == UInt8(ascii: ":") { last -= 1 }
                pair(text, begin, equals, value, last)
                place = last
            }
        }
        return place
    }

    private static func isPairName(_ character: UInt8) -> Bool {
        character == UInt8(ascii: "_") || (character | 0x20) &- UInt8(ascii: "a") < 26
    }

    private mutating func pair(
        _ text: RawSpan, _ name: Int, _ nameEnd: Int, _ start: Int, _ end: Int
    ) {
        switch nameEnd - name {
        case 2: if text.has("to", name) { add(.to, start, end) }
        case 4:
            if text.has("from", name) { add(.from, start, end) }
            if text.has("helo", name) { add(.helo, start, end) }
        case 5:
            if text.has("proto", name) { add(.proto, start, end) }
            if text.has("notes", name) { add(.notes, start, end) }
        case 11:
            if text.has("sasl_method", name) { add(.saslMethod, start, end) }
            if text.has("sasl_sender", name) { add(.saslSender, start, end) }
            if text.has("orig_client", name) { add(.origClient, start, end) }
        case 13:
            if text.has("sasl_username", name) { add(.saslUsername, start, end) }
            if text.has("orig_queue_id", name) { add(.origQueueID, start, end) }
        default: break
        }
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
