// StoreWords.swift - what an object store's refusals and faults mean, in words for who mends them.
//
// Of a reply only its status, known codes of S3 and a region in AWS's own words are told: anything
// else may be a stranger's text.

import CSystem

/// The words for one store and object.
struct StoreWords: Sendable {
    let store: String
    let address: ObjectAddress

    /// Codes of S3 that are told as they are ("Error responses" in the S3 API reference).
    private static let codes: [StaticString] = [
        "AccessDenied", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidAccessKeyId",
        "ConditionalRequestConflict", "InvalidToken", "NoSuchBucket", "NoSuchKey",
        "NotImplemented", "OperationAborted", "PreconditionFailed", "RequestTimeTooSkewed",
        "SignatureDoesNotMatch", "SlowDown",
    ]

    /// Why there is no reply.
    private func failure(
        _ fault: HTTPReply.Fault, _ trouble: HTTPReply.FaultFacts
    ) -> Failure {
        var failure = fault.words(trouble)
        failure.message = "the object store \(store) \(Self.text(fault, trouble))"
        if fault == .tooLarge { failure.status = .limit }
        return failure
    }

    private static func text(
        _ fault: HTTPReply.Fault, _ trouble: HTTPReply.FaultFacts
    ) -> String {
        switch fault {
        case .connect: return connectText(trouble)
        case .proxy where trouble.cause == .proxyLogin:
            return "cannot be reached: the proxy of s3.proxy wants another login, and is not asked "
                + "again for a minute"
        case .proxy: return "cannot be reached: the proxy of s3.proxy made no connection"
        case .broken, .truncated: return "broke the connection off before its reply was whole"
        case .noFirstByte, .silence: return "gave no whole reply within s3.timeout_ms"
        case .tls:
            return "has a certificate that is not acceptable: check its name and times, and set "
                + "s3.ca_file where its authority is not one of the system's"
        case .handshake: return "broke the TLS handshake off"
        case .trustStore: return "cannot be asked: s3.ca_file holds no certificate that can be used"
        case .tooLarge, .crowdedOut: return "has an object there that is larger than 512 MiB"
        case .headersTooLarge, .encoding: return "sent a reply that cannot be read"
        case .exhausted: return "cannot be asked: this host has no memory or descriptor left"
        case .internalError: return "could not be asked by libcurl"
        }
    }

    private static func connectText(_ trouble: HTTPReply.FaultFacts) -> String {
        switch trouble.cause {
        case .nameLookup: "cannot be found by its name: check s3.endpoint and the host's DNS"
        case .refused: "refused the connection: nobody listens there"
        case .connectTimeout: "does not answer"
        default: "cannot be reached: check the network"
        }
    }

    /// Why a request did not bring what was asked for.
    func failure(_ reply: HTTPReply) -> Failure {
        if let fault = reply.fault { return failure(fault, reply.trouble) }
        let code = Self.code(reply.body)
        var failure = Failure(status(reply.status, code), text(reply, code))
        failure.httpStatus = reply.status
        failure.retriable = Self.passes(reply.status) || reply.status == 409
        failure.retryAfterMs = RetryAfter.milliseconds(
            reply.headers, bodySeconds: nil, wallMs: tvs_wall_ms())
        return failure.settled
    }

    /// What a store says when it has too much to do, or something is broken there for now.
    static func passes(_ status: Int32) -> Bool {
        [408, 429].contains(status) || status >= 500 && status != 501
    }

    private func status(_ status: Int32, _ code: String) -> Status {
        switch status {
        case 301, 302, 303, 307, 308: return .redirect
        case 400 where code == "AuthorizationHeaderMalformed": return .redirect
        case 400 where code == "ExpiredToken" || code == "InvalidToken": return .forbidden
        case 401, 403: return .forbidden
        case 404: return .noVault
        case 409, 412: return .conflict
        case 501: return .other
        case 429: return .rateLimited
        default: return Self.passes(status) ? .server : .http
        }
    }

    private func text(_ reply: HTTPReply, _ code: String) -> String {
        let told = "HTTP \(reply.status)" + (code.isEmpty ? "" : " " + code)
        switch (reply.status, code) {
        case (301, _), (302, _), (303, _), (307, _), (308, _),
            (400, "AuthorizationHeaderMalformed"):
            let region = reply.headers.bucketRegion
            let there = Self.isRegion(region) ? ", which is \(region)" : ""
            return "the bucket \(address.bucket) is elsewhere (\(told)): set s3.region and "
                + "s3.endpoint to where it is\(there)"
        case (404, "NoSuchBucket"):
            return "the object store \(store) has no bucket \(address.bucket) (\(told))"
        case (404, _):
            return "there is no vault at s3://\(address.bucket)/\(address.key) (\(told)): create "
                + "it, or mend the place"
        case (403, "RequestTimeTooSkewed"):
            return "the object store \(store) finds this host's clock wrong (\(told)): set it"
        case (401, _), (403, _), (400, "ExpiredToken"), (400, "InvalidToken"):
            return "the object store \(store) refused the access key (\(told)): check s3.keys, "
                + "s3.region and the bucket's policy"
        case (409, _):
            return "the object store \(store) was busy with this object again and again "
                + "(\(told)): nothing is stored"
        case (412, _):
            return "the object store \(store) says that something is in the vault's place "
                + "(\(told)) and shows nothing there: an object that it does not show yet, or "
                + "others below that name, as in a folder; nothing is stored"
        case (501, _):
            return "the object store \(store) does not know If-Match or If-None-Match (\(told)): "
                + Self.needsConditions
        default: return "the object store \(store) failed (\(told))"
        }
    }

    /// A store took what its condition forbids.
    var ignoresConditions: Failure {
        Failure(
            .other,
            "the object store \(store) ignores If-Match or If-None-Match: " + Self.needsConditions)
    }

    private static let needsConditions =
        "writers would overwrite each other; use another store"

    /// The words of AWS's regions, such as eu-central-1 and us-gov-west-1.
    private static let regionWords: Set<Substring> = [
        "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "cn", "gov", "iso", "isob", "north",
        "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest",
    ]

    /// Whether it is a region that AWS could have: words of its own, then a digit. A store can say
    /// nothing else by it.
    private static func isRegion(_ text: String) -> Bool {
        let parts = text.split(separator: "-" as Character, omittingEmptySubsequences: false)
        guard (3...4).contains(parts.count), let number = parts.last else { return false }
        return number.utf8.count == 1 && number.utf8.allSatisfy { (0x31...0x39).contains($0) }
            && parts.dropLast().allSatisfy(regionWords.contains)
    }

    /// So much of a reply is looked at for its code, which stands at the beginning.
    static let longest = 2048

    /// What the reply names in <Code>…</Code>, if it is a known one; "" otherwise.
    static func code(_ body: ByteBuffer) -> String {
        body.withBytes { span in
            let head = span.extracting(0..<min(span.byteCount, longest))
            return unsafe head.withUnsafeBytes { bytes in
                let text = unsafe String(decoding: bytes, as: UTF8.self)
                guard let open = text.firstPlace(of: "<Code>"),
                    let close = text[open...].firstIndex(of: "<")
                else { return "" }
                let found = text[open..<close]
                return codes.first { $0.description == found }?.description ?? ""
            }
        }
    }
}

extension String {
    /// The place behind the first `text`.
    fileprivate func firstPlace(of text: String) -> Index? {
        var rest = self[...]
        while let start = rest.firstIndex(of: "<") {
            rest = rest[start...]
            if rest.hasPrefix(text) { return rest.index(start, offsetBy: text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
