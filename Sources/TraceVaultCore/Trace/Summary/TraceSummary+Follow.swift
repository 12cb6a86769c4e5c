// TraceSummary+Follow.swift - what came of a copy behind the last outcome that is known of it, and
// whether something is known of all recipients.

extension TraceSummary {
    /// Of a copy that was handed on: whether other recipients stand for it, a filter has it, or a
    /// hop of this trace has it still.
    mutating func follow(_ index: Int, _ document: RawSpan) {
        guard
            let (state, chosen, key) = table.look(index, { ($0.state, $0.chosen, $0.key) }),
            state == .sent || state == .acceptedByFilter,
            let (hop, queuedAs, isThrownAway) = table.look(
                chosen, { ($0.hop, $0.queuedAs, $0.isThrownAway) }),
            !isThrownAway
        else { return }
        var found = state
        if isExpanded(index, key, hop, document) {
            found = .expanded
        } else {
            let isUntold = isUntold(index, document)
            for next in hops where next != hop {
                guard isBehind(hop, queuedAs, next, document),
                    let there = standing(next, document), there.badness > found.badness
                else { continue }
                found = there
            }
            if isUntold, found == .sent {
                found = .acceptedByFilter
                unlinked += 1
            }
        }
        table.with(index) { $0.state = found }
    }

    /// Whether a filter took a recipient's copy and a hop that may be behind it says nothing of the
    /// recipient. The filter kept the copy, or changed the address to one that the hop has: no
    /// line tells which, so no other recipient stands for this one.
    private func isUntold(_ recipient: Int, _ document: RawSpan) -> Bool {
        var hasLeft = false
        each(recipient) { _, outcome in
            if outcome.state == .sent, self.hasLeft(outcome, document) { hasLeft = true }
        }
        var isUntold = false
        each(recipient) { _, outcome in
            guard !outcome.isDecision, outcome.state == .sent, !outcome.isThrownAway else { return }
            let hop = outcome.hop
            if let named = named(outcome, document) {
                if !has(named, recipient), !isTold(recipient, behind: named) { isUntold = true }
                return
            }
            guard outcome.isLocal, !outcome.isSocket, !isTold(recipient, behind: hop) else {
                return
            }
            if isStrangerRefused, !hasLeft { isUntold = true }
            for next in hops where next != hop && !has(next, recipient) {
                guard !hasLeft || table.leads(hop, to: next) else { continue }
                if mayFollow(next, behind: hop, document) { isUntold = true }
            }
        }
        return isUntold
    }

    /// Notes whether somebody was refused whom no hop knows: a filter may have changed a
    /// recipient's address, and was refused where it handed the copy back.
    mutating func noteStrangers(_ document: RawSpan) {
        for index in 0..<table.count where table[kind: index] == .recipient {
            var (isRefused, isKnown) = (false, false)
            each(index) { _, outcome in
                if outcome.hop >= 0 { isKnown = true }
                if outcome.state.isRefusal || outcome.state == .discarded,
                    mayBeFilter(outcome.clientIP, document)
                {
                    isRefused = true
                }
            }
            if isRefused, !isKnown { isStrangerRefused = true }
        }
    }

    /// The hop of this trace that the reply to an outcome names; nil without one. A next hop of
    /// others' knows ids of hops before it from the message's header.
    private func named(
        _ outcome: borrowing SummaryRecord, _ document: RawSpan
    ) -> Int? {
        let (hop, isLocal) = (outcome.hop, outcome.isLocal)
        guard let named = table.find(.hop, outcome.queuedAs, document), named != hop,
            table.look(named, { $0.isNotification }) == false,
            isLocal || !table.began(named, before: hop, document)
        else { return nil }
        return named
    }

    private func has(_ hop: Int, _ recipient: Int) -> Bool {
        var isThere = false
        each(recipient) { _, outcome in
            if outcome.hop == hop { isThere = true }
        }
        return isThere
    }

    /// Whether a hop that is linked behind another tells of a recipient.
    private func isTold(_ recipient: Int, behind hop: Int) -> Bool {
        var isTold = false
        each(recipient) { _, outcome in
            if table.leads(hop, to: outcome.hop) { isTold = true }
        }
        return isTold
    }

    /// Whether a hop may have what a filter took from another: it was handed to from the inside, or
    /// nobody says from where. Only ids say that it was before, or behind a third hop: clocks
    /// differ.
    private func mayFollow(_ next: Int, behind hop: Int, _ document: RawSpan) -> Bool {
        guard
            let (isNotification, clientIP, before, isNamed) = table.look(
                next, { ($0.isNotification, $0.clientIP, $0.hop, $0.isNamed) }),
            !isNotification, mayBeFilter(clientIP, document)
        else { return false }
        return isNamed ? before == hop : !table.leads(next, to: hop, byName: true)
    }

    /// What a hop means for a recipient that it has and says nothing of; nil when it has no more to
    /// say: it is through, or has told of as many recipients as it has.
    private func standing(_ hop: Int, _ document: RawSpan) -> RecipientState? {
        table.look(hop) { record -> RecipientState? in
            if record.isNotification { return nil }
            let all = Self.number(record.nrcpt, document)
            if all > 0, recipients(at: hop) >= all { return nil }
            if record.isExpired { return .expired }
            if record.handled == .deleted { return .deleted }
            if record.isRemoved { return nil }
            if record.handled == .held { return .held }
            return record.state
        } ?? nil
    }

