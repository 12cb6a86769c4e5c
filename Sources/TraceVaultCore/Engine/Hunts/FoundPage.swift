// FoundPage.swift - what one search of a hunt brought: its messages, until each is told.

/// One message of a page, whose text it keeps.
struct FoundMessage {
    fileprivate let page: FoundPage
    fileprivate let range: Range<Int>
    /// What a trace can be asked with.
    let ref: MessageRef?

    var count: Int { range.count }

    /// Its object.
    func withBytes(_ body: (RawSpan) -> Void) { page.withBytes(range, body) }
}

/// Holds the text of the messages until each is told, and so much of the room of its tenant. The
/// engine's thread's alone.
final class FoundPage {
    /// A message of the page: where its object stands, and what a trace can be asked with.
    private struct Message {
        let range: Range<Int>
        let ref: MessageRef?
    }

    let place: HuntPlace
    private let text: ByteBuffer
    private let room: SearchRoom
    private let tenant: TenantKey
    private let messages: [Message]
    private var taken = 0
    /// Cloudflare has no further page, as far as it says.
    let isComplete: Bool
    /// Where the search goes on.
    let cursor: String?
    /// What was odd, for whoever must know why there is not more.
    let warnings: String

    /// Longer texts are none of ours.
    private static let longestCode = 64

    /// Reads the view `search` of a document. Messages that the account has told already are left
    /// out.
    init(
        _ tape: JSONTape, of place: HuntPlace, in room: SearchRoom
    ) throws(Failure) {
        var messages: [Message] = []
        let members = try tape.body.withBytes { (bytes) throws(Failure) in
            let members = try Members(tape, bytes)
            var item = members.messages + 1
            while item < members.messagesEnd {
                if let message = try Self.message(item, tape, bytes, place) {
                    messages.append(message)
                }
                item = Int(tape[item].next)
            }
            return members
        }
        (isComplete, cursor, warnings) = (members.isComplete, members.cursor, members.warnings)
        self.messages = messages
        self.place = place
        self.room = room
        text = tape.body
        tenant = place.tenant.key
        place.searched(new: messages.count)
        room.add(text.count, of: tenant)
    }

    deinit { room.add(-text.count, of: tenant) }

    var count: Int { messages.count }
    var isEmpty: Bool { taken >= messages.count }

    func next() -> FoundMessage? {
        guard taken < messages.count else { return nil }
        defer { taken += 1 }
        return FoundMessage(page: self, range: messages[taken].range, ref: messages[taken].ref)
    }

    fileprivate func withBytes(_ range: Range<Int>, _ body: (RawSpan) -> Void) {
        text.withBytes { body($0.extracting(range)) }
    }

    /// Nil when it was found before. What has no name is known by Cloudflare's own item.
    private static func message(
        _ item: Int, _ tape: JSONTape, _ bytes: RawSpan, _ place: HuntPlace
    ) throws(Failure) -> Message? {
        let object = tape[item].range(within: bytes.byteCount)
        var (known, ref) = (object, MessageRef?.none)
        if let named = try tape.member("message_ref", of: item, bytes),
            tape[named].kind == .string
        {
            known = tape[named].range(within: bytes.byteCount)
            ref = (try? Identifiers.messageRef(bytes.extracting(known))).map { MessageRef($0) }
        } else if let own = try tape.member("item", of: item, bytes) {
            known = tape[own].range(within: bytes.byteCount)
        }
        guard place.isNew(bytes.extracting(known)) else { return nil }
        return Message(range: object, ref: ref)
    }

    /// What of a search's document a hunt looks at.
    private struct Members {
        var isComplete = false
        var cursor: String?
        var warnings = ""
        /// The list of messages, and the token behind it.
        var messages = 0
        var messagesEnd = 0

        init(_ tape: JSONTape, _ bytes: RawSpan) throws(Failure) {
            if let place = try tape.member("complete", of: 0, bytes) {
                isComplete = tape.bool(place) ?? false
            }
            if let place = try tape.member("next_cursor", of: 0, bytes) {
                cursor = tape.text(place, limit: Search.longestCursor, bytes)
            }
            if let place = try tape.member("messages", of: 0, bytes) {
                (messages, messagesEnd) = (place, Int(tape[place].next))
            }
            if let place = try tape.member("warnings", of: 0, bytes) {
                warnings = try Self.codes(place, tape, bytes)
            }
        }

        private static func codes(
            _ list: Int, _ tape: JSONTape, _ bytes: RawSpan
        ) throws(Failure) -> String {
            var codes: [String] = []
            var warning = list + 1
            while warning < Int(tape[list].next) {
                if let code = try tape.member("code", of: warning, bytes),
                    let text = tape.text(code, limit: longestCode, bytes)
                {
                    codes.append(text)
                }
                warning = Int(tape[warning].next)
            }
            return codes.joined(separator: ", ")
        }
    }
}
