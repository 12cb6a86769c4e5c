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
    /// Pages that hunts have asked for.
    private var expected: [TenantKey: Int] = [:]
    private var allExpected = 0
    /// As large as the largest page of a hunt so far, and as one may well be.
    private var pageSize: Int
    private var hasGivenBack = false

    init(maxReplyBytes: Int) {
        self.maxReplyBytes = maxReplyBytes * 2
        most = maxReplyBytes * 8
        pageSize = maxReplyBytes / 8
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

    /// Whether a hunt may ask for a page of the tenant. Hunts hold what they found until it is
    /// told, which takes hours where a quota is small. So they leave half of the room to searches,
    /// and what is on its way counts as if it were there. Who holds nothing may have one page.
    func hasRoomForPage(of tenant: TenantKey) -> Bool {
        let own = held[tenant, default: 0] + expected[tenant, default: 0] * pageSize
        let all = used + allExpected * pageSize
        return own == 0 ? all <= most - pageSize : own <= most / 2 - all
    }

    /// A hunt has asked for so many pages more, or waits for fewer.
    func expect(_ count: Int, of tenant: TenantKey) {
        allExpected += count
        let all = expected[tenant, default: 0] + count
        expected[tenant] = all > 0 ? all : nil
        if count < 0 { hasGivenBack = true }
    }

    /// A hunt's page of so many bytes came. False when there is no room for it: it is asked for
    /// again when there is.
    func takes(page bytes: Int) -> Bool {
        pageSize = max(pageSize, bytes)
        return used <= most
    }

    /// Whether anything was given back since this was asked last.
    func gaveBack() -> Bool {
        defer { hasGivenBack = false }
        return hasGivenBack
    }
}
