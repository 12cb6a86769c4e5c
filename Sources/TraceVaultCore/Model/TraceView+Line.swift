// TraceView+Line.swift - one line of a trace.
//
// Total and lossless: any JSON value becomes a line, its message word for word; what has no place
// of its own goes to `extra` under its own name. What a message means does not belong here.

/// Which line it is, for the paths of warnings.
struct TraceLinePlace {
    let direction: Trace.Direction
    var number: Int

    var path: String { "\(direction.path)/lines/\(number)" }
}

extension TraceView {
    /// The members of a line that have a place of their own; 0 is "not there", as position 0 is
    /// the whole text.
    private struct Parts {
        var lineno = 0
        var loggedAt = 0
        var time = 0
        var message = 0
        /// What `extra` must not repeat; a part that could not be used is taken out.
        var placed = KnownNames.lineNames
        var hasOther = false
    }

    mutating func line(
        _ index: Int, _ place: TraceLinePlace, _ bytes: RawSpan
    ) throws(Failure) {
        guard tape[index].kind == .object else { return try bare(index, place, bytes) }
        if usual(index, place.direction, bytes) { return }
        var parts = try parts(of: index, place, bytes)
        writer.beginObject()
        lineno(&parts, place, bytes)
        at = .none
        time(&parts, place, bytes)
        message(&parts, place, bytes)
        if parts.message != 0, tape[parts.message].kind == .string {
            event(tape[parts.message], place.direction, bytes)
        } else {
            note(place.direction, isEvent: false)
        }
        if parts.hasOther || parts.placed != .lineNames {
            try extra(of: index, parts.placed, place.path, bytes)
        }
        writer.endObject()
    }

    /// Writes the line, up to its message in one step, when it is as nearly every line is: a
    /// number, a time and a text that stay as they are, in this order, nothing else and no white
    /// space. False, and nothing written, when not.
    @inline(__always)
    private mutating func usual(
        _ index: Int, _ direction: Trace.Direction, _ bytes: RawSpan
    ) -> Bool {
        // A member takes two tokens or more.
        guard let tokens = unsafe tape.tokens(from: index, length: 7),
            unsafe Int(tokens[0].next) == index &+ 7
        else { return false }
        let (start, number, time, message) = unsafe (
            Int(tokens[0].start), tokens[2], tokens[4], tokens[6]
        )
        // What stands around the values tells the names, and that time and message are strings.
        guard bytes.has("{\"lineno\":", start), Self.isPlain(number, bytes),
            bytes.has(",\"logged_at\":\"", Int(number.end)), !time.marks.contains(.escaped),
            bytes.has("\",\"message\":\"", Int(time.end)), !message.marks.contains(.rewritten),
            times.isCanonical(bytes.extracting(time.range(within: bytes.byteCount)))
        else { return false }
        at = writer.line(start..<Int(number.end), Int(time.start)..<Int(message.end), bytes)
        guard !at.isNone else { return false }
        at.end(after: Int(time.end &- time.start))
        event(message, direction, bytes)
        writer.endObject()
        return true
    }

    /// Finds the known members without `JSONMembers`, which compares all names with each other:
    /// they can only repeat themselves, so the last assignment wins.
    private mutating func parts(
        of index: Int, _ place: TraceLinePlace, _ bytes: RawSpan
    ) throws(Failure) -> Parts {
        var parts = Parts()
        var repeated = 0
        var key = index + 1
        let end = Int(tape[index].next)
        while key + 1 < end {
            let value = key + 1
            let name = KnownNames(of: tape[key], bytes)
            let former: Int
            switch name {
            case .message: (former, parts.message) = (parts.message, value)
            case .lineno: (former, parts.lineno) = (parts.lineno, value)
            case .loggedAt: (former, parts.loggedAt) = (parts.loggedAt, value)
            case .time: (former, parts.time) = (parts.time, value)
            default: (former, parts.hasOther) = (0, true)
            }
            if former != 0 { repeated += 1 }
            key = Int(tape[value].next)
        }
        if parts.hasOther {
            repeated = try noteOthers(of: index, place, bytes)
        }
        warnings.add(.duplicateKey, repeated, at: place.path)
        return parts
    }

    /// Warns of the members without a place; answers how many of all members were repeated.
    private mutating func noteOthers(
        of index: Int, _ place: TraceLinePlace, _ bytes: RawSpan
    ) throws(Failure) -> Int {
        var members = try JSONMembers(of: index, tape, bytes)
        while let (key, _) = members.next(tape, bytes) {
            if KnownNames.lineNames.contains(KnownNames(of: tape[key], bytes)) { continue }
            warnings.add(.unknownKey, at: place.path)
        }
        return members.duplicates
    }

