// PostfixEvent+Meaning.swift - what Postfix's words come to, for the summary and for event stores.

extension PostfixEvent {
    /// discard(8) says `sent`: it takes everything and has no next hop. So does local(8) of what it
    /// writes to the null device. `place` tells where the text of a field is.
    func isDiscard(_ text: RawSpan, _ place: (Name) -> Range<Int>) -> Bool {
        let relay = place(.relay)
        return text.says("none", relay) || text.says("discard", place(.process))
            || (text.says("local", relay)
                && text.says("delivered to file: /dev/null", place(.reply)))
    }

    /// A filter before the queue took the message over and says that it threw it away.
    func isThrownAwayByProxy(_ text: RawSpan, _ place: (Name) -> Range<Int>) -> Bool {
        kind == .proxy && text.says("accept", place(.action))
            && text.extracting(place(.reply).clamped(to: 0..<text.byteCount)).saysThrownAway
    }

    /// Whether a refusal is one for now.
    func isTemporary(_ text: RawSpan) -> Bool {
        isTemporary(text) { self[$0]?.lowerBound ?? text.byteCount }
    }

    /// Refused with 4xx or 4.x.x: by the reply's code, else by its enhanced code, else by the one
    /// that a check was given. postscreen without a free place says 421 and logs no code. `place`
    /// tells where the text of a field begins.
    func isTemporary(_ text: RawSpan, _ place: (Name) -> Int) -> Bool {
        let four = UInt8(ascii: "4")
        if has(.replyCode) { return text.at(place(.replyCode)) == four }
        if has(.replyDSN) { return text.at(place(.replyDSN)) == four }
        if has(.part) {
            let argument = place(.argument)
            return has(.argument) && text.at(argument) == four
                && text.at(argument + 1) == UInt8(ascii: ".")
        }
        return has(.text)
            && (text.has("all screening ports busy", place(.text))
                || text.has("all server ports busy", place(.text))
                || text.has("too many connections", place(.text)))
    }
}

extension RawSpan {
    /// Whether a reply says that the message was taken over and thrown away: `250 2.7.0 Ok,
    /// discarded, id=… - INFECTED: …` and its like, of filters.
    var saysThrownAway: Bool {
        var place = 0
        while true {
            place = findEither(UInt8(ascii: "d"), UInt8(ascii: "D"), place, byteCount)
            guard place < byteCount else { return false }
            // Not a part of a name.
            if at(place - 1) == UInt8(ascii: " "),
                has("iscard", place + 1) || has("ISCARD", place + 1)
            {
                return true
            }
            place += 1
        }
    }
}
