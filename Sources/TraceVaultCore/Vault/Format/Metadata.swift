// Metadata.swift - the sealed facts beside a secret, as canonical TLV.
//
// Each field is tag (1 byte), length (2 bytes, little-endian), value; tags strictly ascending.
// Reading keeps ranges and numbers, no text, so that indexing 100,000 records allocates nothing.

/// Which kind of record a piece of the body is.
enum RecordType: UInt8, Sendable {
    case epochKey = 1
    case tenantKey = 2
    case credential = 3
}

/// How a credential authenticates.
package enum CredentialKind: Sendable, Equatable {
    case apiToken
    case globalKey(email: String)

    var isKey: Bool { if case .globalKey = self { true } else { false } }
}

struct Metadata: Sendable {
    /// The most bytes one record's metadata has, padding included.
    static let maximumCount = 4096
    /// From format 2 on it is padded to a multiple of this: lengths do not tell a tenant's name.
    static let padding = 256

    enum Tag: UInt8 {
        case tenant = 1
        case account = 2
        case kind = 3
        case email = 4
        case origin = 5
        case label = 6
        case state = 7
        case notBefore = 8
        case expires = 9
        case created = 10
        case rotatedFrom = 11
        case tokenID = 12
        case lastVerified = 13
        case scopeNote = 14
        case fingerprint = 15
        case budgetGroup = 16
    }

    enum Kind: UInt8, Sendable {
        case apiToken = 1
        case globalKey = 2
    }

    enum State: UInt8, Sendable {
        case active = 1
        case retiring = 2

        var name: String {
            switch self {
            case .active: "active"
            case .retiring: "retiring"
            }
        }
    }

    private(set) var tenant = 0..<0
    private(set) var account: AccountID?
    private(set) var kind: Kind?
    private(set) var email: Range<Int>?
    private(set) var origin: Range<Int>?
    private(set) var label: Range<Int>?
    private(set) var budgetGroup: Range<Int>?
    private(set) var state = State.active
    /// ms since 1970; nil without a bound.
    private(set) var notBeforeMs: UInt64?
    private(set) var expiresMs: UInt64?
    private(set) var createdMs: UInt64 = 0
    private(set) var fingerprint: UInt64 = 0
    /// How many zeros are behind the last field.
    private var paddingCount = 0

    // MARK: - Reading

    /// Reads metadata at its place in a larger buffer; nil when it breaks a rule.
    init?(_ span: RawSpan, _ place: Range<Int>, of type: RecordType) {
        guard span.isWithin(place) else { return nil }
        var offset = place.lowerBound
        var lastTag: UInt8 = 0
        while offset < place.upperBound {
            if span.isZero(offset..<place.upperBound) {
                paddingCount = place.upperBound - offset
                break
            }
            guard let tag = span.integer(at: offset, as: UInt8.self), tag > lastTag,
                let count = span.integer(at: offset + 1, as: UInt16.self)
            else { return nil }
            let value = offset + 3..<offset + 3 + Int(count)
            guard value.upperBound <= place.upperBound else { return nil }
            // A tag this version does not know belongs to a later one and is kept as it is.
            if let known = Tag(rawValue: tag), !set(known, span, value) { return nil }
            lastTag = tag
            offset = value.upperBound
        }
        guard !tenant.isEmpty else { return nil }
        if type == .credential, account == nil || origin == nil || kind == nil { return nil }
        if kind == .globalKey, email == nil { return nil }
    }

    /// How the credential authenticates, with its e-mail address read off the same span.
    func credentialKind(_ span: RawSpan) -> CredentialKind {
        switch kind {
        case .apiToken, nil: .apiToken
        case .globalKey: .globalKey(email: span.text(email))
        }
    }

    /// Whether metadata of so many bytes is padded as this format wants it, and no further.
    func isPadded(_ count: Int, for format: UInt16) -> Bool {
        format == 1
            ? paddingCount == 0 : paddingCount < Self.padding && count % Self.padding == 0
    }

    private mutating func set(_ tag: Tag, _ span: RawSpan, _ value: Range<Int>) -> Bool {
        switch tag {
        case .tenant: tenant = value
        case .account:
            account = unsafe span.extracting(value).withUnsafeBytes { unsafe AccountID(utf8: $0) }
            return account != nil
        case .kind:
            guard let known = span.byte(value).flatMap(Kind.init(rawValue:)) else { return false }
            kind = known
        case .state:
            guard let known = span.byte(value).flatMap(State.init(rawValue:)) else { return false }
            state = known
        case .notBefore:
            notBeforeMs = span.word(value)
            return notBeforeMs != nil
        case .expires:
            expiresMs = span.word(value)
            return expiresMs != nil
        case .created:
            guard let number = span.word(value) else { return false }
            createdMs = number
        case .fingerprint:
            guard let number = span.word(value) else { return false }
            fingerprint = number
        case .email: email = value
        case .origin: origin = value
        case .label: label = value
        case .budgetGroup: budgetGroup = value
        case .lastVerified: return value.count == 8
        case .rotatedFrom: return value.count == 16
        case .tokenID, .scopeNote: break
        }
        return tag.isNumber || span.isText(value, of: tag)
    }

    // MARK: - Writing

