// PostfixEvent+Decision.swift - what was decided about a message, and warnings.
//
// `ACTION: STAGE from client: text; from=<> to=<> …` of the server and of mail filters,
// `ACTION: header TEXT from ORIGIN; …: argument` of header and body checks. The text may be a
// sender's own: where the pairs behind it begin is in PostfixEvent+Pairs.swift.

extension PostfixEvent {
    /// A line that begins with a word and a colon.
    mutating func decision(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        var wordEnd = start
        while wordEnd < end, Self.isActionCharacter(text.at(wordEnd)) { wordEnd += 1 }
        guard wordEnd > start, text.has(": ", wordEnd) else {
            return handled(text, start, end)
        }
        let rest = wordEnd + 2
        let action = text.has("milter-", start) ? start + 7 : start
        if action > start || Self.isAction(text, start, wordEnd) {
            kind = action > start ? .milter : .policy
            add(.action, action, wordEnd)
            if text.has("header ", rest) || text.has("body ", rest) || text.has("content ", rest) {
                return content(text, rest, end)
            }
            if judged(text, rest, end) { return true }
            clearBehindID()
        } else if text.has("proxy-", start) {
            return proxied(text, start + 6, wordEnd, end)
        }
        return Self.isLevel(text, start, wordEnd) && remark(text, start, wordEnd, end)
    }

    private static func isActionCharacter(_ character: UInt8) -> Bool {
        character &- UInt8(ascii: "a") < 26 || character == UInt8(ascii: "_")
            || character == UInt8(ascii: "-")
    }

    private static func isAction(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 3: text.has("bcc", start)
        case 4: text.has("hold", start) || text.has("info", start) || text.has("warn", start)
        case 5: text.has("delay", start) || text.has("strip", start) || text.has("defer", start)
        case 6: text.has("reject", start) || text.has("filter", start) || text.has("hangup", start)
        case 7:
            text.has("discard", start) || text.has("prepend", start)
                || text.has("replace", start) || text.has("warning", start)
        case 8: text.has("redirect", start)
        case 14: text.has("reject_warning", start)
        default: false
        }
    }

    private static func isLevel(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 4: text.has("info", start)
        case 5: text.has("fatal", start) || text.has("error", start) || text.has("panic", start)
        case 7: text.has("warning", start)
        default: false
        }
    }

    // MARK: - The server and mail filters

    /// `STAGE from client: text; pairs`.
    private mutating func judged(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        var stageEnd = start
        while stageEnd < end, Self.isStage(text.at(stageEnd)) { stageEnd += 1 }
        guard stageEnd > start, text.has(" from ", stageEnd),
            let peerEnd = clientPeer(text, stageEnd + 6, end), text.has(": ", peerEnd)
        else { return false }
        add(.stage, start, stageEnd)
        judgement(text, peerEnd + 2, end)
        return true
    }

    private static func isStage(_ character: UInt8) -> Bool {
        character &- UInt8(ascii: "A") < 26 || character == UInt8(ascii: "-")
    }

    /// `550 5.1.1 <subject>: text; from=<A> to=<B> proto=ESMTP helo=<H>`.
    private mutating func judgement(_ text: RawSpan, _ start: Int, _ end: Int) {
        let split = Self.pairsStart(text, start, end)
        let last = split ?? (text.at(end - 1) == UInt8(ascii: ";") ? max(start, end - 1) : end)
        var place = codes(text, start, last)
        if text.at(place) == UInt8(ascii: "<") {
            let close = Self.angleEnd(text, place, last)
            if text.has(">: ", close) {
                add(.subject, place + 1, close)
                place = close + 3
            }
        } else if text.has("Service unavailable; ", place),
            let mark = text.find("] blocked using ", place, last)
        {
            if let open = text.findLast(UInt8(ascii: "["), place, mark) {
                add(.subject, open + 1, mark)
            }
            let semicolon = text.find(UInt8(ascii: ";"), mark, last)
            add(.blockedBy, mark + 16, semicolon)
        }
        if place < last { add(.text, place, last) }
        if let split { arguments(text, split + 2, end) }
    }

    /// Pairs, and behind a colon what the action was given.
    private mutating func arguments(_ text: RawSpan, _ start: Int, _ end: Int) {
        let pairsEnd = pairs(text, start, end)
        if text.has(": ", pairsEnd) { add(.argument, pairsEnd + 2, end) }
    }

    /// `proxy-reject: STAGE: reply; pairs`; the word behind "proxy-" is the action.
    private mutating func proxied(
        _ text: RawSpan, _ start: Int, _ wordEnd: Int, _ end: Int
    ) -> Bool {
        kind = .proxy
        add(.action, start, wordEnd)
        let colon = text.find(UInt8(ascii: ":"), wordEnd + 2, end)
        guard text.has(": ", colon) else { return false }
        add(.stage, wordEnd + 2, colon)
        let split = Self.pairsStart(text, colon + 1, end)
        let last = split ?? end
        if last > colon + 2 {
            add(.reply, colon + 2, last)
            codes(text, colon + 2, last)
            nextID(text, colon + 2, last)
        }
        if let split { arguments(text, split + 2, end) }
        return true
    }

    // MARK: - Header and body checks

    /// `header TEXT from ORIGIN; from=<A> to=<B> …: argument`.
    private mutating func content(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        if kind != .milter { kind = .content }
        let partEnd = text.find(UInt8(ascii: " "), start, end)
        add(.part, start, partEnd)
        guard let split = Self.pairsStart(text, partEnd, end, mayGoOn: true) else {
            // Who it is from cannot be told either.
            add(.text, min(partEnd + 1, end), end)
            return true
        }
        var textEnd = split
        if let mark = text.findLast(" from ", partEnd, split) {
            if text.has("local", mark + 6), mark + 11 == split {
                textEnd = mark
            } else if clientPeer(text, mark + 6, split) == split {
                textEnd = mark
            }
        }
        add(.text, min(partEnd + 1, textEnd), textEnd)
        arguments(text, split + 2, end)
        return true
    }

    // MARK: - Warnings and the queue by hand

    /// `warning: [QUEUEID: ][client: ]text`.
    private mutating func remark(
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
        let colon = text.find(UInt8(ascii: ":"), place, min(end, place + 300))
        if text.at(colon - 1) == UInt8(ascii: "]"), colon < end,
            let peerEnd = warned(text, place, end)
        {
            place = peerEnd + 2
        }
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

    /// `Deleted: 115 messages` and its like.
    private mutating func handled(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        guard
            text.has("Deleted: ", start) || text.has("Requeued: ", start)
                || text.has("Placed on hold: ", start) || text.has("Released from hold: ", start)
        else { return false }
        kind = .queueChange
        let colon = text.find(UInt8(ascii: ":"), start, end)
        add(.action, start, colon)
        let countEnd = text.digitsEnd(colon + 2, end)
        addNumber(.count, text, colon + 2, countEnd)
        return text.has(" message", countEnd)
    }
}
