// Trace.swift - a delivery trace out of Cloudflare's reply.
//
// Finds the two sides and checks their types; the lines stay where they are in the body until a
// view is written (TraceView.swift). No network, no clock.

/// What the reply does not know about itself; nil becomes null in the document.
package struct TraceContext: Sendable {
    package var tenant: String?
    package var accountID: String?
    package var messageRef: String?
    package var fetchedAtMs: Int64?
    package var cfRay: String?
    package var httpStatus: Int32?
    package var attempts: Int?
    /// Why a later try brought nothing more.
    var ended: Failure?

    package init(
        tenant: String? = nil, accountID: String? = nil, messageRef: String? = nil,
        fetchedAtMs: Int64? = nil, cfRay: String? = nil, httpStatus: Int32? = nil,
        attempts: Int? = nil, ended: Failure? = nil
    ) {
        self.tenant = tenant
        self.accountID = accountID
        self.messageRef = messageRef
        self.fetchedAtMs = fetchedAtMs
        self.cfRay = cfRay
        self.httpStatus = httpStatus
        self.attempts = attempts
        self.ended = ended
    }
}

/// One message's way in and out. Keeps the body alive, which must not change any more. A class,
/// because it is handed on more often than it is read.
package final class Trace: Sendable {
    package struct Side: Sendable {
        /// Nil when the reply does not say.
        package fileprivate(set) var pending: Bool?
        /// Tokens of the side itself and of its lines; nil when missing or null.
        fileprivate(set) var object: Int?
        fileprivate(set) var lines: Int?
        fileprivate(set) var hasExtra = false
        fileprivate(set) var pendingIsOdd = false
    }

    package let inbound: Side
    package let outbound: Side
    let tape: JSONTape
    let result: Int
    let warnings: TraceWarnings
    let hasExtra: Bool

    /// Cloudflare says that more may come on either side.
    package var isPending: Bool { inbound.pending == true || outbound.pending == true }

    /// Reads the body of a reply to a trace request.
    package static func decode(_ body: ByteBuffer) throws(Failure) -> Trace {
        let (tape, mended) = try MendedText.read(body)
        return try tape.body.withBytes { (bytes) throws(Failure) in
            try read(tape, bytes, mended)
        }
    }

    private init(
        _ tape: JSONTape, _ result: Int, _ inbound: Side, _ outbound: Side, _ hasExtra: Bool,
        _ warnings: TraceWarnings
    ) {
        (self.tape, self.result, self.hasExtra) = (tape, result, hasExtra)
        (self.inbound, self.outbound, self.warnings) = (inbound, outbound, warnings)
    }

    private static func read(
        _ tape: JSONTape, _ bytes: RawSpan, _ mended: MendedText?
    ) throws(Failure) -> Trace {
        var warnings = TraceWarnings()
        warnings.note(mended, tape, bytes)
        let result = try result(tape, bytes, &warnings)
        var (inbound, outbound) = (Side(), Side())
        var hasExtra = false
        var members = try JSONMembers(of: result, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            if JSONText.equals(tape[key], "inbound", in: bytes) {
                inbound = try side(.inbound, value, tape, bytes, &warnings)
            } else if JSONText.equals(tape[key], "outbound", in: bytes) {
                outbound = try side(.outbound, value, tape, bytes, &warnings)
            } else {
                hasExtra = true
                warnings.add(.unknownKey, at: "/result")
            }
        }
        warnings.add(.duplicateKey, members.duplicates, at: "/result")
        if inbound.object == nil { warnings.add(.sideMissing, at: Direction.inbound.path) }
        if outbound.object == nil { warnings.add(.sideMissing, at: Direction.outbound.path) }
        return Trace(tape, result, inbound, outbound, hasExtra, warnings)
    }

    /// The token of the envelope's result.
    private static func result(
        _ tape: JSONTape, _ bytes: RawSpan, _ warnings: inout TraceWarnings
    ) throws(Failure) -> Int {
        let envelope = try Envelope(tape, bytes)
        let isKnown = envelope.success == nil ? try hasSides(envelope.result, tape, bytes) : false
        try envelope.needAnswer(hasOwnResult: isKnown)
        guard let result = envelope.result else {
            throw Failure(.replyShape, "the reply has no result")
        }
        guard tape[result].kind == .object else {
            throw wrongType("result", tape[result].kind, "an object")
        }
        warnings.note(envelope, tape, known: 0)
        return result
    }

    /// Whether a result is a trace's, whatever is around it.
    private static func hasSides(
        _ result: Int?, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> Bool {
        guard let result, tape[result].kind == .object else { return false }
        let sides = try tape.members(["inbound", "outbound"], of: result, bytes)
        return sides.contains { $0 != nil }
    }

    @inline(never)
    private static func side(
        _ direction: Direction, _ object: Int, _ tape: JSONTape, _ bytes: RawSpan,
        _ warnings: inout TraceWarnings
    ) throws(Failure) -> Side {
        var side = Side()
        if tape[object].kind == .null { return side }
        guard tape[object].kind == .object else {
            throw wrongType("result.\(direction.name)", tape[object].kind, "an object")
        }
        side.object = object
        var members = try JSONMembers(of: object, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let kind = tape[value].kind
            if JSONText.equals(tape[key], "lines", in: bytes) {
                guard kind == .array || kind == .null else {
                    throw wrongType("result.\(direction.name).lines", kind, "an array")
                }
                side.lines = kind == .array ? value : nil
            } else if JSONText.equals(tape[key], "pending", in: bytes) {
                side.pending = tape.bool(value)
                side.pendingIsOdd = kind != .bool && kind != .null
                if side.pendingIsOdd {
                    warnings.add(.pendingNotBoolean, at: direction.path + "/pending")
                }
            } else {
                side.hasExtra = true
                warnings.add(.unknownKey, at: direction.path)
            }
        }
        warnings.add(.duplicateKey, members.duplicates, at: direction.path)
        return side
    }

    private static func wrongType(
        _ field: String, _ found: JSONToken.Kind, _ expected: StaticString
    ) -> Failure {
        Failure(.replyShape, "the reply's \(field) is \(found.noun) where \(expected) is expected")
    }
}
