// TraceView+Summary.swift - the `summary` of the trace document: docs/trace.md.
//
// Everything that was said about one recipient, hop or id is known now, so what they mean for each
// other is decided here. Texts are copied from the document itself.

extension TraceView {
    /// Writes the summary, after all lines.
    mutating func writeSummary() {
        settle()
        warnings.add(.recipientsNotListed, summary.droppedRecipients, at: "")
        warnings.add(.hopsNotListed, summary.droppedHops, at: "")
        warnings.add(.nextIDsNotListed, summary.droppedNext, at: "")
        writer.fixed(#""summary":{"#)
        writer.member(.state, word: overall)
        each(#""recipients":["#, .recipient) { view, record in view.recipient(record) }
        writer.member(.sender, again: summary.sender)
        writer.member(.messageID, again: summary.messageID)
        writer.member(.size, again: summary.size)
        writer.member(.clientHost, again: summary.clientHost)
        writer.member(.clientIP, again: summary.clientIP)
        writer.member(.firstAt, again: summary.firstAt)
        writer.member(.lastAt, again: summary.lastAt)
        let start = writer.buffer.count
        each(#""hops":["#, .hop) { view, record in view.hop(record) }
        each(#""next_queue_ids":["#, .next) { view, record in view.next(record) }
        leftOut.add(start, upTo: writer.buffer.count)
        writer.endObject()
    }

    private mutating func each(
        _ name: StaticString, _ kind: SummaryRecord.Kind,
        _ write: (inout TraceView, borrowing SummaryRecord) -> Void
    ) {
        writer.fixed(name)
        let table = summary.table
        for index in 0..<table.count where table[kind: index] == kind {
            table.look(index) { record in
                if kind == .recipient, record.isNotification { return }
                writer.beginObject()
                write(&self, record)
                writer.endObject()
            }
        }
        writer.endArray()
    }

    // MARK: - What it means together

    private mutating func settle() {
        let isPending = trace.isPending
        writer.buffer.withBytes { summary.settle(isPending: isPending, $0) }
        warnings.add(.outcomesNotLinked, summary.unlinked, at: "")
        warnings.add(.outcomesNotListed, summary.droppedOutcomes, at: "")
        warnings.add(.recipientsUnaccounted, summary.unaccounted, at: "")
    }

    /// One word for all recipients; without any, for what is known of the message.
    private var overall: StaticString {
        var common: RecipientState?
        var (isMixed, isInQueue, isExpired) = (false, false, false)
        var standing: RecipientState?
        let table = summary.table
        for index in 0..<table.count {
            table.look(index) { record in
                if record.isNotification { return }
                switch record.kind {
                case .hop:
                    if record.isExpired { isExpired = true }
                    let isDone = record.isExpired || record.isRemoved || record.isReported
                    let state = record.decided
                    if let state, state.badness >= standing?.badness ?? 0 { standing = state }
                    if !isDone, record.isTaken, state == nil { isInQueue = true }
                case .recipient where record.state != .expanded:
                    if common != nil, common != record.state { isMixed = true }
                    common = record.state
                default: break
                }
            }
        }
        if isMixed { return "mixed" }
        if let common { return isKnownOfAll(common) ? common.text : "incomplete" }
        if summary.refusal == .rejected { return "rejected" }
        if isInQueue { return "queued" }
        if let standing { return standing.text }
        if isExpired { return "expired" }
        if let refusal = summary.refusal { return refusal.text }
        return trace.isPending ? "pending" : "unknown"
    }

    /// False while some recipients are unaccounted for, or a filter has yet to say what it did.
    private func isKnownOfAll(_ common: RecipientState) -> Bool {
        if common == .acceptedByFilter, trace.isPending { return false }
        // Beyond the most that are listed nobody looked.
        if summary.droppedRecipients > 0 { return false }
        // Some were refused, and no line says who.
        if let unnamed = summary.unnamed, common.badness < unnamed.badness { return false }
        return writer.buffer.withBytes { document in
            if common == .sent, trace.isPending, !summary.isAllOutbound { return false }
            if summary.hasUnnamedEnd(worseThan: common, document) { return false }
            return common == .queued || !summary.isUnaccounted
        }
    }

    // MARK: - The parts

    private mutating func recipient(_ record: borrowing SummaryRecord) {
        writer.member(.address, again: record.key)
        writer.member(.state, word: record.state.text)
        let table = summary.table
        table.look(record.chosen) { outcome in
            writer.member(.origTo, again: outcome.origTo)
            writer.member(.dsn, again: outcome.dsn)
            writer.member(.relay, again: outcome.relay)
            writer.member(.reply, again: outcome.reply)
            writer.member(.at, again: outcome.at)
            writer.member(.delay, again: outcome.delay)
            writer.member(.queueID, again: table[key: outcome.hop] ?? .none)
        }
        writer.key("attempts")
        writer.int(record.attempts)
    }

    private mutating func hop(_ record: borrowing SummaryRecord) {
        queueID(.ownID, record.key, isWhole: true)
        writer.member(.side, word: record.side.name)
        writer.member(.state, word: Self.state(ofHop: record))
        writer.fixed(record.isNotification ? #""notification":true"# : #""notification":false"#)
        writer.member(.firstAt, again: record.firstAt)
        writer.member(.lastAt, again: record.lastAt)
        writer.member(.previousID, again: record.previousID)
        writer.member(.clientHost, again: record.clientHost)
        writer.member(.clientIP, again: record.clientIP)
        writer.member(.sender, again: record.sender)
        writer.member(.messageID, again: record.messageID)
        writer.member(.size, again: record.size)
        writer.member(.nrcpt, again: record.nrcpt)
        writer.member(.relay, again: record.relay)
        delays(record)
    }

    private static func state(ofHop record: borrowing SummaryRecord) -> StaticString {
        if record.isExpired { return "expired" }
        if let standing = record.decided { return standing.text }
        if record.isRemoved { return "removed" }
        return record.isQueued ? "queued" : "received"
    }

    /// Of the slowest delivery, and which part of it took longest.
    private mutating func delays(_ record: borrowing SummaryRecord) {
        writer.member(.delay, again: record.delay)
        var slowest: (name: StaticString, took: Int64) = ("", 0)
        part(.delayBeforeQmgr, record.delayBeforeQmgr, "before_qmgr", &slowest)
        part(.delayInQmgr, record.delayInQmgr, "in_qmgr", &slowest)
        part(.delayConnSetup, record.delayConnSetup, "conn_setup", &slowest)
        part(.delayTransmission, record.delayTransmission, "transmission", &slowest)
        if slowest.took > 0 { writer.member(.slowest, word: slowest.name) }
    }

    private mutating func part(
        _ key: PostfixEvent.Name, _ delay: Written, _ name: StaticString,
        _ slowest: inout (name: StaticString, took: Int64)
    ) {
        writer.member(key, again: delay)
        let took = writer.buffer.withBytes { TraceSummary.milliseconds(delay, $0) }
        if took > slowest.took { slowest = (name, took) }
    }

    private mutating func next(_ record: borrowing SummaryRecord) {
        let (id, kind) = (record.key, record.nextKind)
        let isSeen = writer.buffer.withBytes { summary.table.find(.hop, id, $0) != nil }
        if kind == .queuedAs || kind == .notification {
            queueID(.id, id, isWhole: false)
        } else {
            writer.member(.id, again: id)
        }
        writer.member(.kind, word: kind.text)
        writer.member(.fromID, again: summary.table[key: record.hop] ?? .none)
        writer.fixed(isSeen ? #""in_trace":true"# : #""in_trace":false"#)
    }

    /// A queue id and, when it is a long one, the time that is in it; `isWhole` with the inode.
    private mutating func queueID(_ name: SummaryName, _ id: Written, isWhole: Bool) {
        writer.member(name, again: id)
        let numbers = writer.buffer.withBytes { document in
            id.range.upperBound <= document.byteCount
                ? QueueIDNumbers(document.extracting(id.range)) : nil
        }
        guard let numbers else { return }
        writer.member("time", time: numbers)
        guard isWhole, numbers.seconds != nil else { return }
        writer.key("inode")
        writer.int(numbers.inode)
    }
}
