// Finding.swift - one copy of a message, or an account that could not be asked, as its document
// says it: docs/finding.schema.json. How far a hunt is: docs/hunt.schema.json.

/// How far a hunt is.
struct HuntProgress: Equatable {
    let accounts: Int
    /// Accounts that were asked to the end, or could not be.
    var done = 0
    /// Of these: which could not be, or not to the end.
    var failed = 0
    /// Messages that were found.
    var found = 0
    /// Requests that are asked and not yet answered.
    var underWay = 0

    func write(into writer: inout JSONWriter) {
        writer.numbers([
            ("accounts", Int64(accounts)), ("done", Int64(done)), ("failed", Int64(failed)),
            ("found", Int64(found)), ("under_way", Int64(underWay)),
        ])
    }

    /// The view `hunt`.
    @_optimize(size) func document(isOver: Bool) throws(Failure) -> Document {
        try Document.write(.hunt) { writer in
            writer.beginObject()
            writer.text("schema", "tracevault.hunt/1")
            writer.key("over")
            writer.bool(isOver)
            write(into: &writer)
            writer.endObject()
        }
    }
}

struct Finding {
    let place: HuntPlace
    /// The message's object as the search has it; nil: the account could not be asked.
    var message: FoundMessage?
    /// What became of the trace; nil: it was not asked for.
    var answer: Document?
    var failure: Failure?

    /// The views `finding` and `found`, and those of the trace.
    @_optimize(size) func document(_ progress: HuntProgress) throws(Failure) -> Document {
        // Names, labels and failures are bounded.
        let buffer = ByteBuffer(limit: (message?.count ?? 0) + 65_536)
        var writer = JSONWriter(into: buffer)
        writer.beginObject()
        writer.text("schema", "tracevault.finding/1")
        writer.text("tenant", place.tenant.name)
        writer.text("account_id", place.account.text)
        writer.text("label", place.label)
        writer.key("message")
        if let message { message.withBytes { writer.verbatim($0) } } else { writer.null() }
        let middle = buffer.count
        writer.key("error")
        if let failure { writer.failure(failure) } else { writer.null() }
        writer.key("progress")
        writer.beginObject()
        progress.write(into: &writer)
        writer.endObject()
        writer.endObject()
        guard writer.isComplete else { throw Failure(.noMemory, "no memory for a finding") }
        return Document(finding: FoundText(buffer, middle), answer)
    }
}
