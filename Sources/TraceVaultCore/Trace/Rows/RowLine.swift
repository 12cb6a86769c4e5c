// RowLine.swift - what a line of the trace says for the schemas of event stores: addresses, ends
// of the connection, outcome. All of it is places in the line; nothing is added to what it says.

/// One line of a trace document. Empty ranges are members that are not there.
struct RowLine {
    var side = Direction.inbound
    var position = 0
    /// Values of the document, strings with their quotes.
    var lineno = 0..<0
    var at = 0..<0
    var atRaw = 0..<0
    var message = 0..<0
    var event = 0..<0
    var kind = 0..<0
    var extra = 0..<0
    /// The time that the row gets, without quotes: the line's, else a neighbour's.
    var time = 0..<0
    var timeIsNeighbours = false

    init() {}

    init(_ object: Range<Int>, _ document: RawSpan) {
        var members = JSONWalk(inside: object)
        while let (name, value) = members.member(document) {
            if document.says("lineno", name) { lineno = value }
            if document.says("at", name) { at = value }
            if document.says("at_raw", name) { atRaw = value }
            if document.says("message", name) { message = value }
            if document.says("event", name) { event = value }
            if document.says("extra", name) { extra = value }
        }
        var parts = JSONWalk(inside: event)
        kind = parts.member(document)?.value ?? 0..<0
        if !at.isEmpty { time = JSONWalk.inside(at) }
    }
}

/// What a line came to.
enum RowOutcome {
    case none, delivered, bounced, expired, rejected
    /// Returned because a person said so, not because it took too long.
    case forceExpired
    /// Neither success nor failure, or not yet.
    case deferred, refusedForNow, held, discarded, other
    /// By a filter that says that it threw the message away.
    case acceptedByFilter
    /// Answers to a probe of an address: nothing was sent.
    case deliverable, undeliverable

    var isFailure: Bool {
        self == .bounced || self == .expired || self == .forceExpired || self == .rejected
    }

    /// What ECS calls the action; nil where the kind of the line says it.
    var action: StaticString? {
        switch self {
        case .none, .other: nil
        case .delivered: "delivered"
        case .bounced: "bounced"
        case .expired, .forceExpired: "expired"
        case .rejected: "rejected"
        case .deferred: "deferred"
        case .refusedForNow: "refused_for_now"
        case .acceptedByFilter: "accepted_by_filter"
        case .held: "held"
        case .discarded: "discarded"
        case .deliverable: "deliverable"
        case .undeliverable: "undeliverable"
        }
    }
}

/// The parts of an event that have a typed place in the schemas; empty where the line says nothing.
struct RowFacts {
    var outcome = RowOutcome.none
    /// The word in the line that the outcome comes from.
    var outcomeWord = 0..<0
    var from = 0..<0
    var to = 0..<0
    var messageID = 0..<0
    var subject = 0..<0
    /// As whom a client authenticated.
    var user = 0..<0
    var code = 0..<0
    var reason = 0..<0
    var source = RowEnd()
    var destination = RowEnd()

    /// Takes what an event says; nothing is left of the one before.
    mutating func read(_ event: borrowing PostfixEvent, _ text: RawSpan) {
        from = event.place(.from)
        to = event.place(.to)
        messageID = event.place(.messageID)
        code = event.place(event.has(.dsn) ? .dsn : .replyDSN)
        let isDecision = event.has(.action)
        reason = event.place(isDecision && !event.has(.reply) ? .text : .reply)
        source.read(
            event.place(.clientHost), event.place(.clientIP), event.place(.clientPort), text)
        let isServer = event.has(.serverIP)
        destination.read(
            event.place(.relayHost), event.place(isServer ? .serverIP : .relayIP),
            event.place(isServer ? .serverPort : .relayPort), text)
        outcomeWord = event.place(isDecision ? .action : .status)
        user = event.place(.saslUsername)
        outcome = Self.outcome(event, outcomeWord, text)
        subject = Self.subject(event.place(.part), event.place(.text), text)
    }

    private static func outcome(
        _ event: borrowing PostfixEvent, _ word: Range<Int>, _ text: RawSpan
    ) -> RowOutcome {
        switch event.kind {
        case .expired: return text.says("force-expired", word) ? .forceExpired : .expired
        case .delivery: return delivery(event, word, text)
        case .policy, .milter, .content, .proxy:
            if text.says("hold", word) { return .held }
            if text.says("reject", word) {
                return event.isTemporary(text) ? .refusedForNow : .rejected
            }
            if event.isAcceptedByProxy(text, { event.place($0) }) {
                return text.extracting(event.place(.reply)).saysThrownAway
                    ? .acceptedByFilter : .none
            }
            return text.says("discard", word) ? .discarded : .none
        default: return .none
        }
    }

    private static func delivery(
        _ event: borrowing PostfixEvent, _ word: Range<Int>, _ text: RawSpan
    ) -> RowOutcome {
        if text.says("sent", word) {
            if event.isDiscard(text, { event.place($0) }) { return .discarded }
            let reply = text.extracting(event.place(.reply))
            return reply.saysThrownAway ? .acceptedByFilter : .delivered
        }
        if text.says("bounced", word) { return .bounced }
        if text.says("deliverable", word) { return .deliverable }
        if text.says("undeliverable", word) { return .undeliverable }
        // The latter is a bounce that the administrator turned into another try.
        if text.says("deferred", word) || text.says("SOFTBOUNCE", word) { return .deferred }
        return .other
    }

    /// Of a header check that shows the Subject header.
    private static func subject(
        _ part: Range<Int>, _ header: Range<Int>, _ text: RawSpan
    ) -> Range<Int> {
        let start = header.lowerBound + 9
        guard header.count > 9, text.says("header", part),
            text.at(header.lowerBound) | 0x20 == UInt8(ascii: "s"),
            text.says("ubject: ", header.lowerBound + 1..<start)
        else { return 0..<0 }
        return start..<header.upperBound
    }
}

extension PostfixEvent {
    /// Where the field's text stands; empty when the line does not say.
    @inline(never)
    func place(_ name: Name) -> Range<Int> { self[name] ?? 0..<0 }
}

/// One end of a connection, as far as stores with types take it.
struct RowEnd {
    private(set) var host = 0..<0
    private(set) var ip = 0..<0
    /// -1 without one.
    private(set) var port: Int64 = -1

    mutating func read(
        _ host: Range<Int>, _ ip: Range<Int>, _ port: Range<Int>, _ text: RawSpan
    ) {
        // A server without a name is logged with its address twice.
        let isName = PlainAddress.isHost(text, host) && !PlainAddress.isIP(text, host)
        self.host = isName ? host : 0..<0
        self.ip = PlainAddress.isIP(text, ip) ? ip : 0..<0
        let number = text.integer(port) ?? -1
        self.port = number < 65_536 && !isNone ? number : -1
    }

    /// Without any of them there is no end to write.
    var isNone: Bool { host.isEmpty && ip.isEmpty }
}