    /// What a writer gives one field.
    enum Value {
        case text(String)
        case byte(UInt8)
        case word(UInt64)
        case absent

        /// Text and numbers whose lack is said by an empty text or a zero.
        static func optional(_ text: String) -> Value { text.isEmpty ? .absent : .text(text) }
        static func optional(_ word: UInt64) -> Value { word == 0 ? .absent : .word(word) }
    }

    typealias Field = (tag: Tag, value: Value)

    /// Prints fields, ascending by tag, over those of `old`, whose others are kept as they are:
    /// also the ones that this version does not know, but not its padding.
    static func print(
        _ fields: [Field], over old: ByteBuffer? = nil
    ) throws(Failure) -> ByteBuffer {
        let metadata = ByteBuffer(limit: maximumCount)
        var writer = BytesWriter(into: metadata)
        var rest = fields[...]
        old?.withBytes { old in
            var offset = 0
            while let tag = old.integer(at: offset, as: UInt8.self), tag > 0,
                let count = old.integer(at: offset + 1, as: UInt16.self)
            {
                let end = offset + 3 + Int(count)
                while let next = rest.first, next.tag.rawValue < tag {
                    writer.field(rest.removeFirst())
                }
                if rest.first?.tag.rawValue == tag {
                    writer.field(rest.removeFirst())
                } else {
                    writer.bytes(old, offset..<end)
                }
                offset = end
            }
        }
        for field in rest { writer.field(field) }
        guard writer.isComplete else {
            throw Failure(.limit, "a credential's properties are too large for the vault's format")
        }
        return metadata
    }

    /// Appends the padding that a format wants.
    static func pad(_ metadata: ByteBuffer, for format: UInt16) throws(Failure) {
        guard format > 1 else { return }
        let rest = metadata.count % padding
        var writer = BytesWriter(into: metadata)
        writer.zeros(rest == 0 ? 0 : padding - rest)
        guard writer.isComplete else { throw Failure.noMemory }
    }

    /// The fields of a new credential.
    static func fields(
        of draft: CredentialDraft, tenant: TenantName, account: AccountID, state: State,
        fingerprint: UInt64
    ) -> [Field] {
        let (kind, email): (Kind, Value) =
            switch draft.kind {
            case .apiToken: (.apiToken, .absent)
            case .globalKey(let email): (.globalKey, .text(email))
            }
        let properties = draft.properties
        return [
            (.tenant, .text(tenant.text)), (.account, .text(account.text)),
            (.kind, .byte(kind.rawValue)), (.email, email),
            (.origin, .text(draft.origin ?? CredentialFormat.defaultOrigin)),
            (.label, .optional(properties.label ?? "")), (.state, .byte(state.rawValue)),
            (.notBefore, .optional(properties.notBeforeMs ?? 0)),
            (.expires, .optional(properties.expiresMs ?? 0)), (.created, .word(draft.createdMs)),
            (.fingerprint, .word(fingerprint)),
            (.budgetGroup, .optional(properties.budgetGroup ?? "")),
        ]
    }

    /// The fields that change when a stored credential does.
    static func fields(of changes: PropertyChanges, state: State) -> [Field] {
        var fields: [Field] = []
        if let label = changes.label { fields.append((.label, .optional(label))) }
        fields.append((.state, .byte(state.rawValue)))
        if let ms = changes.notBeforeMs { fields.append((.notBefore, .optional(ms))) }
        if let ms = changes.expiresMs { fields.append((.expires, .optional(ms))) }
        if let group = changes.budgetGroup { fields.append((.budgetGroup, .optional(group))) }
        return fields
    }
}

extension Metadata.Tag {
    /// Whether the value is a number or an identifier and not text.
    fileprivate var isNumber: Bool {
        switch self {
        case .account, .kind, .state, .notBefore, .expires, .created, .rotatedFrom, .lastVerified,
            .fingerprint:
            true
        default: false
        }
    }
}

extension RawSpan {
    fileprivate func byte(_ range: Range<Int>) -> UInt8? {
        range.count == 1 ? integer(at: range.lowerBound, as: UInt8.self) : nil
    }

    fileprivate func word(_ range: Range<Int>) -> UInt64? {
        range.count == 8 ? integer(at: range.lowerBound, as: UInt64.self) : nil
    }

    fileprivate func isText(_ range: Range<Int>, of tag: Metadata.Tag) -> Bool {
        guard isWithin(range) else { return false }
        return unsafe extracting(range).withUnsafeBytes { bytes in
            unsafe String(validating: bytes, as: UTF8.self) != nil
                && CredentialFormat.isText(bytes, of: tag)
        }
    }
}

extension BytesWriter {
    fileprivate mutating func field(_ field: Metadata.Field) {
        switch field.value {
        case .text(let text):
            // Nothing that came through the door is longer; a field is never cut in silence.
            guard let count = UInt16(exactly: text.utf8.count) else { return fail() }
            integer(field.tag.rawValue)
            integer(count)
            self.text(text)
        case .byte(let byte):
            integer(field.tag.rawValue)
            integer(UInt16(1))
            integer(byte)
        case .word(let word):
            integer(field.tag.rawValue)
            integer(UInt16(8))
            integer(word)
        case .absent: break
        }
    }
}
