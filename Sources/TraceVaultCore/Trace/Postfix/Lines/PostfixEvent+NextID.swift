// PostfixEvent+NextID.swift - the name by which the next hop knows the message, in its reply.
//
// Every server has its own words for it. What is looked for are the words around the id, of the
// servers that most mail goes to; an id that none of them announces is not told.

extension PostfixEvent {
    mutating func nextID(_ text: RawSpan, _ start: Int, _ end: Int) {
        if text.ends(" - gsmtp", end) {
            let word = text.findLast(UInt8(ascii: " "), start, end - 8)
            if let word, word + 1 < end - 8 { add(.googleID, word + 1, end - 8) }
        } else if let mark = text.find("queued as ", start, end) {
            // A filter's reply repeats what its next hop said: the last one counts.
            var place = mark + 10
            while let later = text.find("queued as ", place, end) { place = later + 10 }
            queuedAs(text, place, Self.idEnd(text, place, end))
        } else if text.has("forwarded as ", start) {
            // Of a local alias, by the same Postfix.
            queuedAs(text, start + 13, text.wordEnd(start + 13, end))
        } else if let mark = text.find("[InternalId=", start, end) {
            let idEnd = text.digitsEnd(mark + 12, end)
            if idEnd > mark + 12 { add(.exchangeID, mark + 12, idEnd) }
        } else if has(.replyCode) {
            announced(text, start, end)
        }
    }

    private mutating func queuedAs(_ text: RawSpan, _ start: Int, _ end: Int) {
        if end > start { add(.queuedAs, start, end) }
    }

    /// Other servers put ids of their own shapes behind the words: letters and digits, with "-",
    /// "." and "_" between them.
    private static func idEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = text.wordEnd(start, end)
        while place > start, place + 1 < end, isIDPunctuation(text.at(place)) {
            let next = text.wordEnd(place + 1, end)
            if next == place + 1, !isIDPunctuation(text.at(next)) { break }
            place = next
        }
        return place
    }

    private static func isIDPunctuation(_ character: UInt8) -> Bool {
        character == UInt8(ascii: "-") || character == UInt8(ascii: ".")
            || character == UInt8(ascii: "_")
    }

    /// The words of servers that are no Postfix.
    private mutating func announced(_ text: RawSpan, _ start: Int, _ end: Int) {
        // Exim, 1&1: `250 OK id=1ZpCCD-0002J4-Ej`; not the address of a page: `see id=https://…`.
        var next = text.find(" id=", start, end)
        while let mark = next {
            let idEnd = Self.idEnd(text, mark + 4, end)
            if !text.has("://", idEnd) { return queuedAs(text, mark + 4, idEnd) }
            next = text.find(" id=", idEnd, end)
        }
        // Yandex: `queued on HOST as ID`.
        if let mark = text.find("ueued on ", start, end),
            let word = text.find(" as ", mark, end)
        {
            return queuedAs(text, word + 4, Self.idEnd(text, word + 4, end))
        }
        // Stalwart.
        if let mark = text.find("ueued with id ", start, end) {
            return queuedAs(text, mark + 14, Self.idEnd(text, mark + 14, end))
        }
        // `250 ok queued (id 4711)`.
        for words: StaticString in ["ueued (id ", "ueued (ID ", "ueued (id="] {
            if let mark = text.find(words, start, end) {
                return queuedAs(text, mark + 10, Self.idEnd(text, mark + 10, end))
            }
        }
        // Haraka: `250 Message Queued (ID)`.
        if let mark = text.find("Message Queued (", start, end) {
            return queuedAs(text, mark + 16, Self.idEnd(text, mark + 16, end))
        }
        // qmail: `250 ok 1700000000 qp 4711`, the process that queued it.
        if let mark = text.find(" qp ", start, end) {
            return queuedAs(text, mark + 4, text.digitsEnd(mark + 4, end))
        }
        // Cyrus.
        if let mark = text.find("SESSIONID=<", start, end) {
            return queuedAs(text, mark + 11, text.find(UInt8(ascii: ">"), mark + 11, end))
        }
        // Sendmail, OpenSMTPD, Proofpoint, Kerio, Comcast: the word before.
        for words: StaticString in [
            " Message accepted for delivery", " mail accepted for delivery",
        ] {
            if let mark = text.find(words, start, end) { return before(text, start, mark) }
        }
        // Dovecot: `250 2.0.0 <user> ID Saved`.
        if text.ends(" Saved", end) { return before(text, start, end - 6) }
        // Cisco: `250 ok:  Message 4711 accepted`.
        if let mark = text.find("  Message ", start, end), text.ends(" accepted", end) {
            return queuedAs(text, mark + 10, text.digitsEnd(mark + 10, end))
        }
        // Mimecast: `250 … Received OK [ID]`.
        if let mark = text.find(" Received OK [", start, end) {
            return queuedAs(text, mark + 14, text.find(UInt8(ascii: "]"), mark + 14, end))
        }
        // `250 OK queued 12345`: a word with a digit in it that ends the reply.
        if let mark = text.findLast("ueued ", start, end), text.isDigit(mark + 6),
            Self.idEnd(text, mark + 6, end) == end
        {
            return queuedAs(text, mark + 6, end)
        }
        only(text, start, end)
    }

    /// `250 2.5.0 OK (ID)` of Proxmox, `250 Ok ID` of Amazon, where nothing else is said.
    private mutating func only(_ text: RawSpan, _ start: Int, _ end: Int) {
        var place = start + 4
        if let dsn = self[.replyDSN] { place = dsn.upperBound + 1 }
        guard text.has("OK ", place) || text.has("Ok ", place) else { return }
        place += 3
        let isBracketed = text.at(place) == UInt8(ascii: "(") && text.ends(")", end)
        let (first, last) = isBracketed ? (place + 1, end - 1) : (place, end)
        guard last - first >= (isBracketed ? 8 : 30), Self.idEnd(text, first, last) == last else {
            return
        }
        queuedAs(text, first, last)
    }

    /// The word that ends at a place, without the colon that some put behind the code.
    private mutating func before(_ text: RawSpan, _ start: Int, _ end: Int) {
        guard let space = text.findLast(UInt8(ascii: " "), start, end), space + 1 < end,
            space + 1 > (self[.replyDSN]?.lowerBound ?? start + 3)
        else { return }
        // Not a user in brackets, and not the code itself.
        guard text.at(space + 1) != UInt8(ascii: "<"), self[.replyDSN]?.lowerBound != space + 1
        else { return }
        queuedAs(text, space + 1, end)
    }
}
