// SearchPage.swift - one page of a search: its messages as objects of the document. Where the next
// one begins is in NextPage.swift; what to do about it is the dialogue's business.

/// Reads one reply. Everything odd becomes a warning; no message is left out.
struct SearchPage: ~Copyable {
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
    /// Whose messages were asked for.
    private let accountID: String
    private let list: Int
    /// How many messages there are.
    let count: Int
    let paging: Paging
    private(set) var warnings: TraceWarnings
    /// The message at hand has its time in `ts`, as before 2026.
    private var isOlder = false
    private var writer: JSONWriter

    /// Throws `.replyRefused` or `.replyShape`, and what a body that is no JSON throws.
    /// Its messages are written behind those that are in `found`.
    init(
        _ reply: HTTPReply, asked: SearchPlace.Page, of accountID: String, _ base: BaseURL,
        _ warnings: TraceWarnings, into found: ByteBuffer
    ) throws(Failure) {
        let (tape, mended) = try MendedText.read(reply.body)
        var warnings = warnings
        let (list, paging) = try tape.body.withBytes { (bytes) throws(Failure) in
            warnings.note(mended, tape, bytes)
            let envelope = try Envelope(tape, bytes)
            let list = try Self.list(envelope, tape)
            try AskedAbout.check(page: tape, is: accountID, bytes)
            let info = try tape.member("result_info", of: 0, bytes)
            warnings.note(envelope, tape, known: info == nil ? 0 : 1)
            let paging = try Paging(
                tape, info, bytes, link: reply.headers.link, asked: asked, base)
            warnings.add(.unknownKey, paging.unknownKeys, at: "/result_info")
            return (list, paging)
        }
        self.tape = tape
        self.accountID = accountID
        self.list = list
        self.paging = paging
        self.warnings = warnings
        count = list == Self.noList ? 0 : tape.elementCount(of: list)
        writer = JSONWriter(into: found)
        writer.needsComma = found.count > 0
    }

    /// Throws where the reply is no page of messages.
    static func check(_ reply: HTTPReply) throws(Failure) {
        let (tape, _) = try MendedText.read(reply.body)
        try tape.body.withBytes { (bytes) throws(Failure) in
            _ = try list(try Envelope(tape, bytes), tape)
        }
    }

    /// Stands for a list that is not there.
    private static let noList = -1

    /// The list of messages. `null` where a list is expected says that there are none.
    private static func list(_ envelope: Envelope, _ tape: JSONTape) throws(Failure) -> Int {
        try envelope.needAnswer()
        guard let list = envelope.result, tape[list].kind == .array else {
            if envelope.resultIsNull { return noList }
            throw Failure(
                .replyShape,
                "the reply's result is \(tape[envelope.result ?? -1].kind.noun) where an array "
                    + "is expected")
        }
        return list
    }

    // MARK: - Messages

    /// What was taken of a page.
    struct Taken {
        /// How many messages were written, and how many were left out because they had come before.
        var count = 0
        var dropped = 0
        /// The first message that was not looked at.
        var end = 0
    }

    /// Takes at most so many messages from number `first` on. What is known by its id already is
    /// dropped. Throws `.replyShape` when one is of another account.
    mutating func take(
        from first: Int, atMost most: Int, _ known: inout Set<Fingerprint>,
        _ leftOut: inout LeftOut
    ) throws(Failure) -> Taken {
        var places = [Int](repeating: 0, count: Self.members.count)
        var taken = Taken()
        var item = list + 1
        while taken.end < count, taken.count < most {
            defer {
                item = Int(tape[item].next)
                taken.end += 1
            }
            guard taken.end >= first else { continue }
            let isNew = try tape.body.withBytes { (bytes) throws(Failure) in
                try message(item, taken.end, &places, &known, &leftOut, bytes)
            }
            if isNew { taken.count += 1 } else { taken.dropped += 1 }
        }
        guard writer.isComplete else {
            throw Failure(.noMemory, "not enough memory for the search document")
        }
        return taken
    }

