// PostfixEvent+Server.swift - connections: opened, encrypted, broken off, refused by postscreen.
//
// These lines need no queue id, though some have one. Told apart by their first letter, then by the
// whole phrase.

extension PostfixEvent {
    /// Reads a text that names no message, or one that may do without.
    mutating func ofServer(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch text.at(start) {
        case UInt8(ascii: "c"):
            if text.has("connect from ", start) {
                kind = .connect
                return clientPeer(text, start + 13, end) != nil
            }
            if text.has("connect to ", start) {
                return failed(.connectFailed, text, start + 11, end)
            }
            if let kept = unverified(text, start, end) { return kept }
            if text.has("cache ", start), text.find(" cleanup: ", start, end) != nil {
                return remark(.statistics, text, start, end)
            }
        case UInt8(ascii: "d"):
            if text.has("disconnect from ", start) { return disconnect(text, start + 16, end) }
            if text.has("discarding EHLO keywords: ", start) {
                return remark(.workaround, text, start + 26, end)
            }
            if text.has("daemon started -- ", start) { return remark(.daemon, text, start, end) }
        case UInt8(ascii: "l"):
            if text.has("lost connection with ", start) {
                kind = .connectionLost
                guard let peerEnd = relayPeer(text, start + 21, end) else { return false }
                if text.has(" while ", peerEnd) { add(.during, peerEnd + 7, end) }
                return true
            }
            if text.has("lost connection ", start) { return broken(text, start, start + 15, end) }
        case UInt8(ascii: "t"):
            if text.has("too many errors ", start) { return broken(text, start, start + 15, end) }
            if text.has("table ", start), text.find(" has changed", start, end) != nil {
                return remark(.daemon, text, start, end)
            }
            if text.has("timeout ", start) { return broken(text, start, start + 7, end) }
            if text.has("terminating on signal ", start) {
                return remark(.daemon, text, start, end)
            }
        case UInt8(ascii: "b"):
            if text.has("bare <LF> received ", start) {
                return broken(text, start, start + 18, end)
            }
        case UInt8(ascii: "h"):
            if text.has("host ", start) { return nextHop(text, start, end) }
        case UInt8(ascii: "i"):
            if text.has("improper command pipelining after ", start) {
                return pipelining(text, start, end)
            }
        case UInt8(ascii: "S"):
            if text.has("SSL_connect error to ", start) {
                return failed(.tlsError, text, start + 21, end)
            }
            if text.has("SSL_accept error from ", start) {
                kind = .tlsError
                guard let peerEnd = clientPeer(text, start + 22, end) else { return false }
                if text.has(": ", peerEnd) { add(.error, peerEnd + 2, end) }
                return true
            }
        default: break
        }
        return rarer(text, start, end)
    }

    /// The lines that come once a day, or from helpers of the server.
    private mutating func rarer(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch text.at(start) {
        case UInt8(ascii: "A"), UInt8(ascii: "T"), UInt8(ascii: "U"), UInt8(ascii: "V"):
            if let read = encrypted(text, start, end) { return read }
            if text.has("TLSRPT: ", start) { return tlsReport(text, start + 8, end) }
        case UInt8(ascii: "R"):
            if text.has("REQUIRETLS", start) { return remark(.tlsReport, text, start, end) }
        case UInt8(ascii: "s"):
            if let kept = unverified(text, start, end) { return kept }
            if text.has("statistics: ", start) {
                return remark(.statistics, text, start + 12, end)
            }
            if text.has("starting the Postfix mail system", start)
                || text.has("stopping the Postfix mail system", start)
            {
                return remark(.daemon, text, start, end)
            }
        case UInt8(ascii: "r"):
            if text.has("reload -- version ", start)
                || text.has("refreshing the Postfix mail system", start)
            {
                return remark(.daemon, text, start, end)
            }
        case UInt8(ascii: "a"):
            if text.has("addr ", start) { return listed(text, start + 5, end) }
        case UInt8(ascii: "e"), UInt8(ascii: "l"):
            if text.has("entering STRESS mode ", start) || text.has("leaving STRESS mode ", start) {
                return remark(.daemon, text, start, end)
            }
        default: break
        }
        if text.at(start) &- UInt8(ascii: "A") < 26 { return postscreen(text, start, end) }
        return decision(text, start, end)
    }

    /// A line whose whole text is all that is told of it.
    mutating func remark(
        _ kind: Kind, _ text: RawSpan, _ start: Int, _ end: Int
    ) -> Bool {
        self.kind = kind
        add(.text, start, end)
        return start < end
    }

    // MARK: - Clients

