// PostfixEvent+Message.swift - lines about one message: what comes behind a queue id.
//
// Told apart by their first letter, then by the whole word. Deliveries and decisions are long
// enough for files of their own.

extension PostfixEvent {
    /// Reads the text behind `QUEUEID: `.
    mutating func ofMessage(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch text.at(start) {
        case UInt8(ascii: "t"):
            if text.has("to=", start) { return delivery(text, start, end) }
        case UInt8(ascii: "f"):
            if text.has("from=<", start) { return queueManager(text, start, end) }
            if whole("force-expired", text, start, end) { return true }
        case UInt8(ascii: "c"):
            if text.has("client=", start) { return client(text, start, end) }
            if text.has("conversation with ", start) { return timedOut(text, start, end) }
        case UInt8(ascii: "C"), UInt8(ascii: "T"):
            if unencrypted(text, start, end) { return true }
        case UInt8(ascii: "m"):
            if text.has("message-id=", start) {
                return messageID(.messageID, text, start + 11, end)
            }
        case UInt8(ascii: "r"):
            if text.has("removed", start), start + 7 == end || text.has(" (", start + 7) {
                kind = .removed
                if start + 7 < end { bracketed(.text, text, start + 8, end) }
                return true
            }
            if text.has("resent-message-id=", start) {
                return messageID(.resentMessageID, text, start + 18, end)
            }
            if whole("requeued", text, start, end) || whole("released from hold", text, start, end)
            {
                return true
            }
        case UInt8(ascii: "b"):
            if text.has("bounce failed", start) {
                kind = .notificationFailed
                add(.error, start, end)
                return true
            }
        case UInt8(ascii: "u"):
            if text.has("uid=", start) { return pickup(text, start, end) }
        case UInt8(ascii: "s"):
            if text.has("sender ", start) { return notification(text, start, start + 6, end) }
            if text.has("skipped, still being delivered", start) {
                kind = .skipped
                return true
            }
        case UInt8(ascii: "p"):
            if text.has("postmaster ", start) { return notification(text, start, start + 10, end) }
            if whole("placed on hold", text, start, end) { return true }
        case UInt8(ascii: "e"):
            if text.has("enabling PIX workarounds: ", start) { return workaround(text, start, end) }
            if whole("expired", text, start, end) { return true }
        case UInt8(ascii: "S"):
            if text.has("SASL authentication failed; server ", start) {
                return said(.saslFailed, text, start + 35, " said: ", end)
            }
        default: break
        }
        return ofServer(text, start, end)
    }

    /// A change by hand that is all the line says.
    private mutating func whole(
        _ action: StaticString, _ text: RawSpan, _ start: Int, _ end: Int
    ) -> Bool {
        guard text.has(action, start), start + action.utf8CodeUnitCount == end else { return false }
        kind = .queueChange
        add(.action, start, end)
        return true
    }

    /// `(text)`, from the bracket on.
    private mutating func bracketed(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) {
        guard text.at(start) == UInt8(ascii: "("), text.at(end - 1) == UInt8(ascii: ")") else {
            return
        }
        add(name, start + 1, end - 1)
    }

    /// `from=<A>, size=N, nrcpt=N (queue active)`, `from=<A>, status=expired, returned to sender`.
    private mutating func queueManager(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        let close = Self.angleEnd(text, start + 5, end)
        guard text.has(">, ", close) else { return false }
        add(.from, start + 6, close)
        let next = close + 3
        if text.has("size=", next) {
            kind = .queued
            let sizeEnd = addDigits(.size, text, next + 5, end)
            guard text.has(", nrcpt=", sizeEnd) else { return false }
            let countEnd = addDigits(.nrcpt, text, sizeEnd + 8, end)
            return text.has(" (queue active)", countEnd)
        }
        guard text.has("status=", next) else { return false }
        kind = .expired
        let statusEnd = text.find(UInt8(ascii: ","), next, end)
        add(.status, next + 7, statusEnd)
        return text.has(", returned to sender", statusEnd)
    }

    /// `client=host[ip]`, then `, name=value` each.
    private mutating func client(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .client
        guard let peerEnd = peer(text, start + 7, end, .clientHost, .clientIP, .clientPort) else {
            return false
        }
        _ = pairs(text, peerEnd, end)
        return true
    }

    private mutating func pickup(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .pickup
        let uidEnd = addDigits(.uid, text, start + 4, end)
        _ = pairs(text, uidEnd, end)
        return has(.uid) && has(.from)
    }

    /// `message-id=<…>`; some senders' ids have no brackets, and some are empty.
    private mutating func messageID(
        _ name: Name, _ text: RawSpan, _ start: Int, _ end: Int
    ) -> Bool {
        kind = .messageID
        if text.at(start) == UInt8(ascii: "<"), end > start + 1,
            text.at(end - 1) == UInt8(ascii: ">")
        {
            add(name, start + 1, end - 1)
        } else {
            add(name, min(start, end), end)
        }
        return true
    }

    /// `sender non-delivery notification: NEWID` and `sender notification failed to A: reason`;
    /// `whoEnd` is behind the first word.
    @_optimize(size)
    private mutating func notification(
        _ text: RawSpan, _ start: Int, _ whoEnd: Int, _ end: Int
    ) -> Bool {
        add(.notified, start, whoEnd)
        if text.has(" notification failed to ", whoEnd) {
            kind = .notificationFailed
            let toEnd = text.find(UInt8(ascii: ":"), whoEnd + 24, end)
            add(.to, whoEnd + 24, toEnd)
            if text.has(": ", toEnd) { add(.error, toEnd + 2, end) }
            return true
        }
        kind = .notification
        guard let mark = text.find(" notification: ", whoEnd + 1, end) else { return false }
        add(.notification, whoEnd + 1, mark)
        guard text.wordEnd(mark + 15, end) == end, Self.isQueueID(text, mark + 15, end) else {
            return false
        }
        add(.notificationID, mark + 15, end)
        return true
    }

    private mutating func workaround(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        kind = .workaround
        guard let mark = text.find(" for ", start + 26, end) else { return false }
        add(.text, start + 26, mark)
        return relayPeer(text, mark + 5, end) == end
    }
}
