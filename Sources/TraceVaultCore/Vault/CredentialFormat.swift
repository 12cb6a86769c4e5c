// CredentialFormat.swift - what is accepted at the vault's door, and what is not.
//
// Every check names the argument and never repeats its value. No length or prefix rule for tokens
// beyond the bounds: Cloudflare changes their form.

/// A Cloudflare account id: 32 lower-case hexadecimal digits, held as the number they are.
package struct AccountID: Hashable, Comparable, Sendable {
    let high: UInt64
    let low: UInt64

    package init(_ text: String) throws(Failure) {
        guard let parsed = Self(utf8: text.utf8) else {
            throw Failure(
                .accountID, "The account id must be 32 lower-case hexadecimal digits.")
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

    package var text: String { Self.hex(high) + Self.hex(low) }

    package static func < (left: AccountID, right: AccountID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// 16 hexadecimal digits.
    static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
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
                .argument, "The tenant must be 1 to 128 bytes of UTF-8 without control characters."
            )
        }
        self.text = text
    }

    static func == (left: TenantName, right: TenantName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    static func < (left: TenantName, right: TenantName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var copy = text
        copy.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

enum CredentialFormat {
    static let maximumSecret = 512
    static let maximumLabel = 128
    static let defaultOrigin = "https://api.cloudflare.com"

    /// C0, DEL and C1 control characters.
    static func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }

    /// A token or key: 1 to 512 printable ASCII characters without spaces.
    static func checkSecret(_ secret: UnsafeRawBufferPointer) throws(Failure) {
        let isPrintable = unsafe secret.allSatisfy { (0x21...0x7E).contains($0) }
        guard (1...maximumSecret).contains(secret.count), isPrintable else {
            throw Failure(
                .credentialFormat,
                "The token or key must be 1 to 512 printable ASCII characters without spaces.")
        }
    }

    static func checkLabel(_ label: String) throws(Failure) {
        guard label.utf8.count <= maximumLabel, !hasControls(label) else {
            throw Failure(
                .argument, "The label must be at most 128 bytes without control characters.")
        }
    }

    // MARK: - E-mail

    static func checkEmail(_ email: String) throws(Failure) {
        let parts = email.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard email.utf8.count <= 254, parts.count == 2, let local = parts.first,
            let domain = parts.last, isLocalPart(local), isDomain(domain, minimumLabels: 2)
        else {
            throw Failure(.credentialFormat, "The e-mail address is not well-formed.")
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

    private static func isDomain(_ text: Substring.UTF8View, minimumLabels: Int) -> Bool {
        let labels = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.count >= minimumLabels
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

    /// "scheme://host[:port]" in lower case, without a default port. Plain http only to loopback.
    static func normalOrigin(_ text: String) throws(Failure) -> String {
        guard text.utf8.count <= 255, let origin = parseOrigin(text.lowercased()) else {
            throw Failure(
                .argument,
                "The origin must be https://host or https://host:port (http only to loopback).")
        }
        return origin
    }

    private static func parseOrigin(_ text: String) -> String? {
        let scheme = text.hasPrefix("https://") ? "https" : "http"
        guard text.hasPrefix(scheme + "://") else { return nil }
        let authority = text.utf8.dropFirst(scheme.utf8.count + 3)
        let hostEnd: Substring.UTF8View.Index?
        if authority.first == UInt8(ascii: "[") {
            hostEnd = authority.firstIndex(of: UInt8(ascii: "]")).map { authority.index(after: $0) }
        } else {
            hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        }
        guard let hostEnd else { return nil }
        let host = authority[..<hostEnd]
        guard isHost(host), scheme == "https" || isLoopback(host) else { return nil }
        let prefix = scheme + "://" + String(Substring(host))
        let rest = authority[hostEnd...]
        if rest.isEmpty { return prefix }
        let digits = rest.dropFirst()
        guard rest.first == UInt8(ascii: ":"), (1...5).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(Substring(digits)), port > 0
        else { return nil }
        return port == (scheme == "https" ? 443 : 80) ? prefix : prefix + ":" + String(port)
    }

    private static func isHost(_ host: Substring.UTF8View) -> Bool {
        guard host.first == UInt8(ascii: "[") else { return isDomain(host, minimumLabels: 1) }
        let address = host.dropFirst().dropLast()
        return (2...45).contains(address.count)
            && address.allSatisfy { "0123456789abcdef:.".utf8.contains($0) }
    }

    private static func isLoopback(_ host: Substring.UTF8View) -> Bool {
        let text = String(Substring(host))
        if text == "localhost" || text == "[::1]" { return true }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.first == "127"
            && parts.allSatisfy { $0.utf8.count <= 3 && UInt8($0) != nil }
    }
}
