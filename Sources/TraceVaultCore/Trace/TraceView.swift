// TraceView.swift - the `trace` view of a trace: docs/trace.schema.json.
//
// Writes the document straight from the tape into one buffer. A line's own members are in
// TraceView+Line.swift. Everything odd becomes a warning; nothing of a line is left out.

extension Trace {
    /// The document, complete.
    package func view(
        _ context: borrowing TraceContext, _ ways: ShortWays = .all
    ) throws(Failure) -> ByteBuffer { try written(context, ways).text }

    /// The document, and what its brief form leaves out.
    func written(
        _ context: borrowing TraceContext, _ ways: ShortWays = .all
    ) throws(Failure) -> WrittenView {
        var view = try written(context, CanonicalTimes(), ways)
        // Where the lines contradict each other, and no reference was given, a hop's id decides.
        let told = context.messageRef.flatMap { QueueID(leading: $0)?.seconds }
        let asked = told ?? (view.times.areScattered(nil) ? view.firstQueueTime : nil)
        let queueID = asked.map { $0 / 60 }
        if view.times.areScattered(queueID) {
            // Seldom: which times are none can only be told when all are known.
            let all = try written(context, CanonicalTimes(isCollecting: true), ways)
            view = try written(context, CanonicalTimes(all.times.narrowed(queueID)), ways)
        }
        return WrittenView(view.writer.buffer, view.leftOut)
    }

    private func written(
        _ context: borrowing TraceContext, _ times: CanonicalTimes, _ ways: ShortWays
    ) throws(Failure) -> TraceView {
        // Even a line of one byte becomes an object of a few dozen.
        let (room, overflow) = tape.body.count.multipliedReportingOverflow(by: 40)
        let buffer = ByteBuffer(limit: overflow ? Int.max / 2 : room + TraceView.maxContext)
        // Lines, events and summary come to less than three times the body: memory that is taken
        // once is not copied.
        _ = buffer.reserve(min(buffer.limit, tape.body.count * 3 + 4096))
        var view = TraceView(self, JSONWriter(into: buffer, ways), times)
        try tape.body.withBytes { (bytes) throws(Failure) in try view.write(context, bytes) }
        guard view.writer.isComplete else {
            throw Failure(.noMemory, "not enough memory for the trace document")
        }
        return view
    }
}

/// One document being written.
struct TraceView: ~Copyable {
    /// Room for everything that is not from the body.
    static let maxContext = 16_384

    let trace: Trace
    let tape: JSONTape
    var writer: JSONWriter
    var warnings: TraceWarnings
    /// The event of the line at hand; one for all lines, because it is large.
    var event = PostfixEvent()
    var summary = TraceSummary()
    var times: CanonicalTimes
    /// Events, hops and next ids.
    var leftOut = LeftOut()
    /// Where the time of the line at hand was written.
    var at = Written.none
    /// Holds a message without its escapes; made for the first that has any.
    var unescaped: ByteBuffer?

    init(_ trace: borrowing Trace, _ writer: consuming JSONWriter, _ times: CanonicalTimes) {
        self.trace = copy trace
        self.times = times
        tape = trace.tape
        event.ways = writer.ways
        self.writer = writer
        warnings = trace.warnings
    }

    /// When the first hop that has a long queue id took the message, in seconds since 1970.
    fileprivate var firstQueueTime: Int64? {
        let table = summary.table
        return writer.buffer.withBytes { document in
            for index in 0..<table.count where table[kind: index] == .hop {
                guard let id = table[key: index]?.range, id.upperBound <= document.byteCount else {
                    continue
                }
                let numbers = QueueIDNumbers(document.extracting(id))
                if let seconds = numbers?.seconds { return seconds }
            }
            return nil
        }
    }

    mutating func write(_ context: borrowing TraceContext, _ bytes: RawSpan) throws(Failure) {
        writer.beginObject()
        header(context)
        try side(.inbound, trace.inbound, bytes)
        try side(.outbound, trace.outbound, bytes)
        writeSummary()
        if trace.hasExtra { try extra(of: trace.result, .resultNames, "/result", bytes) }
        if let ended = context.ended {
            warnings.add(.lastLookFailed, at: "")
            writer.key("error")
            writer.failure(ended)
        }
        writer.key("warnings")
        warnings.write(into: &writer)
        writer.endObject()
    }

