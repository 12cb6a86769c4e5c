// Library.swift - what this build is and what it found at run time.

package enum Library {
    /// A check keeps it equal to TV_VERSION of the header.
    package static let version = "0.1.0"

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
            ("view_bytes", TraceEvents.maxLength),
        ]
        for (name, most) in limits {
            writer.key(name)
            writer.int(most)
        }
        writer.endObject()
    }

    /// The longest stored reply that is decoded.
    package static let maxReply = 64 << 20
}

extension VaultSettings {
    /// The vault's part of the settings.
    package init(_ config: Config) {
        self.init()
        kdfMemoryKiB = config.int(.kdfMemory)
        kdfPasses = config.int(.kdfPasses)
        lockTimeoutMs = config.int(.lockTimeout)
        minGeneration = UInt64(clamping: config.integer(.minGeneration))
        maxStaleMs = config.integer(.maxStale)
    }
}
