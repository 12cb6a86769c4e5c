// PostfixEvent+Decision.swift - what was decided about a message.
//
// `ACTION: STAGE from client: text; from=<> to=<> …` of the server and of mail filters,
// `ACTION: header TEXT from ORIGIN; …: argument` of header and body checks, also of headers that a
// mail filter put in. The text may be a sender's own: where the pairs behind it begin is in
// PostfixEvent+Pairs.swift.

extension PostfixEvent {
    /// A line that begins with a word and a colon.
    mutating func decision(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        var wordEnd = start
        while wordEnd < end, Self.isActionCharacter(text.at(wordEnd)) { wordEnd += 1 }
        guard wordEnd > start, text.has(": ", wordEnd) else {
            return handled(text, start, end)
        }
        let rest = wordEnd + 2
        let action = Self.filterAction(text, start)
        if action > start || Self.isAction(text, start, wordEnd) {
            kind = action > start ? .milter : .policy
            add(.action, action, wordEnd)
            if Self.isPart(text, rest) { return content(text, rest, end) }
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

    /// Where the action begins behind `milter-`, or behind `milter-header-` where Postfix checked a
    /// header that a filter put in; `start` when it is no filter's.
    private static func filterAction(_ text: RawSpan, _ start: Int) -> Int {
        guard text.has("milter-", start) else { return start }
        if text.has("header-", start + 7) { return start + 14 }
        return text.has("body-", start + 7) ? start + 12 : start + 7
    }

    /// Whether the name of a part of the message stands at a place.
    private static func isPart(_ text: RawSpan, _ place: Int) -> Bool {
        text.has("header ", place) || text.has("body ", place) || text.has("content ", place)
            || text.has("mime-error ", place)
    }

    private static func isAction(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 3: text.has("bcc", start)
        case 4:
            text.has("hold", start) || text.has("info", start) || text.has("warn", start)
                || text.has("pass", start)
        case 5: text.has("delay", start) || text.has("strip", start) || text.has("defer", start)
        case 6:
            text.has("reject", start) || text.has("filter", start) || text.has("hangup", start)
                || text.has("permit", start)
        case 7:
            text.has("discard", start) || text.has("prepend", start)
                || text.has("replace", start) || text.has("warning", start)
        case 8: text.has("redirect", start)
        case 14: text.has("reject_warning", start)
        default: false
        }
    }

    // MARK: - The server and mail filters

    /// `STAGE from client: text; pairs`.
    private mutating func judged(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        var stageEnd = start
        while stageEnd < end, Self.isStage(text.at(stageEnd)) { stageEnd += 1 }
        // postscreen without a free place, before it had a conversation.
        if text.has("connect from ", start) { stageEnd = start + 7 }
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
}
