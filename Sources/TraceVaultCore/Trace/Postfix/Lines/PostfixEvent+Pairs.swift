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
                if text.has("sasl_username=", begin) {
                    last = Self.userEnd(text, value, end)
                } else if last < end, text.at(last - 1) == UInt8(ascii: ":") {
                    // The pairs end before a colon that text follows.
                    last -= 1
                }
                pair(text, begin, equals, value, last)
                place = last
            }
        }
        return place
    }

    /// The end of a user's name, which may have spaces and commas in it: before the next pair, or a
    /// number that the collector put behind everything.
    private static func userEnd(_ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        var place = start
        while true {
            place = text.findEither(UInt8(ascii: " "), UInt8(ascii: ","), place, end)
            guard place < end else { return end }
            let name = text.has(", ", place) ? place + 2 : place + 1
            if text.digitsEnd(name, end) == end { return place }
            var equals = name
            while equals < end, isPairName(text.at(equals)) { equals += 1 }
            if equals > name, text.at(equals) == UInt8(ascii: "=") { return place }
            place += 1
        }
    }

    private static func isPairName(_ character: UInt8) -> Bool {
        character == UInt8(ascii: "_") || (character | 0x20) &- UInt8(ascii: "a") < 26
    }

    private mutating func pair(
        _ text: RawSpan, _ name: Int, _ nameEnd: Int, _ start: Int, _ end: Int
    ) {
        switch nameEnd - name {
        // Of a message that was queued again by hand.
        case 7: if text.has("orig_id", name) { add(.origQueueID, start, end) }
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
    static func pairsStart(
        _ text: RawSpan, _ start: Int, _ end: Int, mayGoOn: Bool = false
    ) -> Int? {
        var looked = 0
        return pairsStart(text, start, end, mayGoOn: mayGoOn, looked: &looked)
    }

    /// The same; `looked` grows by the number of bytes that were looked at, again and again if so.
    @inline(never)
    package static func pairsStart(
        _ text: RawSpan, _ start: Int, _ end: Int, mayGoOn: Bool, looked: inout Int
    ) -> Int? {
        let first = beginning(text, start, end)
        var (found, next): (Int?, Int?) = (nil, first)
        var isOpen = false
        looked += (first ?? end) - start
        while let place = next {
            next = beginning(text, place + 1, end)
            looked += (next ?? end) - place
            let isOnly = place == first && next == nil
            let reading = readable(
                text, place + 2, end, mayGoOn, isOnly, isOnly || mayGoOn, &looked)
            switch reading {
            case .to(let last):
                guard found == nil, !isOpen, beginning(text, last, end) == nil else { return nil }
                found = place
            // A user's name may hold what looks like pairs, as the text before them may.
            case .upToUser: isOpen = true
            case .not: break
            }
        }
        return found
    }

    /// How far pairs as Postfix writes them go from a beginning.
    private enum Reading {
        case not
        /// To a place where nothing can follow but an action's argument.
        case to(Int)
        /// Through all four pairs to a user's name that holds anything.
        case upToUser
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

    /// Where pairs as Postfix writes them end. At the only beginning they may have spaces: names of
    /// clients do, and addresses before 3.5. So they may where more can follow, or a sender's could
    /// be read where the real ones cannot.
    private static func readable(
        _ text: RawSpan, _ start: Int, _ end: Int, _ mayGoOn: Bool, _ isOnly: Bool,
        _ mayHaveSpaces: Bool, _ looked: inout Int
    ) -> Reading {
        var (place, least, seen) = (start, 0, 0)
        while place < end {
            let rank = rank(text, place)
            guard rank < 4 else {
                if seen > 0, isTail(text, place, end, isOnly) { return .to(end) }
                return seen == 4 && text.has("sasl_", place) ? .upToUser : .not
            }
            guard rank >= least else { return .not }
            let value = place + (rank == 1 ? 4 : 6)
            place =
                rank == 2
                ? text.wordEnd(value, end)
                : valueEnd(text, value, end, mayHaveSpaces, &looked)
            if place == end || (mayGoOn && text.has(": ", place)) { return .to(place) }
            // The server before the server puts commas between them.
            if text.at(place) == UInt8(ascii: ",") { place += 1 }
            guard text.at(place) == UInt8(ascii: " ") else { return .not }
            place += 1
            least = rank + 1
            seen += 1
        }
        return .not
    }

    /// What may follow the four: who logged in (`sasl_method=M sasl_username=U`), pairs of later
    /// versions, a collector's number. At the only beginning anything that opens nothing else.
    private static func isTail(
        _ text: RawSpan, _ start: Int, _ end: Int, _ isOnly: Bool
    ) -> Bool {
        var place = start
        while place < end {
            var equals = place
            while equals < end, isPairName(text.at(equals)) { equals += 1 }
            let isPair = equals > place && text.at(equals) == UInt8(ascii: "=")
            guard isOnly || isPair || text.digitsEnd(place, end) == end else { return false }
            while place < end, text.at(place) != UInt8(ascii: " ") {
                switch text.at(place) {
                // Only around a whole value: `sasl_sender=<>`. A quoted sender that looks like
                // pairs has a quotation mark behind them, and a text has a semicolon.
                case UInt8(ascii: "<"):
                    guard isPair, place == equals + 1 else { return false }
                case UInt8(ascii: ">"):
                    let isLast = place + 1 == end || text.at(place + 1) == UInt8(ascii: " ")
                    guard isPair, isLast, text.at(equals + 1) == UInt8(ascii: "<") else {
                        return false
                    }
                case UInt8(ascii: ";"), UInt8(ascii: "\""): return false
                default: break
                }
                place += 1
            }
            place += 1
        }
        return true
    }

    /// Behind the ">" of an address or a name; behind everything when Postfix writes none so.
    private static func valueEnd(
        _ text: RawSpan, _ start: Int, _ end: Int, _ mayHaveSpaces: Bool, _ looked: inout Int
    ) -> Int {
        var place = start
        defer { looked += min(place, end) - start }
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
