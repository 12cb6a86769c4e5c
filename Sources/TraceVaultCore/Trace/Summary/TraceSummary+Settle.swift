// TraceSummary+Settle.swift - what only the whole trace can tell.
//
// Which hop was first, which of a recipient's outcomes is the last. Where that cannot be proved,
// the worse one is told: never a better outcome than the true one. What came of a copy that was
// handed on is in TraceSummary+Follow.swift.

extension TraceSummary {
    /// After all lines; `isPending` when Cloudflare has more to tell.
    mutating func settle(isPending: Bool, _ document: RawSpan) {
        self.isPending = isPending
        count(document)
        for index in 0..<table.count where table[kind: index] == .hop {
            table.look(index) { hop in
                if !hop.isNotification { note(sender: hop.sender) }
            }
        }
        noteNotifications(document)
        table.link(document)
        table.linkHolds(document)
        message(document)
        for index in 0..<table.count where table[kind: index] == .recipient {
            choose(index, document)
        }
        noteStrangers(document)
        for index in 0..<table.count where table[kind: index] == .recipient {
            follow(index, document)
        }
        isUnaccounted = isIncomplete(document)
    }

    /// What is asked again and again for each recipient, looked up once.
    private mutating func count(_ document: RawSpan) {
        var hashes: [UInt32] = []
        for index in 0..<table.count {
            switch table[kind: index] {
            case .hop: hops.append(index)
            case .recipient: table.look(index) { hashes.append($0.hash) }
            case .outcome:
                guard
                    let (hop, isDecision, isAlias) = table.look(
                        index, { ($0.hop, $0.isDecision, !$0.origTo.isNone) })
                else { continue }
                if isAlias { hasAliases = true }
                if !isDecision { table.with(hop) { $0.attempts &+= 1 } }
            default: break
            }
        }
        countAliases(document)
        hashes.sort()
        for place in hashes.indices.dropFirst() where hashes[place] == hashes[place - 1] {
            // Perhaps the same with another case.
            hasAliases = true
        }
    }

    // MARK: - The message

    /// What the message itself has: from the first of its hops that says so.
    private mutating func message(_ document: RawSpan) {
        let first = firstHop(document)
        settle(first)
        for index in 0..<table.count where table[kind: index] == .hop && index != first {
            settle(index)
        }
        guard
            let (host, ip, isPickup) = table.look(
                first, { ($0.clientHost, $0.clientIP, $0.isPickup) })
        else {
            (clientHost, clientIP) = (refusedHost, refusedIP)
            return
        }
        // Behind the first hop the client is the hop before.
        if isPickup { return }
        let isUnknown = host.isNone && ip.isNone
        (clientHost, clientIP) = isUnknown ? (refusedHost, refusedIP) : (host, ip)
    }

    private mutating func settle(_ hop: Int) {
        table.look(hop) { hop in
            if hop.isNotification { return }
            sender.setOnce(hop.sender)
            messageID.setOnce(hop.messageID)
            size.setOnce(hop.size)
        }
    }

    /// A hop without one before it; one that was handed the message from the outside, when there
    /// are several; -1 without any.
    private func firstHop(_ document: RawSpan) -> Int {
        var (found, isFiltered) = (-1, true)
        for index in 0..<table.count where table[kind: index] == .hop {
            guard
                let isLocal = table.look(
                    index,
                    { hop -> Bool? in
                        if hop.isNotification || hop.hop >= 0 { return nil }
                        return !hop.isPickup && Self.isInside(hop.clientIP, document)
                    })
            else { continue }
            guard let isLocal else { continue }
            let isEarlier = table.isEarlier(index, than: found, document)
            if found < 0 || (isFiltered && !isLocal) || (isFiltered == isLocal && isEarlier) {
                (found, isFiltered) = (index, isLocal)
            }
        }
        return found
    }

    // MARK: - A recipient's outcome

    /// Takes the worst of the outcomes that count; of equal ones that of the hop furthest along,
    /// and without a proof of that the latest.
    private mutating func choose(_ index: Int, _ document: RawSpan) {
        var (chosen, state) = (-1, RecipientState.queued)
        var (attempts, isContradicted) = (UInt32(0), false)
        each(index) { outcome, record in
            guard let own = effective(record, index, document) else { return }
            attempts = max(attempts, record.attempts)
            if record.isUnordered { isContradicted = true }
            guard chosen >= 0 else {
                (chosen, state) = (outcome, own)
                return
            }
            let isBehind = isBehind(record, chosen, document)
            if own != state, !isLinked(record.hop, chosen) { isContradicted = true }
            if own.badness > state.badness || (own.badness == state.badness && isBehind) {
                (chosen, state) = (outcome, own)
            }
        }
        if isContradicted { unlinked += 1 }
        if table.look(chosen, { $0.state.isWaiting }) == true,
            state == .unknown || state == .bounced
        {
            unended += 1
        }
        chosen = furthest(index, from: chosen, state, document)
        table.with(index) { record in
            (record.chosen, record.attempts) = (chosen, attempts)
            record.state = record.isPartial ? .unknown : state
            // Told of a notification only: not the message's.
            record.isNotification = chosen < 0 && !record.isPartial
        }
    }

