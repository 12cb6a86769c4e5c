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
        if let ms = Int64(exactly: metadata.createdMs),
            let created = Timestamp.text(milliseconds: ms)
        {
            writer.key("created")
            writer.string(created)
        }
        writer.key("fingerprint")
        writer.string(AccountID.hex(metadata.fingerprint))
        writer.endObject()
    }
}
