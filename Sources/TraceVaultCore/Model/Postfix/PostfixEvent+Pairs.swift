// PostfixEvent+Pairs.swift - `name=value` pairs, and where they begin in a line of others' words.
//
// `TEXT; from=<A> to=<B> proto=ESMTP helo=<H>`: the text may be a sender's, a policy server's or
// the next hop's own, a quoted local part may hold anything, and either may look like the pairs.

extension PostfixEvent {
    /// `name=value` and `name=<value>`, apart by spaces or commas, as far as they go.
    mutating func pairs(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start
        while place < end {
            var begin = place
            while text.at(begin) == UInt8(ascii: " ") || text.at(begin) == UInt8(ascii: ",") {
                begin += 1
            }
            var equals = begin
            while equals < end, Self.isPairName(text.at(equals)) { equals += 1 }
            guard equals > begin, text.at(equals) == UInt8(ascii: "=") else { return place }
            let value = equals + 1
            if text.at(value) == UInt8(ascii: "<") {
                let close = Self.angleEnd(text, value, end)
                guard close < end else { return place }
                pair(text, begin, equals, value + 1, close)
                place = close + 1
            } else {
                var last = max(
                    value, text.findEither(UInt8(ascii: " "), UInt8(ascii: ","), value, end))
                // The pairs end before a colon that text follows.
                if last < end, text.at(last - 1) == UInt8(ascii: ":") { last -= 1 }
                pair(text, begin, equals, value, last)
                place = last
            }
        }
        return place
    }

    private static func isPairName(_ character: UInt8) -> Bool {
        character == UInt8(ascii: "_") || (character | 0x20) &- UInt8(ascii: "a") < 26
    }

    private mutating func pair(
        _ text: RawSpan, _ name: Int, _ nameEnd: Int, _ start: Int, _ end: Int
    ) {
        switch nameEnd - name {
        // Addresses come first: what a client calls itself may go on like them.
        case 2: if text.has("to", name), !has(.proto), !has(.helo) { add(.to, start, end) }
        case 4:
            if text.has("from", name), !has(.proto), !has(.helo) { add(.from, start, end) }
            if text.has("helo", name) { add(.helo, start, end) }
        case 5:
            if text.has("proto", name) { add(.proto, start, end) }
            if text.has("notes", name) { add(.notes, start, end) }
        case 11:
            if text.has("sasl_method", name) { add(.saslMethod, start, end) }
            if text.has("sasl_sender", name) { add(.saslSender, start, end) }
            if text.has("orig_client", name) { add(.origClient, start, end) }
        case 13:
            if text.has("sasl_username", name) { add(.saslUsername, start, end) }
            if text.has("orig_queue_id", name) { add(.origQueueID, start, end) }
        default: break
        }
    }

    // MARK: - Where they begin

    /// Where "; " and the pairs begin that end a line; nil, too, when nobody can tell. With
    /// `mayGoOn` a colon and more may follow them.
    ///
    /// What Postfix wrote can be read to the end: it quotes addresses as RFC 5321 has it (since
    /// 3.5) and writes each pair once, in one order, the client's name for itself without what
    /// could end it. So when only one of several beginnings can be read, it is the right one.
    /// Takes linear time: a quote that one of them opens ends where the next opens its own.
    @inline(never)
    static func pairsStart(
        _ text: RawSpan, _ start: Int, _ end: Int, mayGoOn: Bool = false
    ) -> Int? {
        let first = beginning(text, start, end)
        var (found, next): (Int?, Int?) = (nil, first)
        while let place = next {
            next = beginning(text, place + 1, end)
            let isOnly = place == first && next == nil
            if let last = readable(text, place + 2, end, mayGoOn, isOnly || mayGoOn) {
                guard found == nil, beginning(text, last, end) == nil else { return nil }
                found = place
            }
        }
        return found
    }

    private static func beginning(_ text: RawSpan, _ start: Int, _ end: Int) -> Int? {
        var place = text.find(UInt8(ascii: ";"), start, end)
        while place < end {
            if text.at(place + 1) == UInt8(ascii: " "), rank(text, place + 2) < 4 { return place }
            place = text.find(UInt8(ascii: ";"), place + 1, end)
        }
        return nil
    }

    /// Which of the pairs stands at a place, in their order; 4 for none.
    private static func rank(_ text: RawSpan, _ place: Int) -> Int {
        if text.has("from=<", place) { return 0 }
        if text.has("to=<", place) { return 1 }
        if text.has("proto=", place) { return 2 }
        return text.has("helo=<", place) ? 3 : 4
    }

    /// Where pairs as Postfix writes them end; nil when they do not go from here to the end. At the
    /// only beginning they may have spaces: names of clients do, and addresses before 3.5. So they
    /// may where more can follow, or a sender's could be read where the real ones cannot.
    private static func readable(
        _ text: RawSpan, _ start: Int, _ end: Int, _ mayGoOn: Bool, _ mayHaveSpaces: Bool
    ) -> Int? {
        var (place, least) = (start, 0)
        while place < end {
            let rank = rank(text, place)
            guard rank >= least, rank < 4 else { return nil }
            let value = place + (rank == 1 ? 4 : 6)
            place = rank == 2 ? text.wordEnd(value, end) : valueEnd(text, value, end, mayHaveSpaces)
            if place == end || (mayGoOn && text.has(": ", place)) { return place }
            // The server before the server puts commas between them.
            if text.at(place) == UInt8(ascii: ",") { place += 1 }
            guard text.at(place) == UInt8(ascii: " ") else { return nil }
            place += 1
            least = rank + 1
        }
        return nil
    }

    /// Behind the ">" of an address or a name; behind everything when Postfix writes none so.
    private static func valueEnd(
        _ text: RawSpan, _ start: Int, _ end: Int, _ mayHaveSpaces: Bool
    ) -> Int {
        // As nearly always: nothing in it that could be anything but its own.
        let close = text.find(UInt8(ascii: ">"), start, end)
        if close < end,
            text.findEither(UInt8(ascii: "\""), UInt8(ascii: "<"), start, close) == close,
            text.findEither(UInt8(ascii: ";"), UInt8(ascii: " "), start, close) == close
        {
            return close + 1
        }
        var place = start
        var (isQuoted, isBehindQuote) = (false, false)
        while place < end {
            let character = text.at(place)
            place += 1
            if isQuoted {
                if character == UInt8(ascii: "\\") { place += 1 }
                isBehindQuote = character == UInt8(ascii: "\"")
                isQuoted = !isBehindQuote
                continue
            }
            switch character {
            case UInt8(ascii: ">"): return place
            case UInt8(ascii: "\"") where place == start + 1: isQuoted = true
            case UInt8(ascii: "@"): isBehindQuote = false
            case UInt8(ascii: " ") where mayHaveSpaces: break
            case UInt8(ascii: "\""), UInt8(ascii: " "), UInt8(ascii: "<"), UInt8(ascii: ";"):
                return end + 1
            default: if isBehindQuote { return end + 1 }
            }
        }
        return end + 1
    }
}
