// CheckDialogue.swift - does the credential work? Asks the verify endpoint of its kind, of both
// kinds where the token does not tell its own; and then, if wanted, for one message, since only
// that shows a permission that is missing (CheckDialogue+Access.swift).
//
// That the credential does not work is the answer, not a failure: only what leaves it open is one.
// Cloudflare's success carries a message with code 10000, which elsewhere means the opposite, so
// `success` decides here and no code.

final class CheckDialogue: Dialogue {
    /// Whose a token is; a global key has none of its own.
    enum TokenKind: UInt8 {
        case user, account, unknown

        var name: StaticString {
            switch self {
            case .user: "user"
            case .account: "account"
            case .unknown: "unknown"
            }
        }
    }

    enum State {
        case active, disabled, expired, unknown

        var name: StaticString {
            switch self {
            case .active: "active"
            case .disabled: "disabled"
            case .expired: "expired"
            case .unknown: "unknown"
            }
        }
    }

    /// What Cloudflare said of the credential.
    struct Told {
        var state = State.unknown
        /// Of the token, at most 64 printable bytes; nil for a key.
        var tokenID: String?
        var notBefore: String?
        var expiresOn: String?
        /// Cloudflare's reason, or its status in words.
        var reason: ReplyError?
        /// What was odd about the reply.
        var warnings = TraceWarnings()
    }

    let asksAccess: Bool
    /// The credential works: the next try asks for a message.
    private var isAtAccess = false
    /// What came of that.
    var access: Access?
    /// The credential that was asked about last.
    private var asked: Credential?
    /// What the last try was sent with, and where.
    private(set) var isKey = false
    private(set) var tokenKind = TokenKind.unknown
    /// The kind is not to be seen, so the other endpoint is the next one.
    private var isSecond = false
    private(set) var told: Told?
    /// What the endpoint of users said of a token of unknown kind.
    private var firstReason: ReplyError?
    private(set) var last: HTTPReply?
    private(set) var failure = Failure(.other, "no try was made")

    init(asksAccess: Bool = false) { self.asksAccess = asksAccess }

    func path(_ credential: Credential, _ authorization: SecretHeader) -> String {
        if let asked, asked.identity != credential.identity {
            // Replaced between two tries: what was said of the other one says nothing of this.
            (isSecond, isAtAccess, told, access) = (false, false, nil, nil)
        }
        asked = credential
        if isAtAccess { return Self.accessPath(credential.accountID) }
        isKey = credential.email != nil
        tokenKind = isKey ? .unknown : Self.kind(authorization)
        if isKey { return "/user" }
        if tokenKind == .account || (tokenKind == .unknown && isSecond) {
            return "/accounts/" + credential.accountID + "/tokens/verify"
        }
        return "/user/tokens/verify"
    }

    /// That it does not work is a reply like another here.
    var proof: CredentialProof {
        told?.state == .active && access?.isGranted != false ? .taken : .none
    }

    private static func kind(_ authorization: SecretHeader) -> TokenKind {
        if authorization.begins(with: "Authorization: Bearer cfut_") { return .user }
        return authorization.begins(with: "Authorization: Bearer cfat_") ? .account : .unknown
    }

    var trouble: Failure? { told == nil ? failure : nil }

    func rests(ms: Int64) { failure.retryAfterMs = ms }

    func fail(_ failure: Failure) {
        self.failure = failure
        last = nil
        if isAtAccess { access = Access(unknown: failure) }
    }

    func pause(_ place: ReplyRoom.Place) -> Bool {
        last = last?.shortened(beside: 0, in: place)
        return true
    }

    func read(_ reply: HTTPReply) -> Verdict {
        last = reply
        if isAtAccess { return takeAccess(reply) }
        if let refusal = CloudflareAPI.refusal(reply, .credential) { return take(refusal) }
        var said: Envelope?
        do throws(Failure) {
            let (tape, mended) = try MendedText.read(reply.body)
            return try tape.body.withBytes { (bytes) throws(Failure) in
                let envelope = try Envelope(tape, bytes)
                said = envelope
                try envelope.needAnswer()
                told = try read(envelope, tape, bytes)
                told?.warnings.note(mended, tape, bytes)
                if tokenKind == .unknown, !isKey { tokenKind = isSecond ? .account : .user }
                isAtAccess = asksAccess && told?.state == .active
                return isAtAccess ? .more : .final
            }
        } catch {
            return take(CloudflareAPI.judge(error, reply, said))
        }
    }

    // MARK: - No

    private func take(_ refusal: Refusal) -> Verdict {
        failure = refusal.failure
        guard refusal.verdict == .rejected else { return refusal.verdict }
        let reason = refusal.errors.first ?? ReplyError(code: 0, message: failure.message)
        if tokenKind == .unknown, !isKey, !isSecond {
            firstReason = reason
            isSecond = true
            return .more
        }
        told = Told(reason: isSecond ? firstReason ?? reason : reason)
        return .final
    }

    // MARK: - What is said of it

    private func read(
        _ envelope: Envelope, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> Told {
        guard let result = envelope.result, tape[result].kind == .object else {
            throw Failure(.replyShape, "the reply's result is not an object")
        }
        var told = Told()
        if isKey {
            let members = try tape.members(["email", "suspended", "id"], of: result, bytes)
            let (email, suspended, id) = (members[0], members[1], members[2])
            if let mine = asked?.email {
                try AskedAbout.check(in: result, email: mine, tape, bytes)
            }
            // A user has no status; this is all that is said of one who may do nothing.
            if suspended == nil, id == nil, email == nil {
                throw Failure(.replyShape, "the reply tells nothing of the key's user")
            }
            told.state = suspended.flatMap { tape.bool($0) } == true ? .disabled : .active
        } else {
            let members = try tape.members(
                ["status", "id", "not_before", "expires_on"], of: result, bytes)
            told.state = try Self.state(members[0], tape, bytes)
            told.tokenID = members[1].flatMap { tape.plain($0, limit: 64, in: bytes) }
            told.notBefore = Self.time(members[2], tape, bytes)
            told.expiresOn = Self.time(members[3], tape, bytes)
        }
        if told.state != .active {
            told.reason = ReplyError(
                code: 0, message: "Cloudflare says that its status is \(told.state.name)")
        }
        return told
    }

    private static func state(
        _ status: Int?, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> State {
        guard let status, tape[status].kind == .string else {
            throw Failure(.replyShape, "the reply tells no status of the token")
        }
        let token = tape[status]
        if JSONText.equals(token, "active", in: bytes) { return .active }
        if JSONText.equals(token, "disabled", in: bytes) { return .disabled }
        return JSONText.equals(token, "expired", in: bytes) ? .expired : .unknown
    }

    /// A time as it is written, if it is one.
    private static func time(_ value: Int?, _ tape: JSONTape, _ bytes: RawSpan) -> String? {
        guard let value, let text = tape.text(value, limit: 64, bytes) else { return nil }
        return Self.seconds(text) == nil ? nil : text
    }

    /// Seconds since 1970, without a fraction: at or before the time.
    static func seconds(_ text: String) -> Int64? {
        var text = text
        let time = text.withUTF8 { utf8 in
            Timestamp(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(utf8)))
        }
        return time.map { $0.minutes * 60 + $0.second }
    }
}
