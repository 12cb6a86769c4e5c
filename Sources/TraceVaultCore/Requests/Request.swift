// Request.swift - what a host asks, checked at the door.
//
// A million may be queued, so everything that is the same for all kinds is a small value; the many
// filters of a search are an object of their own.

/// One kind with its options. A value: submitting copies it.
package struct Request: Sendable {
    package enum Kind: Sendable {
        /// The delivery trace of one message.
        case trace(MessageRef)
        /// Messages that filters describe.
        case search(Search)
        /// Whether the credential works, and, if asked, whether it may read what is asked with it.
        case check(asksAccess: Bool)
    }

    /// nil: the tenant's only account.
    package private(set) var account: AccountID?
    package private(set) var kind: Kind
    package private(set) var priority = Priority.interactive
    /// Ask Cloudflare even when the trace is in the cache.
    package private(set) var fresh = false
    /// For a trace, which datastore is searched; nil: not said.
    package private(set) var submission: Bool?
    private var patience: Bool?
    private var deadline: Int32 = 0
    private var wait: Int32 = 0

    /// nil: the engine's default.
    package var deadlineMs: Int64? { deadline == 0 ? nil : Int64(deadline) }
    /// Whether the deadline leaves out the time in which the request waits for its turn or for a
    /// permit of the quota. By default this holds for bulk requests without a deadline.
    package var isPatient: Bool { patience ?? (priority == .bulk && deadline == 0) }
    /// How long to ask again while the trace is pending.
    package var waitMs: Int64 { Int64(wait) }

    /// Throws `.accountID` or `.messageRef`.
    package static func trace(
        accountID: RawSpan, messageRef: RawSpan
    ) throws(Failure) -> Request {
        let account = try Self.account(accountID)
        let messageRef = try Identifiers.messageRef(messageRef)
        return Request(account: account, kind: .trace(MessageRef(messageRef)))
    }

    /// Throws `.accountID`.
    package static func search(accountID: RawSpan) throws(Failure) -> Request {
        Request(account: try account(accountID), kind: .search(Search()))
    }

    /// Throws `.accountID`.
    package static func check(accountID: RawSpan) throws(Failure) -> Request {
        Request(account: try account(accountID), kind: .check(asksAccess: false))
    }

    private init(account: AccountID?, kind: Kind) {
        self.account = account
        self.kind = kind
    }

    /// Takes the options of a trace; what it asks is said by `asking`.
    static var template: Request { Request(account: nil, kind: .trace(MessageRef("0"))) }

    /// The same options with another question.
    func asking(_ kind: Kind, of account: AccountID) -> Request {
        var asked = self
        asked.account = account
        asked.kind = kind
        if case .trace = kind { return asked }
        (asked.wait, asked.fresh, asked.submission) = (0, false, nil)
        return asked
    }

    package static func account(_ bytes: RawSpan) throws(Failure) -> AccountID? {
        bytes.isEmpty ? nil : try AccountID(Identifiers.accountID(bytes))
    }

    /// Throws what only all options together can show; asked when the request is submitted.
    func check() throws(Failure) {
        if case .search(let search) = kind { try search.checkWindow() }
    }

    // MARK: - Options

    /// Sets an option by name; throws `.configName` or `.configValue`.
    package mutating func set(_ name: String, to value: String) throws(Failure) {
        if name == "deadline_ms" {
            deadline = try Self.number(name, value, 1...86_400_000)
        } else if name == "priority" {
            guard value == "interactive" || value == "bulk" else {
                throw Failure(.configValue, "priority must be interactive or bulk")
            }
            priority = value == "bulk" ? .bulk : .interactive
        } else if name == "patient" {
            patience = try Self.bool(name, value)
        } else {
            try setOwn(name, to: value)
        }
    }

    /// An option that only one kind of request has.
    private mutating func setOwn(_ name: String, to value: String) throws(Failure) {
        switch kind {
        case .trace where name == "wait_ms":
            wait = try Self.number(name, value, 0...86_400_000)
        case .trace where name == "submission": submission = try Self.bool(name, value)
        case .trace where name == "fresh": fresh = try Self.bool(name, value)
        case .trace:
            throw Failure(
                .configName,
                "a trace request has no such option; there are: "
                    + "deadline_ms, fresh, patient, priority, submission, wait_ms")
        case .search(let search): kind = .search(try search.with(name, value))
        case .check where name == "access":
            kind = .check(asksAccess: try Self.bool(name, value))
        case .check:
            throw Failure(
                .configName,
                "a check request has no such option; there are: access, deadline_ms, patient, "
                    + "priority")
        }
    }

    static func number(
        _ name: String, _ value: String, _ allowed: ClosedRange<Int32>
    ) throws(Failure) -> Int32 {
        guard let number = Int32(value), allowed.contains(number) else {
            throw Failure(
                .configValue,
                name + " must be a whole number from " + String(allowed.lowerBound) + " to "
                    + String(allowed.upperBound))
        }
        return number
    }

    static func bool(_ name: String, _ value: String) throws(Failure) -> Bool {
        guard value == "true" || value == "false" else {
            throw Failure(.configValue, name + " must be true or false")
        }
        return value == "true"
    }
}
