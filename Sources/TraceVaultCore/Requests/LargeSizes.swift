// LargeSizes.swift - how large a thing to expect of tenants that had large ones lately.

struct LargeSizes {
    /// A thing up to this size is usual.
    let usual: Int
    /// None is expected to be larger.
    let largest: Int
    /// Of so many tenants is kept what to expect.
    private let mostTenants: Int
    private var larger: [TenantKey: Int] = [:]

    init(usual: Int, largest: Int, mostTenants: Int) {
        self.usual = usual
        self.largest = largest
        self.mostTenants = mostTenants
    }

    /// Nil: a usual one.
    func expected(of tenant: TenantKey) -> Int? { larger.isEmpty ? nil : larger[tenant] }

    /// One of the tenant took so much. The next are expected to be as large, or a quarter smaller
    /// than was expected of this one.
    mutating func note(_ bytes: Int, of tenant: TenantKey) {
        guard bytes > usual || !larger.isEmpty else { return }
        let size = larger[tenant] ?? 0
        let next = min(largest, max(bytes, size - size / 4))
        guard next > usual else {
            larger[tenant] = nil
            return
        }
        if size == 0, larger.count >= mostTenants { larger = [:] }
        larger[tenant] = next
    }
}
