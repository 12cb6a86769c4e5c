// JSONReader.swift - checks a JSON text (RFC 8259, strictly) and lists its tokens.
//
// Every reply passes through here, so it is one loop without recursion, looks at strings eight
// bytes at a time and makes nothing but the tape. Bounded in depth and number of values. What the
// values mean belongs to the callers. Messages say where and what, never what the body holds.

/// Reads one text; made by `JSONReader.read`.
@safe
package struct JSONReader {
    /// How deeply arrays and objects may be nested.
    package static let maxDepth = 64
    /// How many values and keys a text may have: a few whatever its length, more only where they
    /// take as much room as in a page of messages with little in them. Ten thousand such messages
    /// are a million; an index over denser text would be memory that only an attack asks for.
    package static let fewTokens = 1 << 19
    package static let maxTokens = 2_000_000
    static let leastBytes = 10
    /// And of members an object of a reply: Cloudflare's largest have some forty.
    package static let maxMembers = 4096

    let base: UnsafePointer<UInt8>
    let count: Int
    let tape: JSONTape
    private let bounds: Bounds

    /// Checks the whole text.
    package static func read(
        _ body: ByteBuffer, _ bounds: Bounds = .reply
    ) throws(Failure) -> JSONTape {
        guard body.count < Int(Int32.max) else {
            throw Failure(.replyTooLarge, "the reply is larger than 2 GiB")
        }
        let tape = JSONTape(of: body)
        if bounds.isLines, body.count == 0 { return tape }
        guard body.count > 0, let base = unsafe body.cString else {
            throw Failure(.replyEmpty, "the reply is empty")
        }
        let capacity = min(bounds.most(in: body.count), 64 + body.count / 12)
        guard let tokens = unsafe tape.grow(to: capacity) else { throw outOfMemory() }
        let reader = unsafe JSONReader(base, body.count, tape, bounds)
        tape.finish(count: try unsafe reader.texts(JSONTokenList(tokens, capacity)))
        try bounds.checkMembers(tape)
        return tape
    }

    private init(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ tape: JSONTape, _ bounds: Bounds
    ) {
        unsafe self.base = base
        self.count = count
        self.tape = tape
        self.bounds = bounds
    }

    // MARK: - Structure

    /// Answers how many tokens there are.
    private func texts(_ empty: JSONTokenList) throws(Failure) -> Int {
        let first = spaceEnd(byteOrderMarkEnd())
        guard first < count else {
            throw Failure(.replyEmpty, "the reply holds only white space")
        }
        var (list, at) = try run(empty, first)
        while at < count {
            guard bounds.isLines, beginsLine(at) else {
                throw unexpected("the reply goes on after its end", at)
            }
            list.beginText()
            (list, at) = try run(list, at)
        }
        return list.used
    }

    /// Whether only white space stands between a place and the newline before it.
    private func beginsLine(_ place: Int) -> Bool {
        var at = place - 1
        while at > 0, unsafe base[at] == 0x20 || base[at] == 0x09 || base[at] == 0x0D { at -= 1 }
        return unsafe at >= 0 && base[at] == 0x0A
    }

    /// Reads one text; answers where the next begins, if there is one. The NUL behind all is no
    /// part of any, so no place needs to be compared with the end before it is looked at.
    private func run(
        _ before: JSONTokenList, _ start: Int
    ) throws(Failure) -> (JSONTokenList, Int) {
        // Place and tokens are variables of the loop, out of the way of what is called from it, so
        // that they stay in registers.
        var list = before
        var at = start
        var expectsKey = false
        while true {
            if expectsKey { at = spaceEnd(try key(at, &list)) }
            let character = unsafe base[at]
            if character == UInt8(ascii: "\"") {
                at = try string(at, &list)
            } else if character == UInt8(ascii: "{") || character == UInt8(ascii: "[") {
                guard list.depth < bounds.depth else { throw tooDeep(at) }
                try reserve(&list, at)
                list.open(character == UInt8(ascii: "{"), at)
                at = spaceEnd(at &+ 1)
                expectsKey = list.isObject
                // The closing brackets stand two behind the opening ones.
                if unsafe base[at] != character &+ 2 { continue }
                at &+= 1
                list.close(at)
            } else {
                let (end, kind, marks) = try scalar(at)
                try reserve(&list, end)
                list.add(kind, at, end, marks)
                at = end
            }
            // The end of any number of containers, then a comma or the end of the text.
            while true {
                at = spaceEnd(at)
                if list.depth == 0 { return (list, at) }
                let character = unsafe base[at]
                if character == UInt8(ascii: ",") { break }
                guard character == (list.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw unexpected("a comma or the end of a list was expected", at)
                }
                at &+= 1
                list.close(at)
            }
            at = spaceEnd(at &+ 1)
            expectsKey = list.isObject
        }
    }

    /// From the key that should begin here to behind its colon.
    @inline(__always)
    private func key(_ start: Int, _ list: inout JSONTokenList) throws(Failure) -> Int {
        guard unsafe base[start] == UInt8(ascii: "\"") else {
            throw unexpected("a key in quotes was expected", start)
        }
        let at = spaceEnd(try string(start, &list))
        guard unsafe base[at] == UInt8(ascii: ":") else {
            throw unexpected("a colon was expected", at)
        }
        return at &+ 1
    }

    // MARK: - Scalars

    /// From the opening quote to behind the closing one.
    @inline(__always)
    private func string(
        _ quote: Int, _ list: inout JSONTokenList
    ) throws(Failure) -> Int {
        let end = plainEnd(from: quote &+ 1)
        var marks = JSONToken.Marks()
        var behind = end &+ 1
        // Nearly every string ends at the first character that is not plain.
        if unsafe base[end] != UInt8(ascii: "\"") { (behind, marks) = try longString(end) }
        try reserve(&list, behind)
        list.add(.string, quote &+ 1, behind &- 1, marks)
        return behind
    }

    @inline(never)
    private func longString(_ plainEnd: Int) throws(Failure) -> (Int, JSONToken.Marks) {
        let (end, marks) = try stringBody(from: plainEnd)
        if marks.contains(.loneSurrogate) { tape.loneSurrogates += 1 }
        return (end, marks)
    }

    /// From a number's or a literal's first character to behind it.
    @inline(__always)
    func scalar(_ start: Int) throws(Failure) -> (Int, JSONToken.Kind, JSONToken.Marks) {
        var end = start
        while unsafe base[end] &- UInt8(ascii: "0") < 10 { end &+= 1 }
        // A count or a line number, as nearly all are.
        let isPlain =
            unsafe end > start && base[start] != UInt8(ascii: "0")
            && base[end] != UInt8(ascii: ".") && base[end] | 0x20 != UInt8(ascii: "e")
        return isPlain ? (end, .number, .integer) : try otherScalar(start)
    }

    @inline(never)
    private func otherScalar(
        _ start: Int
    ) throws(Failure) -> (Int, JSONToken.Kind, JSONToken.Marks) {
        switch unsafe base[start] {
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let (end, marks) = try number(from: start)
            return (end, .number, marks)
        case UInt8(ascii: "t"): return (try literal("true", start), .bool, .isTrue)
        case UInt8(ascii: "f"): return (try literal("false", start), .bool, [])
        case UInt8(ascii: "n"): return (try literal("null", start), .null, [])
        default: throw unexpected("a value was expected", start)
        }
    }

    private func literal(_ text: StaticString, _ start: Int) throws(Failure) -> Int {
        var at = start
        for offset in 0..<text.utf8CodeUnitCount {
            guard unsafe base[at] == text.utf8Start[offset] else {
                throw unexpected("a value was expected", at)
            }
            at += 1
        }
        return at
    }

    // MARK: - Tokens

    /// Makes room for one more token.
    @inline(__always)
    private func reserve(_ list: inout JSONTokenList, _ at: Int) throws(Failure) {
        guard list.used == list.capacity else { return }
        // Not with the list itself, which would have to be in memory for it.
        let larger = try room(behind: list.used, at)
        guard let grown = unsafe tape.grow(to: larger) else { throw Self.outOfMemory() }
        unsafe list.tokens = grown
        list.capacity = larger
    }

    @inline(never)
    private func room(behind used: Int, _ at: Int) throws(Failure) -> Int {
        let most = bounds.most(in: count)
        guard used < most else {
            throw Failure(.replyDepth, "the reply has more than \(most) values, at byte \(at)")
        }
        return min(most, used * 2)
    }

    // MARK: - White space and failures

    /// The first place from `start` that is no white space; the NUL behind the text is none.
    @inline(__always)
    private func spaceEnd(_ start: Int) -> Int {
        var at = start
        while true {
            let character = unsafe base[at]
            guard character <= 0x20 else { return at }
            guard
                character == 0x20 || character == 0x0A || character == 0x0D || character == 0x09
            else { return at }
            at &+= 1
        }
    }

    private func byteOrderMarkEnd() -> Int {
        guard count >= 3, unsafe base[0] == 0xEF, unsafe base[1] == 0xBB, unsafe base[2] == 0xBF
        else { return 0 }
        tape.hasByteOrderMark = true
        return 3
    }

    private static func outOfMemory() -> Failure {
        Failure(.noMemory, "not enough memory to read the reply")
    }

    @inline(never)
    private func tooDeep(_ at: Int) -> Failure {
        Failure(.replyDepth, "the reply is nested more than \(bounds.depth) deep at byte \(at)")
    }

    /// What stands at a place is not what had to come, or it is the end.
    @inline(never)
    private func unexpected(_ reason: StaticString, _ place: Int) -> Failure {
        place < count ? notJSON(reason, place) : endsEarly()
    }

    /// The text stopped where more had to come.
    @inline(never)
    func endsEarly() -> Failure {
        guard looksLikeJSON else { return notJSON("a value was expected", 0) }
        return Failure(.replyTruncated, "the reply ends too early, after \(count) bytes")
    }

    @inline(never)
    func malformed(_ reason: StaticString, at place: Int) -> Failure { notJSON(reason, place) }

    private func notJSON(_ reason: StaticString, _ place: Int) -> Failure {
        if firstCharacter == UInt8(ascii: "<") {
            return Failure(.notJSON, "the reply is not JSON; it begins like HTML or XML")
        }
        return Failure(.notJSON, "the reply is not JSON: \(reason) at byte \(place)")
    }

    private var looksLikeJSON: Bool {
        switch firstCharacter {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""): true
        default: false
        }
    }

    private var firstCharacter: UInt8 {
        unsafe base[spaceEnd(tape.hasByteOrderMark ? 3 : 0)]
    }
}
