// EventLine.swift - what a line of the trace says for the schemas of event stores: addresses, ends
// of the connection, outcome. All of it is places in the line; nothing is added to what it says.

/// One line of a trace document. Empty ranges are members that are not there.
struct EventLine {
    var side = Trace.Direction.inbound
    var position = 0
    /// Values of the document, strings with their quotes.
    var lineno = 0..<0
    var at = 0..<0
    var atRaw = 0..<0
    var message = 0..<0
    var event = 0..<0
    var kind = 0..<0
    var extra = 0..<0
    /// The time that the event gets, without quotes: the line's, else a neighbour's.
    var time = 0..<0
    var timeIsNeighbours = false

    init() {}

    init(_ object: Range<Int>, _ document: RawSpan) {
        var members = JSONWalk(inside: object)
        while let (name, value) = members.member(document) {
            let start = name.lowerBound
            switch name.count {
            case 2: at = value
            case 5 where document.has("event", start):
                event = value
                var parts = JSONWalk(inside: value)
                kind = parts.member(document)?.value ?? 0..<0
            case 5: extra = value
            case 6 where document.has("lineno", start): lineno = value
            case 6: atRaw = value
            case 7: message = value
            default: break
            }
        }
        if !at.isEmpty { time = JSONWalk.inside(at) }
    }
}

/// What a line came to.
enum EventOutcome {
    case none, delivered, bounced, expired, rejected
    /// Neither success nor failure, or not yet.
    case deferred, held, discarded, other

    var isFailure: Bool { self == .bounced || self == .expired || self == .rejected }

    /// What ECS calls the action; nil where the kind of the line says it.
    var action: StaticString? {
        switch self {
        case .none, .other: nil
        case .delivered: "delivered"
        case .bounced: "bounced"
        case .expired: "expired"
        case .rejected: "rejected"
        case .deferred: "deferred"
        case .held: "held"
        case .discarded: "discarded"
        }
    }
}

/// The parts of an event that have a typed place in the schemas.
struct EventFacts {
    var outcome = EventOutcome.none
    /// The word in the line that the outcome comes from.
    var outcomeWord: Range<Int>?
    var from: Range<Int>?
    var to: Range<Int>?
    var messageID: Range<Int>?
    var subject: Range<Int>?
    var code: Range<Int>?
    var reason: Range<Int>?
    var source = EventEnd()
    var destination = EventEnd()

    init() {}

    init(_ event: borrowing PostfixEvent, _ text: RawSpan) {
        from = Self.filled(event[.from])
        to = Self.filled(event[.to])
        messageID = Self.filled(event[.messageID])
        subject = Self.subject(event, text)
        code = event[.dsn] ?? event[.replyDSN]
        reason = event[.reply] ?? (event.has(.action) ? event[.text] : nil)
        source = EventEnd(event[.clientHost], event[.clientIP], event[.clientPort], text)
        destination = EventEnd(event[.relayHost], event[.relayIP], event[.relayPort], text)
        if destination.isNone {
            destination = EventEnd(nil, event[.serverIP], event[.serverPort], text)
        }
        setOutcome(event, text)
    }

    private static func filled(_ place: Range<Int>?) -> Range<Int>? {
        place?.isEmpty == true ? nil : place
    }

    private mutating func setOutcome(_ event: borrowing PostfixEvent, _ text: RawSpan) {
        outcomeWord = event[.status] ?? event[.action]
        guard let word = outcomeWord else { return }
        let start = word.lowerBound
        switch event.kind {
        case .expired: outcome = .expired
        case .delivery:
            switch word.count {
            case 4 where text.has("sent", start): outcome = .delivered
            case 7 where text.has("bounced", start): outcome = .bounced
            case 8 where text.has("deferred", start): outcome = .deferred
            // A bounce that the administrator turned into another try.
            case 10 where text.has("SOFTBOUNCE", start): outcome = .deferred
            default: outcome = .other
            }
        case .policy, .milter, .content, .proxy:
            switch word.count {
            case 4 where text.has("hold", start): outcome = .held
            case 6 where text.has("reject", start): outcome = .rejected
            case 7 where text.has("discard", start): outcome = .discarded
            default: break
            }
        default: break
        }
    }

    /// Of a header check that shows the Subject header.
    private static func subject(
        _ event: borrowing PostfixEvent, _ text: RawSpan
    ) -> Range<Int>? {
        guard let part = event[.part], text.has("header", part.lowerBound),
            let header = event[.text], text.has("ubject: ", header.lowerBound + 1),
            text.at(header.lowerBound) | 0x20 == UInt8(ascii: "s"), header.count > 9
        else { return nil }
        return header.lowerBound + 9..<header.upperBound
    }
}

/// One end of a connection, as far as stores with types take it.
struct EventEnd {
    var host: Range<Int>?
    var ip: Range<Int>?
    var port: Int64?

    init() {}

    init(_ host: Range<Int>?, _ ip: Range<Int>?, _ port: Range<Int>?, _ text: RawSpan) {
        if let host, PlainAddress.isHost(text, host) { self.host = host }
        if let ip, PlainAddress.isIP(text, ip) { self.ip = ip }
        if let port, port.count < 6, !isNone {
            var value: Int64 = 0
            for place in port { value = value &* 10 &+ Int64(text.at(place) &- UInt8(ascii: "0")) }
            if value < 65_536 { self.port = value }
        }
    }

    /// Without any of them there is no end to write.
    var isNone: Bool { host == nil && ip == nil }
}
