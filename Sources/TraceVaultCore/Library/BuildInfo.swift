// BuildInfo.swift - what this build is and what it found at run time, for tv_build_info().
//
// The only place that may look at every part of the core; nothing in the core looks at it.

extension Library {
    /// For tv_build_info().
    package static func describe(into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("version")
        writer.string(version)
        CurlTransport.describe(into: &writer)
        writer.key("libsodium")
        writer.string(Sealing.version)
        writer.key("memory")
        MemoryProtection.describe(into: &writer)
        writer.key("limits")
        describeLimits(into: &writer)
        writer.endObject()
    }

    /// What no setting changes.
    private static func describeLimits(into writer: inout JSONWriter) {
        writer.beginObject()
        let limits: [(StaticString, Int)] = [
            ("secret_bytes", CredentialFormat.maximumSecret), ("reply_bytes", maxReply),
            ("reply_depth", JSONReader.maxDepth), ("reply_values", JSONReader.maxTokens),
            ("view_bytes", TraceRows.maxLength),
        ]
        for (name, most) in limits {
            writer.key(name)
            writer.int(most)
        }
        writer.endObject()
    }
}
