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
}

struct Metadata: Sendable {
    /// The most bytes one record's metadata has.
    static let maximumCount = 4096

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
        case revoked = 3

        var name: String {
            switch self {
            case .active: "active"
            case .retiring: "retiring"
            case .revoked: "revoked"
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
    private(set) var createdMs: UInt64 = 0
    private(set) var fingerprint: UInt64 = 0
    private var fingerprintPlace: Range<Int>?

    // MARK: - Reading

    /// Reads metadata at its place in a larger buffer; nil when it breaks a rule.
    init?(_ span: RawSpan, _ place: Range<Int>, of type: RecordType) {
        guard span.isWithin(place) else { return nil }
        var offset = place.lowerBound
        var lastTag: UInt8 = 0
        while offset < place.upperBound {
            guard let tag = span.integer(at: offset, as: UInt8.self), tag > lastTag,
                let count = span.integer(at: offset + 1, as: UInt16.self)
            else { return nil }
            let value = offset + 3..<offset + 3 + Int(count)
            guard value.upperBound <= place.upperBound else { return nil }
            // A tag this version does not know belongs to a later one and is kept as it is.
            if let known = Tag(rawValue: tag), !take(known, span, value) { return nil }
            lastTag = tag
            offset = value.upperBound
        }
        guard !tenant.isEmpty else { return nil }
        if type == .credential, account == nil || origin == nil || kind == nil { return nil }
        if kind == .globalKey, email == nil { return nil }
    }

    private mutating func take(_ tag: Tag, _ span: RawSpan, _ value: Range<Int>) -> Bool {
        switch tag {
        case .tenant:
            tenant = value
            return value.count <= 128 && span.isUTF8(value)
        case .account:
            account = unsafe span.extracting(value).withUnsafeBytes { unsafe AccountID(utf8: $0) }
            return account != nil
        case .kind:
            guard let known = span.byte(value).flatMap(Kind.init(rawValue:)) else { return false }
            kind = known
        case .state:
            guard let known = span.byte(value).flatMap(State.init(rawValue:)) else { return false }
            state = known
        case .created:
            guard let number = span.word(value) else { return false }
            createdMs = number
        case .fingerprint:
            guard let number = span.word(value) else { return false }
            fingerprint = number
            fingerprintPlace = value
        case .email: email = value
        case .origin: origin = value
        case .label: label = value
        case .budgetGroup: budgetGroup = value
        case .notBefore, .expires, .lastVerified: return value.count == 8
        case .rotatedFrom: return value.count == 16
        case .tokenID, .scopeNote: break
        }
        return span.isUTF8(value) || tag.isBinary
    }

    // MARK: - Writing

    /// Prints a tenant's metadata.
    static func write(tenant: TenantName, createdMs: UInt64, into writer: inout BytesWriter) {
        writer.field(.tenant, tenant.text)
        writer.field(.created, createdMs)
    }

    /// Prints a credential's metadata again, with another fingerprint where it has one. False when
    /// it breaks a rule.
    static func copy(
        _ span: RawSpan, fingerprint: UInt64, into writer: inout BytesWriter
    ) -> Bool {
        let whole = 0..<span.byteCount
        guard let read = Metadata(span, whole, of: .credential) else { return false }
        let place = read.fingerprintPlace ?? whole.upperBound..<whole.upperBound
        writer.bytes(span, 0..<place.lowerBound)
        if !place.isEmpty { writer.integer(fingerprint) }
        writer.bytes(span, place.upperBound..<whole.upperBound)
        return true
    }

    /// Prints a credential's metadata.
    static func write(
        _ put: CredentialDraft, tenant: TenantName, account: AccountID, fingerprint: UInt64,
        into writer: inout BytesWriter
    ) {
        writer.field(.tenant, tenant.text)
        writer.field(.account, account.text)
        switch put.kind {
        case .apiToken:
            writer.field(.kind, Kind.apiToken.rawValue)
        case .globalKey(let email):
            writer.field(.kind, Kind.globalKey.rawValue)
            writer.field(.email, email)
        }
        writer.field(.origin, put.origin)
        writer.field(.label, put.label)
        writer.field(.state, State.active.rawValue)
        writer.field(.created, put.createdMs)
        writer.field(.fingerprint, fingerprint)
    }
}

extension Metadata.Tag {
    /// Whether the value is a number or an identifier and not text.
    fileprivate var isBinary: Bool {
        switch self {
        case .kind, .state, .notBefore, .expires, .created, .rotatedFrom, .lastVerified,
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

    fileprivate func isUTF8(_ range: Range<Int>) -> Bool {
        guard isWithin(range) else { return false }
        return unsafe extracting(range).withUnsafeBytes { bytes in
            unsafe String(validating: bytes, as: UTF8.self) != nil
        }
    }
}

extension BytesWriter {
    fileprivate mutating func field(_ tag: Metadata.Tag, _ value: String) {
        guard let count = UInt16(exactly: value.utf8.count), count > 0 else { return }
        integer(tag.rawValue)
        integer(count)
        text(value)
    }

    fileprivate mutating func field(_ tag: Metadata.Tag, _ value: some FixedWidthInteger) {
        integer(tag.rawValue)
        integer(UInt16(value.bitWidth / 8))
        integer(value)
    }
}
