// CloudflareAPI.swift - Cloudflare's side of the contract: paths out, judgement of what came back.
// Facts: developers.cloudflare.com, API reference "Get email trace" and "Rate limits"; error codes
// have no official list, so the HTTP status decides first and the code second.

import CSystem

/// What a reply without an answer in it means: what to do next, and what to say if nothing is.
struct Refusal {
    var verdict: Verdict
    var failure: Failure
    /// What the API named as errors.
    var errors: [ReplyError] = []
}

enum CloudflareAPI {
    /// The path of the trace endpoint below the base URL. Both ids have passed their checks.
    static func tracePath(accountID: String, messageRef: String, submission: Bool?) -> String {
        var path = ""
        path.reserveCapacity(160)
        path += "/accounts/"
        path += accountID
        path += "/email-security/investigate/"
        path += Identifiers.pathSegment(messageRef)
        path += "/trace"
        if let submission { path += submission ? "?submission=true" : "?submission=false" }
        return path
    }

    /// nil when a whole reply with HTTP status 200 came. The dialogue then reads the body itself
    /// and passes any failure to `judge`.
    static func refusal(_ reply: HTTPReply, _ subject: Subject) -> Refusal? {
        if let fault = reply.fault, reply.status != 429 { return judge(fault, reply) }
        return reply.status == 200 ? nil : judgeRefusal(reply, subject)
    }

    /// What was asked about, for the words of a failure.
    enum Subject {
        case message, search, credential

        fileprivate var unknown: StaticString {
            switch self {
            case .message: "Cloudflare knows no such message in this account"
            case .search: "Cloudflare knows no such account, or no Email Security in it"
            case .credential: "Cloudflare knows no such account or user"
            }
        }
    }

    /// Whether Cloudflare's codes say that the credential is at fault.
    static func nameCredential(_ codes: [Int64]) -> Bool {
        codes.contains { credentialCodes.contains($0) }
    }

    /// What to do about a reply with HTTP status 200 in which there is no answer, for this reason.
    ///
    /// - Parameter said: the envelope, where the caller has it: large ones are not read twice.
    static func judge(
        _ found: Failure, _ reply: HTTPReply, _ said: Envelope? = nil
    ) -> Refusal {
        if found.status == .notJSON, !beginsLikeJSON(reply.body) {
            return Refusal(verdict: .final, failure: foreign(reply))
        }
        guard found.status == .replyRefused, nameCredential(found.codes) else {
            let passes = found.status == .replyRefused && found.retriable
            return Refusal(
                verdict: passes ? .retry(afterMs: found.retryAfterMs) : .final,
                failure: found.of(reply))
        }
        let envelope = said ?? (try? Envelope.read(reply.body))
        var failure = refusedCredential(200, envelope).of(reply)
        failure.codes = found.codes
        return Refusal(verdict: .rejected, failure: failure, errors: envelope?.errors ?? [])
    }

    // MARK: - Other statuses

    /// Retried: what Cloudflare's edge and API answer while something passes. 529 is what some
    /// origins behind it say when they are overloaded.
    private static func isTransient(_ status: Int32) -> Bool {
        switch status {
        case 408, 500, 502, 503, 504, 520...527, 529, 530: return true
        default: return false
        }
    }

    /// Codes that say "this credential", seen with 400, 401 and 403.
    private static let credentialCodes: Set<Int64> = [
        1000, 6003, 6103, 6111, 9103, 9106, 9109, 9300, 10000, 10001,
    ]

    /// Codes that say "no such path": not a verdict about the message.
    private static let routeCodes: Set<Int64> = [7000, 7003]

    private static func judgeRefusal(_ reply: HTTPReply, _ subject: Subject) -> Refusal {
        let said = try? Envelope.read(reply.body)
        let bodySeconds = said?.retryAfterSeconds
        let envelope = said?.isOfAPI == true ? said : nil
        let isForeign = isForeign(reply, envelope)
        var failure =
            isForeign ? foreign(reply) : refusal(reply, envelope, subject).of(reply)
        failure.codes = isForeign ? [] : envelope?.errors.map(\.code) ?? []
        failure.isOfEdge = envelope?.edge != nil
        if reply.status == 429 {
            let park = RetryAfter.parking(
                reply.headers, bodySeconds: bodySeconds, wallMs: tvs_wall_ms())
            failure.retryAfterMs = park
            failure.retriable = true
            return Refusal(verdict: .rateLimited(afterMs: park), failure: failure)
        }
        let wait = RetryAfter.milliseconds(
            reply.headers, bodySeconds: bodySeconds, wallMs: tvs_wall_ms())
        failure.retryAfterMs = wait
        let retries = isRetried(reply, envelope, failure)
        failure.retriable = retries || reply.status == 202 || isForeign
        if retries { failure.message += "; try again later" }
        let ending = failure.status == .credential ? Verdict.rejected : .final
        return Refusal(
            verdict: retries ? .retry(afterMs: wait) : ending, failure: failure,
            errors: said?.errors ?? [])
    }

    /// Whether it is tried again, as often as retry.max_attempts allows.
    private static func isRetried(
        _ reply: HTTPReply, _ envelope: Envelope?, _ failure: Failure
    ) -> Bool {
        if reply.headers.shouldRetry == "false" { return false }
        // A refused credential is not tried again, whatever the server says.
        if failure.status == .credential { return false }
        if reply.headers.shouldRetry == "true" { return true }
        // A problem document (RFC 9457) knows best what it is about.
        return envelope?.retryable ?? isTransient(reply.status)
    }

