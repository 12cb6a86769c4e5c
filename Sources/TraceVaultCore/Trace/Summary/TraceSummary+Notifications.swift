// TraceSummary+Notifications.swift - which hops have an answer to the message, and no copy of it.
//
// Postfix's own lines say it of most. All notifications are from nobody, but so is a copy whose
// sender a filter took away, and what became of that counts: without a proof it is a copy.

extension TraceSummary {
    /// Notes which of the hops from nobody have a notification, when the message has a sender.
    func noteNotifications(_ document: RawSpan) {
        guard sender.length > 0 else { return }
        var (made, handedOver): ([Int], [Int]) = ([], [])
        for hop in hops {
            table.look(hop) { record in
                guard !record.isNotification, !record.sender.isNone, record.sender.length == 0
                else { return }
                if record.isHandedOver { handedOver.append(hop) } else { made.append(hop) }
            }
        }
        // A notification that a filter hands back is known by the hop where it was made.
        for hop in made where isNotification(hop, document) ?? isForSender(hop, document) {
            table.with(hop) { $0.isNotification = true }
        }
        for hop in handedOver where isNotification(hop, document) == true {
            table.with(hop) { $0.isNotification = true }
        }
    }

    /// What the hops say that handed a hop its mail: that of a notification, or that of the message
    /// itself, which has a sender. Nil when no line links it with either.
    private func isNotification(_ hop: Int, _ document: RawSpan) -> Bool? {
        var hop = hop
        for _ in 0..<SummaryTable.maxHops {
            if let known = sharesMessageID(hop, document) { return known }
            guard let before = teller(of: hop, document),
                let (isNotification, isFromSomebody) = table.look(
                    before, { ($0.isNotification, $0.sender.length > 0) })
            else { return nil }
            if isNotification { return true }
            if isFromSomebody { return false }
            hop = before
        }
        return nil
    }

    /// The hop that a hop's own line names as the one before it, or whose reply names this one.
    private func teller(of hop: Int, _ document: RawSpan) -> Int? {
        guard let (key, previous) = table.look(hop, { ($0.key, $0.previousID) }) else { return nil }
        if !previous.isNone, let named = table.find(.hop, previous, document) { return named }
        guard let told = table.find(.next, key, document),
            let (teller, kind) = table.look(told, { ($0.hop, $0.nextKind) }), kind == .queuedAs
        else { return nil }
        return teller
    }

    private func sharesMessageID(_ hop: Int, _ document: RawSpan) -> Bool? {
        guard let id = table.look(hop, { $0.messageID }), id.length > 0 else { return nil }
        for other in hops where other != hop {
            let known = table.look(other) { record -> Bool? in
                guard SummaryTable.isSame(record.messageID, id, document) else { return nil }
                if record.isNotification { return true }
                return record.sender.length > 0 ? false : nil
            }
            if let known, let known { return known }
        }
        return nil
    }

    /// Whether a hop that nobody handed over has what notifications have: its recipients are the
    /// message's sender alone, who has no copy; or none is known yet, and something has failed.
    private func isForSender(_ hop: Int, _ document: RawSpan) -> Bool {
        var isForSender = false
        var hasFailed = hops.contains { table.look($0) { $0.isExpired } == true }
        for index in 0..<table.count where table[kind: index] == .recipient {
            guard let address = table[key: index] else { continue }
            let isSender = SummaryTable.isSameFolded(address, sender, document)
            var (isHere, hasCopy) = (false, false)
            each(index) { _, outcome in
                if outcome.hop == hop { return isHere = true }
                if outcome.state == .bounced { hasFailed = true }
                // A hop from nobody may have this notification as well.
                let isFromNobody = table.look(outcome.hop) {
                    !$0.sender.isNone && $0.sender.length == 0
                }
                if isFromNobody != true { hasCopy = true }
            }
            if isHere, !isSender || hasCopy { return false }
            if isHere { isForSender = true }
        }
        return isForSender || hasFailed
    }
}
