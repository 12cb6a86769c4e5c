// TraceSummary+Follow.swift - what came of a copy behind the last outcome that is known of it, and
// whether something is known of all recipients.

extension TraceSummary {
    /// Of a copy that was handed on: whether other recipients stand for it, or a hop of this trace
    /// has it still.
    func follow(_ index: Int, _ document: RawSpan) {
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
        } else if state == .sent, let there = replaced(chosen, document) {
            found = there
        } else {
            for next in hops where next != hop {
                guard isBehind(hop, queuedAs, next, document),
                    let there = standing(next, document), there.badness > found.badness
                else { continue }
                found = there
            }
        }
        table.with(index) { $0.state = found }
    }

    /// What it means for a copy that the hops directly behind have told of all their recipients,
    /// and this one is none of them: others there stand for it, as a filter changes addresses, or
    /// the filter kept it. Only the hop that the reply names counts, when it names one. Nil when
    /// the copy may have gone another way.
    private func replaced(_ outcome: Int, _ document: RawSpan) -> RecipientState? {
        guard
            let (hop, queuedAs, isLocal, isSocket) = table.look(
                outcome, { ($0.hop, $0.queuedAs, $0.isLocal, $0.isSocket) })
        else { return nil }
        let named = queuedAs.isNone ? nil : table.find(.hop, queuedAs, document)
        guard named != nil || (isLocal && !isSocket) else { return nil }
        var (hasOthers, count) = (false, 0)
        for next in hops where next != hop && (named == nil || named == next) {
            let isBehind = named == next || table.look(next) { $0.hop } == hop
            guard isBehind else { continue }
            guard hasToldOfAll(next, document) else { return nil }
            count += 1
            if table.look(next, { $0.hasOthers }) == true { hasOthers = true }
        }
        guard count > 0 else { return nil }
        if hasOthers { return .expanded }
        return isLocal ? .acceptedByFilter : nil
    }

    private func hasToldOfAll(_ hop: Int, _ document: RawSpan) -> Bool {
        table.look(hop) { hop in
            let all = Self.number(hop.nrcpt, document)
            let isAll = all > 0 ? Int(hop.attempts) >= all : hop.isRemoved
            return isAll && hop.attempts > 0 && !hop.isNotification
        } ?? false
    }

    /// Notes at the first hop that has a recipient that it has one whom no hop before it has.
    func noteOthers(_ recipient: Int, _ document: RawSpan) {
        var (first, origTo) = (-1, Written.none)
        each(recipient) { _, outcome in
            if outcome.isDecision || outcome.hop < 0 { return }
            if first < 0 || table.leads(outcome.hop, to: first) {
                (first, origTo) = (outcome.hop, outcome.origTo)
            }
        }
        guard first >= 0 else { return }
        // It stands for a recipient that a hop before has.
        if !origTo.isNone, let other = table.find(.recipient, origTo, document) {
            var isKnown = false
            each(other) { _, outcome in if outcome.hop != first { isKnown = true } }
            if isKnown { return }
        }
        table.with(first) { $0.hasOthers = true }
    }

    /// What a hop means for a recipient that it has and says nothing of; nil when it has no more to
    /// say: it is through, or has told of as many recipients as it has.
    private func standing(_ hop: Int, _ document: RawSpan) -> RecipientState? {
        table.look(hop) { record -> RecipientState? in
            if record.isNotification { return nil }
            if record.isExpired { return .expired }
            if record.handled == .deleted { return .deleted }
            if record.isRemoved { return nil }
            let all = Self.number(record.nrcpt, document)
            if all > 0, recipients(at: hop) >= all { return nil }
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

    /// Whether a hop has more recipients than lines tell of, there and behind it.
    func isIncomplete(_ document: RawSpan) -> Bool {
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
                    if outcome.isRepeated { return }
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
