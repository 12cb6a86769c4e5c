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
    private var pages: LargeSizes
    /// No page is expected to be larger, so that a tenant with large ones leaves room to others:
    /// twice a reply, as a document is that tells of each message in our words and in Cloudflare's.
    private var largestPage: Int { pages.largest }
    private var hasGivenBack = false
    private var givers: Set<TenantKey> = []

    init(maxReplyBytes: Int) {
        self.maxReplyBytes = maxReplyBytes * 2
        most = maxReplyBytes * 8
        pages = LargeSizes(
            usual: maxReplyBytes / 8, largest: maxReplyBytes * 2, mostTenants: 1024)
    }

    /// A search of the tenant holds so many bytes more, or less.
    func add(_ count: Int, of tenant: TenantKey?) {
        used += count
        let all = held[tenant, default: 0] + count
        held[tenant] = all > 0 ? all : nil
        if count < 0 { gave(tenant) }
    }

    /// Whether the tenant's searches hold more than is free, so that they go on no further: whoever
    /// comes next finds room.
    func isFull(for tenant: TenantKey?) -> Bool {
        held[tenant, default: 0] > most - used
    }

    // MARK: - Pages of hunts

    private func pageSize(of tenant: TenantKey) -> Int {
        pages.expected(of: tenant) ?? pages.usual
    }

    /// What all tenants hold, and what is on its way to hunts, which counts as if it were there.
    var taken: Int { used + allExpected }

    /// What all may hold at most for so many bytes more of one tenant to have room: they leave as
    /// much free as it holds then. Hunts hold what they found until it is told, which takes hours
    /// where a quota is small. So they leave half of the room to searches; but who holds nothing
    /// may have one page.
    private func most(before bytes: Int, own: Int) -> Int {
        (own == 0 ? most : most / 2) - own - 2 * bytes
    }

    /// The same for a page that a hunt would ask for.
    func mostBeforePage(of tenant: TenantKey) -> Int {
        let own = held[tenant, default: 0] + expected[tenant, default: 0]
        return most(before: pageSize(of: tenant), own: own)
    }

    /// Whether a hunt may ask for a page of the tenant.
    func hasRoomForPage(of tenant: TenantKey) -> Bool { taken <= mostBeforePage(of: tenant) }

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
        if count < 0 { gave(tenant) }
    }

    /// A hunt's page of so many bytes came. False when there is no room for it: it is asked for
    /// again when there is. Fails where asking again may never do: the page is larger than any is
    /// expected to be.
    func takes(page bytes: Int, of tenant: TenantKey) throws(Failure) -> Bool {
        pages.note(bytes, of: tenant)
        if used <= most(before: bytes, own: held[tenant, default: 0]) { return true }
        guard bytes > largestPage else { return false }
        var failure = Failure(
            .limit, "a page of this account is larger than what is free for its tenant")
        failure.retriable = true
        throw failure
    }

    private func gave(_ tenant: TenantKey?) {
        hasGivenBack = true
        if let tenant { givers.insert(tenant) }
    }

    /// Who has given something back since this was asked last; nil: nobody has.
    func gaveBack() -> Set<TenantKey>? {
        guard hasGivenBack else { return nil }
        defer { (hasGivenBack, givers) = (false, []) }
        return givers
    }
}
