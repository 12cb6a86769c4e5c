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
        writer.key("memory")
        MemoryProtection.describe(into: &writer)
        writer.endObject()
    }
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
