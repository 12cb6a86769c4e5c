// TraceSummary.swift - what the lines of a trace say together.
//
// Fed with one event after the other while the document is written, it keeps places in that
// document, no text. Missing lines, contradictions and unknown words are states, never failures.
// How it is written is in TraceView+Summary.swift.

struct TraceSummary: ~Copyable {
    let table = SummaryTable()
    private(set) var firstAt = Written.none
    private(set) var lastAt = Written.none
    private(set) var messageID = Written.none
    private(set) var sender = Written.none
    private(set) var size = Written.none
    private(set) var clientHost = Written.none
    private(set) var clientIP = Written.none
    private(set) var isRejected = false
    private(set) var droppedRecipients = 0
    private(set) var droppedHops = 0
    private(set) var droppedNext = 0
    /// The hop of the line before: lines of one message stand together.
    private var lastHop = -1
    /// The line at hand has a later time than all before.
    private var isLatest = false

    /// The time of a line, understood or not; before its event.
    mutating func note(time: Written, _ document: RawSpan) {
        isLatest = Self.widen(&firstAt, &lastAt, to: time, isLatest: lastAt.isNone, document)
    }

    /// An event whose fields are in `written`; `at` is its line's time, which was noted.
    mutating func note(
        _ event: borrowing PostfixEvent, _ side: Trace.Direction, _ at: Written,
        _ document: RawSpan
    ) {
        let hop = event.has(.queueID) ? hop(event.written(.queueID), side, at, document) : -1
        if event.kind != .warning { table.with(hop) { $0.isTaken = true } }
        switch event.kind {
        case .delivery: delivery(event, hop, at, document)
        case .client, .pickup: client(event, hop)
        case .messageID where event.has(.messageID):
            let id = event.written(.messageID)
            table.with(hop) { $0.messageID.setOnce(id) }
        case .queued: queued(event, hop)
        case .removed: table.with(hop) { $0.isRemoved = true }
        case .expired: expired(event, hop)
        case .policy, .milter, .content: decision(event, hop, at, document)
        case .notification: notification(event, hop, document)
        case .proxy:
            decision(event, hop, at, document)
            next(event, hop, document)
        default: break
        }
    }

    /// What the message itself has: from the first of its hops that says so, none of which is known
    /// to be a notification's any more.
    mutating func settle() {
        for index in 0..<table.count where table[kind: index] == .hop {
            table.look(index) { hop in
                if !hop.isNotification { note(sender: hop.sender) }
            }
        }
        for index in 0..<table.count where table[kind: index] == .hop {
            table.with(index) { hop in
                // From nobody, while the message has a sender: answers it.
                if !hop.sender.isNone, hop.sender.length == 0, sender.length > 0 {
                    hop.isNotification = true
                } else if !hop.isNotification {
                    sender.setOnce(hop.sender)
                    messageID.setOnce(hop.messageID)
                    size.setOnce(hop.size)
                }
            }
        }
    }

    // MARK: - Hops

    private mutating func hop(
        _ id: Written, _ side: Trace.Direction, _ at: Written, _ document: RawSpan
    ) -> Int {
        if let last = table[key: lastHop], SummaryTable.isSame(last, id, document) {
            if !at.isNone { timed(lastHop, at, document) }
            return lastHop
        }
        let before = table.count
        guard let hop = table.findOrAdd(.hop, id, document) else {
            droppedHops += 1
            return -1
        }
        if hop == before {
            let told = table.find(.next, id, document)
            let isTold = told.flatMap { table.look($0) { $0.nextKind == .notification } } ?? false
            table.with(hop) { ($0.side, $0.isNotification) = (side, isTold) }
        }
        if !at.isNone { timed(hop, at, document) }
        lastHop = hop
        return hop
    }

    private func timed(_ hop: Int, _ at: Written, _ document: RawSpan) {
        table.with(hop) { record in
            // The latest of all lines is the latest of the hop's.
            let isLatest = isLatest || record.lastAt.isNone
            _ = Self.widen(&record.firstAt, &record.lastAt, to: at, isLatest: isLatest, document)
        }
    }

    private mutating func client(_ event: borrowing PostfixEvent, _ hop: Int) {
        let (host, ip) = (event.written(.clientHost), event.written(.clientIP))
        let previous = event.written(.origQueueID)
        let user = event.kind == .pickup ? event.written(.from) : .none
        table.with(hop) { record in
            record.clientHost.setOnce(host)
            record.clientIP.setOnce(ip)
            record.previousID.setOnce(previous)
            record.sender.setOnce(user)
        }
        // Behind the first hop the client is the hop before.
        if clientHost.isNone, clientIP.isNone { (clientHost, clientIP) = (host, ip) }
    }

    private mutating func queued(_ event: borrowing PostfixEvent, _ hop: Int) {
        let from = event.written(.from)
        let (size, count) = (event.written(.size), event.written(.nrcpt))
        let answersOthers = from.length == 0 && sender.length > 0
        let isNotification = table.with(hop) { record in
            record.sender = from
            record.size.setOnce(size)
            record.nrcpt.setOnce(count)
            record.isQueued = true
            if answersOthers { record.isNotification = true }
            return record.isNotification
        }
        if isNotification != true { note(sender: from) }
    }

