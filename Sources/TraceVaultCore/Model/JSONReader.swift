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
    private static let leastBytes = 10

    private enum Expected { case value, valueOrEnd, key, keyOrEnd, commaOrEnd }

    let base: UnsafePointer<UInt8>
    let count: Int
    var at = 0
    private let tape: JSONTape
    private var tokens: UnsafeMutablePointer<JSONToken>
    private var capacity: Int
    private let most: Int
    private var used = 0
    /// The innermost open container; while one is open, its `next` names the one around it.
    private var parent = Self.none
    private var depth = 0
    private static let none = UInt32.max

    /// Checks the whole text.
    package static func read(_ body: ByteBuffer) throws(Failure) -> JSONTape {
        guard body.count < Int(Int32.max) else {
            throw Failure(.replyTooLarge, "the reply is larger than 2 GiB")
        }
        guard body.count > 0, let base = unsafe body.cString else {
            throw Failure(.replyEmpty, "the reply is empty")
        }
        let tape = JSONTape(of: body)
        let most = min(maxTokens, max(fewTokens, body.count / leastBytes))
        let capacity = min(most, 64 + body.count / 12)
        guard let tokens = unsafe tape.grow(to: capacity) else { throw outOfMemory() }
        var reader = unsafe JSONReader(base, body.count, tape, tokens, capacity, most)
        try reader.run()
        tape.finish(count: reader.used)
        return tape
    }

    private init(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ tape: JSONTape,
        _ tokens: UnsafeMutablePointer<JSONToken>, _ capacity: Int, _ most: Int
    ) {
        unsafe self.base = base
        self.count = count
        self.tape = tape
        unsafe self.tokens = tokens
        self.capacity = capacity
        self.most = most
    }

    // MARK: - Structure

    private mutating func run() throws(Failure) {
        skipByteOrderMark()
        skipSpace()
        guard at < count else { throw Failure(.replyEmpty, "the reply holds only white space") }
        var expected = Expected.value
        while true {
            skipSpace()
            guard at < count else { throw endsEarly() }
            let character = unsafe base[at]
            switch expected {
            case .value, .valueOrEnd:
                if expected == .valueOrEnd, character == UInt8(ascii: "]") {
                    close()
                    expected = .commaOrEnd
                } else {
                    expected = try value(character)
                }
            case .key, .keyOrEnd:
                if character == UInt8(ascii: "\"") {
                    try key()
                    expected = .value
                } else if expected == .keyOrEnd, character == UInt8(ascii: "}") {
                    close()
                    expected = .commaOrEnd
                } else {
                    throw malformed("a key in quotes was expected")
                }
            case .commaOrEnd:
                expected = try separator(character)
            }
            if depth == 0 { return try finish() }
        }
    }

    /// Reads the value that begins here; answers what comes next.
    @inline(__always)
    private mutating func value(_ character: UInt8) throws(Failure) -> Expected {
        switch character {
        case UInt8(ascii: "\""):
            try string()
        case UInt8(ascii: "{"):
            try open(.object)
            return .keyOrEnd
        case UInt8(ascii: "["):
            try open(.array)
            return .valueOrEnd
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let start = at
            let marks = try number()
            try add(.number, start, at, marks)
        case UInt8(ascii: "t"):
            try literal("true", .bool, .isTrue)
        case UInt8(ascii: "f"):
            try literal("false", .bool, [])
        case UInt8(ascii: "n"):
            try literal("null", .null, [])
        default:
            throw malformed("a value was expected")
        }
        return .commaOrEnd
    }

    @inline(__always)
    private mutating func key() throws(Failure) {
        try string()
        skipSpace()
        guard at < count else { throw endsEarly() }
        guard unsafe base[at] == UInt8(ascii: ":") else { throw malformed("a colon was expected") }
        at += 1
    }

    @inline(__always)
    private mutating func separator(_ character: UInt8) throws(Failure) -> Expected {
        let inObject = unsafe tokens[Int(parent)].kind == .object
        if character == UInt8(ascii: ",") {
            at += 1
            return inObject ? .key : .value
        }
        guard character == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
            throw malformed("a comma or the end of a list was expected")
        }
        close()
        return .commaOrEnd
    }

    private mutating func open(_ kind: JSONToken.Kind) throws(Failure) {
        guard depth < Self.maxDepth else {
            throw Failure(
                .replyDepth, "the reply is nested more than \(Self.maxDepth) deep at byte \(at)")
        }
        try add(kind, at, at, [])
        unsafe tokens[used - 1].next = parent
        parent = UInt32(truncatingIfNeeded: used - 1)
        depth += 1
        at += 1
    }

    private mutating func close() {
        at += 1
        depth -= 1
        let index = Int(parent)
        unsafe parent = tokens[index].next
        unsafe tokens[index].end = UInt32(truncatingIfNeeded: at)
        unsafe tokens[index].next = UInt32(truncatingIfNeeded: used)
    }

    /// Positions fit: the body is smaller than 2 GiB, see `read`.
    @inline(__always)
    private mutating func add(
        _ kind: JSONToken.Kind, _ start: Int, _ end: Int, _ marks: JSONToken.Marks
    ) throws(Failure) {
        if used == capacity { try makeRoom() }
        unsafe tokens[used] = JSONToken(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
            next: UInt32(truncatingIfNeeded: used + 1), kind: kind, marks: marks)
        used += 1
    }

    private mutating func makeRoom() throws(Failure) {
        guard used < most else {
            throw Failure(.replyDepth, "the reply has more than \(most) values, at byte \(at)")
        }
        let larger = min(most, capacity * 2)
        guard let grown = unsafe tape.grow(to: larger) else { throw Self.outOfMemory() }
        unsafe tokens = grown
        capacity = larger
    }

    private mutating func finish() throws(Failure) {
        skipSpace()
        guard at == count else { throw malformed("the reply goes on after its end") }
    }

    // MARK: - Scalars

    @inline(__always)
    private mutating func string() throws(Failure) {
        let start = at &+ 1
        let end = plainEnd(from: start)
        // As nearly every string is.
        if end < count, unsafe base[end] == UInt8(ascii: "\"") {
            at = end &+ 1
            return try add(.string, start, end, [])
        }
        try longString(start, plainTo: end)
    }

    @inline(never)
    private mutating func longString(_ start: Int, plainTo end: Int) throws(Failure) {
        let marks = try stringBody(from: end)
        if marks.contains(.loneSurrogate) { tape.loneSurrogates += 1 }
        try add(.string, start, at - 1, marks)
    }

    private mutating func literal(
        _ text: StaticString, _ kind: JSONToken.Kind, _ marks: JSONToken.Marks
    ) throws(Failure) {
        let start = at
        for offset in 0..<text.utf8CodeUnitCount {
            guard at < count else { throw endsEarly() }
            guard unsafe base[at] == text.utf8Start[offset] else {
                throw malformed("a value was expected")
            }
            at += 1
        }
        try add(kind, start, at, marks)
    }

    // MARK: - White space and failures

    @inline(__always)
    private mutating func skipSpace() {
        while at < count {
            let character = unsafe base[at]
            guard character <= 0x20 else { return }
            guard
                character == 0x20 || character == 0x0A || character == 0x0D || character == 0x09
            else { return }
            at += 1
        }
    }

    private mutating func skipByteOrderMark() {
        guard count >= 3, unsafe base[0] == 0xEF, unsafe base[1] == 0xBB, unsafe base[2] == 0xBF
        else { return }
        tape.hasByteOrderMark = true
        at = 3
    }

    private static func outOfMemory() -> Failure {
        Failure(.noMemory, "not enough memory to read the reply")
    }

    /// The text stopped where more had to come.
    @inline(never)
    func endsEarly() -> Failure {
        guard looksLikeJSON else { return notJSON("a value was expected", 0) }
        return Failure(.replyTruncated, "the reply ends too early, after \(count) bytes")
    }

    @inline(never)
    func malformed(_ reason: StaticString) -> Failure { notJSON(reason, at) }

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
        var copy = self
        copy.at = tape.hasByteOrderMark ? 3 : 0
        copy.skipSpace()
        return copy.at < count ? unsafe base[copy.at] : 0
    }
}
