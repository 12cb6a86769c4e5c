// Identifiers.swift - which account ids and message refs get in.
//
// Both become parts of a URL that carries a credential, so they are checked byte by byte at the
// door and nothing is ever decoded. Messages name the rule and never repeat what came in.

/// The door checks of everything that names something at Cloudflare.
package enum Identifiers {
    package static let maxMessageRef = 256

    /// Cloudflare's account id: 32 lower-case hexadecimal digits.
    package static func accountID(_ bytes: RawSpan) throws(Failure) -> String {
        guard bytes.byteCount == 32 else { throw badAccount() }
        for index in 0..<bytes.byteCount {
            switch JSONText.byte(bytes, index) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                continue
            default: throw badAccount()
            }
        }
        return text(bytes)
    }

    /// A postfix id, investigate id or alert id.
    package static func messageRef(_ bytes: RawSpan) throws(Failure) -> String {
        guard bytes.byteCount >= 1, bytes.byteCount <= maxMessageRef else { throw badMessage() }
        for index in 0..<bytes.byteCount {
            switch JSONText.byte(bytes, index) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                continue
            case UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "+"),
                UInt8(ascii: "-"):
                if index == 0 { throw badMessage() }
            default: throw badMessage()
            }
        }
        return text(bytes)
    }

    /// A checked message ref as one path segment. Only "+" needs an escape: some servers read it
    /// as a space.
    package static func pathSegment(_ messageRef: String) -> String {
        guard messageRef.utf8.contains(UInt8(ascii: "+")) else { return messageRef }
        var segment = ""
        for scalar in messageRef.unicodeScalars {
            if scalar == "+" { segment += "%2B" } else { segment.unicodeScalars.append(scalar) }
        }
        return segment
    }

    private static func text(_ bytes: RawSpan) -> String {
        unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private static func badAccount() -> Failure {
        Failure(
            .accountID, "account: an account id is exactly 32 characters, each one of 0-9 and a-f")
    }

    private static func badMessage() -> Failure {
        Failure(
            .messageRef,
            "message: a message id is 1 to 256 characters of 0-9 A-Z a-z . : _ + - and begins with "
                + "a letter or digit")
    }
}