    private mutating func expired(_ event: borrowing PostfixEvent, _ hop: Int) {
        let from = event.written(.from)
        table.with(hop) { record in
            record.sender.setOnce(from)
            record.isExpired = true
        }
        note(sender: from)
    }

    /// Nobody is a sender, too, but may be a notification's.
    private mutating func note(sender from: Written) {
        if from.length > 0, sender.length == 0 { sender = from }
    }

    private mutating func notification(
        _ event: borrowing PostfixEvent, _ hop: Int, _ document: RawSpan
    ) {
        let id = event.written(.notificationID)
        next(.notification, id, hop, document)
        // Anything but "delay" says that some of it is done with; of all, nobody knows.
        if event.written(.notification).length != 5 { table.with(hop) { $0.isReported = true } }
        if let made = table.find(.hop, id, document) {
            table.with(made) { made in
                made.isNotification = true
                // It was taken for the message's: another hop has that.
                if made.sender == sender { sender = .none }
            }
        }
    }

    // MARK: - Recipients

    private mutating func delivery(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        slowest(event, hop, document)
        let relay = event.written(.relay)
        table.with(hop) { record in
            if !Self.isOlder(at, record.at, document) { (record.at, record.relay) = (at, relay) }
            record.isQueued = true
        }
        next(event, hop, document)
        // A notification's recipient is whoever it was sent to, not the message's.
        if table.look(hop, { $0.isNotification }) ?? false { return }
        var state = RecipientState(status: event.written(.status), document)
        if state == .sent, event.has(.process), event.written(.process).length == 7,
            document.has("discard", event.written(.process).range.lowerBound)
        {
            state = .discarded
        }
        recipient(event, state, hop, at, document)
    }

    /// Sets what the event at hand says of its recipient, unless a later outcome is known. Nothing
    /// is left of the outcome before: what a decision does not have is none.
    private mutating func recipient(
        _ event: borrowing PostfixEvent, _ state: RecipientState, _ hop: Int, _ at: Written,
        _ document: RawSpan
    ) {
        guard let index = table.findOrAdd(.recipient, event.written(.to), document) else {
            droppedRecipients += 1
            return
        }
        let isDelivery = event.kind == .delivery
        let (relay, delay) = (event.written(.relay), event.written(.delay))
        let (origTo, queuedAs) = (event.written(.origTo), event.written(.queuedAs))
        let dsn = event.written(isDelivery ? .dsn : .replyDSN)
        let reply = event.written(event.has(.reply) ? .reply : .text)
        var (isElsewhere, isOlder) = (false, false)
        table.with(index) { record in
            if isDelivery { record.attempts &+= 1 }
            isElsewhere = record.hop >= 0 && record.hop != hop
            // The hop that this one handed the message to may have been faster with its line.
            isOlder =
                (!queuedAs.isNone && table.isHop(record.hop, queuedAs, document))
                || Self.isOlder(at, record.at, document)
        }
        var place = index
        // Either hop may turn out to be a notification's.
        if isElsewhere, let other = table.findOrAdd(.other, event.written(.to), document) {
            if !isOlder {
                table.copy(index, to: other)
            } else {
                place = other
                table.look(other) { isElsewhere = !Self.isOlder(at, $0.at, document) }
            }
        }
        if isOlder, place == index || !isElsewhere { return }
        table.with(place) { record in
            (record.state, record.at, record.hop) = (state, at, hop)
            (record.dsn, record.reply, record.relay, record.delay) = (dsn, reply, relay, delay)
            (record.origTo, record.queuedAs) = (origTo, queuedAs)
        }
    }

    private static func isOlder(_ at: Written, _ known: Written, _ document: RawSpan) -> Bool {
        !known.isNone && !at.isNone && isBefore(at, known, document)
    }

    private mutating func decision(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        let from = event.written(.from)
        sender.setOnce(from)
        if clientHost.isNone, clientIP.isNone {
            (clientHost, clientIP) = (event.written(.clientHost), event.written(.clientIP))
        }
        table.with(hop) { $0.sender.setOnce(from) }
        guard event.has(.action),
            let state = RecipientState(action: event.written(.action), document)
        else { return }
        if state == .rejected { isRejected = true }
        if event.has(.to) { recipient(event, state, hop, at, document) }
    }

    // MARK: - What comes next

    private mutating func next(
        _ event: borrowing PostfixEvent, _ hop: Int, _ document: RawSpan
    ) {
        if event.has(.queuedAs) {
            next(.queuedAs, event.written(.queuedAs), hop, document)
        } else if event.has(.exchangeID) {
            next(.exchangeID, event.written(.exchangeID), hop, document)
        } else if event.has(.googleID) {
            next(.googleID, event.written(.googleID), hop, document)
        }
    }

    private mutating func next(
        _ kind: NextIDKind, _ id: Written, _ hop: Int, _ document: RawSpan
    ) {
        guard let index = table.findOrAdd(.next, id, document) else {
            droppedNext += 1
            return
        }
        table.with(index) { record in
            guard record.hop < 0 else { return }
            record.hop = hop
            record.nextKind = kind
        }
    }
}
