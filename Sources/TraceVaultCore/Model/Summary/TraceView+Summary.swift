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
        each(#""hops":["#, .hop) { view, record in view.hop(record) }
        each(#""next_queue_ids":["#, .next) { view, record in view.next(record) }
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

    /// Decides what only the whole trace can tell: what expired, what is still on its way between
    /// two hops of this trace, which recipients stand for others or are a notification's.
    private mutating func settle() {
        summary.settle()
        let table = summary.table
        writer.buffer.withBytes { document in
            for index in 0..<table.count where table[kind: index] == .recipient {
                Self.choose(index, table, document)
                Self.settle(index, table, document)
            }
        }
    }

    /// Of a recipient that a notification went to, too, the outcome at the other hop.
    private static func choose(_ index: Int, _ table: SummaryTable, _ document: RawSpan) {
        guard let (hop, key) = table.look(index, { ($0.hop, $0.key) }),
            table.look(hop, { $0.isNotification }) ?? false,
            let other = table.find(.other, key, document)
        else { return }
        table.copy(other, to: index)
    }

    private static func settle(_ index: Int, _ table: SummaryTable, _ document: RawSpan) {
        guard
            let recipient = table.look(
                index,
                { (state: $0.state, hop: $0.hop, key: $0.key, queuedAs: $0.queuedAs) })
        else { return }
        var (state, isNotification) = (recipient.state, false)
        table.look(recipient.hop) { hop in
            isNotification = hop.isNotification
            if state == .deferred, hop.isExpired { state = .expired }
        }
        if state == .sent, !recipient.queuedAs.isNone,
            let next = table.find(.hop, recipient.queuedAs, document)
        {
            if isExpanded(index, recipient.key, table, document) {
                state = .expanded
            } else if next != recipient.hop {
                // The next hop may name any id: one that is through has nothing more.
                table.look(next) { hop in
                    if hop.isExpired {
                        state = .expired
                    } else if !hop.isRemoved {
                        state = .queued
                    }
                }
            }
        }
        table.with(index) { ($0.state, $0.isNotification) = (state, isNotification) }
    }

    /// Whether another recipient stands for this one.
    private static func isExpanded(
        _ index: Int, _ alias: Written, _ table: SummaryTable, _ document: RawSpan
    ) -> Bool {
        for other in 0..<table.count where other != index && table[kind: other] == .recipient {
            let isIt = table.look(other) { record in
                !record.origTo.isNone && SummaryTable.isSame(record.origTo, alias, document)
            }
            if isIt == true { return true }
        }
        return false
    }

    /// One word for all recipients; without any, for what is known of the message.
    private var overall: StaticString {
        var common: RecipientState?
        var (isMixed, isInQueue, isExpired) = (false, false, false)
        let table = summary.table
        for index in 0..<table.count {
            table.look(index) { record in
                if record.isNotification { return }
                switch record.kind {
                case .hop:
                    if record.isExpired { isExpired = true }
                    let isDone = record.isExpired || record.isRemoved || record.isReported
                    if !isDone, record.isTaken { isInQueue = true }
                case .recipient where record.state != .expanded:
                    if common != nil, common != record.state { isMixed = true }
                    common = record.state
                default: break
                }
            }
        }
        if isMixed { return "mixed" }
        if let common { return common.text }
        if summary.isRejected { return "rejected" }
        if isInQueue { return "queued" }
        if isExpired { return "expired" }
        return trace.isPending ? "pending" : "unknown"
    }

    // MARK: - The parts

    private mutating func recipient(_ record: borrowing SummaryRecord) {
        writer.member(.address, again: record.key)
        writer.member(.state, word: record.state.text)
        writer.member(.origTo, again: record.origTo)
        writer.member(.dsn, again: record.dsn)
        writer.member(.relay, again: record.relay)
        writer.member(.reply, again: record.reply)
        writer.member(.at, again: record.at)
        writer.member(.delay, again: record.delay)
        writer.member(.queueID, again: summary.table[key: record.hop] ?? .none)
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
