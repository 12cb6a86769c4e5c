// AccountList.swift - the JSON that lists accounts: metadata only, never a secret.

enum AccountList {
    /// Room for about a million accounts.
    private static let maximumBytes = 512 * 1_048_576

    /// Writes {"generation":N,"accounts":[…]}; `rows` hands in opened metadata, sorted.
    static func write(
        generation: UInt64,
        _ rows: ((ByteBuffer, Range<Int>) throws(Failure) -> Void) throws(Failure) -> Void
    ) throws(Failure) -> ByteBuffer {
        var writer = JSONWriter(into: ByteBuffer(limit: maximumBytes))
        writer.beginObject()
        writer.key("generation")
        writer.int(generation)
        writer.key("accounts")
        writer.beginArray()
        try rows { (bytes, place) throws(Failure) in
            let isRow = bytes.withBytes { span in
                guard let metadata = Metadata(span, place, of: .credential) else { return false }
                row(metadata, span, into: &writer)
                return true
            }
            guard isRow else { throw VaultRecord.unopened }
        }
        writer.endArray()
        writer.endObject()
        guard writer.isComplete else { throw Failure.noMemory }
        return writer.buffer
    }

    private static func row(_ metadata: Metadata, _ span: RawSpan, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("tenant")
        writer.string(span.extracting(metadata.tenant))
        writer.key("account_id")
        writer.string(metadata.account?.text ?? "")
        writer.key("label")
        writer.string(span.text(metadata.label))
        writer.key("kind")
        writer.string(metadata.kind == .globalKey ? "global_key" : "api_token")
        if metadata.kind == .globalKey {
            writer.key("email")
            writer.string(span.text(metadata.email))
        }
        writer.key("origin")
        writer.string(span.text(metadata.origin))
        writer.key("state")
        writer.string(metadata.state.name)
        if let group = metadata.budgetGroup {
            writer.key("budget_group")
            writer.string(span.text(group))
        }
        for (name, bound) in bounds(of: metadata) {
            writer.key(name)
            writer.string(bound)
        }
        writer.key("fingerprint")
        writer.string(HexText.of(metadata.fingerprint))
        writer.endObject()
    }

    /// The times of a credential, as RFC 3339; what has none is left out.
    private static func bounds(of metadata: Metadata) -> [(StaticString, String)] {
        let times: [(StaticString, UInt64?)] = [
            ("not_before", metadata.notBeforeMs), ("expires", metadata.expiresMs),
            ("created", metadata.createdMs),
        ]
        return times.compactMap { name, ms in
            ms.flatMap { Int64(exactly: $0) }.flatMap { Timestamp.text(milliseconds: $0) }
                .map { (name, $0) }
        }
    }
}
