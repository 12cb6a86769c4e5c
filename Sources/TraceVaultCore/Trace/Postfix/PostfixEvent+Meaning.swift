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

    /// A filter before the queue took the message over, perhaps to throw it away: its reply tells.
    /// `place` tells where the text of a field is.
    func isAcceptedByProxy(_ text: RawSpan, _ place: (Name) -> Range<Int>) -> Bool {
        kind == .proxy && text.says("accept", place(.action))
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
    /// Ok, discarded, id=… - INFECTED: …`, `action=discard`, `BLOCKED (…)`, `…, BOUNCE` and their
    /// like, of filters. One that hands it on says so, whatever it found.
    var saysThrownAway: Bool {
        var isKept = false
        var next = 0
        while next < byteCount {
            // The letters of the cases below.
            let place = wordStart("bdiq", next)
            next = place + 1
            switch at(place) | 0x20 {
            case UInt8(ascii: "b"):
                if saysName("blocked", place) || saysName("bounce", place)
                    || saysName("bounced", place)
                {
                    isKept = true
                }
            case UInt8(ascii: "d"):
                if saysWord("discard", place, mayGoOn: true) { return true }
                if saysWord("dropped", place) { isKept = true }
            case UInt8(ascii: "i"): if saysWord("infected", place) { isKept = true }
            case UInt8(ascii: "q"):
                if saysWord("quarantined", place) || saysName("quarantine", place) {
                    isKept = true
                }
                if has(" as ", place + 6), saysWord("queued", place) { return false }
            default: break
            }
        }
        return isKept
    }

    /// Whether a word stands at a place, in any case, and nothing takes it back: `not` before it,
    /// or `no` as its value. `mayGoOn` when it may be the beginning of a longer one.
    private func saysWord(_ word: StaticString, _ start: Int, mayGoOn: Bool = false) -> Bool {
        guard hasFolded(word, start) else { return false }
        var end = start + word.utf8CodeUnitCount
        if !mayGoOn, isLetter(end) { return false }
        while isLetter(end) { end += 1 }
        return beginsWord(start, end) && !isDenied(start) && !isNo(end)
    }

    /// The same of a word that hosts and ids are often called by: behind a blank, too, it does not
    /// go on as one of them.
    private func saysName(_ word: StaticString, _ start: Int) -> Bool {
        saysWord(word, start) && !goesOn(start + word.utf8CodeUnitCount)
    }

    /// Whether what stands at a place begins a word of a sentence or a value. Behind a blank
    /// anything does; behind a mark, what does not go on as a name of a host, an address or an id.
    private func beginsWord(_ start: Int, _ end: Int) -> Bool {
        guard start > 0 else { return true }
        if isBlank(start - 1) { return true }
        switch at(start - 1) {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="),
            UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
            UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "<"),
            UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "|"):
            break
        default: return false
        }
        return !goesOn(end)
    }

    /// Whether a word goes on as a name of a host, an address or an id.
    private func goesOn(_ end: Int) -> Bool {
        switch at(end) {
        case UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "_"): return true
        case UInt8(ascii: "."): return isLetter(end + 1) || isDigit(end + 1)
        default: return isDigit(end)
        }
    }

    /// Whether the word before, with nothing but blanks between, is `not`.
    private func isDenied(_ start: Int) -> Bool {
        var end = start
        while end > 0, isBlank(end - 1) { end -= 1 }
        guard end < start, end >= 3 else { return false }
        return hasFolded("not", end - 3) && !(end > 3 && isLetter(end - 4))
    }

    /// Whether a value stands behind a word that says no: `infected=no`, `quarantined: 0`.
    private func isNo(_ end: Int) -> Bool {
        let isEqual = at(end) == UInt8(ascii: "=")
        guard isEqual || at(end) == UInt8(ascii: ":") else { return false }
        let start = isBlank(end + 1) ? end + 2 : end + 1
        for value in ["no", "none", "false", "0"] as [StaticString] where hasFolded(value, start) {
            let next = start + value.utf8CodeUnitCount
            guard next < byteCount else { return true }
            switch at(next) {
            case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ")"), UInt8(ascii: "]"),
                UInt8(ascii: "}"):
                return true
            case UInt8(ascii: " "), UInt8(ascii: "\t"): return isEqual
            default: break
            }
        }
        return false
    }

    private func hasFolded(_ word: StaticString, _ start: Int) -> Bool {
        for index in 0..<word.utf8CodeUnitCount
        where unsafe at(start + index) | 0x20 != word.utf8Start[index] {
            return false
        }
        return true
    }

    private func isBlank(_ place: Int) -> Bool {
        at(place) == UInt8(ascii: " ") || at(place) == UInt8(ascii: "\t")
    }

    private func isLetter(_ place: Int) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= at(place) | 0x20
    }
}
