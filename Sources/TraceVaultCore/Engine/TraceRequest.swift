// TraceRequest.swift - what a host asks, checked at the door.

/// A request for one message's trace. A value: submitting copies it.
package struct TraceRequest: Sendable {
    /// nil: the tenant's only account.
    package let accountID: String?
    package let messageRef: String
    /// nil: the engine's default.
    package private(set) var deadlineMs: Int64?
    package private(set) var waitMs: Int64 = 0
    package private(set) var submission: Bool?

    /// Throws `.accountID` or `.messageRef`.
    package init(accountID: RawSpan, messageRef: RawSpan) throws(Failure) {
        self.accountID = accountID.isEmpty ? nil : try Identifiers.accountID(accountID)
        self.messageRef = try Identifiers.messageRef(messageRef)
    }

    /// Sets an option by name; throws `.configName` or `.configValue`.
    package mutating func set(_ name: String, to value: String) throws(Failure) {
        switch name {
        case "deadline_ms": deadlineMs = try Self.milliseconds(name, value, from: 1)
        case "wait_ms": waitMs = try Self.milliseconds(name, value, from: 0)
        case "submission":
            guard value == "true" || value == "false" else {
                throw Failure(.configValue, "submission must be true or false")
            }
            submission = value == "true"
        default:
            throw Failure(
                .configName, "no such request option; there are: deadline_ms, wait_ms, submission")
        }
    }

    private static func milliseconds(
        _ name: String, _ value: String, from least: Int64
    ) throws(Failure) -> Int64 {
        guard let number = Int64(value), (least...86_400_000).contains(number) else {
            throw Failure(
                .configValue, "\(name) must be a whole number from \(least) to 86400000")
        }
        return number
    }
}