    /// Whether another recipient stands for this one: at another hop, as the one before aliases or
    /// with another case.
    private func isExpanded(
        _ index: Int, _ alias: Written, _ hop: Int, _ document: RawSpan
    ) -> Bool {
        guard hasAliases else { return false }
        for other in 0..<table.count where other != index && table[kind: other] == .recipient {
            guard let (chosen, key) = table.look(other, { ($0.chosen, $0.key) }), chosen >= 0 else {
                continue
            }
            let isIt = table.look(chosen) { outcome in
                if SummaryTable.isSameFolded(outcome.origTo, alias, document) { return true }
                return table.leads(hop, to: outcome.hop)
                    && SummaryTable.isSameFolded(key, alias, document)
            }
            if isIt == true { return true }
        }
        return false
    }

    // MARK: - Of how many something is known

    /// A number of the document; 0 without one.
    private static func number(_ text: Written, _ document: RawSpan) -> Int {
        Int(truncatingIfNeeded: document.integer(text.range) ?? 0)
    }

    /// What local(8) tells of several addresses with one `orig_to` may all be of one recipient: it
    /// counts as one, so that nobody is forgotten.
    func countAliases(_ document: RawSpan) {
        var told: [(recipient: UInt64, outcome: Int)] = []
        for index in 0..<table.count where table[kind: index] == .outcome {
            table.look(index) { outcome in
                guard outcome.isByLocal, outcome.hop >= 0 else { return }
                let name = outcome.origTo.isNone ? outcome.key : outcome.origTo
                let hash = UInt64(SummaryTable.hash(.recipient, name, document))
                told.append((UInt64(outcome.hop) << 32 | hash, index))
            }
        }
        told.sort { $0.recipient < $1.recipient }
        for place in told.indices.dropFirst()
        where told[place].recipient == told[place - 1].recipient {
            table.with(told[place].outcome) { $0.isRepeated = true }
            table.with(Int(told[place].recipient >> 32)) { $0.attempts &-= 1 }
        }
    }

    /// How many recipients a hop tells of.
    private func recipients(at hop: Int) -> Int {
        table.look(hop) { Int($0.attempts) } ?? 0
    }

    /// For the warning: hops with more recipients than lines tell of count once, together.
    var unaccounted: Int { unended + (isUnaccounted ? 1 : 0) }

    /// Whether the recipients were handed on by hops of the outbound side, all of them.
    var isAllOutbound: Bool {
        for index in 0..<table.count where table[kind: index] == .recipient {
            guard
                let (chosen, isAside) = table.look(
                    index, { ($0.chosen, $0.isNotification || $0.state == .expanded) }), !isAside
            else { continue }
            let hop = table.look(chosen) { $0.hop } ?? -1
            guard table.look(hop, { $0.side }) == .outbound else { return false }
        }
        return true
    }

    /// Whether a hop's own lines prove an end that is worse than what all recipients share, and no
    /// recipient is known to have had it there or behind.
    func hasUnnamedEnd(worseThan common: RecipientState, _ document: RawSpan) -> Bool {
        hops.contains { hop in
            guard let end = table.look(hop, { Self.end(of: $0) }) ?? nil,
                end.badness > common.badness
            else { return false }
            return !isNamed(end, at: hop, document)
        }
    }

    /// The worst end that a hop's own lines prove for some of its recipients; nil without one.
    private static func end(of hop: borrowing SummaryRecord) -> RecipientState? {
        if hop.isNotification { return nil }
        if hop.isReported { return .bounced }
        if hop.isExpired { return .expired }
        return hop.decided
    }

    /// Whether lines say of a recipient that it had such an end, at a hop or behind it.
    private func isNamed(_ end: RecipientState, at hop: Int, _ document: RawSpan) -> Bool {
        for index in 0..<table.count where table[kind: index] == .recipient {
            var isNamed = false
            each(index) { _, outcome in
                guard outcome.hop == hop || table.leads(hop, to: outcome.hop),
                    let own = effective(outcome, index, document)
                else { return }
                if own.badness >= end.badness { isNamed = true }
            }
            if isNamed { return true }
        }
        return false
    }

    /// Whether a hop has more recipients than lines tell of, there and behind it.
    func isIncomplete(_ document: RawSpan) -> Bool {
        let isListed = (0..<table.count).contains { index in
            table.look(index) { $0.kind == .recipient && !$0.isNotification } == true
        }
        guard isListed else { return false }
        for hop in hops {
            guard
                let (all, isNotification) = table.look(
                    hop, { (Self.number($0.nrcpt, document), $0.isNotification) }),
                !isNotification, all > recipients(at: hop)
            else { continue }
            var known = 0
            for index in 0..<table.count where table[kind: index] == .recipient {
                // What became of it was told of this hop, as a whole.
                var isKnown = isFollowed(index, to: hop, document)
                each(index) { _, outcome in
                    if outcome.isRepeated || outcome.state == .expanded { return }
                    if outcome.hop == hop || table.leads(hop, to: outcome.hop) { isKnown = true }
                }
                if isKnown { known += 1 }
            }
            if known < all { return true }
        }
        return false
    }

    /// Whether a recipient has its state from a hop behind its last outcome.
    private func isFollowed(_ recipient: Int, to hop: Int, _ document: RawSpan) -> Bool {
        guard let (state, chosen) = table.look(recipient, { ($0.state, $0.chosen) }),
            let (before, told, queuedAs) = table.look(
                chosen, { ($0.hop, $0.state, $0.queuedAs) })
        else { return false }
        // Those that stand for an alias are known themselves.
        return state != told && state != .expanded
            && isBehind(before, queuedAs, hop, document)
    }
}