    private mutating func header(_ context: borrowing TraceContext) {
        writer.fixed(#""schema":"tracevault.trace/1""#)
        text("account_id", context.accountID)
        text("tenant", context.tenant)
        text("message_ref", context.messageRef)
        text("fetched_at", context.fetchedAtMs.flatMap { Timestamp.text(milliseconds: $0) })
        writer.key("complete")
        writer.bool(!trace.isPending)
        text("cf_ray", context.cfRay)
        writer.key("http_status")
        if let status = context.httpStatus { writer.int(status) } else { writer.null() }
        writer.key("attempts")
        if let attempts = context.attempts { writer.int(attempts) } else { writer.null() }
        // A short id has no time of its own and looks like any hexadecimal word.
        if let ref = context.messageRef, let id = QueueID(leading: ref), let time = id.time {
            writer.key("queue_id")
            writer.beginObject()
            text("value", id.value)
            text("time", time)
            writer.endObject()
        }
    }

    @inline(never)
    private mutating func text(_ key: StaticString, _ value: String?) {
        writer.key(key)
        if let value { writer.string(value) } else { writer.null() }
    }

    private mutating func side(
        _ direction: Direction, _ side: Trace.Side, _ bytes: RawSpan
    ) throws(Failure) {
        writer.fixed(
            direction == .inbound ? #""inbound":{"pending":"# : #""outbound":{"pending":"#)
        if let pending = side.pending { writer.bool(pending) } else { writer.null() }
        writer.fixed(#""lines":["#)
        if let lines = side.lines {
            let end = Int(tape[lines].next)
            var index = lines + 1
            var place = TraceLinePlace(direction: direction, number: 0)
            while index < end {
                try line(index, place, bytes)
                index = Int(tape[index].next)
                place.number += 1
            }
        }
        writer.endArray()
        if let object = side.object, side.hasExtra || side.pendingIsOdd {
            let known: KnownNames = side.pendingIsOdd ? [.lines] : [.lines, .pending]
            try extra(of: object, known, direction.path, bytes)
        }
        writer.endObject()
    }

    // MARK: - Members nobody asked for

    /// Writes `extra`: the members of an object whose names are not among `known`.
    mutating func extra(
        of object: Int, _ known: KnownNames, _ path: @autoclosure () -> String, _ bytes: RawSpan
    ) throws(Failure) {
        writer.key("extra")
        writer.beginObject()
        var members = try JSONMembers(of: object, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            if known.contains(KnownNames(of: tape[key], bytes)) { continue }
            writer.key(tape[key], bytes)
            try copy(value, path(), bytes)
        }
        writer.endObject()
    }

    /// Writes any value of the body, canonical.
    mutating func copy(_ value: Int, _ path: String, _ bytes: RawSpan) throws(Failure) {
        let odd = try writer.copy(value, of: tape, bytes)
        warnings.add(.duplicateKey, odd.duplicates, at: path)
        warnings.add(.numberOutOfRange, odd.numbers, at: path)
    }

    @inline(__always)
    mutating func string(_ token: JSONToken, _ bytes: RawSpan) { writer.string(token, bytes) }
}

/// The names that have a meaning inside `result`.
struct KnownNames: OptionSet {
    let rawValue: Int

    static let inbound = KnownNames(rawValue: 1)
    static let outbound = KnownNames(rawValue: 2)
    static let lines = KnownNames(rawValue: 4)
    static let pending = KnownNames(rawValue: 8)
    static let lineno = KnownNames(rawValue: 16)
    static let loggedAt = KnownNames(rawValue: 32)
    static let time = KnownNames(rawValue: 64)
    static let message = KnownNames(rawValue: 128)
    static let other = KnownNames(rawValue: 256)
    static let resultNames: KnownNames = [.inbound, .outbound]
    static let lineNames: KnownNames = [.lineno, .loggedAt, .time, .message]

    init(rawValue: Int) { self.rawValue = rawValue }

    init(of key: JSONToken, _ bytes: RawSpan) {
        if let known = Self.ofLine(key, bytes) {
            self = known
            return
        }
        if JSONText.equals(key, "message", in: bytes) {
            self = .message
        } else if JSONText.equals(key, "lineno", in: bytes) {
            self = .lineno
        } else if JSONText.equals(key, "ts", in: bytes) {
            self = .time
        } else if JSONText.equals(key, "logged_at", in: bytes) {
            self = .loggedAt
        } else if JSONText.equals(key, "lines", in: bytes) {
            self = .lines
        } else if JSONText.equals(key, "pending", in: bytes) {
            self = .pending
        } else if JSONText.equals(key, "inbound", in: bytes) {
            self = .inbound
        } else if JSONText.equals(key, "outbound", in: bytes) {
            self = .outbound
        } else {
            self = .other
        }
    }

    /// One comparison for each key of each line instead of up to four; with a text and a length
    /// that the compiler knows it is a few instructions.
    @inline(__always)
    static func ofLine(_ key: JSONToken, _ bytes: RawSpan) -> KnownNames? {
        if key.marks.contains(.escaped) { return nil }
        switch key.end &- key.start {
        case 2 where bytes.has("ts", Int(key.start)): return .time
        case 6 where bytes.has("lineno", Int(key.start)): return .lineno
        case 7 where bytes.has("message", Int(key.start)): return .message
        case 9 where bytes.has("logged_at", Int(key.start)): return .loggedAt
        default: return nil
        }
    }
}
