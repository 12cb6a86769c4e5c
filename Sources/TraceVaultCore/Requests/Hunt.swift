// Hunt.swift - what a host looks for in many accounts: one search for each of them, and how the
// trace of each message that is found is asked for.

/// Filters and options, checked at the door. A value: beginning a hunt copies it.
package struct Hunt: Sendable {
    /// nil: every account of the tenants.
    package let account: AccountID?
    private var filters = Search()
    private var query: String?
    private var hash: String?
    /// What holds for each request of the hunt.
    private var how = Request.template
    package private(set) var wantsTraces = true
    package private(set) var wantsProgress = false
    /// Most requests under way and findings that the host has not taken, together.
    package private(set) var window = 256

    /// How many messages a hunt looks for in one account, unless the host says otherwise.
    private static let messages = "1000"
    static let largestWindow: Int32 = 1024
    /// Tenants, and accounts, of one hunt.
    static let most = 100_000

    /// Throws `.accountID`.
    package init(accountID: RawSpan) throws(Failure) {
        account = try Request.account(accountID)
        filters = try filters.with("limit", Self.messages)
        try how.set("priority", to: "bulk")
        // Else each message beyond the quota would be refused at once, and be lost to the hunt.
        try how.set("patient", to: "true")
    }

    /// Throws unless a hunt may ask so many tenants.
    package static func check(tenants count: Int) throws(Failure) {
        guard (0...most).contains(count) else { throw tooMany }
    }

    /// Throws what only all options together can show; asked when the hunt begins.
    func check() throws(Failure) { try filters.checkWindow() }

    static var tooMany: Failure {
        Failure(.limit, "a hunt asks at most \(most) tenants and accounts: make several of it")
    }

    /// How many messages to look for in one account.
    var limit: Int { filters.limit }

    /// Sets an option by name; throws `.configName` or `.configValue`.
    package mutating func set(_ name: String, to value: String) throws(Failure) {
        switch name {
        case "deadline_ms", "patient", "priority", "wait_ms", "fresh", "submission":
            try how.set(name, to: value)
        case "traces": wantsTraces = try Request.bool(name, value)
        case "progress": wantsProgress = try Request.bool(name, value)
        case "window": window = Int(try Request.number(name, value, 1...Self.largestWindow))
        case "query":
            filters = try filters.with("query", Self.joined(value, hash))
            query = value
        case "hash":
            guard !value.isEmpty else { throw Failure(.configValue, "hash must not be empty") }
            filters = try filters.with("query", Self.joined(query, value))
            hash = value
        case "cursor": throw Self.unknown
        default:
            do throws(Failure) {
                filters = try filters.with(name, value)
            } catch {
                throw error.status == .configName ? Self.unknown : error
            }
        }
    }

    /// Cloudflare looks for hashes of attachments with the filter `query`.
    private static func joined(_ query: String?, _ hash: String?) -> String {
        [query, hash].compactMap { $0 }.joined(separator: " ")
    }

    private static var unknown: Failure {
        Failure(
            .configName,
            "a hunt has no such option; there are: deadline_ms, fresh, hash, patient, priority, "
                + "progress, submission, traces, wait_ms, window, " + Search.names(but: "cursor"))
    }

    // MARK: - Its requests

    /// One page of an account's messages, at most so many.
    func search(_ account: AccountID, atMost most: Int, from cursor: String?) -> Request {
        how.asking(.search(filters.page(atMost: most, from: cursor)), of: account)
    }

    /// The trace of a message that was found.
    func trace(_ message: MessageRef, of account: AccountID) -> Request {
        how.asking(.trace(message), of: account)
    }
}
