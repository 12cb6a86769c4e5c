// ResultSizes.swift - what results to expect of tenants that had large ones lately.

struct ResultSizes {
    /// A result up to this size is small: many of them have room.
    private let usual: Int
    /// No result is expected to be larger.
    private let largest: Int
    private var larger: [TenantKey: Int] = [:]
    /// Of so many tenants is kept what to expect.
    private static let mostLarger = 16_384

    init(_ settings: EngineSettings) {
        let atOnce = max(1, Int(settings.limits.maxInFlight))
        // All that are under way, of whoever it is, and small, take an eighth of the room.
        usual = min(1 << 20, settings.maxResultBytes / 8 / atOnce)
        largest = 2 * settings.maxReplyBytes
    }

    /// What a result of a reply takes: its own bytes, and as many in our words.
    static func result(of replyBytes: Int) -> Int { 2 * replyBytes }

    /// 0: a small one.
    func expected(of tenant: TenantKey) -> Int { larger.isEmpty ? 0 : larger[tenant] ?? 0 }

    /// A result of the tenant took so much. The next are expected to be as large, or a quarter
    /// smaller than was expected of this one.
    mutating func note(_ bytes: Int, of tenant: TenantKey) {
        guard bytes > usual || !larger.isEmpty else { return }
        let size = expected(of: tenant)
        let next = min(largest, max(bytes, size - size / 4))
        if next <= usual {
            larger[tenant] = nil
        } else {
            if larger.count >= Self.mostLarger, size == 0 { larger = [:] }
            larger[tenant] = next
        }
    }

    /// A result was larger than a reply tells.
    mutating func note(atLeast bytes: Int, of tenant: TenantKey) {
        if bytes > usual, bytes > expected(of: tenant) { note(bytes, of: tenant) }
    }
}
