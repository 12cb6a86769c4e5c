// PostfixEvent+Remark.swift - warnings, and what people did to the queue.
//
// A warning is a text with a client in it or without: whose address it is must be ours to say, so
// it is looked for only where Postfix puts it.

extension PostfixEvent {
    static func isLevel(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 4: text.has("info", start)
        case 5: text.has("fatal", start) || text.has("error", start) || text.has("panic", start)
        case 7: text.has("warning", start)
        default: false
        }
    }

    /// `warning: [QUEUEID: ][client: ]text`.
    mutating func remark(
        _ text: RawSpan, _ start: Int, _ wordEnd: Int, _ end: Int
    ) -> Bool {
        kind = .warning
        add(.level, start, wordEnd)
        var place = wordEnd + 2
        let idEnd = Self.queueIDEnd(text, place, end)
        if idEnd > place {
            if !text.has("NOQUEUE", place) { add(.queueID, place, idEnd) }
            place = idEnd + 2
        }
        if text.find("]: ", place, min(end, place + 300)) != nil,
            let peerEnd = warned(text, place, end)
        {
            place = peerEnd + 2
            login(text, place, end)
        } else {
            clientInside(text, place, end)
        }
        // Somebody's name, in numbers: not the address of a client.
        let name = text.has("valid_hostname: ", place) ? place + 16 : place
        if text.has("numeric hostname: ", name) { add(.subject, name + 18, end) }
        add(.text, min(place, end), end)
        return true
    }

    /// The client that a warning begins with; nil, and nothing noted, when it is none.
    private mutating func warned(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        let open = text.find(UInt8(ascii: "["), start, end)
        let close = text.find(UInt8(ascii: "]"), open, end)
        guard close - open >= 5, text.has(": ", close + 1) else { return nil }
        return clientPeer(text, start, end)
    }

    /// `SASL METHOD authentication failed: reason[, sasl_username=U]`.
    private mutating func login(_ text: RawSpan, _ start: Int, _ end: Int) {
        let methodEnd = text.find(UInt8(ascii: " "), start + 5, end)
        guard text.has("SASL ", start), text.has(" authentication ", methodEnd) else { return }
        add(.saslMethod, start + 5, methodEnd)
        if let mark = text.findLast(", sasl_username=", methodEnd, end) {
            add(.saslUsername, mark + 16, end)
        }
    }

    /// A client in the middle of a warning: `host[ip] sent non-SMTP command: …`, `… from host[ip]`,
    /// `hostname N does not resolve to
    /// address IP`, `IP: …`. Before it stand only words of Postfix's own.
    private mutating func clientInside(_ text: RawSpan, _ start: Int, _ end: Int) {
        let first = text.find(UInt8(ascii: "["), start, min(end, start + 300))
        let last = text.find(UInt8(ascii: "]"), first, end)
        if last < end, text.has("] sent non-", last), PlainAddress.isIP(text, first + 1..<last) {
            _ = clientPeer(text, start, end)
            return
        }
        var place = start
        while place < end, Self.isOwn(text.at(place)) {
            if text.has(" from ", place) {
                let open = text.findEither(UInt8(ascii: "["), UInt8(ascii: " "), place + 6, end)
                let close = text.find(UInt8(ascii: "]"), open, end)
                if close < end, PlainAddress.isIP(text, open + 1..<close) {
                    _ = clientPeer(text, place + 6, end)
                }
                return
            }
            place += 1
        }
        var ip = start..<text.findEither(UInt8(ascii: " "), UInt8(ascii: " "), start, end)
        if text.at(ip.upperBound - 1) == UInt8(ascii: ":") {
            ip = start..<ip.upperBound - 1
        } else if text.has("hostname ", start),
            let mark = text.find(" does not resolve to address ", start, end)
        {
            let first = mark + 29
            var last = text.findEither(UInt8(ascii: " "), UInt8(ascii: " "), first, end)
            if last < end, text.at(last - 1) == UInt8(ascii: ":") { last -= 1 }
            ip = first..<max(first, last)
        } else {
            return
        }
        if PlainAddress.isIP(text, ip) { add(.clientIP, ip.lowerBound, ip.upperBound) }
    }

    /// What Postfix's own words before a client consist of.
    private static func isOwn(_ character: UInt8) -> Bool {
        (character | 0x20) &- UInt8(ascii: "a") < 26 || character &- UInt8(ascii: "0") < 10
            || character == UInt8(ascii: " ") || character == UInt8(ascii: ":")
            || character == UInt8(ascii: "-")
    }

    // MARK: - The queue by hand

    /// `Deleted: 115 messages` and its like.
    mutating func handled(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        guard
            text.has("Deleted: ", start) || text.has("Requeued: ", start)
                || text.has("Placed on hold: ", start) || text.has("Released from hold: ", start)
                || text.has("Expired: ", start) || text.has("Force-expired: ", start)
        else { return false }
        kind = .queueChange
        let colon = text.find(UInt8(ascii: ":"), start, end)
        add(.action, start, colon)
        let countEnd = text.digitsEnd(colon + 2, end)
        addNumber(.count, text, colon + 2, countEnd)
        return text.has(" message", countEnd)
    }
}