    // MARK: - Not the API's answer

    /// Only what is written as the API writes (`envelope`) is its verdict. Those of 500 and above
    /// are failures whoever tells them, and so are a parking, a redirect, a promise and nothing.
    private static func isForeign(_ reply: HTTPReply, _ envelope: Envelope?) -> Bool {
        switch reply.status {
        case 511: return true
        case 202, 204, 205, 300..<400, 408, 429, 500..<600: return false
        default: return envelope == nil
        }
    }

    /// The API answers with an object. A page of a portal does not begin like one.
    private static func beginsLikeJSON(_ body: ByteBuffer) -> Bool {
        body.withBytes { bytes in
            var place = 0
            while place < bytes.byteCount, bytes.at(place) <= 0x20 { place += 1 }
            return bytes.at(place) == UInt8(ascii: "{")
        }
    }

    private static func foreign(_ reply: HTTPReply) -> Failure {
        let who =
            reply.status == 511
            ? "a network that wants a login answered"
            : reply.headers.cfRay.isEmpty
                ? "a proxy, a portal or a block page answered, or api.base_url is wrong"
                : "a page of Cloudflare's edge, or api.base_url is wrong"
        return Failure(
            .foreignReply, "an answer, but not the API's (HTTP \(reply.status)): \(who)"
        ).of(reply)
    }

    /// How a body begins that is no JSON of the API, for a message; "" without one.
    static func begins(_ body: ByteBuffer) -> String {
        let words = FirstWords.of(body)
        return words.isEmpty ? "" : "; it begins: \"\(words)\""
    }

    private static func refusal(
        _ reply: HTTPReply, _ envelope: Envelope?, _ subject: Subject
    ) -> Failure {
        let status = reply.status
        let codes = envelope?.errors.map(\.code) ?? []
        let what = what(status, envelope)
        let isCredential = nameCredential(codes)
        switch status {
        case 202:
            return Failure(.replyDeferred, "Cloudflare answers later (\(what)); ask again")
        case 204, 205:
            return Failure(.replyEmpty, "the reply has no answer (\(what))")
        case 300..<400:
            return Failure(
                .redirect,
                "the server redirects (\(what)), which is never followed; "
                    + "check api.base_url")
        case 401 where envelope?.edge != nil, 403 where envelope?.problem != nil:
            return Failure(.forbidden, "Cloudflare does not let the request through (\(what))")
        case 401,
            400 where isCredential,
            403 where isCredential:
            return refusedCredential(status, envelope)
        case 403:
            return Failure(
                .forbidden,
                "not allowed (\(what)); the credential needs the permission "
                    + "Cloud Email Security: Read")
        case 404 where codes.contains(where: { routeCodes.contains($0) }):
            return Failure(.http, "no such API path (\(what)); check api.base_url")
        case 404 where envelope?.edge != nil:
            return Failure(.http, "Cloudflare's edge does not know the way (\(what))")
        case 404:
            return Failure(
                subject == .message ? .noMessage : .http, "\(subject.unknown) (\(what))")
        case 429:
            return Failure(.rateLimited, "over Cloudflare's request quota (\(what))")
        case 500..<600:
            let who = envelope == nil ? "the server" : "Cloudflare"
            let page = envelope == nil ? begins(reply.body) : ""
            return Failure(.server, "\(who) failed (\(what))\(page)")
        default:
            return Failure(.http, "unexpected answer (\(what))")
        }
    }

    private static func refusedCredential(_ status: Int32, _ envelope: Envelope?) -> Failure {
        let advice = CredentialAdvice.text(CredentialAdvice.cause(envelope?.errors ?? []))
        return Failure(
            .credential,
            "Cloudflare refused the credential (\(what(status, envelope))); " + advice)
    }

    /// The status, and the words of the error that tells most.
    private static func what(_ status: Int32, _ envelope: Envelope?) -> String {
        let cause = CredentialAdvice.cause(envelope?.errors ?? []).map {
            "code \($0.code): \($0.message)"
        }
        let said = (cause ?? envelope?.problemText).map { ", " + $0 } ?? ""
        return "HTTP \(status)\(said)"
    }

    // MARK: - No complete reply

    private static func judge(_ fault: HTTPReply.Fault, _ reply: HTTPReply) -> Refusal {
        let failure = fault.words(reply.trouble).of(reply)
        if fault == .crowdedOut { return Refusal(verdict: .roomless, failure: failure) }
        let isRetried = fault.isRetried(reply.trouble)
        return Refusal(verdict: isRetried ? .retry(afterMs: nil) : .final, failure: failure)
    }
}

extension Failure {
    /// The same failure with the facts of the reply it came from.
    func of(_ reply: HTTPReply) -> Failure {
        var failure = self
        failure.httpStatus = reply.status
        failure.cfRay = reply.headers.cfRay
        // What is not the API's says nothing of what was asked.
        if status == .foreignReply { failure.retriable = true }
        if status == .notJSON || status == .foreignReply {
            failure.message += CloudflareAPI.begins(reply.body)
        }
        return failure
    }
}