    /// `host[ip] ehlo=1 rcpt=0/1 … commands=5/6`.
    private mutating func disconnect(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .disconnect
        guard var place = clientPeer(text, start, end) else { return false }
        while text.at(place) == UInt8(ascii: " ") {
            let begin = place + 1
            // No counter's name has a space in it.
            let equals = text.find(UInt8(ascii: "="), begin, end)
            let name = Self.counter(text, begin, equals)
            if let name, let next = text.numberEnd(equals + 1, before: UInt8(ascii: " ")),
                text.digitsEnd(equals + 1, next) == next
            {
                add(name, equals + 1, next)
                place = next
                continue
            }
            let wordEnd = text.find(UInt8(ascii: " "), begin, end)
            if let name {
                let slash = text.find(UInt8(ascii: "/"), equals + 1, wordEnd)
                if slash < wordEnd {
                    let accepted = Name(rawValue: name.rawValue + 1) ?? name
                    addCount(accepted, text, equals + 1, slash)
                    addCount(name, text, slash + 1, wordEnd)
                } else {
                    addCount(name, text, equals + 1, wordEnd)
                }
            } else if text.has("notes=", begin) {
                add(.notes, begin + 6, wordEnd)
            }
            place = wordEnd
        }
        return true
    }

    private static func counter(_ text: RawSpan, _ start: Int, _ end: Int) -> Name? {
        switch end - start {
        case 4:
            switch text.at(start) {
            case UInt8(ascii: "h") where text.has("helo", start): .cmdHelo
            case UInt8(ascii: "e") where text.has("ehlo", start): .cmdEhlo
            case UInt8(ascii: "a") where text.has("auth", start): .cmdAuth
            case UInt8(ascii: "m") where text.has("mail", start): .cmdMail
            case UInt8(ascii: "r") where text.has("rcpt", start): .cmdRcpt
            case UInt8(ascii: "r") where text.has("rset", start): .cmdRset
            case UInt8(ascii: "b") where text.has("bdat", start): .cmdBdat
            case UInt8(ascii: "d") where text.has("data", start): .cmdData
            case UInt8(ascii: "n") where text.has("noop", start): .cmdNoop
            case UInt8(ascii: "q") where text.has("quit", start): .cmdQuit
            case UInt8(ascii: "v") where text.has("vrfy", start): .cmdVrfy
            case UInt8(ascii: "e") where text.has("etrn", start): .cmdEtrn
            case UInt8(ascii: "h") where text.has("help", start): .cmdHelp
            default: nil
            }
        case 7:
            text.has("unknown", start)
                ? .cmdUnknown : text.has("xclient", start) ? .cmdXclient : nil
        case 8:
            switch text.at(start) {
            case UInt8(ascii: "s") where text.has("starttls", start): .cmdStarttls
            case UInt8(ascii: "c") where text.has("commands", start): .commands
            case UInt8(ascii: "x") where text.has("xforward", start): .cmdXforward
            default: nil
            }
        default: nil
        }
    }

    /// `lost connection after STAGE (N bytes) from host[ip]`; the words end at `wordsEnd`.
    private mutating func broken(
        _ text: RawSpan, _ start: Int, _ wordsEnd: Int, _ end: Int
    ) -> Bool {
        kind = .lostConnection
        add(.error, start, wordsEnd)
        var place = wordsEnd
        if text.has(" after ", place) {
            guard let mark = text.find(" from ", place, end) else { return false }
            let open = text.find(" (", place, mark) ?? mark
            add(.stage, place + 7, open)
            place = mark
        }
        guard text.has(" from ", place), let peerEnd = clientPeer(text, place + 6, end) else {
            return false
        }
        if text.has(": ", peerEnd) { add(.text, peerEnd + 2, end) }
        return true
    }

    /// `improper command pipelining after STAGE from host[ip]: DATA`.
    private mutating func pipelining(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .pipelining
        guard let mark = text.find(" from ", start + 34, end),
            let peerEnd = clientPeer(text, mark + 6, end)
        else { return false }
        add(.stage, start + 34, mark)
        if text.has(": ", peerEnd) { add(.text, peerEnd + 2, end) }
        return true
    }

    /// `IP listed by domain D as RESULT`.
    private mutating func listed(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .dnsbl
        let ipEnd = text.find(UInt8(ascii: " "), start, end)
        guard text.has(" listed by domain ", ipEnd),
            let mark = text.find(" as ", ipEnd + 18, end)
        else { return false }
        add(.clientIP, start, ipEnd)
        add(.dnsblDomain, ipEnd + 18, mark)
        add(.dnsblResult, mark + 4, end)
        return true
    }
}
