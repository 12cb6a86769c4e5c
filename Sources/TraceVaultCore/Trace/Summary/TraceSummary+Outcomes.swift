// TraceSummary+Outcomes.swift - what the lines say of recipients: deliveries and decisions.
//
// A recipient has one outcome at each hop, the last one there; and one of decisions before any
// queue, the worst. Which of them is the recipient's is decided when all lines are known.

extension TraceSummary {
    /// The most outcomes of one recipient.
    private static let maxChain = 128
    /// The most addresses of relays that are compared with clients'.
    private static let maxRelays = 64

    mutating func delivery(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        slowest(event, hop, document)
        let relay = event.written(.relay)
        table.with(hop) { record in
            if !Self.isOlder(at, record.at, document) { (record.at, record.relay) = (at, relay) }
            record.isQueued = true
        }
        next(event, hop, isLocal: Self.isLocal(event, document), document)
        note(relay: event.written(.relayIP), document)
        var state = RecipientState(status: event.written(.status), document)
        if state == .sent, event.isDiscard(document, { event.written($0).range }) {
            state = .discarded
        }
        outcome(event, state, hop, at, document)
    }

    /// Sets what the event at hand says of its recipient at a hop, unless what is known there
    /// stands. Nothing is left of the outcome before: what a decision does not have is none.
    private mutating func outcome(
        _ event: borrowing PostfixEvent, _ state: RecipientState, _ hop: Int, _ at: Written,
        _ document: RawSpan
    ) {
        let to = event.written(.to)
        guard let recipient = table.findOrAdd(.recipient, to, document) else {
            droppedRecipients += 1
            return
        }
        let isDecision = event.kind != .delivery
        let origTo = event.written(.origTo)
        let client = isDecision ? event.written(.clientIP) : .none
        guard let index = place(recipient, to, hop, origTo, isDecision, client, document) else {
            droppedOutcomes += 1
            table.with(recipient) { $0.isPartial = true }
            return
        }
        let (relay, delay) = (event.written(.relay), event.written(.delay))
        let dsn = event.written(isDecision ? .replyDSN : .dsn)
        let reply = event.written(event.has(.reply) ? .reply : .text)
        let queuedAs = event.written(.queuedAs)
        let (isLocal, isSocket) = (Self.isLocal(event, document), event.has(.relayService))
        let isThrownAway = state == .sent && Self.isThrownAway(reply, document)
        let isByLocal = !isDecision && document.says("local", relay.range)
        let line = line
        table.with(index) { record in
            if !isDecision { record.attempts &+= 1 }
            if record.line > 0 {
                let order = Self.order(at, record.at, document)
                let own: RecipientState = isThrownAway ? .acceptedByFilter : state
                let isInParts = isDecision || isByLocal
                guard Self.takesPlace(own, of: &record, order, isInParts: isInParts) else { return }
            }
            (record.state, record.at, record.hop, record.line) = (state, at, hop, line)
            record.clientIP = client
            (record.dsn, record.reply, record.relay, record.delay) = (dsn, reply, relay, delay)
            (record.origTo, record.queuedAs) = (origTo, queuedAs)
            (record.isDecision, record.isLocal) = (isDecision, isLocal)
            record.isSocket = isSocket
            (record.isThrownAway, record.isByLocal) = (isThrownAway, isByLocal)
        }
    }

    /// Whether what a line says of a copy takes the place of what is known of it at the same hop.
    /// Before any queue each server decides for itself, by its own clock: there the worst stays.
    private static func takesPlace(
        _ state: RecipientState, of record: inout SummaryRecord, _ order: LineOrder,
        isInParts: Bool
    ) -> Bool {
        let known = record.isThrownAway ? .acceptedByFilter : record.state
        guard record.hop < 0 else {
            return state.takesPlace(of: known, order, isInParts: isInParts)
        }
        if state.badness == known.badness { return order != .earlier }
        let isWorse = state.badness > known.badness
        // The one that is told is not known to be the later one.
        if order != (isWorse ? .later : .earlier) { record.isUnordered = true }
        return isWorse
    }

