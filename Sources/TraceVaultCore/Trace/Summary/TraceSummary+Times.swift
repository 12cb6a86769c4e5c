// TraceSummary+Times.swift - comparing times and delays as they stand in the document, and which
// outcomes are of earlier tries.
//
// Neither is turned into a number beyond what a comparison needs: what is written later is the
// text itself.

import CSystem

extension TraceSummary {
    /// Takes one more time into the first and the last of some; answers whether it is later than
    /// all of them. `isLatest` when that is known.
    @inline(__always)
    static func widen(
        _ first: inout Written, _ last: inout Written, to time: Written, isLatest: Bool,
        _ document: RawSpan
    ) -> Bool {
        if isLatest || isBefore(last, time, document) {
            last = time
            first.setOnce(time)
            return true
        }
        if isBefore(time, first, document) { first = time }
        return false
    }

    /// Keeps the delays of the hop's slowest delivery.
    func slowest(_ event: borrowing PostfixEvent, _ hop: Int, _ document: RawSpan) {
        let delay = event.written(.delay)
        let took = Self.milliseconds(delay, document)
        let parts = (
            event.written(.delayBeforeQmgr), event.written(.delayInQmgr),
            event.written(.delayConnSetup), event.written(.delayTransmission)
        )
        table.with(hop) { record in
            guard took > record.slowest else { return }
            record.slowest = took
            record.delay = delay
            (record.delayBeforeQmgr, record.delayInQmgr) = (parts.0, parts.1)
            (record.delayConnSetup, record.delayTransmission) = (parts.2, parts.3)
        }
    }

    /// A number of seconds as `PostfixEvent` accepts it, at most 15 characters; -1 without one.
    static func milliseconds(_ text: Written, _ document: RawSpan) -> Int64 {
        guard !text.isNone else { return -1 }
        var value: Int64 = 0
        var decimals = -1
        for place in text.range where decimals < 3 {
            let digit = document.at(place) &- UInt8(ascii: "0")
            if digit < 10 {
                value = value &* 10 &+ Int64(digit)
                if decimals >= 0 { decimals += 1 }
            } else {
                decimals = 0
            }
        }
        for _ in max(0, decimals)..<3 { value = value &* 10 }
        return value
    }

    /// Compares two times as the document has them: RFC 3339 in UTC, any number of decimals.
    static func isBefore(_ one: Written, _ other: Written, _ document: RawSpan) -> Bool {
        let (first, second) = (Int(one.start), Int(other.start))
        let last = max(first, second) + Int(one.length)
        if one.length == other.length, one.length >= 20, last <= document.byteCount {
            // As nearly always: of one source, with as many decimals. Then text sorts like time.
            return unsafe document.withUnsafeBytes { bytes in
                guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                else { return false }
                return unsafe tvs_is_before(base + first, base + second, Int(one.length)) != 0
            }
        }
        for place in 0..<max(Int(one.length), Int(other.length)) {
            var a = place < Int(one.length) ? document.at(first + place) : UInt8(ascii: "0")
            var b = place < Int(other.length) ? document.at(second + place) : UInt8(ascii: "0")
            // The end, or no fraction at all, is as good as a zero.
            if a == UInt8(ascii: "Z") || a == UInt8(ascii: ".") { a = UInt8(ascii: "0") }
            if b == UInt8(ascii: "Z") || b == UInt8(ascii: ".") { b = UInt8(ascii: "0") }
            if a != b { return a < b }
        }
        return false
    }

    // MARK: - Earlier tries

    /// Whether a decision was about an earlier try: deliveries at its own hop, or at one that for
    /// certain began behind it, say that the message was taken since. Where the beginning of a
    /// hop's lines is missing its first line proves nothing, and the decision counts. What was
    /// thrown away comes not again.
    func isOvertaken(
        _ decision: borrowing SummaryRecord, _ recipient: Int, _ document: RawSpan
    ) -> Bool {
        let (hop, at) = (decision.hop, decision.at)
        let isByTime = decision.state != .discarded
        let isBack = mayBeHandedBack(decision, document)
        let isForNow = decision.state == .refusedForNow
        var isOvertaken = false
        each(recipient) { _, other in
            guard !other.isDecision else { return }
            if other.hop == hop, hop >= 0 { isOvertaken = true }
            guard isByTime, !isBack || (isForNow && hasLeft(other, document)) else { return }
            let isNotification = table.look(other.hop) { $0.isNotification } ?? true
            if !isNotification, table.began(other.hop, after: at, document) { isOvertaken = true }
        }
        return isOvertaken
    }

    /// Whether a decision may be about what a filter handed back. Then no time tells that it was
    /// about an earlier try: its host may have another clock than that of the hop before.
    /// A check of headers names the client of that hop, so the hop's own client counts too.
    private func mayBeHandedBack(
        _ decision: borrowing SummaryRecord, _ document: RawSpan
    ) -> Bool {
        if mayBeFilter(decision.clientIP, document) { return true }
        return table.look(decision.hop) { mayBeFilter($0.clientIP, document) } ?? false
    }

    /// Whether a copy went on to the outside from a hop that it was handed to from the inside: a
    /// filter handed it back, and no filter has it now.
    func hasLeft(_ outcome: borrowing SummaryRecord, _ document: RawSpan) -> Bool {
        guard !outcome.isDecision, !outcome.isLocal else { return false }
        return table.look(outcome.hop) { Self.isInside($0.clientIP, document) } ?? false
    }
}