    /// Writes a message; false, and nothing is written, when it is known already.
    private mutating func message(
        _ item: Int, _ number: Int, _ places: inout [Int], _ known: inout Set<Fingerprint>,
        _ leftOut: inout LeftOut, _ bytes: RawSpan
    ) throws(Failure) -> Bool {
        for place in places.indices { places[place] = 0 }
        // No members where it is no object; walked once more to copy it.
        let all = try JSONMembers(of: item, tape, bytes)
        if tape[item].kind == .object {
            var members = all
            while let (key, value) = members.next(tape, bytes) {
                if let place = Self.place(tape[key], bytes) {
                    if tape[value].kind != .null { places[place] = value }
                } else if AskedAbout.namesAccount(tape[key], bytes) {
                    try AskedAbout.check(account: value, is: accountID, tape, bytes)
                }
            }
            // Those were the last of each name.
            if members.duplicates > 0 {
                try AskedAbout.check(in: item, is: accountID, tape, bytes)
            }
        } else {
            warnings.add(.itemNotObject, at: Self.path(number))
        }
        let ref = Self.reference(tape, places, bytes)
        if let ref, !known.insert(Fingerprint(ref)).inserted { return false }
        isOlder = places[Self.scannedAt] == 0
        if isOlder { places[Self.scannedAt] = places[Self.ts] }
        writer.beginObject()
        writer.text("message_ref", ref)
        if ref == nil { warnings.add(.messageRefMissing, at: Self.path(number)) }
        for place in 0..<Self.written { member(place, places[place], number, bytes) }
        let start = writer.buffer.count
        writer.key("item")
        let odd = try writer.copy(item, with: all, of: tape, bytes)
        leftOut.add(start, upTo: writer.buffer.count)
        warnings.add(.duplicateKey, odd.duplicates, at: Self.path(number))
        warnings.add(.numberOutOfRange, odd.numbers, at: Self.path(number))
        writer.endObject()
        return true
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
    private static func reference(
        _ tape: JSONTape, _ places: [Int], _ bytes: RawSpan
    ) -> String? {
        for name in [id, postfixID, alertID] {
            let token = tape[places[name]]
            guard places[name] != 0, token.kind == .string, !token.marks.contains(.escaped)
            else { continue }
            let text = bytes.extracting(token.range(within: bytes.byteCount))
            if let ref = try? Identifiers.messageRef(text) { return ref }
        }
        return nil
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
            if place == Self.messageID {
                bare(tape[value], bytes)
            } else {
                writer.string(tape[value], bytes)
            }
        } else if member.form == .time, kind == .string {
            let name = place == Self.scannedAt && isOlder ? "ts" : member.name
            time(value, member.name, "\(Self.path(number))/\(name)", bytes)
        } else {
            warnings.add(.wrongType, at: "\(Self.path(number))/\(member.name)")
        }
    }

    /// Writes a Message-ID without its brackets, as in a trace: the two are compared. A sender
    /// chooses its text, and only who reads a text from its beginning knows where an escape begins:
    /// so one with escapes is decoded, and written anew.
    private mutating func bare(_ token: JSONToken, _ bytes: RawSpan) {
        let text = bytes.extracting(token.range(within: bytes.byteCount))
        guard token.marks.contains(.escaped) else {
            return writer.string(text.extracting(Self.inside(text)), isRewritten: false)
        }
        guard let decoded = JSONText.decoded(text) else {
            writer.isComplete = false
            return
        }
        decoded.withBytes { writer.string($0.extracting(Self.inside($0))) }
    }

    /// What stands between the brackets of an id; all of it where there are none.
    private static func inside(_ text: RawSpan) -> Range<Int> {
        let end = text.byteCount
        guard end > 1, text.at(0) == UInt8(ascii: "<"), text.at(end - 1) == UInt8(ascii: ">")
        else { return 0..<end }
        return 1..<end - 1
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