    /// Of the outcomes of one kind the last one on the way from `chosen`. What is in order by lines
    /// where nothing is linked may be in none by links.
    private func furthest(
        _ recipient: Int, from chosen: Int, _ state: RecipientState, _ document: RawSpan
    ) -> Int {
        guard var hop = table.look(chosen, { $0.hop }) else { return chosen }
        var furthest = chosen
        for _ in 0..<SummaryTable.maxHops {
            let before = furthest
            each(recipient) { outcome, record in
                guard table.leads(hop, to: record.hop),
                    effective(record, recipient, document) == state
                else { return }
                (furthest, hop) = (outcome, record.hop)
            }
            if furthest == before { break }
        }
        return furthest
    }

    func each(_ recipient: Int, _ body: (Int, borrowing SummaryRecord) -> Void) {
        var index = table.look(recipient) { $0.next } ?? -1
        while index >= 0 {
            let next =
                table.look(index) { record in
                    body(index, record)
                    return record.next
                } ?? -1
            index = next
        }
    }

    private func isLinked(_ hop: Int, _ chosen: Int) -> Bool {
        guard let other = table.look(chosen, { $0.hop }) else { return false }
        return hop == other || table.leads(hop, to: other) || table.leads(other, to: hop)
    }

    /// Whether an outcome comes behind another: its hop does, else its line.
    private func isBehind(
        _ record: borrowing SummaryRecord, _ other: Int, _ document: RawSpan
    ) -> Bool {
        guard let (hop, at, line) = table.look(other, { ($0.hop, $0.at, $0.line) }) else {
            return true
        }
        if table.leads(hop, to: record.hop) { return true }
        if table.leads(record.hop, to: hop) { return false }
        if Self.isOlder(record.at, at, document) { return false }
        if Self.isOlder(at, record.at, document) { return true }
        return record.line > line
    }

    /// What an outcome comes to with what else is known of its hop; nil when it does not count: a
    /// notification's, or one that another try of the client or of a person took the place of.
    func effective(
        _ record: borrowing SummaryRecord, _ recipient: Int, _ document: RawSpan
    ) -> RecipientState? {
        var state = record.state
        var isNotification = false
        var handled = Handling.none
        var end: RecipientState?
        table.look(record.hop) { hop in
            isNotification = hop.isNotification
            if state.isWaiting, hop.isExpired { state = .expired }
            handled = hop.handled
            // The line of its end is missing.
            if hop.isRemoved { end = hop.isReported ? .bounced : .unknown }
        }
        if isNotification { return nil }
        if isBeside(record, recipient) { return nil }
        if state == .sent, isWithFilter(record, recipient, document) { return .acceptedByFilter }
        if record.isDecision, isOvertaken(record, recipient, document) { return nil }
        // A copy that waits is where people find it. What they did stands until they undo it: a try
        // that was under way ends behind it.
        guard state.isWaiting else { return state }
        switch handled {
        case .deleted: return .deleted
        case .held: return end ?? .held
        case .requeued: return isRequeued(record, recipient) ? nil : .queued
        case .released: return end ?? (state == .held ? .queued : state)
        case .none: return end ?? state
        }
    }

    /// Whether an outcome says nothing of the message where others do: a probe's answer where the
    /// recipient has an outcome of another kind, and what a filter before the queue let pass.
    private func isBeside(_ record: borrowing SummaryRecord, _ recipient: Int) -> Bool {
        let (state, isDecision) = (record.state, record.isDecision)
        let isPassed = isDecision && state == .queued
        guard isPassed || state.isProbe else { return false }
        var isBeside = false
        each(recipient) { _, other in
            let isOther = isPassed ? other.hop >= 0 || other.state != .queued : !other.state.isProbe
            if isOther, table.look(other.hop, { $0.isNotification }) != true { isBeside = true }
        }
        return isBeside
    }

    /// Whether a filter took the message and says that it threw it away, or no hop behind it says
    /// anything of the recipient yet.
    private func isWithFilter(
        _ record: borrowing SummaryRecord, _ recipient: Int, _ document: RawSpan
    ) -> Bool {
        if record.isThrownAway { return true }
        guard record.isLocal, isPending else { return false }
        let (hop, queuedAs) = (record.hop, record.queuedAs)
        var isWithFilter = true
        each(recipient) { _, other in
            if other.hop != hop, isBehind(hop, queuedAs, other.hop, document) {
                isWithFilter = false
            }
        }
        return isWithFilter
    }

    /// Whether a hop has what another handed on: its reply names it, or the lines link them.
    func isBehind(
        _ hop: Int, _ queuedAs: Written, _ next: Int, _ document: RawSpan
    ) -> Bool {
        guard let key = table[key: next] else { return false }
        return SummaryTable.isSame(key, queuedAs, document) || table.leads(hop, to: next)
    }

    /// Whether the recipient has an outcome at a hop that the message was queued to again.
    private func isRequeued(_ record: borrowing SummaryRecord, _ recipient: Int) -> Bool {
        let hop = record.hop
        var isRequeued = false
        each(recipient) { _, other in
            if table.leads(hop, to: other.hop, byName: true) { isRequeued = true }
        }
        return isRequeued
    }
}