    /// The recipient's outcome at a hop, made when there is none yet. An address that stands for
    /// several others is one for each of them, as in Postfix's own count of recipients. Before any
    /// queue, what one client was told is kept apart from what another was: only some of them are
    /// no filters, whose tries may be earlier ones.
    private func place(
        _ recipient: Int, _ to: Written, _ hop: Int, _ origTo: Written, _ isDecision: Bool,
        _ client: Written, _ document: RawSpan
    ) -> Int? {
        var (before, index) = (recipient, table.look(recipient) { $0.next } ?? -1)
        var length = 0
        while index >= 0 {
            let isIt = table.look(index) { record in
                record.hop == hop && record.isDecision == isDecision
                    && (hop >= 0 || Self.isSame(record.clientIP, client, document))
                    && SummaryTable.isSameFolded(record.origTo, origTo, document)
            }
            if isIt == true { return index }
            length += 1
            (before, index) = (index, table.look(index) { $0.next } ?? -1)
        }
        guard length < Self.maxChain, let made = table.addOutcome(of: to) else { return nil }
        table.with(made) { record in
            (record.hop, record.isDecision, record.origTo) = (hop, isDecision, origTo)
            record.clientIP = client
        }
        table.with(before) { $0.next = made }
        return made
    }

    /// Whether two clients of decisions are one; those inside are.
    private static func isSame(
        _ one: Written, _ other: Written, _ document: RawSpan
    ) -> Bool {
        let isInside = mayBeInside(one, document)
        guard isInside == mayBeInside(other, document) else { return false }
        return isInside || SummaryTable.isSame(one, other, document)
    }

    static func isOlder(_ at: Written, _ known: Written, _ document: RawSpan) -> Bool {
        !known.isNone && !at.isNone && isBefore(at, known, document)
    }

    /// How a line's time stands to another's: without both of them, or when they are the same,
    /// nobody knows, as the order of lines says nothing.
    private static func order(
        _ at: Written, _ known: Written, _ document: RawSpan
    ) -> LineOrder {
        if isOlder(at, known, document) { return .earlier }
        return isOlder(known, at, document) ? .later : .unknown
    }

    /// Whether the next hop is on this host or in a network of its own: where filters are. pipe(8)
    /// has a program there.
    private static func isLocal(_ event: borrowing PostfixEvent, _ document: RawSpan) -> Bool {
        event.has(.relayService) || isInside(event.written(.relayIP), document)
            || document.says("pipe", event.written(.process).range)
    }

    /// An address of this host, or of a network of its own: private (RFC 1918, RFC 4193), shared
    /// (RFC 6598), of one link (RFC 3927, RFC 4291); also written as IPv6 (RFC 4291, 2.5.5.2).
    static func isInside(_ ip: Written, _ document: RawSpan) -> Bool {
        guard !ip.isNone, ip.range.upperBound <= document.byteCount else { return false }
        if document.says("::1", ip.range) { return true }
        let isMapped = document.has("::ffff:", ip.range.lowerBound)
        let start = ip.range.lowerBound + (isMapped ? 7 : 0)
        let isShared = document.has("100.", start)
        if isShared || document.has("172.", start) {
            let end = document.digitsEnd(start + 4, ip.range.upperBound)
            let second = document.integer(start + 4..<end) ?? 0
            return isShared ? 64...127 ~= second : 16...31 ~= second
        }
        return document.has("127.", start) || document.has("10.", start)
            || document.has("192.168.", start) || document.has("169.254.", start)
            || document.has("fc", start) || document.has("fd", start)
            || document.has("fe80:", start)
    }

    private mutating func note(relay ip: Written, _ document: RawSpan) {
        guard !ip.isNone, relays.count < Self.maxRelays, !Self.isInside(ip, document),
            !relays.contains(where: { SummaryTable.isSame($0, ip, document) })
        else { return }
        relays.append(ip)
    }

    /// Whether a client may be a filter: it is inside, nobody says where it is, or a delivery went
    /// to it.
    func mayBeFilter(_ ip: Written, _ document: RawSpan) -> Bool {
        Self.mayBeInside(ip, document)
            || relays.contains { SummaryTable.isSame($0, ip, document) }
    }

