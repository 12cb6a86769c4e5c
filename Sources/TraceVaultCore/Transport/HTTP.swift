// HTTP.swift - what goes out and what comes back, without libcurl's names.

/// One request as it goes out. The secret header lives in guarded memory and is not copied: libcurl
/// reads it where it is until the exchange ends.
package struct HTTPRequest: Sendable {
    /// The path and query below the base URL; only characters that need no escape.
    package var path: String
    package var authorization: SecretHeader
    /// "X-Auth-Email: …" beside a global key.
    package var email: String?
    /// When libcurl gives up by itself; the scheduler's deadline comes first.
    package var timeoutMs: Int
    /// Whose reply it will be.
    var tenant: TenantKey?
    /// What a request to an object store has in the place of the API's own headers.
    var object: ObjectPart?

    package init(path: String, authorization: SecretHeader, email: String?, timeoutMs: Int) {
        self.path = path
        self.authorization = authorization
        self.email = email
        self.timeoutMs = timeoutMs
    }
}

/// What a request for a stored object has and one to the API has not. The reply comes as it is
/// stored: neither compressed nor masked.
package struct ObjectPart: Sendable {
    /// What is stored with PUT; nil: GET.
    var upload: ByteBuffer?
    /// Header lines beside the authorization.
    var lines: [String]
    /// Another header line with a secret in it.
    var token: SecretHeader?
    /// How many bytes of the reply are of use, by its status, its beginning, and its length as far
    /// as the server says it; nil: the beginning does not tell yet.
    var useful: @Sendable (Int32, RawSpan, Int64?) -> Int?
}

/// One HTTP exchange as it ended.
package struct HTTPReply: Sendable {
    /// Why there is no complete reply.
    package enum Fault: Sendable, Equatable {
        /// Name resolution or connection failed.
        case connect
        /// The proxy made no connection to the server.
        case proxy
        /// The connection broke.
        case broken
        /// The server has the request, and http.first_byte_ms is over.
        case noFirstByte
        /// The reply began and went silent.
        case silence
        /// Fewer bytes came than the server had announced.
        case truncated
        /// Certificate or handshake not acceptable.
        case tls
        /// The handshake broke off, which may pass.
        case handshake
        /// The certificate authorities' file cannot be used.
        case trustStore
        /// More bytes than allowed, or a compression bomb.
        case tooLarge
        /// Other replies that are still coming leave no room for the rest of this one.
        case crowdedOut
        /// More or longer headers than allowed.
        case headersTooLarge
        /// The body's compression is damaged.
        case encoding
        /// This host has no descriptor or no memory left.
        case exhausted
        /// libcurl refused the request itself; a fault of this library.
        case internalError
    }

    /// What is known of a fault beyond its kind.
    package struct FaultFacts: Sendable, Equatable {
        package var cause = Cause.none
        package var systemError: Int32 = 0
        package var curlCode: Int32 = 0
        /// What the proxy answered to CONNECT, 0 without an answer.
        package var connectCode: Int32 = 0
        /// What a SOCKS proxy answered, in words; "" without an answer.
        package var socksAnswer = ""
        /// It may connect to the server another time.
        package var socksMayConnect = false
        /// Where it happened: "the server https://…", "the proxy http://…".
        package var place = "the server"

        package init() {}
    }

    /// nil when a whole reply came.
    package var fault: Fault?
    package var trouble = FaultFacts()
    /// False when the server cannot have seen a byte of the request.
    package var wasSent = true
    /// Not sent: meanwhile the vault has taken back the secret it was to be sent with, or its
    /// server is trusted no more.
    var isTakenBack = false
    /// Sent once, and libcurl was about to send it again: no byte of a reply came.
    var isRepeat = false
    /// 0 when no status line came.
    package var status: Int32 = 0
    package var body: ByteBuffer
    /// Of one that was crowded out: how large it may well be.
    var wanted = 0
    package var headers = ReplyHeaders()
    /// Whether it came over a connection that carries many requests at once; nil: nothing came.
    package var sharedConnection: Bool?

    package init(body: ByteBuffer) { self.body = body }

    /// A longer body is not kept while its request waits for another try: those of refusals are
    /// shorter, and there may be as many as engine.max_queued.
    static let longestKept = 4096

    /// What is kept of it until then, beside so many bytes that `place` counts as well: a short
    /// body where there is room, and what an answer tells of the last reply.
    func shortened(beside bytes: Int, in place: ReplyRoom.Place) -> HTTPReply {
        var short = HTTPReply(body: ByteBuffer(limit: body.count))
        (short.status, short.headers.cfRay) = (status, headers.cfRay)
        let fits = body.count <= Self.longestKept && place.grow(to: bytes + body.count)
        if fits, body.count > 0 {
            body.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { _ = unsafe short.body.append($0) }
            }
        }
        place.shrink(to: bytes + short.body.count)
        return short
    }
}

/// How far an exchange is that is under way.
package enum HTTPProgress: Sendable, Equatable {
    /// It has no connection yet.
    case connecting
    /// The request is sent since so many µs, nothing has come back.
    case sent(us: Int64)
    /// So many bytes of the body are there.
    case receiving(bytes: Int64)
}

/// The header fields that mean something here; "" when absent. Values are printable ASCII.
package struct ReplyHeaders: Sendable, Equatable {
    package var cfRay = ""
    package var retryAfter = ""
    package var retryAfterMs = ""
    /// The server's clock, where something is told by it.
    package var date = ""
    package var shouldRetry = ""
    /// `Ratelimit` and `Ratelimit-Policy`: what is left of the quota, and the quota. All lines as
    /// one.
    package var rateLimit = ""
    package var rateLimitPolicy = ""
    /// With status 202 only: where the answer will be. Whole, or "".
    package var location = ""
    /// With status 200 only: `Link`, which may name the next page. Several as one; whole, or "".
    package var link = ""
    /// Of a stored object: which state of it this is, whole or "", and where its bucket lives.
    package var etag = ""
    package var bucketRegion = ""

    /// The longest value kept; the rest is cut off, but of a URL nothing is kept then.
    static let maxValue = 128
    static let maxURL = 4096
    /// Of a list as well: a number may be cut in two.
    static let maxList = 1024
}
