// HopLinks.swift - which hop of a trace handed the message to which.
//
// Lines of a later hop may come first, so the order of lines says nothing. A hop's own line names
// the hop before (`orig_queue_id=`, `orig_id=`), a reply names the hop behind (`queued as`), and
// two hops with one Message-ID are linked when the times say which of them was first, and it has
// handed a copy on. Hosts' clocks differ, so ids go before times.

extension SummaryTable {
    /// Notes for each hop the one before it; never a circle, whatever others say.
    func link(_ document: RawSpan) {
        for index in 0..<count where self[kind: index] == .hop {
            let named = named(before: index, document)
            guard named >= 0, !leads(index, to: named) else { continue }
            with(index) { ($0.hop, $0.isNamed) = (named, true) }
        }
        // Counted when it is asked for: most messages have one hop.
        var handers: Set<Int>?
        for index in 0..<count where self[kind: index] == .hop {
            guard look(index, { $0.isNamed }) == false else { continue }
            let found = sameMessage(before: index, &handers, document)
            with(index) { $0.hop = found }
        }
    }

    /// Notes for each hold before a queue the hop that it was about. smtpd(8) decides about the
    /// first recipient before it opens the queue file, and logs `client=` behind that: the earliest
    /// hop of that client which does not begin before the decision. Without times it is one that
    /// somebody deleted: that is the worse.
    func linkHolds(_ document: RawSpan) {
        for index in 0..<count where self[kind: index] == .outcome {
            guard
                let (hop, state, client, at) = look(
                    index, { ($0.hop, $0.state, $0.clientIP, $0.at) }),
                hop < 0, state == .held, !client.isNone
            else { continue }
            var found = -1
            for other in 0..<count where self[kind: other] == .hop {
                let isIts = look(other) { record in
                    let hasTimes = !at.isNone && !record.firstAt.isNone
                    return !record.isNotification && (hasTimes || record.handled == .deleted)
                        && Self.isSame(record.clientIP, client, document)
                        && !Self.isBefore(record.firstAt, at, document)
                }
                guard isIts == true else { continue }
                if found < 0 || isEarlier(other, than: found, document) { found = other }
            }
            guard found >= 0 else { continue }
            with(index) { $0.hop = found }
            with(found) { if $0.state == .queued { $0.state = .held } }
        }
    }

    /// The hop that an id says was before; -1 without one.
    private func named(before hop: Int, _ document: RawSpan) -> Int {
        guard let (key, previous) = look(hop, { ($0.key, $0.previousID) }) else { return -1 }
        if !previous.isNone, let named = find(.hop, previous, document), named != hop {
            return named
        }
        guard let told = find(.next, key, document),
            let (teller, kind, isLocal) = look(told, { ($0.hop, $0.nextKind, $0.isLocal) }),
            kind == .queuedAs, teller >= 0, teller != hop,
            // A next hop of others' knows ids of hops before it from the message's header.
            isLocal || !began(hop, before: teller, document)
        else { return -1 }
        return teller
    }

    /// The hops that have handed a copy on: behind the others nobody can have got it.
    private func handersOn() -> Set<Int> {
        var handers: Set<Int> = []
        for index in 0..<count where self[kind: index] == .outcome {
            guard let (hop, state) = look(index, { ($0.hop, $0.state) }) else { continue }
            if hop >= 0, state == .sent { handers.insert(hop) }
        }
        return handers
    }

    /// The latest of the hops before with the same Message-ID; -1 without one.
    private func sameMessage(
        before hop: Int, _ handers: inout Set<Int>?, _ document: RawSpan
    ) -> Int {
        guard let (id, side, client) = look(hop, { ($0.messageID, $0.side, $0.clientIP) }),
            id.length > 0
        else { return -1 }
        let isFromOutside = !client.isNone && !TraceSummary.isInside(client, document)
        var found = -1
        for other in 0..<count where self[kind: other] == .hop && other != hop {
            let isBefore = look(other) { record in
                !record.isNotification && Self.isSame(record.messageID, id, document)
                    // What came from the outside was not handed back by a filter.
                    && !(isFromOutside && TraceSummary.isInside(record.clientIP, document))
                    && (began(other, before: hop, document)
                        || (record.side == .inbound && side == .outbound
                            && !began(hop, before: other, document)))
            }
            guard isBefore == true, !leads(hop, to: other) else { continue }
            let known = handers ?? handersOn()
            handers = known
            guard known.contains(other) else { continue }
            if found < 0 || began(found, before: other, document) { found = other }
        }
        return found
    }

    /// Whether a hop has its message for certain longer than another: by the times in their long
    /// queue ids, else by those of their lines, if the first ones of the other are there.
    func began(_ one: Int, before other: Int, _ document: RawSpan) -> Bool {
        if let isEarlier = isEarlierByIDs(one, than: other, document) { return isEarlier }
        guard let first = look(one, { $0.firstAt }),
            let (second, hasBeginning) = look(other, { ($0.firstAt, $0.hasBeginning) })
        else { return false }
        return hasBeginning && Self.isBefore(first, second, document)
    }

    /// The same as far as is known: a hop whose beginning is missing may have had it longer.
    func isEarlier(_ one: Int, than other: Int, _ document: RawSpan) -> Bool {
        if let isEarlier = isEarlierByIDs(one, than: other, document) { return isEarlier }
        guard let first = look(one, { $0.firstAt }), let second = look(other, { $0.firstAt })
        else { return false }
        return Self.isBefore(first, second, document)
    }

    /// Whether a hop has its message for certain only since a later moment than that of a line: by
    /// the time in its long queue id, and by those of its lines if the first ones are there. What
    /// they contradict each other about is not certain.
    func began(_ hop: Int, after at: Written, _ document: RawSpan) -> Bool {
        guard
            let (key, firstAt, hasBeginning) = look(
                hop, { ($0.key, $0.firstAt, $0.hasBeginning) }),
            !at.isNone, at.range.upperBound <= document.byteCount,
            let line = Timestamp(document.extracting(at.range))
        else { return false }
        let byLines = hasBeginning && !firstAt.isNone
        if byLines, !Self.isBefore(at, firstAt, document) { return false }
        // Of the line's second all may be later than the id.
        guard let began = numbers(key, document)?.seconds else { return byLines }
        return began > line.minutes * 60 + line.second
    }

    private func isEarlierByIDs(_ one: Int, than other: Int, _ document: RawSpan) -> Bool? {
        guard let first = self[key: one].flatMap({ numbers($0, document) }),
            let second = self[key: other].flatMap({ numbers($0, document) }),
            let seconds = first.seconds, let others = second.seconds
        else { return nil }
        return (seconds, first.microseconds) < (others, second.microseconds)
    }

    private static func isBefore(_ one: Written, _ other: Written, _ document: RawSpan) -> Bool {
        !one.isNone && !other.isNone && TraceSummary.isBefore(one, other, document)
    }

    private func numbers(_ id: Written, _ document: RawSpan) -> QueueIDNumbers? {
        id.range.upperBound <= document.byteCount
            ? QueueIDNumbers(document.extracting(id.range)) : nil
    }

    /// Whether a hop handed the message, over others or not, to another; `byName` when ids say so
    /// all the way.
    func leads(_ one: Int, to other: Int, byName: Bool = false) -> Bool {
        var hop = other
        for _ in 0..<Self.maxHops {
            guard let (before, isNamed) = look(hop, { ($0.hop, $0.isNamed) }), before >= 0,
                isNamed || !byName
            else { return false }
            if before == one { return true }
            hop = before
        }
        return false
    }
}
