// SearchRoom.swift - what an engine's searches may hold while they are under way, and its hunts
// until they have told it. Each tenant has as much of it as is free.

/// The engine's thread's alone.
final class SearchRoom {
    /// No further page is asked for after so many bytes of one search's replies.
    let maxReplyBytes: Int
    /// For all together: messages that were found, and the last page of each.
    let most: Int
    private(set) var used = 0
    private var held: [TenantKey?: Int] = [:]
    /// Bytes of pages that hunts have asked for.
    private var expected: [TenantKey: Int] = [:]
    private var allExpected = 0
    /// As large as a page may well be, and what to expect of tenants whose pages are larger.
    private let usualPage: Int
    private var larger: [TenantKey: Int] = [:]
    private var hasGivenBack = false

    init(maxReplyBytes: Int) {
        self.maxReplyBytes = maxReplyBytes * 2
        most = maxReplyBytes * 8
        usualPage = maxReplyBytes / 8
    }

    /// A search of the tenant holds so many bytes more, or less.
    func add(_ count: Int, of tenant: TenantKey?) {
        used += count
        let all = held[tenant, default: 0] + count
        held[tenant] = all > 0 ? all : nil
        if count < 0 { hasGivenBack = true }
    }

    /// Whether the tenant's searches hold more than is free, so that they go on no further: whoever
    /// comes next finds room.
    func isFull(for tenant: TenantKey?) -> Bool {
        held[tenant, default: 0] > most - used
    }

    // MARK: - Pages of hunts

    /// No page is expected to be larger, so that a tenant with large ones leaves room to others;
    /// and of so many tenants is kept what to expect.
    private var largestPage: Int { most / 8 }
    private static let mostLarger = 1024

    private func pageSize(of tenant: TenantKey) -> Int { larger[tenant] ?? usualPage }

    /// Whether a hunt may ask for a page of the tenant. Hunts hold what they found until it is
    /// told, which takes hours where a quota is small. So they leave half of the room to searches,
    /// and what is on its way counts as if it were there. Who holds nothing may have one page.
    func hasRoomForPage(of tenant: TenantKey) -> Bool {
        let own = held[tenant, default: 0] + expected[tenant, default: 0]
        let all = used + allExpected
        return own == 0 ? all <= most - pageSize(of: tenant) : own <= most / 2 - all
    }

    /// A hunt has asked for a page. Gives what that counts for, until `add(expected:of:)` takes it
    /// back.
    func expectPage(of tenant: TenantKey) -> Int {
        let size = pageSize(of: tenant)
        add(expected: size, of: tenant)
        return size
    }

    func add(expected count: Int, of tenant: TenantKey) {
        allExpected += count
        let all = expected[tenant, default: 0] + count
        expected[tenant] = all > 0 ? all : nil
        if count < 0 { hasGivenBack = true }
    }

    /// A hunt's page of so many bytes came. False when there is no room for it: it is asked for
    /// again when there is. The next ones are expected to be as large, or a quarter smaller than
    /// was expected of this one.
    func takes(page bytes: Int, of tenant: TenantKey) -> Bool {
        let size = pageSize(of: tenant)
        let next = min(largestPage, max(bytes, size - size / 4))
        if next <= usualPage {
            larger[tenant] = nil
        } else {
            if larger.count >= Self.mostLarger { larger = [:] }
            larger[tenant] = next
        }
        return used <= most
    }

    /// Whether anything was given back since this was asked last.
    func gaveBack() -> Bool {
        defer { hasGivenBack = false }
        return hasGivenBack
    }
}
