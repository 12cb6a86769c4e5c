// Failure.swift - the one error of the library.
//
// Every failure is a code of the public header, one line written for a person, and the facts a
// program needs to decide what to do. Never put a secret, a header value or unbounded outside
// text into `message`.

#if canImport(Glibc)
    import Glibc
#endif

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
    case locked = 25
    case expired = 26

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
    case rollback = 44
    case noVault = 45
    case noDescriptors = 46
    case stale = 47

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
    case proxy = 80
    case foreignReply = 81
    case descriptorsLost = 82
}

/// Why something failed: a value, built once and carried unchanged to the host.
package struct Failure: Error, Sendable, Equatable {
    package var status: Status
    /// One line for a person: what failed and what to do. At most a few hundred bytes.
    package var message: String
    /// Whether the same call may succeed later.
    package var retriable: Bool
    /// HTTP status of the reply, 0 without one.
    package var httpStatus: Int32 = 0
    /// Error codes of Cloudflare's reply, in its order, at most 16.
    package var codes: [Int64] = []
    /// The reply's cf-ray, "" without one; printable ASCII, at most 64 bytes.
    package var cfRay = ""
    /// How long to wait before the next try; nil when not known.
    package var retryAfterMs: Int64?
    /// What lies behind it, below HTTP.
    package var cause = Cause.none
    /// The errno of the call that failed, 0 where there is none.
    package var systemError: Int32 = 0
    /// libcurl's code for the end of the transfer, 0 without one.
    package var curlCode: Int32 = 0
    /// Cloudflare's edge said so, which knows nothing of credentials and messages.
    var isOfEdge = false

    package init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
        // What the host lacks may be there again in a moment.
        retriable = status == .noMemory || status == .noDescriptors
        if status == .noMemory { (cause, systemError) = (.memory, ENOMEM) }
    }

    /// Something of this host is used up; `number` is the errno that says what.
    package init(lacking number: Int32, _ message: String) {
        switch number {
        case EMFILE, ENFILE:
            self.init(.noDescriptors, message)
            cause = .descriptors
        case ENOMEM, ENOBUFS:
            self.init(.noMemory, message)
            cause = .memory
        default: self.init(.other, message)
        }
        systemError = number
    }
}

extension Failure {
    /// The same without a contradiction: a time to come back belongs only to what may succeed then.
    var settled: Failure {
        guard !retriable else { return self }
        var failure = self
        failure.retryAfterMs = nil
        return failure
    }
}

extension Status {
    /// The name in the header, such as "TV_E_UNLOCK".
    package var name: StaticString {
        switch self {
        case .ok: return "TV_OK"
        case .other: return "TV_E_OTHER"
        case .handle: return "TV_E_HANDLE"
        case .argument: return "TV_E_ARGUMENT"
        case .configName: return "TV_E_CONFIG_NAME"
        case .configValue: return "TV_E_CONFIG_VALUE"
        case .accountID: return "TV_E_ACCOUNT_ID"
        case .messageRef: return "TV_E_MESSAGE_REF"
        case .credentialFormat: return "TV_E_CREDENTIAL_FORMAT"
        case .limit: return "TV_E_LIMIT"
        case .noMemory: return "TV_E_NO_MEMORY"
        case .forked: return "TV_E_FORKED"
        case .shutdown: return "TV_E_SHUTDOWN"
        case .notFound: return "TV_E_NOT_FOUND"
        case .ambiguous: return "TV_E_AMBIGUOUS"
        case .exists: return "TV_E_EXISTS"
        case .origin: return "TV_E_ORIGIN"
        case .editFinished: return "TV_E_EDIT_FINISHED"
        case .locked: return "TV_E_LOCKED"
        case .expired: return "TV_E_EXPIRED"
        case .notVault: return "TV_E_NOT_VAULT"
        case .vaultVersion: return "TV_E_VAULT_VERSION"
        case .damagedHeader: return "TV_E_DAMAGED_HEADER"
        case .kdfBounds: return "TV_E_KDF_BOUNDS"
        case .weakKDF: return "TV_E_WEAK_KDF"
        case .unlock: return "TV_E_UNLOCK"
        case .headerMAC: return "TV_E_HEADER_MAC"
        case .damagedBody: return "TV_E_DAMAGED_BODY"
        case .recordAuth: return "TV_E_RECORD_AUTH"
        case .conflict: return "TV_E_CONFLICT"
        case .io: return "TV_E_IO"
        case .durabilityUnknown: return "TV_E_DURABILITY_UNKNOWN"
        case .unsafeFile: return "TV_E_UNSAFE_FILE"
        case .busy: return "TV_E_BUSY"
        case .rollback: return "TV_E_ROLLBACK"
        case .noVault: return "TV_E_NO_VAULT"
        case .noDescriptors: return "TV_E_NO_DESCRIPTORS"
        case .stale: return "TV_E_STALE"
        case .queueFull: return "TV_E_QUEUE_FULL"
        case .cancelled: return "TV_E_CANCELLED"
        case .deadline: return "TV_E_DEADLINE"
        case .credential: return "TV_E_CREDENTIAL"
        case .forbidden: return "TV_E_FORBIDDEN"
        case .noMessage: return "TV_E_NO_MESSAGE"
        case .rateLimited: return "TV_E_RATE_LIMITED"
        case .server: return "TV_E_SERVER"
        case .transport: return "TV_E_TRANSPORT"
        case .tls: return "TV_E_TLS"
        case .http: return "TV_E_HTTP"
        case .redirect: return "TV_E_REDIRECT"
        case .notJSON: return "TV_E_NOT_JSON"
        case .replyEmpty: return "TV_E_REPLY_EMPTY"
        case .replyTruncated: return "TV_E_REPLY_TRUNCATED"
        case .replyShape: return "TV_E_REPLY_SHAPE"
        case .replyDepth: return "TV_E_REPLY_DEPTH"
        case .replyTooLarge: return "TV_E_REPLY_TOO_LARGE"
        case .replyRefused: return "TV_E_REPLY_REFUSED"
        case .replyDeferred: return "TV_E_REPLY_DEFERRED"
        case .proxy: return "TV_E_PROXY"
        case .foreignReply: return "TV_E_FOREIGN_REPLY"
        case .descriptorsLost: return "TV_E_DESCRIPTORS_LOST"
        }
    }
}
