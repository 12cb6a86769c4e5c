// SearchPage.swift - one page of a search: its messages as objects of the document, and where the
// next page begins. What to do about it is the dialogue's business.

/// Reads one reply. Everything odd becomes a warning; no message is left out.
struct SearchPage: ~Copyable {
    /// Where the next page begins.
    enum Next: Equatable {
        case none
        case cursor(String)
        /// The server names a next page, but in no way that could be followed.
        case unusable
    }

    /// How a member of a result is written.
    private enum Form { case text, time, list, bool }

    private struct Member {
        let name: StaticString
        let form: Form
    }

    /// The members with a place of their own, in the document's order; `id` and `ts` only feed
    /// `message_ref` and `scanned_at`.
    private static let members = [
        Member(name: "alert_id", form: .text), Member(name: "postfix_id", form: .text),
        Member(name: "postfix_id_outbound", form: .text), Member(name: "message_id", form: .text),
        Member(name: "subject", form: .text), Member(name: "from", form: .text),
        Member(name: "from_name", form: .text), Member(name: "envelope_from", form: .text),
        Member(name: "to", form: .list), Member(name: "envelope_to", form: .list),
        Member(name: "delivery_status", form: .list),
        Member(name: "final_disposition", form: .text),
        Member(name: "delivery_mode", form: .text), Member(name: "is_quarantined", form: .bool),
        Member(name: "scanned_at", form: .time), Member(name: "sent_at", form: .time),
        Member(name: "id", form: .text), Member(name: "ts", form: .time),
    ]
    private static let (alertID, postfixID, scannedAt, id, ts) = (0, 1, 14, 16, 17)
    private static let messageID = 3
    /// How many of them are written.
    private static let written = 16

    private let tape: JSONTape
    private let list: Int
    /// How many messages there are.
    let count: Int
    private(set) var next = Next.none
    private(set) var warnings: TraceWarnings
    /// The message at hand has its time in `ts`, as before 2026.
    private var isOlder = false
    private var writer: JSONWriter

    /// Throws `.replyRefused` or `.replyShape`, and what a body that is no JSON throws.
    init(_ reply: HTTPReply, _ base: BaseURL, _ warnings: TraceWarnings) throws(Failure) {
        let tape = try JSONReader.read(reply.body)
        let link = reply.headers.link
        var warnings = warnings
        let (list, next) = try reply.body.withBytes { (bytes) throws(Failure) in
            let envelope = try Envelope(tape, bytes)
            if envelope.isRefusal { throw envelope.refusal }
            guard let list = envelope.result, tape[list].kind == .array else {
                throw Failure(
                    .replyShape,
                    "the reply's result is \(tape[envelope.result ?? -1].kind.noun) where an array "
                        + "is expected")
            }
            let info = try tape.member("result_info", of: 0, bytes)
            warnings.note(envelope, tape, known: info == nil ? 0 : 1)
            return (list, try Self.next(tape, info, bytes, link, base))
        }
        self.tape = tape
        self.list = list
        self.next = next
        self.warnings = warnings
        count = tape.elementCount(of: list)
        // Even an item of one byte becomes an object of a few dozen.
        let (room, overflow) = reply.body.count.multipliedReportingOverflow(by: 40)
        writer = JSONWriter(into: ByteBuffer(limit: overflow ? Int.max / 2 : room + 1024))
    }

    // MARK: - The next page

    private static func next(
        _ tape: JSONTape, _ info: Int?, _ bytes: RawSpan, _ link: String, _ base: BaseURL
    ) throws(Failure) -> Next {
        if let info, let next = try tape.member("next", of: info, bytes), tape[next].kind != .null {
            let token = tape[next]
            guard token.kind == .string else { return .unusable }
            // Longer than any cursor is enough to see that it is too long.
            let text = tape.text(next, limit: Search.longestCursor, bytes)
            if text != "" { return cursor(text, base) }
        }
        guard let url = ServerPath.next(inLink: link) else { return .none }
        return cursor(of: url, base)
    }

    /// A cursor as it is, or out of a URL.
    private static func cursor(_ text: String?, _ base: BaseURL) -> Next {
        guard let text else { return .unusable }
        if ServerPath.hostStart(text) != nil { return cursor(of: text, base) }
        return Search.hasControls(text) ? .unusable : .cursor(text)
    }

    private static func cursor(of url: String, _ base: BaseURL) -> Next {
        guard let path = ServerPath.below(base, url), let found = ServerPath.cursor(of: path),
            !found.isEmpty, !Search.hasControls(found)
        else { return .unusable }
        return .cursor(found)
    }

    // MARK: - Messages

    /// Some of the messages as JSON objects, separated by commas.
    mutating func messages(
        _ wanted: Range<Int>, of reply: HTTPReply
    ) throws(Failure) -> ByteBuffer {
        var places = [Int](repeating: 0, count: Self.members.count)
        var item = list + 1
        for number in 0..<min(wanted.upperBound, count) {
            defer { item = Int(tape[item].next) }
            guard number >= wanted.lowerBound else { continue }
            try reply.body.withBytes { (bytes) throws(Failure) in
                try message(item, number, &places, bytes)
            }
        }
        guard writer.isComplete else {
            throw Failure(.noMemory, "not enough memory for the search document")
        }
        return writer.buffer
    }

