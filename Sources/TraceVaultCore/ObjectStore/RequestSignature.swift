// RequestSignature.swift - AWS Signature Version 4 of one request to an object store.
//
// Of one's own and not libcurl's: in 7.88 libcurl signs a path as it came, knows no session token
// and hashes no body that it does not hold (docs/adr/033-vault-in-an-object-store.md). Rules:
// "Create a signed AWS API request" in the AWS Identity and Access Management documentation. A
// value: it reads no clock.

struct RequestSignature {
    let method: String
    let host: String
    /// Escaped as `ObjectAddress` does.
    let path: String
    /// Signed beside the host, by their names in lower case; neither with spaces around the values.
    var headers: [(name: String, value: String)]
    /// SHA-256 of the body in hexadecimal digits.
    let bodyHash: String
    /// "20130524T000000Z".
    let time: String
    let region: String

    private static let algorithm = "AWS4-HMAC-SHA256"
    private static let tokenName = "x-amz-security-token"

    private var scope: String { "\(time.prefix(8))/\(region)/s3/aws4_request" }

    /// All signed headers in their order; the session token's value is nil.
    private func signed(_ keys: StoreKeys) -> [(name: String, value: String?)] {
        var all: [(name: String, value: String?)] = headers.map { ($0.name, $0.value) }
        all += [("host", host), ("x-amz-content-sha256", bodyHash), ("x-amz-date", time)]
        if keys.sessionToken != nil { all.append((Self.tokenName, nil)) }
        return all.sorted { $0.name < $1.name }
    }

    private static func names(_ headers: [(name: String, value: String?)]) -> String {
        headers.map(\.name).joined(separator: ";")
    }

    /// The hash of the canonical request. It may hold the session token, so no text is made of it.
    private func canonicalHash(_ keys: StoreKeys) throws(Failure) -> String {
        let signed = signed(keys)
        let hash = try SHA256()
        hash.add("\(method)\n\(path)\n\n")
        for header in signed {
            hash.add(header.name + ":")
            if let value = header.value {
                hash.add(value)
            } else if let token = keys.sessionToken {
                unsafe token.bytes.withUnsafeBytes { unsafe hash.add($0) }
            }
            hash.add("\n")
        }
        hash.add("\n\(Self.names(signed))\n\(bodyHash)")
        return hash.text()
    }

    /// The signature in hexadecimal digits.
    func text(_ keys: StoreKeys) throws(Failure) -> String {
        let first = try unsafe keys.secretKey.bytes.withUnsafeBytes {
            (secret) throws(Failure) -> SecretBytes in
            try unsafe SecretBytes(joining: "AWS4", secret, "")
        }
        let day = try SHA256.keyed(first, String(time.prefix(8)))
        let place = try SHA256.keyed(day, region)
        let service = try SHA256.keyed(place, "s3")
        let key = try SHA256.keyed(service, "aws4_request")
        let hash = try canonicalHash(keys)
        let signature = try SHA256.keyed(key, "\(Self.algorithm)\n\(time)\n\(scope)\n\(hash)")
        return unsafe signature.withUnsafeBytes { unsafe hexadecimal(Array($0)) }
    }

    /// The header line that proves who asks.
    func authorization(_ keys: StoreKeys) throws(Failure) -> SecretHeader {
        let names = Self.names(signed(keys))
        let rest = "/\(scope), SignedHeaders=\(names), Signature=\(try text(keys))"
        return try unsafe keys.accessKey.bytes.withUnsafeBytes { (access) throws(Failure) in
            try unsafe SecretHeader(
                "Authorization: \(Self.algorithm) Credential=", access, rest)
        }
    }

    /// The session token's header line; nil without one.
    static func token(_ keys: StoreKeys) throws(Failure) -> SecretHeader? {
        guard let token = keys.sessionToken else { return nil }
        return try unsafe token.bytes.withUnsafeBytes { (token) throws(Failure) in
            try unsafe SecretHeader(tokenName + ": ", token, "")
        }
    }
}
