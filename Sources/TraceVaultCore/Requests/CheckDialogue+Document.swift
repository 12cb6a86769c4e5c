// CheckDialogue+Document.swift - the `check` view: docs/check.schema.json.

extension CheckDialogue {
    @_optimize(size) func answer(_ context: TraceContext) -> Answer {
        let raw = last?.body
        guard let told else { return Answer(failure: failure, document: Document(raw: raw)) }
        var writer = JSONWriter(into: ByteBuffer(limit: 65_536))
        write(told, context, into: &writer)
        guard writer.isComplete else {
            let failure = Failure(.noMemory, "not enough memory for the check document")
            return Answer(failure: failure, document: Document(raw: raw))
        }
        return Answer(
            failure: nil, document: Document(writer.buffer, named: .check, raw: raw))
    }

    @_optimize(size) private func write(
        _ told: Told, _ context: TraceContext, into writer: inout JSONWriter
    ) {
        var warnings = told.warnings
        Self.warn(told, nowMs: context.fetchedAtMs, &warnings)
        writer.beginObject()
        writer.key("schema")
        writer.string("tracevault.check/1")
        writer.head(context, "checked_at", last)
        writer.key("valid")
        writer.bool(told.state == .active)
        writer.key("kind")
        writer.string(isKey ? "global_key" : "api_token")
        writer.text("token_kind", isKey ? nil : tokenKind.name.description)
        writer.text("status", told.state.name.description)
        writer.text("token_id", told.tokenID)
        writer.text("not_before", told.notBefore)
        writer.text("expires_on", told.expiresOn)
        writer.key("expires_on_unix")
        if let end = told.expiresOn.flatMap({ Self.seconds($0) }) {
            writer.int(end)
        } else {
            writer.null()
        }
        if let reason = told.reason {
            writer.key("reason")
            writer.reason(reason)
        }
        if asksAccess, told.state == .active {
            writer.key("access")
            writer.access(access ?? Access(unknown: failure))
        }
        writer.key("warnings")
        warnings.write(into: &writer)
        writer.endObject()
    }

    /// The tightest warning of an end that is near.
    @_optimize(size) private static func warn(
        _ told: Told, nowMs: Int64?, _ warnings: inout TraceWarnings
    ) {
        guard let nowMs else { return }
        let now = nowMs / 60_000
        if let start = told.notBefore.flatMap({ seconds($0) }), start / 60 > now {
            warnings.add(.notYetValid, at: "/result/not_before")
        }
        guard let end = told.expiresOn.flatMap({ seconds($0) }) else { return }
        let left = end / 60 - now
        let code: TraceWarnings.Code
        switch left {
        case ..<0: code = .expired
        case ...1440: code = .expiresWithinDay
        case ...10_080: code = .expiresWithinWeek
        case ...43_200: code = .expiresWithinMonth
        default: return
        }
        warnings.add(code, at: "/result/expires_on")
    }
}
