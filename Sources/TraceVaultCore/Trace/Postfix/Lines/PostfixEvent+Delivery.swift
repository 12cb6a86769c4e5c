// PostfixEvent+Delivery.swift - one try to hand a message to one recipient's next hop.
//
// `to=<A>, orig_to=<A>, relay=R, conn_use=N, delay=D, delays=a/b/c/d, tls=T, dsn=X.Y.Z, status=S
// (reason)`. The reason is what the next hop said, in its own words: other people's text, in which
// only a few phrases are looked for.

extension PostfixEvent {
    mutating func delivery(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .delivery
        var place = address(.to, text, start + 3, end)
        while text.at(place) == UInt8(ascii: ","), text.at(place + 1) == UInt8(ascii: " ") {
            place += 2
            let comma = UInt8(ascii: ",")
            switch text.at(place) {
            case UInt8(ascii: "s") where text.has("status=", place):
                return status(text, place + 7, end)
            case UInt8(ascii: "o") where text.has("orig_to=", place):
                place = address(.origTo, text, place + 8, end)
            case UInt8(ascii: "d") where text.has("delay=", place):
                place = addNumber(.delay, text, place + 6, before: comma, end)
            case UInt8(ascii: "d") where text.has("delays=", place):
                place = delays(text, place + 7, end)
            case UInt8(ascii: "c") where text.has("conn_use=", place):
                let next = text.find(comma, place, end)
                addCount(.connUse, text, place + 9, next)
                place = next
            default: place = member(text, place, text.find(comma, place, end))
            }
        }
        return false
    }

    /// A member that is text, if it is one of those that are told; answers its end.
    @inline(__always)
    private mutating func member(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        switch text.at(start) {
        case UInt8(ascii: "r") where text.has("relay=", start): relay(text, start + 6, end)
        case UInt8(ascii: "d") where text.has("dsn=", start): add(.dsn, start + 4, end)
        case UInt8(ascii: "t") where text.has("tls=", start): tlsPolicy(text, start + 4, end)
        default: break
        }
        return end
    }

    /// `<A>`, or `A` as old versions write it; where it ends.
    mutating func address(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        guard text.at(start) == UInt8(ascii: "<") else {
            let comma = text.find(UInt8(ascii: ","), start, end)
            add(name, start, comma)
            return comma
        }
        let close = Self.angleEnd(text, start, end)
        add(name, start + 1, close)
        return min(close + 1, end)
    }

