// CredentialFormat.swift - what is accepted at the vault's door, and what is not.
//
// The same rules hold for what an edit puts and for what is read from a file: whoever can open a
// vault can write one with every seal right. Rules of texts look at bytes that are UTF-8.
// Every check names the argument and never repeats its value. No length or prefix rule for tokens
// beyond the bounds: Cloudflare changes their form.

#if canImport(Glibc)
    import Glibc
#endif

/// A Cloudflare account id: 32 lower-case hexadecimal digits, held as the number they are.
package struct AccountID: Hashable, Comparable, Sendable {
    let high: UInt64
    let low: UInt64

    package init(_ text: String) throws(Failure) {
        // A native String's bytes lie in a row: 8 instructions for each instead of 50.
        var text = text
        guard let parsed = text.withUTF8({ unsafe Self(utf8: $0) }) else {
            throw Failure(
                .accountID, "the account id must be 32 lower-case hexadecimal digits")
        }
        self = parsed
    }

    init?(utf8 text: some Collection<UInt8>) {
        guard text.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for character in text {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            words = (words.0 << 4 | words.1 >> 60, words.1 << 4 | UInt64(digit))
        }
        high = words.0
        low = words.1
    }

    package var text: String { HexText.of([high, low]) }

    package static func < (left: AccountID, right: AccountID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// A tenant's name, compared byte by byte: Swift's String takes different bytes for equal.
struct TenantName: Hashable, Comparable, Sendable {
    let text: String

    init(unchecked text: String) {
        self.text = text
    }

    init(_ text: String) throws(Failure) {
        guard CredentialFormat.isTenant(text.utf8) else {
            throw Failure(
                .argument, "the tenant must be 1 to 128 bytes of UTF-8 without control characters"
            )
        }
        self.text = text
    }

    static func == (left: TenantName, right: TenantName) -> Bool {
        left.text.utf8.count == right.text.utf8.count && compare(left, right) == 0
    }

    static func < (left: TenantName, right: TenantName) -> Bool {
        let order = compare(left, right)
        return order == 0 ? left.text.utf8.count < right.text.utf8.count : order < 0
    }

    /// As memcmp() does, over as many bytes as both have: an import of 100,000 credentials compares
    /// two million times.
    private static func compare(_ left: TenantName, _ right: TenantName) -> Int32 {
        var (left, right) = (left.text, right.text)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                guard let one = left.baseAddress, let other = right.baseAddress else { return 0 }
                return unsafe memcmp(one, other, min(left.count, right.count))
            }
        }
    }

    func hash(into hasher: inout Hasher) {
        var copy = text
        copy.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

enum CredentialFormat {
    static let maximumSecret = 512
    static let maximumText = 128
    static let defaultOrigin = Origin.cloudflare.text

    static func isTenant(_ text: some Collection<UInt8>) -> Bool {
        !text.isEmpty && isShortText(text)
    }

    /// A label or a budget group's name; may be empty.
    private static func isShortText(_ text: some Collection<UInt8>) -> Bool {
        text.count <= maximumText && !text.hasControls
    }

    /// Whether a record's field may have this text.
    static func isText(_ text: some Collection<UInt8>, of tag: Metadata.Tag) -> Bool {
        switch tag {
        case .tenant: isTenant(text)
        case .email: isEmail(text)
        case .origin: isOrigin(text)
        case .label, .budgetGroup: isShortText(text)
        default: !text.hasControls
        }
    }

    static func isSecret(_ secret: UnsafeRawBufferPointer) -> Bool { unsafe fault(secret) == nil }

    /// A token or key: 1 to 512 printable ASCII characters without spaces. What is wrong is said in
    /// words, without any of the text.
    static func checkSecret(_ secret: UnsafeRawBufferPointer) throws(Failure) {
        guard let what = unsafe Self.fault(secret) else { return }
        throw Failure(
            .credentialFormat,
            "the token or key must be 1 to 512 printable ASCII characters without spaces; "
                + what.description)
    }

    private static func fault(_ secret: UnsafeRawBufferPointer) -> StaticString? {
        if unsafe secret.isEmpty { return "this one is empty" }
        if secret.count > maximumSecret { return "this one is longer" }
        if unsafe secret.starts(with: [0xEF, 0xBB, 0xBF]) {
            return "this one begins with a byte order mark (BOM), as some editors write it"
        }
        if unsafe secret.starts(with: "Bearer ".utf8) {
            return "this one begins with \"Bearer \": leave that out"
        }
        guard let odd = unsafe secret.firstIndex(where: { !(0x21...0x7E).contains($0) }) else {
            return nil
        }
        let character = unsafe secret[odd]
        switch character {
        case 0x0A, 0x0D:
            let isAtEnd = unsafe secret[odd...].allSatisfy { $0 == 0x0A || $0 == 0x0D }
            if isAtEnd {
                return
                    "there is a line break at the end of this one, as in what was read from a file"
            }
            return unsafe CredentialHint.looksLikeTable(secret)
                ? "this one looks like a table" : "there is a line break in this one"
        case 0x20, 0x09:
            return unsafe CredentialHint.looksLikeTable(secret)
                ? "this one looks like a row of a table" : "there is a space in this one"
        case 0x80...: return "there are characters in this one that are not ASCII"
        default: return "there is a control character in this one"
        }
    }

    /// A label or a budget group's name; may be empty.
    static func checkText(_ text: String, _ name: StaticString) throws(Failure) {
        guard isShortText(text.utf8) else {
            throw Failure(
                .argument, "\(name) must be at most 128 bytes without control characters")
        }
    }

    /// To which ms a time between two of them is moved: a credential is never used longer than was
    /// said.
    enum Rounding {
        case up
        case down
    }

    /// RFC 3339 as ms since 1970; 0 for an empty text, which means no bound.
    static func time(
        _ text: String, _ name: String, rounding: Rounding
    ) throws(Failure) -> UInt64 {
        if text.isEmpty { return 0 }
        let bytes = ByteBuffer(limit: 64)
        var writer = BytesWriter(into: bytes)
        writer.text(text)
        let (time, fraction) = bytes.withBytes { (span) -> (Timestamp?, UInt64) in
            guard let time = Timestamp(span) else { return (nil, 0) }
            return (time, milliseconds(span, time.fraction, rounding))
        }
        guard writer.isComplete, let time, !time.zoneMissing,
            let minutes = UInt64(exactly: time.minutes), let second = UInt64(exactly: time.second),
            minutes + second > 0
        else {
            throw Failure(
                .argument, "\(name) must be a time with its zone, such as 2027-01-31T00:00:00Z")
        }
        return (minutes * 60 + second) * 1000 + fraction
    }

    /// The digits behind a second's point as ms: 0 to 1000.
    private static func milliseconds(
        _ text: RawSpan, _ digits: Range<Int>, _ rounding: Rounding
    ) -> UInt64 {
        var ms: UInt64 = 0
        var isBetween = false
        for place in 0..<max(3, digits.count) {
            let digit =
                place < digits.count
                ? UInt64(JSONText.byte(text, digits.lowerBound + place) &- UInt8(ascii: "0")) : 0
            if place < 3 { ms = ms * 10 + digit } else if digit > 0 { isBetween = true }
        }
        return ms + (isBetween && rounding == .up ? 1 : 0)
    }

    // MARK: - E-mail

    static func checkEmail(_ email: String) throws(Failure) {
        guard isEmail(email.utf8) else {
            throw Failure(.credentialFormat, "the e-mail address is not well-formed")
        }
    }

    private static func isEmail(_ email: some Collection<UInt8>) -> Bool {
        guard email.count <= 254, let at = email.firstIndex(of: UInt8(ascii: "@")) else {
            return false
        }
        let local = email[..<at]
        return local.count <= 64
            && parts(local) { $0.allSatisfy { isAlphanumeric($0) || isAtomSign($0) } } != nil
            && parts(email[email.index(after: at)...]) { isName($0) } ?? 0 >= 2
    }

    /// How many parts there are between dots; nil where one is empty or not as it must be.
    private static func parts<Text: Collection<UInt8>>(
        _ text: Text, _ isSound: (Text.SubSequence) -> Bool
    ) -> Int? {
        var count = 0
        var start = text.startIndex
        while true {
            let end = text[start...].firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex
            guard start < end, isSound(text[start..<end]) else { return nil }
            count += 1
            guard end < text.endIndex else { return count }
            start = text.index(after: end)
        }
    }

    private static func isAtomSign(_ character: UInt8) -> Bool {
        "!#$%&'*+-/=?^_`{|}~".utf8.contains(character)
    }

    /// One part of a domain.
    private static func isName(_ text: some Collection<UInt8>) -> Bool {
        var last: UInt8?
        for byte in text {
            guard isAlphanumeric(byte) || (byte == UInt8(ascii: "-") && last != nil) else {
                return false
            }
            last = byte
        }
        return text.count <= 63 && last != UInt8(ascii: "-")
    }

    private static func isAlphanumeric(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    // MARK: - Origin

    /// The origin in the one spelling that the engine compares with its own.
    static func normalOrigin(_ text: String) throws(Failure) -> String {
        guard text.utf8.count <= 255, let origin = Origin(text) else {
            throw Failure(
                .argument,
                "the origin must be https://host or https://host:port (http only to loopback)")
        }
        return origin.text
    }

    /// What any version may have stored. Where it leads does not matter: it is compared with the
    /// origin that the engine asks.
    private static func isOrigin(_ text: some Collection<UInt8>) -> Bool {
        guard text.count <= 255,
            let scheme = ["https://", "http://"].first(where: { text.starts(with: $0.utf8) })
        else { return false }
        let place = text.dropFirst(scheme.utf8.count)
        return !place.isEmpty
            && place.allSatisfy { byte in
                (isAlphanumeric(byte) && !(0x41...0x5A).contains(byte))
                    || ".-:[]".utf8.contains(byte)
            }
    }
}