    /// The same of a client, or nobody says where it is.
    static func mayBeInside(_ ip: Written, _ document: RawSpan) -> Bool {
        ip.isNone || isInside(ip, document)
    }

    /// `250 2.7.0 Ok, discarded, id=… - INFECTED: …` and its like, of filters.
    private static func isThrownAway(_ reply: Written, _ document: RawSpan) -> Bool {
        guard reply.range.upperBound <= document.byteCount else { return false }
        let text = document.extracting(reply.range)
        guard text.find(UInt8(ascii: "\\"), 0, text.byteCount) < text.byteCount else {
            return text.saysThrownAway
        }
        // The letters of an escape are none of the reply.
        return JSONText.decoded(text)?.withBytes { $0.saysThrownAway } ?? false
    }

    // MARK: - Decisions

    mutating func decision(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        let from = event.written(.from)
        sender.setOnce(from)
        if refusedHost.isNone, refusedIP.isNone {
            (refusedHost, refusedIP) = (event.written(.clientHost), event.written(.clientIP))
        }
        table.with(hop) { $0.sender.setOnce(from) }
        let isTemporary = event.isTemporary(document) { event.written($0).range.lowerBound }
        guard event.has(.action) else { return }
        if event.isAcceptedByProxy(document, { event.written($0).range }) {
            guard event.has(.to) else { return }
            if Self.isThrownAway(event.written(.reply), document) {
                outcome(event, .acceptedByFilter, hop, at, document)
            } else if hop < 0 {
                outcome(event, .queued, hop, at, document)
            }
            return
        }
        guard
            let state = RecipientState(
                action: event.written(.action), isTemporary: isTemporary, document)
        else { return }
        // Of one recipient only; everything else is about the message.
        let isOfOne =
            state.isRefusal && event.has(.stage)
            && document.says("RCPT", event.written(.stage).range)
        if state.isRefusal, state.badness >= refusal?.badness ?? 0 { refusal = state }
        if !isOfOne { table.with(hop) { $0.state = state } }
        // Of the whole message behind its recipients, and no queue id tells which try it was.
        let isUnnamed = isOfOne || (hop < 0 && Self.isBehindRecipients(event, document))
        if state.isRefusal, isUnnamed, !event.has(.to), state.badness >= unnamed?.badness ?? 0 {
            unnamed = state
        }
        // cleanup(8) writes a word where there is no recipient.
        guard event.has(.to), !document.says("unknown", event.written(.to).range) else { return }
        outcome(event, state, hop, at, document)
    }

    /// Whether a decision was made when the server had taken recipients.
    private static func isBehindRecipients(
        _ event: borrowing PostfixEvent, _ document: RawSpan
    ) -> Bool {
        let stage = event.written(.stage).range
        return document.says("DATA", stage) || document.says("BDAT", stage)
            || document.says("END-OF-MESSAGE", stage)
    }
}

/// Which of two lines came first, as far as their times tell.
enum LineOrder { case earlier, later, unknown }

extension RecipientState {
    /// The message was not taken over.
    var isRefusal: Bool { self == .rejected || self == .refusedForNow }

    /// Whether what a line says of a copy takes the place of what is known of it at the same hop.
    /// `isInParts` where one copy may have several ends: local(8) delivers to a mailbox and to a
    /// command and tells of each, and several checks decide about one recipient.
    fileprivate func takesPlace(
        of known: RecipientState, _ order: LineOrder, isInParts: Bool
    ) -> Bool {
        // The sender was told: the hop has no copy any more, whatever a clock says that is set.
        if (self == .bounced) != (known == .bounced) { return self == .bounced }
        switch order {
        case .earlier: return false
        case .later: return true
        case .unknown:
            // What ends a copy comes behind what lets it wait.
            if !isInParts, self != .unknown, known != .unknown, isWaiting != known.isWaiting {
                return known.isWaiting
            }
            return badness >= known.badness
        }
    }
}