    /// The place of the ">" of an address that begins with "<"; `end` without one. A quoted local
    /// part may hold anything.
    static func angleEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start + 1
        if text.at(place) == UInt8(ascii: "\"") {
            place += 1
            while place < end, text.at(place) != UInt8(ascii: "\"") {
                place += text.at(place) == UInt8(ascii: "\\") ? 2 : 1
            }
            guard place < end else { return text.find(UInt8(ascii: ">"), start + 1, end) }
        }
        return text.find(UInt8(ascii: ">"), place, end)
    }

    private mutating func relay(_ text: RawSpan, _ start: Int, _ end: Int) {
        add(.relay, start, end)
        _ = relayPeer(text, start, end)
    }

    /// `a/b/c/d`; answers where the comma behind them is, `end` without one.
    private mutating func delays(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        let (slash, comma) = (UInt8(ascii: "/"), UInt8(ascii: ","))
        if let first = text.numberEnd(start, before: slash),
            let second = text.numberEnd(first + 1, before: slash),
            let third = text.numberEnd(second + 1, before: slash),
            let last = text.numberEnd(third + 1, before: comma), last < end
        {
            add(.delayBeforeQmgr, start, first)
            add(.delayInQmgr, first + 1, second)
            add(.delayConnSetup, second + 1, third)
            add(.delayTransmission, third + 1, last)
            return last
        }
        let end = text.find(comma, start, end)
        unusualDelays(text, start, end)
        return end
    }

    @inline(never)
    private mutating func unusualDelays(_ text: RawSpan, _ start: Int, _ end: Int) {
        let first = text.find(UInt8(ascii: "/"), start, end)
        let second = text.find(UInt8(ascii: "/"), first + 1, end)
        let third = text.find(UInt8(ascii: "/"), second + 1, end)
        guard third < end else { return }
        addNumber(.delayBeforeQmgr, text, start, first)
        addNumber(.delayInQmgr, text, first + 1, second)
        addNumber(.delayConnSetup, text, second + 1, third)
        addNumber(.delayTransmission, text, third + 1, end)
    }

    /// `level[:downgrade][?][/[!]requiretls[:downgrade][?]]`; the marks are in the whole only.
    private mutating func tlsPolicy(_ text: RawSpan, _ start: Int, _ end: Int) {
        add(.tlsPolicy, start, end)
        let slash = text.find(UInt8(ascii: "/"), start, end)
        tlsFeature(.tlsLevel, .tlsDowngrade, text, start, slash)
        guard slash < end else { return }
        let name = text.at(slash + 1) == UInt8(ascii: "!") ? slash + 2 : slash + 1
        tlsFeature(.requireTLS, .requireTLSDowngrade, text, name, end)
    }

    private mutating func tlsFeature(
        _ name: Name, _ downgrade: Name, _ text: RawSpan, _ start: Int, _ end: Int
    ) {
        let end = text.at(end - 1) == UInt8(ascii: "?") ? end - 1 : end
        let colon = text.find(UInt8(ascii: ":"), start, end)
        add(name, start, colon)
        if colon < end { add(downgrade, colon + 1, end) }
    }

    // MARK: - The outcome

    /// `S (reason)`; some collectors append numbers of their own behind the last bracket.
    private mutating func status(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        let wordEnd = text.find(UInt8(ascii: " "), start, end)
        guard wordEnd > start else { return false }
        add(.status, start, wordEnd)
        guard text.at(wordEnd + 1) == UInt8(ascii: "("),
            let close = text.findLast(UInt8(ascii: ")"), wordEnd + 2, end)
        else { return true }
        add(.reply, wordEnd + 2, close)
        guard let said = saidStart(text, wordEnd + 2, close) else { return true }
        let end = replyEnd(text, said, close)
        codes(text, said, end)
        if text.has("sent ", start) { nextID(text, said, end) }
        return true
    }

    /// Where a server's own words begin in a reason: behind `host H[ip] said: ` and its like, which
    /// may stand behind the queue manager's words; nil when a server is named and quoted nowhere.
    private func saidStart(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        var start = start
        if text.has("delivery temporarily suspended: ", start) { start += 32 }
        guard
            text.has("host ", start) || text.has("connect to ", start)
                || text.has("SASL authentication failed; server ", start)
        else { return start }
        let said = text.find(" said: ", start, end)
        let limit = said ?? end
        if let refused = text.find(" refused to talk to me: ", start, limit) { return refused + 24 }
        return said.map { $0 + 7 }
    }

    /// Where ` (in reply to STAGE command)` begins, which is noted; `end` without it.
    mutating func replyEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        guard text.ends(" command)", end), let mark = text.findLast(" (in reply to ", start, end)
        else { return end }
        add(.stage, mark + 14, end - 9)
        return mark
    }

    /// The reply's three digits and its enhanced status code; where what it says begins.
    @discardableResult
    mutating func codes(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start
        if text.digitsEnd(start, end) == start + 3, Self.isBreak(text.at(start + 3)),
            text.at(start) != UInt8(ascii: "0")
        {
            add(.replyCode, start, start + 3)
            place = start + 4
        }
        let first = text.digitsEnd(place, end)
        guard first == place + 1, text.at(first) == UInt8(ascii: ".") else { return place }
        let second = text.digitsEnd(first + 1, end)
        guard second > first + 1, text.at(second) == UInt8(ascii: ".") else { return place }
        let third = text.digitsEnd(second + 1, end)
        guard third > second + 1, third == end || text.at(third) == UInt8(ascii: " ") else {
            return place
        }
        add(.replyDSN, place, third)
        return min(third + 1, end)
    }

    /// What may follow a reply's three digits: " ", or "-" when more lines follow.
    private static func isBreak(_ character: UInt8) -> Bool {
        character == UInt8(ascii: " ") || character == UInt8(ascii: "-")
    }
}
