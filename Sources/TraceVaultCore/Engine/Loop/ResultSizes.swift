// ResultSizes.swift - what results to expect of tenants that had large ones lately.

struct ResultSizes {
    /// A result of usual size is small: many of them have room.
    private var sizes: LargeSizes

    init(_ settings: EngineSettings) {
        let atOnce = max(1, Int(settings.limits.maxInFlight))
        sizes = LargeSizes(
            // All that are under way, of whoever it is, and small, take an eighth of the room.
            usual: min(1 << 20, settings.maxResultBytes / 8 / atOnce),
            largest: Self.result(of: settings.maxReplyBytes), mostTenants: 16_384)
    }

    /// What a result of a reply takes: its own bytes, and as many in our words.
    static func result(of replyBytes: Int) -> Int { 2 * replyBytes }

    /// 0: a small one.
    func expected(of tenant: TenantKey) -> Int { sizes.expected(of: tenant) ?? 0 }

    /// A result of the tenant took so much.
    mutating func note(_ bytes: Int, of tenant: TenantKey) { sizes.note(bytes, of: tenant) }

    /// A result was larger than a reply tells.
    mutating func note(atLeast bytes: Int, of tenant: TenantKey) {
        if bytes > sizes.usual, bytes > expected(of: tenant) { note(bytes, of: tenant) }
    }
}
