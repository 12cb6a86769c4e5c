// TraceView+Time.swift - the time of a line.
//
// Whatever the reply has for it is kept; as a time is told only what is one.

extension TraceView {
    /// `at` from `logged_at`, else from `ts`; `at_raw` when it was written differently or could
    /// not be read. The other of the two is kept unless it says the same.
    mutating func time(_ parts: inout Parts, _ place: TraceLinePlace, _ bytes: RawSpan) {
        if parts.time == 0, tape[parts.loggedAt].kind == .string,
            writeCanonical(tape[parts.loggedAt], bytes)
        {
            return
        }
        let logged = timeText(parts.loggedAt, .loggedAt, "/logged_at", &parts, place)
        let older = timeText(parts.time, .time, "/ts", &parts, place)
        let (loggedTime, loggedFault) = plausible(logged, bytes)
        let (olderTime, olderFault) = plausible(older, bytes)
        if let logged, let loggedTime {
            write(logged, loggedTime, place, bytes)
            if let older, !isSame(logged, loggedTime, older, bytes) {
                warnings.add(.timesDiffer, at: place.path + "/ts")
                parts.placed.remove(.time)
            }
        } else if let older, let olderTime {
            write(older, olderTime, place, bytes)
            if logged != nil {
                warnings.add(loggedFault, at: place.path + "/logged_at")
                parts.placed.remove(.loggedAt)
            }
        } else if let unreadable = logged ?? older {
            raw(unreadable, bytes)
            warnings.add(
                logged == nil ? olderFault : loggedFault,
                at: place.path + (logged == nil ? "/ts" : "/logged_at"))
            if let logged, let older, !JSONMembers.isSame(logged, older, bytes) {
                parts.placed.remove(.time)
            }
        } else if parts.placed.isSuperset(of: [.loggedAt, .time]) {
            warnings.add(.timeMissing, at: place.path)
        }
    }

    /// Writes `at` when the text is already what would be written, as nearly always. True when it
    /// was.
    private mutating func writeCanonical(_ token: JSONToken, _ bytes: RawSpan) -> Bool {
        let text = bytes.extracting(token.range(within: bytes.byteCount))
        guard !token.marks.contains(.escaped), let time = Timestamp(text), time.isCanonical,
            times.isPlausible(time)
        else { return false }
        writer.key("at")
        writer.string(text, isRewritten: false)
        at = Written(writer.buffer.count - 1 - text.byteCount, writer.buffer.count - 1)
        return true
    }

    /// The time that a token holds, if it is one and can be the trace's; else what is wrong.
    private mutating func plausible(
        _ token: JSONToken?, _ bytes: RawSpan
    ) -> (time: Timestamp?, fault: TraceWarnings.Code) {
        guard let token, let time = timestamp(token, bytes) else { return (nil, .timeUnreadable) }
        return times.isPlausible(time) ? (time, .timeImplausible) : (nil, .timeImplausible)
    }

    /// The token of a time that is a text or a number; what is something else goes to `extra`.
    private mutating func timeText(
        _ index: Int, _ name: KnownNames, _ member: StaticString, _ parts: inout Parts,
        _ place: TraceLinePlace
    ) -> JSONToken? {
        guard index != 0, tape[index].kind != .null else { return nil }
        if tape[index].kind == .string || tape[index].kind == .number { return tape[index] }
        warnings.add(.timeUnreadable, at: "\(place.path)\(member)")
        parts.placed.remove(name)
        return nil
    }

    private mutating func write(
        _ token: JSONToken, _ time: Timestamp, _ place: TraceLinePlace, _ bytes: RawSpan
    ) {
        writer.key("at")
        let before = writer.buffer.count
        defer { at = Written(before + 1, before + 1 + time.length) }
        if time.isCanonical { return string(token, bytes) }
        writer.beginString()
        writer.part(time.stem)
        if !time.fraction.isEmpty {
            writer.part(".")
            Self.withText(token, bytes) { writer.part($0.extracting(time.fraction)) }
        }
        writer.part("Z")
        writer.endString()
        raw(token, bytes)
        if time.zoneMissing { warnings.add(.timeZoneMissing, at: place.path) }
    }

    /// What was written, as text, also when it is a number.
    private mutating func raw(_ token: JSONToken, _ bytes: RawSpan) {
        writer.key("at_raw")
        if token.kind == .string { return string(token, bytes) }
        writer.beginString()
        writer.part(bytes.extracting(token.range(within: bytes.byteCount)))
        writer.endString()
    }

    private func timestamp(_ token: JSONToken, _ bytes: RawSpan) -> Timestamp? {
        var time: Timestamp?
        Self.withText(token, bytes) { time = Timestamp(anyForm: $0) }
        return time
    }

    private func isSame(
        _ logged: JSONToken, _ loggedTime: Timestamp, _ older: JSONToken, _ bytes: RawSpan
    ) -> Bool {
        if JSONMembers.isSame(logged, older, bytes) { return true }
        guard let olderTime = timestamp(older, bytes) else { return false }
        var same = false
        Self.withText(logged, bytes) { one in
            Self.withText(older, bytes) { same = loggedTime.isSame(as: olderTime, one, $0) }
        }
        return same
    }

    /// Lends the string without its escapes; lends nothing without memory.
    private static func withText(
        _ token: JSONToken, _ bytes: RawSpan, _ body: (RawSpan) -> Void
    ) {
        let text = bytes.extracting(token.range(within: bytes.byteCount))
        if token.marks.contains(.escaped) {
            JSONText.decoded(text)?.withBytes { body($0) }
        } else {
            body(text)
        }
    }
}
