// PostfixEvent+Encryption.swift - TLS connections, and what postscreen says of clients.

extension PostfixEvent {
    /// `TRUST TLS connection established to host[ip]:port: VERSION with cipher NAME (a/b bits) …`;
    /// nil when it is no such line at all.
    mutating func encrypted(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool? {
        // Before 2.5 without a word of trust.
        let isBare = text.has("TLS connection ", start)
        let trustEnd = isBare ? start - 1 : text.find(UInt8(ascii: " "), start, end)
        guard isBare || text.has(" TLS connection ", trustEnd) else { return nil }
        kind = .tls
        if !isBare { add(.tlsTrust, start, trustEnd) }
        var place = trustEnd + 16
        if text.has("established ", place) {
            place += 12
        } else if text.has("reused ", place) {
            kind = .tlsReused
            place += 7
        } else {
            return false
        }
        let peerEnd =
            text.has("to ", place)
            ? relayPeer(text, place + 3, end)
            : text.has("from ", place) ? clientPeer(text, place + 5, end) : nil
        guard var place = peerEnd else { return false }
        if text.has(" to ", place) {
            let nameEnd = text.find(UInt8(ascii: ":"), place, end)
            add(.tlsSNI, place + 4, nameEnd)
            place = nameEnd
        }
        guard text.has(": ", place) else { return false }
        let versionEnd = text.find(UInt8(ascii: " "), place + 2, end)
        add(.tlsVersion, place + 2, versionEnd)
        guard text.has(" with cipher ", versionEnd) else { return false }
        let cipherEnd = text.find(UInt8(ascii: " "), versionEnd + 13, end)
        add(.tlsCipher, versionEnd + 13, cipherEnd)
        return text.has(" (", cipherEnd) && keys(text, cipherEnd + 2, end)
    }

    /// `a/b bits)`, then `key-exchange NAME`, `server-signature NAME (2048 bits)` and so on.
    private mutating func keys(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        let slash = text.digitsEnd(start, end)
        let bitsEnd = text.digitsEnd(slash + 1, end)
        guard text.at(slash) == UInt8(ascii: "/"), text.has(" bits)", bitsEnd) else { return false }
        addNumber(.tlsBits, text, start, slash)
        addNumber(.tlsBitsMax, text, slash + 1, bitsEnd)
        var place = bitsEnd + 6
        while text.at(place) == UInt8(ascii: " ") {
            guard let names = Self.names(of: text, place + 1) else { break }
            let nameStart = place + 1 + names.labelLength
            let nameEnd = text.find(UInt8(ascii: " "), nameStart, end)
            add(names.name, nameStart, nameEnd)
            place = nameEnd
            guard let key = names.key, text.has(" (", place) else { continue }
            let close = text.find(UInt8(ascii: ")"), place, end)
            add(key, place + 2, close)
            let digits = text.digitsEnd(place + 2, close)
            if let bits = names.bits, text.has(" bit", digits) {
                addNumber(bits, text, place + 2, digits)
            }
            place = close + 1
        }
        return true
    }

    /// What a label and the space behind it announce.
    private static func names(
        of text: RawSpan, _ label: Int
    ) -> (labelLength: Int, name: Name, key: Name?, bits: Name?)? {
        switch text.at(label) {
        case UInt8(ascii: "k") where text.has("key-exchange ", label):
            (13, .tlsKeyExchange, .tlsKeyExchangeKey, nil)
        case UInt8(ascii: "s") where text.has("server-signature ", label):
            (17, .tlsServerSignature, .tlsServerKey, .tlsServerKeyBits)
        case UInt8(ascii: "s") where text.has("server-digest ", label):
            (14, .tlsServerDigest, nil, nil)
        case UInt8(ascii: "c") where text.has("client-signature ", label):
            (17, .tlsClientSignature, .tlsClientKey, .tlsClientKeyBits)
        case UInt8(ascii: "c") where text.has("client-digest ", label):
            (14, .tlsClientDigest, nil, nil)
        default: nil
        }
    }

    // MARK: - postscreen and tlsproxy

    /// Capital words, then the client: `PASS OLD [ip]:port`, `PREGREET 6 after 1.2 from [ip]:port`.
    @_optimize(size)
    mutating func postscreen(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        if text.has("CONNECT from ", start) {
            kind = .connect
            guard let peerEnd = clientPeer(text, start + 13, end) else { return false }
            guard text.has(" to ", peerEnd) else { return peerEnd == end }
            return peer(text, peerEnd + 4, end, .serverIP, .serverIP, .serverPort) == end
        }
        if text.has("DISCONNECT ", start) {
            kind = .disconnect
            return clientPeer(text, start + 11, end) == end
        }
        if text.has(" without valid RCPT from ", start + 4) {
            kind = .postscreenViolation
            add(.violation, start, start + 23)
            return clientPeer(text, start + 29, end) == end
        }
        var wordsEnd = start
        while wordsEnd < end, Self.isCapital(text.at(wordsEnd)) { wordsEnd += 1 }
        guard wordsEnd > start + 4, text.at(wordsEnd - 1) == UInt8(ascii: " ") else {
            return decision(text, start, end)
        }
        if text.at(wordsEnd) == UInt8(ascii: "[") {
            kind = .postscreen
            add(.action, start, wordsEnd - 1)
            return clientPeer(text, wordsEnd, end) == end
        }
        return violation(text, start, wordsEnd, end)
    }

    private static func isCapital(_ character: UInt8) -> Bool {
        character &- UInt8(ascii: "A") < 26 || character == UInt8(ascii: " ")
            || character == UInt8(ascii: "-")
    }

    @_optimize(size)
    private mutating func violation(
        _ text: RawSpan, _ start: Int, _ wordsEnd: Int, _ end: Int
    ) -> Bool {
        kind = .postscreenViolation
        add(.violation, start, wordsEnd - 1)
        if text.has("rank ", wordsEnd) {
            let rankEnd = addDigits(.dnsblRank, text, wordsEnd + 5, end)
            return text.has(" for ", rankEnd) && clientPeer(text, rankEnd + 5, end) == end
        }
        var place = text.digitsEnd(wordsEnd, end)
        if text.at(place) == UInt8(ascii: " ") { place += 1 }
        if text.has("after ", place) {
            let timeEnd = text.find(UInt8(ascii: " "), place + 6, end)
            addNumber(.after, text, place + 6, timeEnd)
            place = timeEnd + 1
        }
        guard text.has("from ", place), var peerEnd = clientPeer(text, place + 5, end) else {
            return false
        }
        if text.has(" after ", peerEnd) {
            let stageEnd = text.find(UInt8(ascii: ":"), peerEnd, end)
            add(.stage, peerEnd + 7, stageEnd)
            peerEnd = stageEnd
        }
        if text.has(": ", peerEnd) { add(.text, peerEnd + 2, end) }
        return true
    }
}
