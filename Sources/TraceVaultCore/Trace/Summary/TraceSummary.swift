// TraceSummary.swift - what the lines of a trace say together.
//
// Fed with one event after the other while the document is written, it keeps places in that
// document, no text. Missing lines, contradictions and unknown words are states, never failures.
// What became of recipients is noted in TraceSummary+Outcomes.swift; what all of it means is
// decided in TraceSummary+Settle.swift and written in TraceView+Summary.swift.

struct TraceSummary: ~Copyable {
    let table = SummaryTable()
    private(set) var firstAt = Written.none
    private(set) var lastAt = Written.none
    var messageID = Written.none
    var sender = Written.none
    var size = Written.none
    var clientHost = Written.none
    var clientIP = Written.none
    /// Of decisions before the queue: who came, while no hop tells it.
    var refusedHost = Written.none
    var refusedIP = Written.none
    /// The worst of what was refused.
    var refusal: RecipientState?
    var droppedRecipients = 0
    private(set) var droppedHops = 0
    private(set) var droppedNext = 0
    var droppedOutcomes = 0
    /// Recipients whose outcomes at several hops contradict each other, and nothing says which
    /// came last.
    var unlinked = 0
    /// The worst refusal of recipients whose addresses cannot be told from the line.
    var unnamed: RecipientState?
    /// Recipients of whom a hop that has no copy any more says only that they waited.
    var unended = 0
    /// Where deliveries went that is not inside; some of these may be filters.
    var relays: [Written] = []
    /// Somebody whom no hop knows was refused before a queue, by what a filter handed back.
    var isStrangerRefused = false
    /// Recipients are listed, and a hop has more of them than lines tell of.
    var isUnaccounted = false
    /// Cloudflare has more to tell.
    var isPending = false
    /// Where the hops are; known when all lines are.
    var hops: [Int] = []
    /// Some recipients may stand for others.
    var hasAliases = false
    /// Events so far.
    private(set) var line: UInt32 = 0
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
        _ event: borrowing PostfixEvent, _ side: Direction, _ at: Written,
        _ document: RawSpan
    ) {
        line &+= 1
        let hop = event.has(.queueID) ? hop(event.written(.queueID), side, at, document) : -1
        if event.kind != .warning { table.with(hop) { $0.isTaken = true } }
        switch event.kind {
        case .delivery: delivery(event, hop, at, document)
        case .client, .pickup: client(event, hop)
        case .messageID where event.has(.messageID):
            let id = event.written(.messageID)
            table.with(hop) { $0.messageID.setOnce(id) }
        case .queued: queued(event, hop)
        case .removed: removed(event, hop, at, document)
        case .queueChange: handled(event, hop, at, document)
        case .expired: expired(event, hop)
        case .policy, .milter, .content: decision(event, hop, at, document)
        case .notification: notification(event, hop, document)
        case .proxy:
            decision(event, hop, at, document)
            next(event, hop, document)
        default: break
        }
    }

    // MARK: - Hops

    private mutating func hop(
        _ id: Written, _ side: Direction, _ at: Written, _ document: RawSpan
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
            let line = line
            table.with(hop) { ($0.side, $0.isNotification, $0.line) = (side, isTold, line) }
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
        let isPickup = event.kind == .pickup
        let user = isPickup ? event.written(.from) : .none
        table.with(hop) { record in
            record.clientHost.setOnce(host)
            record.clientIP.setOnce(ip)
            record.previousID.setOnce(previous)
            record.sender.setOnce(user)
            if isPickup { record.isPickup = true }
        }
    }

    private mutating func queued(_ event: borrowing PostfixEvent, _ hop: Int) {
        let from = event.written(.from)
        let (size, count) = (event.written(.size), event.written(.nrcpt))
        let isNotification = table.with(hop) { record in
            record.sender = from
            record.size.setOnce(size)
            record.nrcpt.setOnce(count)
            record.isQueued = true
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
    mutating func note(sender from: Written) {
        if from.length > 0, sender.length == 0 { sender = from }
    }

    private mutating func notification(
        _ event: borrowing PostfixEvent, _ hop: Int, _ document: RawSpan
    ) {
        let id = event.written(.notificationID)
        next(.notification, id, hop, document)
        // A failure of some of it; of how many, nobody knows. Others tell of a delay or a success.
        let isFailure = document.says("non-delivery", event.written(.notification).range)
        if isFailure { table.with(hop) { $0.isReported = true } }
        if let made = table.find(.hop, id, document) {
            table.with(made) { made in
                made.isNotification = true
                // It was taken for the message's: another hop has that.
                if made.sender == sender { sender = .none }
            }
        }
    }

    // MARK: - What people did

    private mutating func removed(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        table.with(hop) { $0.isRemoved = true }
        if event.has(.process), event.written(.process).length == 9,
            document.has("postsuper", event.written(.process).range.lowerBound)
        {
            handle(.deleted, hop, at, document)
        }
    }

    private mutating func handled(
        _ event: borrowing PostfixEvent, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        let action = event.written(.action).range
        if document.says("placed on hold", action) { handle(.held, hop, at, document) }
        if document.says("released from hold", action) { handle(.released, hop, at, document) }
        if document.says("requeued", action) {
            handle(.requeued, hop, at, document)
            // It goes on with another id.
            table.with(hop) { $0.isRemoved = true }
        }
    }

    private mutating func handle(
        _ handling: Handling, _ hop: Int, _ at: Written, _ document: RawSpan
    ) {
        table.with(hop) { record in
            if Self.isOlder(at, record.handledAt, document) { return }
            // Of what was done in one moment the order is not known: the worse counts.
            if handling.rawValue < record.handled.rawValue,
                !Self.isOlder(record.handledAt, at, document)
            {
                return
            }
            (record.handled, record.handledAt) = (handling, at)
        }
    }

    // MARK: - What comes next

    /// `isLocal` when a filter tells it, on this host or in its network.
    mutating func next(
        _ event: borrowing PostfixEvent, _ hop: Int, isLocal: Bool = false, _ document: RawSpan
    ) {
        if event.has(.queuedAs) {
            next(.queuedAs, event.written(.queuedAs), hop, isLocal: isLocal, document)
        } else if event.has(.exchangeID) {
            next(.exchangeID, event.written(.exchangeID), hop, document)
        } else if event.has(.googleID) {
            next(.googleID, event.written(.googleID), hop, document)
        }
    }

    private mutating func next(
        _ kind: NextIDKind, _ id: Written, _ hop: Int, isLocal: Bool = false, _ document: RawSpan
    ) {
        guard let index = table.findOrAdd(.next, id, document) else {
            droppedNext += 1
            return
        }
        table.with(index) { record in
            guard record.hop < 0 else { return }
            (record.hop, record.nextKind, record.isLocal) = (hop, kind, isLocal)
        }
    }
}
