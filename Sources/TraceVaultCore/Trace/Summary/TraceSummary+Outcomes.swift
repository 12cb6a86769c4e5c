// TraceSummary+Outcomes.swift - what the lines say of recipients: deliveries and decisions.
//
// A recipient has one outcome at each hop, the last one there; and one of decisions before any
// queue. Which of them is the recipient's is decided when all lines are known.

extension TraceSummary {
    /// The most outcomes of one recipient.
    private static let maxChain = 128

    mutating func delivery(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        slowest(event, hop, document)
        let relay = event.written(.relay)
        table.with(hop) { record in
            if !Self.isOlder(at, record.at, document) { (record.at, record.relay) = (at, relay) }
            record.isQueued = true
        }
        next(event, hop, document)
        var state = RecipientState(status: event.written(.status), document)
        if state == .sent, event.isDiscard(document, { event.written($0).range }) {
            state = .discarded
        }
        outcome(event, state, hop, at, document)
    }

    /// Sets what the event at hand says of its recipient at a hop, unless a later outcome there is
    /// known. Nothing is left of the outcome before: what a decision does not have is none.
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
        guard let index = place(recipient, to, hop, origTo, isDecision, document) else {
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
            if Self.isOlder(at, record.at, document) { return }
            // Before any queue each server logs for itself: without an order the worse one stays.
            if hop < 0, record.line > 0, state.badness < record.state.badness,
                !Self.isOlder(record.at, at, document)
            {
                return
            }
            (record.state, record.at, record.hop, record.line) = (state, at, hop, line)
            (record.dsn, record.reply, record.relay, record.delay) = (dsn, reply, relay, delay)
            (record.origTo, record.queuedAs) = (origTo, queuedAs)
            (record.isDecision, record.isLocal) = (isDecision, isLocal)
            record.isSocket = isSocket
            (record.isThrownAway, record.isByLocal) = (isThrownAway, isByLocal)
        }
    }

    /// The recipient's outcome at a hop, made when there is none yet. An address that stands for
    /// several others is one for each of them, as in Postfix's own count of recipients.
    private func place(
        _ recipient: Int, _ to: Written, _ hop: Int, _ origTo: Written, _ isDecision: Bool,
        _ document: RawSpan
    ) -> Int? {
        var (before, index) = (recipient, table.look(recipient) { $0.next } ?? -1)
        var length = 0
        while index >= 0 {
            let isIt = table.look(index) { record in
                record.hop == hop && record.isDecision == isDecision
                    && SummaryTable.isSameFolded(record.origTo, origTo, document)
            }
            if isIt == true { return index }
            length += 1
            (before, index) = (index, table.look(index) { $0.next } ?? -1)
        }
        guard length < Self.maxChain, let made = table.addOutcome(of: to) else { return nil }
        table.with(made) { record in
            (record.hop, record.isDecision, record.origTo) = (hop, isDecision, origTo)
        }
        table.with(before) { $0.next = made }
        return made
    }

    static func isOlder(_ at: Written, _ known: Written, _ document: RawSpan) -> Bool {
        !known.isNone && !at.isNone && isBefore(at, known, document)
    }

    /// Whether the next hop is on this host or in a network of its own (RFC 1918, RFC 4193): where
    /// filters are. pipe(8) has a program there.
    private static func isLocal(_ event: borrowing PostfixEvent, _ document: RawSpan) -> Bool {
        let ip = event.written(.relayIP)
        return event.has(.relayService) || isLoopback(ip, document) || isPrivate(ip, document)
            || document.says("pipe", event.written(.process).range)
    }

    private static func isPrivate(_ ip: Written, _ document: RawSpan) -> Bool {
        guard !ip.isNone, ip.range.upperBound <= document.byteCount else { return false }
        return privateNetworks.contains { document.has($0, ip.range.lowerBound) }
    }

    private static let privateNetworks: [StaticString] = [
        "10.", "192.168.", "172.16.", "172.17.", "172.18.", "172.19.", "172.20.", "172.21.",
        "172.22.", "172.23.", "172.24.", "172.25.", "172.26.", "172.27.", "172.28.", "172.29.",
        "172.30.", "172.31.", "fc", "fd", "fe80:",
    ]

    static func isLoopback(_ ip: Written, _ document: RawSpan) -> Bool {
        document.has("127.", ip.range.lowerBound) || document.says("::1", ip.range)
    }

    /// `250 2.7.0 Ok, discarded, id=… - INFECTED: …` and its like, of filters.
    private static func isThrownAway(_ reply: Written, _ document: RawSpan) -> Bool {
        reply.range.upperBound <= document.byteCount
            && document.extracting(reply.range).saysThrownAway
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
        if event.isThrownAwayByProxy(document, { event.written($0).range }) {
            if event.has(.to) { outcome(event, .acceptedByFilter, hop, at, document) }
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
        if isOfOne, !event.has(.to) { isOneUntold = true }
        // cleanup(8) writes a word where there is no recipient.
        guard event.has(.to), !document.says("unknown", event.written(.to).range) else { return }
        outcome(event, state, hop, at, document)
    }
}

extension RecipientState {
    /// The message was not taken over.
    var isRefusal: Bool { self == .rejected || self == .refusedForNow }
}
