// CredentialFormat.swift - what is accepted at the vault's door, and what is not.
//
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
        guard (1...128).contains(text.utf8.count), !CredentialFormat.hasControls(text) else {
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

    /// C0, DEL and C1 control characters.
    static func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }

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
        guard text.utf8.count <= maximumText, !hasControls(text) else {
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
        let parts = email.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard email.utf8.count <= 254, parts.count == 2, let local = parts.first,
            let domain = parts.last, isLocalPart(local), isDomain(domain)
        else {
            throw Failure(.credentialFormat, "the e-mail address is not well-formed")
        }
    }

    private static func isLocalPart(_ text: Substring.UTF8View) -> Bool {
        guard (1...64).contains(text.count) else { return false }
        let atoms = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return atoms.allSatisfy { atom in
            !atom.isEmpty && atom.allSatisfy { isAlphanumeric($0) || isAtomSign($0) }
        }
    }

    private static func isAtomSign(_ character: UInt8) -> Bool {
        "!#$%&'*+-/=?^_`{|}~".utf8.contains(character)
    }

    private static func isDomain(_ text: Substring.UTF8View) -> Bool {
        let labels = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != UInt8(ascii: "-")
                    && label.last != UInt8(ascii: "-")
                    && label.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            }
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
}
