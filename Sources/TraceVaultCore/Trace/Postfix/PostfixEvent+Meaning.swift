// PostfixEvent+Meaning.swift - what Postfix's words come to, for the summary and for event stores.

extension PostfixEvent {
    /// discard(8) says `sent`: it takes everything and has no next hop. So does local(8), or a
    /// virtual(8) that names its file, of what it writes to the null device. `place` tells where
    /// the text of a field is.
    func isDiscard(_ text: RawSpan, _ place: (Name) -> Range<Int>) -> Bool {
        let relay = place(.relay)
        return text.says("none", relay) || text.says("discard", place(.process))
            || ((text.says("local", relay) || text.says("virtual", relay))
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
    /// Whether a reply says that the message was taken over and thrown away, or kept: `250 2.7.0
    /// Ok, discarded, id=… - INFECTED: …` and its like, of filters. One that hands it on says so,
    /// whatever it found.
    var saysThrownAway: Bool {
        var place = 0
        var (isKept, isDenied) = (false, false)
        while place < byteCount {
            if at(place) == UInt8(ascii: "(") { place += 1 }
            let wasDenied = isDenied
            isDenied = false
            switch at(place) | 0x20 {
            case UInt8(ascii: "d"):
                if hasWord("discard", place, mayGoOn: true) { return true }
                if hasWord("dropped", place), !wasDenied { isKept = true }
            case UInt8(ascii: "i"): if hasWord("infected", place), !wasDenied { isKept = true }
            case UInt8(ascii: "q"):
                if hasWord("quarantined", place), !wasDenied { isKept = true }
                if hasWord("queued", place), has(" as ", place + 6) { return false }
            case UInt8(ascii: "n"): isDenied = hasWord("not", place)
            default: break
            }
            place = find(UInt8(ascii: " "), place, byteCount) + 1
        }
        return isKept
    }

    /// A word in any case; `mayGoOn` when it may be the beginning of a longer one.
    private func hasWord(_ word: StaticString, _ start: Int, mayGoOn: Bool = false) -> Bool {
        for index in 0..<word.utf8CodeUnitCount
        where unsafe at(start + index) | 0x20 != word.utf8Start[index] {
            return false
        }
        let next = at(start + word.utf8CodeUnitCount) | 0x20
        return mayGoOn || !(UInt8(ascii: "a")...UInt8(ascii: "z") ~= next)
    }
}