    private mutating func message(
        _ item: Int, _ number: Int, _ places: inout [Int], _ bytes: RawSpan
    ) throws(Failure) {
        for place in places.indices { places[place] = 0 }
        if tape[item].kind == .object {
            var members = try JSONMembers(of: item, tape, bytes)
            while let (key, value) = members.next(tape, bytes) {
                if let place = Self.place(tape[key], bytes), tape[value].kind != .null {
                    places[place] = value
                }
            }
        } else {
            warnings.add(.itemNotObject, at: Self.path(number))
        }
        isOlder = places[Self.scannedAt] == 0
        if isOlder { places[Self.scannedAt] = places[Self.ts] }
        writer.beginObject()
        reference(places, number, bytes)
        for place in 0..<Self.written { member(place, places[place], number, bytes) }
        writer.key("item")
        let odd = try writer.copy(item, of: tape, bytes)
        warnings.add(.duplicateKey, odd.duplicates, at: Self.path(number))
        warnings.add(.numberOutOfRange, odd.numbers, at: Self.path(number))
        writer.endObject()
    }

    private static func place(_ key: JSONToken, _ bytes: RawSpan) -> Int? {
        for place in members.indices
        where JSONText.equals(key, members[place].name, in: bytes) {
            return place
        }
        return nil
    }

    private static func path(_ number: Int) -> String { "/result/" + String(number) }

    /// What a trace can be asked with: the first id that may stand in a URL.
    private mutating func reference(_ places: [Int], _ number: Int, _ bytes: RawSpan) {
        writer.key("message_ref")
        for name in [Self.id, Self.postfixID, Self.alertID] {
            let token = tape[places[name]]
            guard places[name] != 0, token.kind == .string, !token.marks.contains(.escaped)
            else { continue }
            let text = bytes.extracting(token.range(within: bytes.byteCount))
            if (try? Identifiers.messageRef(text)) != nil {
                return writer.string(text, isEscaped: false)
            }
        }
        writer.null()
        warnings.add(.messageRefMissing, at: Self.path(number))
    }

    private mutating func member(_ place: Int, _ value: Int, _ number: Int, _ bytes: RawSpan) {
        let member = Self.members[place]
        let kind = tape[value].kind
        if member.form == .list {
            writer.key(member.name)
            return texts(value, member.name, number, bytes)
        }
        guard value != 0 else { return }
        if member.form == .bool, kind == .bool {
            writer.key(member.name)
            writer.bool(tape[value].marks.contains(.isTrue))
        } else if member.form == .text, kind == .string {
            writer.key(member.name)
            let isID = place == Self.messageID
            writer.string(isID ? Self.bare(tape[value], bytes) : tape[value], bytes)
        } else if member.form == .time, kind == .string {
            let name = place == Self.scannedAt && isOlder ? "ts" : member.name
            time(value, member.name, "\(Self.path(number))/\(name)", bytes)
        } else {
            warnings.add(.wrongType, at: "\(Self.path(number))/\(member.name)")
        }
    }

    /// A Message-ID without its brackets, as in a trace: the two are compared.
    private static func bare(_ token: JSONToken, _ bytes: RawSpan) -> JSONToken {
        let (start, end) = (Int(token.start), Int(token.end))
        var (opening, closing) = (0, 0)
        if bytes.at(start) == UInt8(ascii: "<") { opening = 1 }
        if bytes.has("\\u003c", start) || bytes.has("\\u003C", start) { opening = 6 }
        if bytes.at(end - 1) == UInt8(ascii: ">") { closing = 1 }
        if bytes.ends("\\u003e", end) || bytes.ends("\\u003E", end) { closing = 6 }
        guard opening > 0, closing > 0, end - start >= opening + closing else { return token }
        var bare = token
        bare.start += UInt32(truncatingIfNeeded: opening)
        bare.end -= UInt32(truncatingIfNeeded: closing)
        return bare
    }

    /// An array of texts; a single text is one of its own.
    private mutating func texts(
        _ value: Int, _ name: StaticString, _ number: Int, _ bytes: RawSpan
    ) {
        writer.beginArray()
        if value != 0, tape[value].kind == .array {
            var element = value + 1
            while element < Int(tape[value].next) {
                text(element, name, number, bytes)
                element = Int(tape[element].next)
            }
        } else if value != 0 {
            text(value, name, number, bytes)
        }
        writer.endArray()
    }

    private mutating func text(
        _ value: Int, _ name: StaticString, _ number: Int, _ bytes: RawSpan
    ) {
        if tape[value].kind == .string { return writer.string(tape[value], bytes) }
        warnings.add(.wrongType, at: "\(Self.path(number))/\(name)")
    }

    private mutating func time(
        _ value: Int, _ name: StaticString, _ path: @autoclosure () -> String, _ bytes: RawSpan
    ) {
        let token = tape[value]
        let text = bytes.extracting(token.range(within: bytes.byteCount))
        guard !token.marks.contains(.escaped), let time = Timestamp(text) else {
            return warnings.add(.timeUnreadable, at: path())
        }
        writer.key(name)
        writer.time(time, from: text)
        if time.zoneMissing { warnings.add(.timeZoneMissing, at: path()) }
    }
}
