// SearchDialogue+Document.swift - the `search` view: docs/search.schema.json.

extension SearchDialogue {
    /// What came. A failure of a later page is told in the document: the pages before it count.
    /// Nobody joins a search, so there is one answer. If it goes to a hunt, its page is judged by
    /// what the tenant holds beside it.
    @_optimize(size) func answer(_ context: TraceContext) -> Answer {
        defer { giveBack() }
        if pages == 0 { return Answer(failure: failure, document: Document(raw: last?.body)) }
        do throws(Failure) {
            let view = try document(context)
            return Answer(
                failure: nil, document: Document(search: view, raw: last?.body),
                later: trouble(context))
        } catch {
            return Answer(failure: error, document: Document(raw: last?.body))
        }
    }

    /// Why a later page did not come. What ended it tells what the last try met as well.
    private func trouble(_ context: TraceContext) -> Failure? {
        (isOver ? nil : context.ended) ?? failure
    }

    @_optimize(size) private func document(_ context: TraceContext) throws(Failure) -> WrittenView {
        // Cursor and failure are bounded, and so is the name of a tenant.
        let buffer = ByteBuffer(limit: found.count + 65_536)
        _ = buffer.reserve(found.count + 1024)
        var writer = JSONWriter(into: buffer)
        var warnings = warnings
        if !isOver, failure == nil { warnings.add(.stoppedEarly, at: "") }
        let failure = trouble(context)
        writer.beginObject()
        writer.key("schema")
        writer.string("tracevault.search/1")
        writer.head(context, "fetched_at", last)
        writer.key("complete")
        writer.bool(isComplete)
        writer.text("next_cursor", isComplete ? nil : cursor)
        writer.key("pages")
        writer.int(pages)
        writer.key("messages")
        writer.beginArray()
        let start = buffer.count
        if found.count > 0 { found.withBytes { writer.verbatim($0) } }
        writer.endArray()
        if let failure {
            writer.key("error")
            writer.failure(failure)
        }
        writer.key("warnings")
        warnings.write(into: &writer)
        writer.endObject()
        guard writer.isComplete else {
            throw Failure(.noMemory, "not enough memory for the search document")
        }
        return WrittenView(buffer, leftOut.moved(by: start))
    }
}

extension JSONWriter {
    @_optimize(size) mutating func text(_ key: StaticString, _ value: String?) {
        self.key(key)
        if let value { string(value) } else { null() }
    }

    /// The members that tell where an answer came from.
    @_optimize(size) mutating func head(
        _ context: TraceContext, _ time: StaticString, _ reply: HTTPReply?
    ) {
        text("account_id", context.accountID)
        text("tenant", context.tenant)
        text(time, context.fetchedAtMs.flatMap { Timestamp.text(milliseconds: $0) })
        key("attempts")
        if let attempts = context.attempts { int(attempts) } else { null() }
        key("http_status")
        if let reply, reply.status != 0 { int(reply.status) } else { null() }
        text("cf_ray", reply?.headers.cfRay)
    }

    /// Why something failed, as an object.
    @_optimize(size) mutating func failure(_ failure: Failure) {
        let failure = failure.settled
        beginObject()
        key("status")
        string(failure.status.name.description)
        key("message")
        string(failure.message)
        key("retriable")
        bool(failure.retriable)
        key("retry_after_ms")
        if let wait = failure.retryAfterMs { int(wait) } else { null() }
        key("http_status")
        int(failure.httpStatus)
        key("codes")
        beginArray()
        for code in failure.codes { int(code) }
        endArray()
        endObject()
    }
}
