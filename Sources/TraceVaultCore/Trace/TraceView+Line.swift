// TraceView+Line.swift - one line of a trace.
//
// Total and lossless: any JSON value becomes a line, its message word for word; what has no place
// of its own goes to `extra` under its own name. What a message means does not belong here.

/// Which line it is, for the paths of warnings.
struct TraceLinePlace {
    let direction: Direction
    var number: Int

    var path: String { "\(direction.path)/lines/\(number)" }
}

extension TraceView {
    /// The members of a line that have a place of their own; 0 is "not there", as position 0 is
    /// the whole text.
    struct Parts {
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
        _ index: Int, _ direction: Direction, _ bytes: RawSpan
    ) -> Bool {
        // A member takes two tokens or more.
        guard writer.ways.contains(.line), let tokens = unsafe tape.tokens(from: index, length: 7),
            unsafe Int(tokens[0].next) == index &+ 7
        else { return false }
        let (start, number, time, message) = unsafe (
            Int(tokens[0].start), tokens[2], tokens[4], tokens[6]
        )
        // What stands around the values tells the names, and that time and message are strings.
        // Nor may there be white space, which would be copied with them.
        let lineno: StaticString = "{\"lineno\":"
        guard bytes.has(lineno, start), Int(number.start) == start &+ lineno.utf8CodeUnitCount,
            Self.isPlain(number, bytes),
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
}
