// Document.swift - an answer in JSON, in one or more views. The bytes of a view live as long as the
// document.

package final class Document: Sendable {
    /// What the view "trace" is made of.
    private final class Source: Sendable {
        let trace: Trace
        let context: TraceContext

        init(_ trace: Trace, _ context: TraceContext) {
            self.trace = trace
            self.context = context
        }

        func written() throws(Failure) -> WrittenView { try trace.written(context) }
    }

    private struct State {
        /// Gone once the view is made, which says the same.
        var source: Source?
        var trace: WrittenView?
    }

    /// The name of a view that is written when the document is made.
    package enum Name: UInt8, Sendable {
        case json, search, check, notice, hunt

        fileprivate var text: StaticString {
            switch self {
            case .json: "json"
            case .search: "search"
            case .check: "check"
            case .notice: "notice"
            case .hunt: "hunt"
            }
        }
    }

    /// The one view beside "raw" that there is from the beginning; nil for a trace.
    private let written: ByteBuffer?
    /// What the brief form of a search leaves out.
    private let leftOut: LeftOut?
    private let name: Name
    private let raw: ByteBuffer?
    /// What a finding says besides its trace.
    private let found: FoundText?
    private let state: Lock<State>
    /// Views made from the view "trace": nobody who only wants that one waits for them.
    private let rows = Lock<[RowView]>([])
    private let brief = Lock<ByteBuffer?>(nil)
    private let finding = Lock<ByteBuffer?>(nil)
    /// Where the values of a view stand; nobody waits for it who only wants the text.
    private let walks = Lock<[Walk]>([])

    private struct Walk {
        let view: String
        let tape: JSONTape
    }

    private struct RowView {
        let schema: RowSchema
        let rows: ByteBuffer
        let warnings: ByteBuffer
    }

    /// The largest document the library writes itself.
    private static let maxLength = 256 << 20

    private init(
        _ written: ByteBuffer?, _ name: Name, _ raw: ByteBuffer?, _ source: Source? = nil,
        _ trace: WrittenView? = nil, leftOut: LeftOut? = nil, found: FoundText? = nil
    ) {
        self.found = found
        self.written = written
        self.leftOut = leftOut
        self.name = name
        self.raw = raw
        state = Lock(State(source: source, trace: trace))
    }

    /// A document with the one view "json".
    package convenience init(json: ByteBuffer) { self.init(json, .json, nil) }

    /// A document that is written already, and the last reply it came from.
    package convenience init(_ view: ByteBuffer, named name: Name, raw: ByteBuffer?) {
        self.init(view, name, raw)
    }

    /// A search, and the last reply it came from.
    convenience init(search: WrittenView, raw: ByteBuffer?) {
        self.init(search.text, .search, raw, leftOut: search.leftOut)
    }

    /// A reply that is a trace: views "trace", made when it is first asked for, and "raw".
    package convenience init(_ trace: Trace, _ context: TraceContext, raw: ByteBuffer?) {
        self.init(nil, .json, raw, Source(trace, context))
    }

    /// What is left of a failed request: the view "raw", if anything came.
    convenience init(raw: ByteBuffer?) { self.init(nil, .json, raw) }

    /// A finding: views "found" and "finding", and those of the trace's document, which has none
    /// where the trace failed.
    convenience init(finding found: FoundText, _ answer: Document?) {
        let held = answer?.state.withLock { ($0.source, $0.trace) }
        self.init(nil, .json, answer?.raw, held?.0, held?.1, found: found)
    }

    /// Writes a document with the one view "json".
    package static func json(
        _ body: (inout JSONWriter) -> Void
    ) throws(Failure) -> Document { try write(.json, body) }

    /// Writes a document with one view of this name.
    static func write(
        _ name: Name, _ body: (inout JSONWriter) -> Void
    ) throws(Failure) -> Document {
        var writer = JSONWriter(into: ByteBuffer(limit: maxLength))
        body(&writer)
        guard writer.isComplete else {
            throw Failure(.noMemory, "no memory for the answer")
        }
        return Document(writer.buffer, name, nil)
    }

    /// Decodes a stored reply. Takes the bytes over.
    package static func decode(_ body: ByteBuffer) throws(Failure) -> Document {
        Document(try Trace.decode(body), TraceContext(), raw: body)
    }

    /// Any JSON text, or JSON lines, as the view "json". Takes the bytes over.
    package static func read(_ text: ByteBuffer) throws(Failure) -> Document {
        let document = Document(json: text)
        _ = try document.walk("json")
        return document
    }

    /// A view and where its values stand, found when it is first asked for.
    package func walk(_ name: String) throws(Failure) -> JSONTape {
        let text = try view(name)
        return try walks.withLock { made throws(Failure) in
            for ready in made where ready.view == name { return ready.tape }
            // The body may have bytes that are not UTF-8: its text is walked as it was read.
            let tape =
                name == "raw"
                ? try MendedText.read(text).tape : try JSONReader.read(text, .document)
            made.append(Walk(view: name, tape: tape))
            return tape
        }
    }

    /// The named view; `.notFound` says which there are.
    package func view(_ name: String) throws(Failure) -> ByteBuffer {
        if name == "raw", written == nil || self.name != .json {
            guard let raw, raw.count > 0 else {
                throw Failure(
                    .notFound, "there is no body: no reply came, or nothing of it was kept")
            }
            return raw
        }
        if let found, name == "found" { return found.text }
        if let found, name == "finding" { return try whole(found) }
        if found != nil, !hasTrace {
            throw Failure(.notFound, "no such view; there are: finding, found, raw")
        }
        guard let written else {
            switch name {
            case "trace": return try traceBytes()
            case "brief": return try brief(of: writtenTrace())
            case "ecs": return try rows(.ecs).rows
            case "ecs_warnings": return try rows(.ecs).warnings
            case "ocsf": return try rows(.ocsf).rows
            case "ocsf_warnings": return try rows(.ocsf).warnings
            case "spans": return try rows(.spans).rows
            default:
                throw Failure(
                    .notFound,
                    "no such view; there are: trace, brief, raw, ecs, ecs_warnings, ocsf, "
                        + "ocsf_warnings, spans")
            }
        }
        if name == "brief", let leftOut { return try brief(of: WrittenView(written, leftOut)) }
        guard name == self.name.text.description else {
            switch self.name {
            case .json: throw Failure(.notFound, "no such view; there is: json")
            case .search: throw Failure(.notFound, "no such view; there are: search, brief, raw")
            case .check: throw Failure(.notFound, "no such view; there are: check, raw")
            case .notice: throw Failure(.notFound, "no such view; there is: notice")
            case .hunt: throw Failure(.notFound, "no such view; there is: hunt")
            }
        }
        return written
    }

    private var hasTrace: Bool { state.withLock { $0.source != nil || $0.trace != nil } }

    private func whole(_ found: FoundText) throws(Failure) -> ByteBuffer {
        let trace = hasTrace ? try traceBytes() : nil
        return try finding.withLock { made throws(Failure) in
            if let made { return made }
            let view = try found.whole(with: trace, limit: Self.maxLength)
            made = view
            return view
        }
    }

    private func brief(of whole: WrittenView) throws(Failure) -> ByteBuffer {
        try brief.withLock { made throws(Failure) in
            if let made { return made }
            let view = try Brief.of(whole)
            made = view
            return view
        }
    }

    private func rows(_ schema: RowSchema) throws(Failure) -> RowView {
        let trace = try traceBytes()
        return try rows.withLock { made throws(Failure) in
            for ready in made where ready.schema == schema { return ready }
            let (rows, warnings) = try TraceRows.view(trace, schema)
            let view = RowView(schema: schema, rows: rows, warnings: warnings)
            made.append(view)
            return view
        }
    }

    /// The same trace for another holder: views that one of them asks for are not the other's to
    /// keep.
    func shared() -> Document {
        let (source, trace) = state.withLock { ($0.source, $0.trace) }
        return Document(nil, .json, raw, source, trace)
    }

    /// What it holds in memory, but for views that somebody asks for later: see `shared`.
    var byteCount: Int {
        let made = state.withLock { $0.trace?.text.count ?? $0.source?.trace.tape.byteCount ?? 0 }
        let text = (written?.count ?? 0) + (found?.text.count ?? 0)
        return text + (raw?.count ?? 0) + made
    }

    /// The view "trace", made on the first call and by the thread that reads it: the engine's has
    /// other requests to look after, and what is just written need not go to another processor.
    package func traceBytes() throws(Failure) -> ByteBuffer { try writtenTrace().text }

    private func writtenTrace() throws(Failure) -> WrittenView {
        try state.withLock { state throws(Failure) in
            if let made = state.trace { return made }
            guard let source = state.source else {
                throw Failure(.notFound, "the request failed, so there is no trace")
            }
            let made = try source.written()
            state.trace = made
            state.source = nil
            return made
        }
    }
}
