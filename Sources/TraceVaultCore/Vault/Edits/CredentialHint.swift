// CredentialHint.swift - what looks wrong about a credential that is put and is taken all the same:
// Cloudflare changes the forms of its secrets, so nothing is refused for its looks.
//
// Says what the text looks like and never repeats any of it.

enum CredentialHint: String, Sendable {
    case tokenLooksLikeKey = "token_looks_like_key"
    case keyLooksLikeToken = "key_looks_like_token"
    case looksLikeOriginCAKey = "looks_like_origin_ca_key"
    case isQuoted = "is_quoted"
    case isPlaceholder = "is_placeholder"
    case isTableRow = "is_table_row"
    case hasExpired = "has_expired"
    case isNeverValid = "is_never_valid"

    var message: StaticString {
        switch self {
        case .tokenLooksLikeKey:
            "this looks like a Global API Key: put it as a key, with its e-mail address"
        case .keyLooksLikeToken:
            "this looks like an API token: put it as a token, without an e-mail address"
        case .looksLikeOriginCAKey:
            "this looks like an Origin CA key, which cannot read traces: put an API token"
        case .isQuoted: "there are quotes around it: put what is between them"
        case .isPlaceholder:
            "this looks like the name of a variable, not like its value: put what it stands for"
        case .isTableRow:
            "this looks like a row of a table: put the token alone, letters, digits, - and _"
        case .hasExpired: "\"expires\" is in the past: the credential is not used"
        case .isNeverValid:
            "\"expires\" is not after \"not_before\": the credential is never used"
        }
    }

    /// What a secret looks like.
    static func of(_ secret: UnsafeRawBufferPointer, isKey: Bool) -> [CredentialHint] {
        if unsafe looksLikeTable(secret) { return [.isTableRow] }
        if let quote = unsafe secret.first, secret.count > 1, unsafe secret.last == quote,
            "\"'`".utf8.contains(quote)
        {
            return [.isQuoted]
        }
        if unsafe isPlaceholder(secret) { return [.isPlaceholder] }
        if unsafe begins(secret, "v1.0-") { return [.looksLikeOriginCAKey] }
        let looksLikeKey = unsafe begins(secret, "cfk_") || isOldKey(secret)
        if !isKey { return looksLikeKey ? [.tokenLooksLikeKey] : [] }
        let looksLikeToken =
            unsafe begins(secret, "cfut_") || begins(secret, "cfat_") || isOldToken(secret)
        return looksLikeToken ? [.keyLooksLikeToken] : []
    }

    /// Has what separates cells, which no token or key has had so far.
    static func looksLikeTable(_ secret: UnsafeRawBufferPointer) -> Bool {
        unsafe secret.contains(UInt8(ascii: ",")) || secret.contains(UInt8(ascii: ";"))
    }

    /// `{env.X}`, `${X}`, `$X`, `%X%`, `<token>`, `YOUR_API_TOKEN`.
    private static func isPlaceholder(_ secret: UnsafeRawBufferPointer) -> Bool {
        guard let first = unsafe secret.first, let last = unsafe secret.last, secret.count > 1
        else { return false }
        let brackets: [(StaticString, UInt8)] = [
            ("{", 0x7D), ("<", 0x3E), ("%", 0x25), ("[", 0x5D),
        ]
        for (opening, closing) in brackets
        where unsafe begins(secret, opening) && last == closing {
            return true
        }
        if first == UInt8(ascii: "$") { return true }
        return unsafe begins(secret, "YOUR_") || begins(secret, "your_") || begins(secret, "env.")
    }

    /// 37 lower-case hexadecimal digits.
    private static func isOldKey(_ secret: UnsafeRawBufferPointer) -> Bool {
        unsafe secret.count == 37 && secret.allSatisfy { isHexadecimal($0) }
    }

    /// 40 letters, digits, - and _, and not all of them hexadecimal.
    private static func isOldToken(_ secret: UnsafeRawBufferPointer) -> Bool {
        let isOfWords = unsafe secret.allSatisfy {
            isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
        }
        return unsafe isOfWords && secret.count == 40 && !secret.allSatisfy { isHexadecimal($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func begins(_ secret: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        let prefix = unsafe UnsafeRawBufferPointer(
            start: text.utf8Start, count: text.utf8CodeUnitCount)
        return unsafe secret.starts(with: prefix)
    }
}

/// The hints of one edit: of the newest put of each account, and of the times that it sets.
struct CredentialHints: Sendable {
    private struct Entry {
        var looks: [CredentialHint] = []
        var notBeforeMs: UInt64 = 0
        var expiresMs: UInt64 = 0

        func all(nowMs: UInt64) -> [CredentialHint] {
            var all = looks
            if expiresMs > 0, expiresMs <= nowMs { all.append(.hasExpired) }
            if expiresMs > 0, expiresMs <= notBeforeMs { all.append(.isNeverValid) }
            return all
        }
    }

    /// A million puts of quoted tokens need no million hints.
    private static let most = 1000
    /// Room for all of them: names as escapes, and three hints for each.
    static let maximumBytes = 4 << 20
    private var entries: [AccountKey: Entry] = [:]

    /// A put takes the place of what was put before.
    mutating func put(_ account: AccountKey, _ looks: [CredentialHint]) {
        entries[account] = nil
        if !looks.isEmpty { change(account) { $0.looks = looks } }
    }

    mutating func set(_ account: AccountKey, _ changes: PropertyChanges) {
        if let time = changes.notBeforeMs { change(account) { $0.notBeforeMs = time } }
        if let time = changes.expiresMs { change(account) { $0.expiresMs = time } }
    }

    private mutating func change(_ account: AccountKey, _ body: (inout Entry) -> Void) {
        guard entries.count < Self.most || entries[account] != nil else { return }
        body(&entries[account, default: Entry()])
    }

    /// By tenant and account.
    func write(nowMs: UInt64, into writer: inout JSONWriter) {
        let sorted = entries.sorted { one, other in
            let (one, other) = (one.key, other.key)
            return one.tenant == other.tenant
                ? one.account < other.account : one.tenant < other.tenant
        }
        writer.beginArray()
        for (account, entry) in sorted {
            for hint in entry.all(nowMs: nowMs) {
                writer.beginObject()
                writer.key("tenant")
                writer.string(account.tenant.text)
                writer.key("account_id")
                writer.string(account.account.text)
                writer.key("code")
                writer.string(hint.rawValue)
                writer.key("message")
                writer.string(hint.message.description)
                writer.endObject()
            }
        }
        writer.endArray()
    }
}
