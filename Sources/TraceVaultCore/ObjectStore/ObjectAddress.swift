// ObjectAddress.swift - which object holds a vault: "s3://bucket/key", and its URL at a store.

/// The bucket and the key of one object.
struct ObjectAddress: Sendable, Equatable {
    let bucket: String
    let key: String

    private static let scheme = "s3://"
    private static let mostKeyBytes = 1024

    /// Whether a vault's place names an object and no file.
    static func isMeant(by place: String) -> Bool { place.hasPrefix(scheme) }

    /// Reads "s3://bucket/key".
    init(_ text: String) throws(Failure) {
        let rest = text.dropFirst(Self.scheme.count)
        guard Self.isMeant(by: text), let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")),
            Self.isBucket(rest[..<slash]), Self.isKey(rest[rest.utf8.index(after: slash)...])
        else {
            throw Failure(
                .argument,
                "a vault in an object store is s3://BUCKET/KEY: the bucket has 3 to 63 letters, "
                    + "digits, dots and hyphens, the key 1 to 1024 bytes without control "
                    + "characters and without empty parts, . and ..")
        }
        bucket = String(rest[..<slash])
        key = String(rest[rest.utf8.index(after: slash)...])
    }

    private static func isBucket(_ text: Substring) -> Bool {
        let bytes = text.utf8
        let parts = text.split(separator: "." as Character, omittingEmptySubsequences: false)
        return (3...63).contains(bytes.count) && bytes.allSatisfy(isBucketByte)
            && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && parts.allSatisfy { !$0.isEmpty }
    }

    private static func isBucketByte(_ byte: UInt8) -> Bool {
        isPlain(byte) && byte != UInt8(ascii: "~") && byte != UInt8(ascii: "_")
    }

    /// What servers and proxies might read as another path is refused.
    private static func isKey(_ text: Substring) -> Bool {
        let parts = text.split(separator: "/" as Character, omittingEmptySubsequences: false)
        return (1...mostKeyBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    // MARK: - Its URL

    /// The path of the object's URL, escaped as AWS's signatures want it: every byte but those
    /// that RFC 3986 calls unreserved, and the slashes of the key.
    func path(isHostStyle: Bool) -> String {
        (isHostStyle ? "/" : "/" + bucket + "/") + Self.escaped(key)
    }

    /// Where the object is asked for, of the store's endpoint.
    func origin(_ endpoint: Origin, isHostStyle: Bool) throws(Failure) -> Origin {
        guard isHostStyle else { return endpoint }
        let scheme = endpoint.isPlain ? "http://" : "https://"
        let host = endpoint.text.dropFirst(scheme.utf8.count)
        // A certificate for *.host is not good for a bucket with a dot.
        guard !bucket.utf8.contains(UInt8(ascii: ".")), bucket == bucket.lowercased(),
            let origin = Origin(scheme + bucket + "." + host)
        else {
            throw Failure(
                .configValue,
                "this bucket cannot be part of a host name: set s3.style to path")
        }
        return origin
    }

    private static func escaped(_ text: String) -> String {
        var escaped: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            if isPlain(byte) || byte == UInt8(ascii: "/") {
                escaped.append(byte)
            } else {
                escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~")]
                .contains(byte)
    }
}
