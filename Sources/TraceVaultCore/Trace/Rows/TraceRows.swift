// TraceRows.swift - the views `ecs`, `ocsf` and `spans`: each line of a trace as a row of its
// own, one JSON object a line. docs/views.md.
//
// Made from the finished trace document alone, so that a view says nothing the document does not.
// What each schema wants is in ECSRow.swift and OCSFRow.swift; here is what they share: the
// walk, the times, the ids, and what is skipped.

/// Whose words the rows are in.
enum RowSchema {
    case ecs, ocsf
    /// This library's own: where the fields are.
    case spans
}

/// The rows of one trace document being written.
struct TraceRows: ~Copyable {
    /// No view is larger; a hostile reply can hold millions of empty lines.
    static let maxLength = 256 << 20
    /// So many recipients of the trace stand in for those that a line does not name.
    private static let maxRecipients = 16

    var writer = JSONWriter(into: ByteBuffer(limit: maxLength))
    private(set) var warnings = TraceWarnings()
    let schema: RowSchema

    // The trace: values of the document; empty is null.
    private(set) var account = 0..<0
    private(set) var tenant = 0..<0
    private(set) var messageRef = 0..<0
    private(set) var fetchedAt = 0..<0
    private(set) var isPending = false
    /// The elements of an array: recipients that the trace names elsewhere; a comma between them.
    let recipients = ByteBuffer(limit: 8192)
    /// The trace's sender, without quotes, for when there is no such recipient.
    private(set) var sender = 0..<0

    // The line at hand.
    var line = RowLine()
    var event = PostfixEvent()
    var facts = RowFacts()
    /// Its addresses, where OCSF takes them.
    private(set) var from = 0..<0
    private(set) var to = 0..<0
    private(set) var id = RowID()
    /// Nothing is written yet of a list that is left out when it is empty.
    var isFirst = true
    /// The message when it has escapes, without them.
    private let unescaped = ByteBuffer(limit: Int.max)
    private let hashed = ByteBuffer(limit: Int.max)
    private var highest: Int64?
    private var former = 0..<0
    private var first = 0..<0
    /// The first time is being looked for, nothing is written yet.
    private var isLooking = false

    private init(_ schema: RowSchema) { self.schema = schema }

    /// The rows of a document that `TraceView` wrote, and what was skipped, as JSON.
    static func view(
        _ document: ByteBuffer, _ schema: RowSchema
    ) throws(Failure) -> (rows: ByteBuffer, warnings: ByteBuffer) {
        try Sealing.start()
        var view = TraceRows(schema)
        document.withBytes { view.write($0) }
        guard view.writer.isComplete,
            let rows = JSONWriter.withoutMarks(view.writer.buffer)
        else {
            throw Failure(.limit, "the view has no room: there is memory for 256 MiB at most")
        }
        var writer = JSONWriter(into: ByteBuffer(limit: 4096))
        view.warnings.write(into: &writer)
        // Both are lent to C with a NUL behind them, also when they are empty.
        guard writer.isComplete, rows.reserve(0) else {
            throw Failure(.noMemory, "not enough memory for the view")
        }
        return (rows, writer.buffer)
    }

    private mutating func write(_ document: RawSpan) {
        var sides: (inbound: Range<Int>, outbound: Range<Int>) = (0..<0, 0..<0)
        var members = JSONWalk(inside: 0..<document.byteCount)
        while let (name, value) = members.member(document) {
            if document.at(value.lowerBound) == UInt8(ascii: "n") { continue }
            if document.says("tenant", name) { tenant = value }
            if document.says("account_id", name) { account = value }
            if document.says("message_ref", name) { messageRef = value }
            if document.says("fetched_at", name) { fetchedAt = value }
            if document.says("inbound", name) { sides.inbound = value }
            if document.says("outbound", name) { sides.outbound = value }
            if document.says("summary", name) { summary(value, document) }
        }
        // Which time a line gets that comes before all that have one.
        isLooking = true
        each(sides.inbound, .inbound, document)
        each(sides.outbound, .outbound, document)
        isLooking = false
        each(sides.inbound, .inbound, document)
        each(sides.outbound, .outbound, document)
    }

    @inline(never)
    private mutating func each(
        _ side: Range<Int>, _ direction: Direction, _ document: RawSpan
    ) {
        highest = nil
        isPending = false
        var members = JSONWalk(inside: side)
        while let (name, value) = members.member(document) {
            if document.says("pending", name) {
                isPending = document.at(value.lowerBound) == UInt8(ascii: "t")
            } else if document.says("lines", name) {
                var lines = JSONWalk(inside: value)
                var position = 0
                while writer.isComplete, let object = lines.element(document) {
                    line = RowLine(object, document)
                    line.side = direction
                    line.position = position
                    position += 1
                    if isLooking {
                        if first.isEmpty { first = line.time }
                    } else {
                        row(document)
                    }
                }
            }
        }
    }