    /// A line that is no object: a text is its message, anything else is kept as it is.
    private mutating func bare(
        _ index: Int, _ place: TraceLinePlace, _ bytes: RawSpan
    ) throws(Failure) {
        warnings.add(.lineNotObject, at: place.path)
        writer.beginObject()
        writer.key("message")
        if tape[index].kind == .string {
            string(tape[index], bytes)
        } else {
            writer.string("")
            writer.key("extra")
            writer.beginObject()
            writer.key("line")
            try copy(index, place.path, bytes)
            writer.endObject()
        }
        writer.endObject()
    }

    private mutating func lineno(_ parts: inout Parts, _ place: TraceLinePlace, _ bytes: RawSpan) {
        let token = tape[parts.lineno]
        guard parts.lineno != 0, token.kind != .null else { return }
        if Self.isPlain(token, bytes) {
            writer.key("lineno")
            writer.verbatim(bytes.extracting(token.range(within: bytes.byteCount)))
            return
        }
        guard let number = tape.integer(parts.lineno, in: bytes) else {
            warnings.add(.linenoNotInteger, at: place.path + "/lineno")
            parts.placed.remove(.lineno)
            return
        }
        writer.key("lineno")
        writer.int(number)
    }

    /// Whether it is a positive number that fits for sure: written as it would be printed.
    @inline(__always)
    private static func isPlain(_ token: JSONToken, _ bytes: RawSpan) -> Bool {
        token.marks.contains(.integer) && token.end &- token.start <= 18
            && JSONText.byte(bytes, Int(token.start)) != UInt8(ascii: "-")
    }

    private mutating func message(
        _ parts: inout Parts, _ place: TraceLinePlace, _ bytes: RawSpan
    ) {
        writer.key("message")
        let token = tape[parts.message]
        if parts.message != 0, token.kind == .string { return string(token, bytes) }
        writer.string("")
        if parts.message == 0 || token.kind == .null {
            warnings.add(.messageMissing, at: place.path)
        } else {
            warnings.add(.messageNotText, at: place.path + "/message")
            parts.placed.remove(.message)
        }
    }

    // MARK: - Time

    /// `at` from `logged_at`, else from `ts`; `at_raw` when it was written differently or could
    /// not be read. The other of the two is kept unless it says the same.
    private mutating func time(_ parts: inout Parts, _ place: TraceLinePlace, _ bytes: RawSpan) {
        if parts.time == 0, tape[parts.loggedAt].kind == .string,
            writeCanonical(tape[parts.loggedAt], bytes)
        {
            return
        }
        let logged = timeText(parts.loggedAt, .loggedAt, "/logged_at", &parts, place)
        let older = timeText(parts.time, .time, "/ts", &parts, place)
        let loggedTime = logged.flatMap { timestamp($0, bytes) }
        if let logged, let loggedTime {
            write(logged, loggedTime, place, bytes)
            if let older, !isSame(logged, loggedTime, older, bytes) {
                warnings.add(.timesDiffer, at: place.path + "/ts")
                parts.placed.remove(.time)
            }
        } else if let older, let olderTime = timestamp(older, bytes) {
            write(older, olderTime, place, bytes)
            if logged != nil {
                warnings.add(.timeUnreadable, at: place.path + "/logged_at")
                parts.placed.remove(.loggedAt)
            }
        } else if let unreadable = logged ?? older {
            writer.key("at_raw")
            string(unreadable, bytes)
            warnings.add(.timeUnreadable, at: place.path + (logged == nil ? "/ts" : "/logged_at"))
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
        guard !token.marks.contains(.escaped), let time = Timestamp(text), time.isCanonical
        else { return false }
        writer.key("at")
        writer.string(text, isEscaped: false)
        at = Written(writer.buffer.count - 1 - text.byteCount, writer.buffer.count - 1)
        return true
    }

    /// The token of a time that is a string; one that is something else goes to `extra`.
    private mutating func timeText(
        _ index: Int, _ name: KnownNames, _ member: StaticString, _ parts: inout Parts,
        _ place: TraceLinePlace
    ) -> JSONToken? {
        guard index != 0, tape[index].kind != .null else { return nil }
        if tape[index].kind == .string { return tape[index] }
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
        writer.key("at_raw")
        string(token, bytes)
        if time.zoneMissing { warnings.add(.timeZoneMissing, at: place.path) }
    }

    private func timestamp(_ token: JSONToken, _ bytes: RawSpan) -> Timestamp? {
        var time: Timestamp?
        Self.withText(token, bytes) { time = Timestamp($0) }
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
