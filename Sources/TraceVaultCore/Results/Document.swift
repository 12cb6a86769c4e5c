// Document.swift - an answer in JSON, in one or more views. A view is made when it is first asked
// for, on the thread that asks, and kept: its bytes live as long as the document.

import Synchronization

package final class Document: Sendable {
    private enum Content: Sendable {
        case json(ByteBuffer)
        // Boxed: inline, a `json` leaves words undefined that the compiler's code looks at (and
        // ignores), and every host's memory checker complains.
        indirect case reply(Trace?, TraceContext, raw: ByteBuffer?)
    }

    private let content: Content
    private let made = Mutex<ByteBuffer?>(nil)

    /// The largest document the library writes itself.
    private static let maxLength = 256 << 20

    /// A document with the one view "json".
    package init(json: ByteBuffer) { content = .json(json) }

    /// A fetched or stored reply that is a trace: views "trace" and "raw".
    package init(_ trace: Trace, _ context: TraceContext, raw: ByteBuffer?) {
        content = .reply(trace, context, raw: raw)
    }

    /// What is left of a failed request: the view "raw", if anything came.
    init(raw: ByteBuffer?) {
        content = .reply(nil, TraceContext(), raw: raw)
    }

    /// Writes a document with the one view "json".
    package static func json(
        _ body: (inout JSONWriter) -> Void
    ) throws(Failure) -> Document {
        var writer = JSONWriter(into: ByteBuffer(limit: maxLength))
        body(&writer)
        guard writer.isComplete else {
            throw Failure(.noMemory, "no memory for the answer")
        }
        return Document(json: writer.buffer)
    }

    /// Decodes a stored reply. Takes the bytes over.
    package static func decode(_ body: ByteBuffer) throws(Failure) -> Document {
        Document(try Trace.decode(body), TraceContext(), raw: body)
    }

    /// The named view; `.notFound` says which there are.
    package func view(_ name: String) throws(Failure) -> ByteBuffer {
        switch (content, name) {
        case (.json(let json), "json"): return json
        case (.json, _): throw Failure(.notFound, "no such view; there is: json")
        case (.reply(let trace?, let context, _), "trace"): return try once(trace, context)
        case (.reply(nil, _, _), "trace"):
            throw Failure(.notFound, "the request failed, so there is no trace")
        case (.reply(_, _, let raw), "raw"):
            guard let raw, raw.count > 0 else {
                throw Failure(.notFound, "no reply came, so there is no body")
            }
            return raw
        case (.reply, _): throw Failure(.notFound, "no such view; there are: trace, raw")
        }
    }

    private func once(_ trace: Trace, _ context: TraceContext) throws(Failure) -> ByteBuffer {
        let kept = made.withLock { $0 }
        if let kept { return kept }
        let fresh = try trace.view(context)
        // Two threads may have made it: everybody gets the one that was first.
        return made.withLock { kept in
            if let kept { return kept }
            kept = fresh
            return fresh
        }
    }
}
