// CloudflareAPI.swift - Cloudflare's side of the contract: paths out, judgement of what came back.
// Facts: developers.cloudflare.com, API reference "Get email trace" and "Rate limits"; error codes
// have no official list, so the HTTP status decides first and the code second.

import CSystem

/// What a reply without an answer in it means: what to do next, and what to say if nothing is.
struct Refusal {
    var verdict: Verdict
    var failure: Failure
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

    /// nil when a whole reply with HTTP status 200 came: what is in it, the question must see.
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

    // MARK: - Other statuses

    /// Retried: what Cloudflare's edge and API answer while something passes.
    private static func isTransient(_ status: Int32) -> Bool {
        switch status {
        case 408, 500, 502, 503, 504, 520...527, 530: return true
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
        let envelope = try? Envelope.read(reply.body)
        var failure = refusal(reply.status, envelope, subject).of(reply)
        failure.codes = envelope?.errors.map(\.code) ?? []
        let wait = RetryAfter.milliseconds(
            reply.headers, bodySeconds: envelope?.retryAfterSeconds, wallMs: tvs_wall_ms())
        failure.retryAfterMs = wait
        if reply.status == 429 {
            let park = RetryAfter.parking(
                reply.headers, bodySeconds: envelope?.retryAfterSeconds, wallMs: tvs_wall_ms())
            failure.retryAfterMs = park
            failure.retriable = true
            return Refusal(verdict: .rateLimited(afterMs: park), failure: failure)
        }
        var retries = isTransient(reply.status) && envelope?.retryable != false
        // A refused credential is not tried again, whatever the server says.
        if reply.headers.shouldRetry == "true", failure.status != .credential { retries = true }
        if reply.headers.shouldRetry == "false" { retries = false }
        failure.retriable = retries || reply.status == 202
        let ending = failure.status == .credential ? Verdict.rejected : .final
        return Refusal(verdict: retries ? .retry(afterMs: wait) : ending, failure: failure)
    }

    private static func refusal(
        _ status: Int32, _ envelope: Envelope?, _ subject: Subject
    ) -> Failure {
        let codes = envelope?.errors.map(\.code) ?? []
        let cause = CredentialAdvice.cause(envelope?.errors ?? [])
        let said = cause.map { ", code \($0.code): \($0.message)" } ?? ""
        let what = "HTTP \(status)\(said)"
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
        case 401,
            400 where isCredential,
            403 where isCredential:
            return Failure(
                .credential,
                "Cloudflare refused the credential (\(what)); " + CredentialAdvice.text(cause))
        case 403:
            return Failure(
                .forbidden,
                "not allowed (\(what)); the credential needs the permission "
                    + "Cloud Email Security: Read")
        case 404 where codes.contains(where: { routeCodes.contains($0) }):
            return Failure(.http, "no such API path (\(what)); check api.base_url")
        case 404:
            return Failure(
                subject == .message ? .noMessage : .http, "\(subject.unknown) (\(what))")
        case 429:
            return Failure(.rateLimited, "over Cloudflare's request quota (\(what))")
        case 500..<600:
            return Failure(.server, "Cloudflare failed (\(what)); try again later")
        default:
            return Failure(.http, "unexpected answer (\(what))")
        }
    }

    // MARK: - No complete reply

    private static func judge(_ fault: HTTPReply.Fault, _ reply: HTTPReply) -> Refusal {
        var failure = describe(fault).of(reply)
        let retries: Bool
        switch fault {
        case .connect, .broken, .truncated, .handshake, .crowdedOut: retries = true
        case .tls, .trustStore, .tooLarge, .headersTooLarge, .encoding, .internalError:
            retries = false
        }
        failure.retriable = retries
        return Refusal(verdict: retries ? .retry(afterMs: nil) : .final, failure: failure)
    }

    private static func describe(_ fault: HTTPReply.Fault) -> Failure {
        switch fault {
        case .connect:
            return Failure(.transport, "no connection to the server; check network and proxy")
        case .broken: return Failure(.transport, "the connection broke before the reply was whole")
        case .truncated: return Failure(.replyTruncated, "the reply ended before its length")
        case .tls:
            return Failure(
                .tls, "the server's certificate is not acceptable; check tls.ca_file and the clock")
        case .handshake: return Failure(.tls, "the TLS handshake failed")
        case .trustStore:
            return Failure(.tls, "tls.ca_file holds no usable certificate authorities")
        case .tooLarge:
            return Failure(.replyTooLarge, "the reply exceeds http.max_reply_bytes")
        case .crowdedOut:
            return Failure(
                .limit, "large replies that are still coming leave no room for the rest of this one"
            )
        case .headersTooLarge: return Failure(.replyTooLarge, "the reply's headers are too large")
        case .encoding: return Failure(.replyTruncated, "the reply's compression is damaged")
        case .internalError: return Failure(.other, "libcurl could not carry out the request")
        }
    }
}

extension Failure {
    /// The same failure with the facts of the reply it came from.
    func of(_ reply: HTTPReply) -> Failure {
        var failure = self
        failure.httpStatus = reply.status
        failure.cfRay = reply.headers.cfRay
        return failure
    }
}
