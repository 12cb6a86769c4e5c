// Failure.swift - the one error of the library.
//
// Every failure is a code of the public header, one line written for a person, and the facts a
// program needs to decide what to do. Never put a secret, a header value or unbounded outside
// text into `message`.

/// What a call came to. Raw values are the numbers of `tv_status` in `tracevault.h`; a test keeps
/// the two lists equal.
package enum Status: Int32, CaseIterable, Sendable {
    case ok = 0
    case other = 1
    case handle = 2
    case argument = 3
    case configName = 4
    case configValue = 5
    case accountID = 6
    case messageRef = 7
    case credentialFormat = 8
    case limit = 9
    case noMemory = 10
    case forked = 11
    case shutdown = 12

    case notFound = 20
    case ambiguous = 21
    case exists = 22
    case origin = 23
    case editFinished = 24

    case notVault = 30
    case vaultVersion = 31
    case damagedHeader = 32
    case kdfBounds = 33
    case weakKDF = 34
    case unlock = 35
    case headerMAC = 36
    case damagedBody = 37
    case recordAuth = 38
    case conflict = 39
    case io = 40
    case durabilityUnknown = 41
    case unsafeFile = 42
    case busy = 43

    case queueFull = 60
    case cancelled = 61
    case deadline = 62
    case credential = 63
    case forbidden = 64
    case noMessage = 65
    case rateLimited = 66
    case server = 67
    case transport = 68
    case tls = 69
    case http = 70
    case redirect = 71
    case notJSON = 72
    case replyEmpty = 73
    case replyTruncated = 74
    case replyShape = 75
    case replyDepth = 76
    case replyTooLarge = 77
    case replyRefused = 78
    case replyDeferred = 79
}

/// Why something failed: a value, built once and carried unchanged to the host.
package struct Failure: Error, Sendable, Equatable {
    package var status: Status
    /// One line for a person: what failed and what to do. At most a few hundred bytes.
    package var message: String
    /// Whether the same call may succeed later.
    package var retriable = false
    /// HTTP status of the reply, 0 without one.
    package var httpStatus: Int32 = 0
    /// Error codes of Cloudflare's reply, in its order, at most 16.
    package var codes: [Int64] = []
    /// The reply's cf-ray, "" without one; printable ASCII, at most 64 bytes.
    package var cfRay = ""
    /// How long to wait before the next try; nil when not known.
    package var retryAfterMs: Int64?

    package init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }
}