    // MARK: - What the whole trace knows

    /// Takes the addresses that stand in for those a line does not name.
    private mutating func summary(_ value: Range<Int>, _ document: RawSpan) {
        var known = JSONWriter(into: recipients)
        var count = 0
        var members = JSONWalk(inside: value)
        while let (name, value) = members.member(document) {
            if document.says("recipients", name) {
                var list = JSONWalk(inside: value)
                while count < Self.maxRecipients, let recipient = list.element(document) {
                    // The address is a recipient's first member.
                    var parts = JSONWalk(inside: recipient)
                    guard let (_, address) = parts.member(document),
                        PlainAddress.isMailbox(document, JSONWalk.inside(address))
                    else { continue }
                    known.element(JSONWalk.inside(address), of: document)
                    count += 1
                }
            } else if document.says("sender", name) {
                let address = JSONWalk.inside(value)
                if PlainAddress.isMailbox(document, address) { sender = address }
            }
        }
    }

    // MARK: - One line

    private mutating func row(_ document: RawSpan) {
        if schema != .spans {
            setTime()
            setID(document)
        }
        let message = JSONWalk.inside(line.message).clamped(to: 0..<document.byteCount)
        guard
            document.find(UInt8(ascii: "\\"), message.lowerBound, message.upperBound)
                < message.upperBound
        else { return row(document, document.extracting(message)) }
        guard JSONText.decode(document.extracting(message), into: unescaped) else {
            writer.isComplete = false
            return
        }
        // Not `self.unescaped` inside: the row is written through `self`.
        let unescaped = self.unescaped
        unescaped.withBytes { row(document, $0) }
    }

    private mutating func row(_ document: RawSpan, _ text: RawSpan) {
        if schema == .spans { return spans(text) }
        if line.event.isEmpty || !event.read(text) {
            _ = event.clear()
            event.kind = .warning
        }
        facts.read(event, text)
        from = PlainAddress.isMailbox(text, facts.from) ? facts.from : 0..<0
        to = PlainAddress.isMailbox(text, facts.to) ? facts.to : 0..<0
        guard !line.time.isEmpty else { return skip(.lineWithoutTime) }
        switch schema {
        case .ecs: ecs(document, text)
        case .ocsf:
            guard hasMailbox || recipients.count > 0 || !sender.isEmpty else {
                return skip(.lineWithoutAddress)
            }
            ocsf(document, text)
        case .spans: return
        }
        writer.endLine()
    }

    private mutating func skip(_ code: TraceWarnings.Code) {
        let place = TraceLinePlace(direction: line.side, number: line.position)
        warnings.add(code, at: place.path)
    }

    /// A line without a time gets that of the line before it, else of the first that has one.
    private mutating func setTime() {
        if line.time.isEmpty {
            line.time = former.isEmpty ? first : former
            line.timeIsNeighbours = true
        } else {
            former = line.time
        }
    }

    /// The line names an address that every store takes.
    var hasMailbox: Bool { !from.isEmpty || !to.isEmpty }

    // MARK: - Its id

    /// Half of BLAKE2b-256 over `["account","ref","side",lineno,"message"]`, so that a line has the
    /// same id whenever and wherever it is fetched. Not a cheaper hash: senders choose the text of
    /// lines, and two lines with one id would be one row in the store, the other gone. A line
    /// whose number is not above all before it has its position, as "#7".
    private mutating func setID(_ document: RawSpan) {
        hashed.removeAll()
        var writer = JSONWriter(into: hashed)
        writer.beginArray()
        writer.verbatim(document, account)
        writer.verbatim(document, messageRef)
        writer.beginString()
        writer.part(line.side.name)
        writer.endString()
        if let number = document.integer(line.lineno), highest.map({ number > $0 }) ?? true {
            highest = number
            writer.int(number)
        } else {
            writer.beginString()
            writer.part("#")
            writer.digits(UInt64(line.position.magnitude))
            writer.endString()
        }
        writer.verbatim(document, line.message)
        writer.endArray()
        // Not `self.id` inside: the buffer is lent by `self`.
        var id = RowID()
        let isSet = hashed.withBytes { id.set(toHashOf: $0) }
        self.id = id
        if !writer.isComplete || !isSet { self.writer.isComplete = false }
    }
}
