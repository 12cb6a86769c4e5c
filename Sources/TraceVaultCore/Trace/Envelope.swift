// Envelope.swift - what Cloudflare wraps around every answer, and around every refusal.
//
// Takes all shapes seen since 2024: v4 with and without `success`, null `errors`, error chains,
// and RFC 9457 problem documents. Others write JSON as well: what is not the API's own is neither
// its answer nor its refusal. What is in `result` belongs to Trace.swift.

/// One of Cloudflare's errors.
package struct ReplyError: Sendable, Equatable {
    package let code: Int64
    /// At most 200 bytes, without control characters.
    package let message: String
}

/// The outside of a reply.
package struct Envelope: Sendable {
    package static let maxErrors = 16
    /// No further than so many values and names: refusals are short, and some are read twice.
    private static let mostLookedAt = 4096
    package static let maxMessage = 200

    /// Nil when it is missing or not a boolean.
    package private(set) var success: Bool?
    /// In the reply's order, each error before the chain of its causes.
    package private(set) var errors: [ReplyError] = []
    package private(set) var retryable: Bool?
    package private(set) var retryAfterSeconds: Int64?
    /// There is a `result` that is not null.
    package private(set) var hasResult = false
    /// What a problem document (RFC 9457) says, where it is one as Cloudflare writes them. Its code
    /// is none of the API's, which have other meanings.
    private(set) var problem: ReplyError?
    /// `errors` is an empty list, or null.
    private var errorsAreEmpty = false
    /// One of the errors has a code as the API writes it.
    private var hasCode = false
    /// There is a `result`, and it is null.
    private(set) var resultIsNull = false
    /// `success` is there, but is neither true nor false.
    private(set) var successIsOdd = false
    /// The token of `result`, when there is one that is not null.
    private(set) var result: Int?
    private(set) var messageCount = 0
    private(set) var unknownKeys = 0
    private(set) var duplicateKeys = 0

    /// Reads a whole body. Fails only when it is no JSON object.
    package static func read(_ body: ByteBuffer) throws(Failure) -> Envelope {
        let (tape, _) = try MendedText.read(body)
        return try tape.body.withBytes { (bytes) throws(Failure) in try Envelope(tape, bytes) }
    }

    /// It says no. A missing `success` counts as no only beside errors or no result.
    package var isRefusal: Bool {
        if let success { return !success }
        return (!errors.isEmpty || problem != nil) && !hasResult
    }

    /// A refusal as the API writes it: others' JSON has neither this envelope nor such a problem.
    var isOfAPI: Bool {
        problem != nil || hasCode || (success != nil && errorsAreEmpty)
    }

    /// The problem of Cloudflare's edge, which knows nothing of accounts, messages and credentials:
    /// its numbers begin with a thousand.
    var edge: ReplyError? {
        problem.flatMap { (1000..<2000).contains($0.code) ? $0 : nil }
    }

    /// Throws where this is no answer of the API.
    ///
    /// - Parameter hasOwnResult: whether what is in `result` shows whose it is, where `success` is
    ///   missing.
    func needAnswer(hasOwnResult: Bool = false) throws(Failure) {
        if isRefusal, isOfAPI { throw refusal }
        if success == true || (success == nil && hasResult && hasOwnResult) { return }
        throw Self.foreign("it is JSON of somebody else")
    }

    private static func foreign(_ what: String) -> Failure {
        Failure(.foreignReply, "an answer, but not the API's: \(what)")
    }

    init(_ tape: borrowing JSONTape, _ bytes: RawSpan) throws(Failure) {
        guard tape[0].kind == .object else {
            throw Self.foreign("it is \(tape[0].kind.noun) where an object is expected")
        }
        var problem = Problem()
        var members = try JSONMembers(of: 0, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let name = tape[key]
            if JSONText.equals(name, "success", in: bytes) {
                success = tape.bool(value)
                successIsOdd = tape[value].kind != .bool
            } else if JSONText.equals(name, "errors", in: bytes) {
                (errors, hasCode) = try Self.errors(tape, value, bytes)
                let isList = tape[value].kind == .array
                errorsAreEmpty =
                    isList ? tape.elementCount(of: value) == 0 : tape[value].kind == .null
            } else if JSONText.equals(name, "result", in: bytes) {
                resultIsNull = tape[value].kind == .null
                result = resultIsNull ? nil : value
            } else if JSONText.equals(name, "messages", in: bytes) {
                messageCount = tape[value].kind == .array ? tape.elementCount(of: value) : 0
            } else if !problem.keep(tape, name, value, bytes) {
                unknownKeys += 1
            }
        }
        duplicateKeys = members.duplicates
        hasResult = result != nil
        retryable = problem.retryable
        retryAfterSeconds = problem.retryAfter
        self.problem = problem.error
    }

    /// The refusal as the one error of the library.
    package var refusal: Failure {
        var said = errors.prefix(2).map { "\($0.code) \($0.message)" }
        if let problemText { said.append(problemText) }
        let reasons = said.isEmpty ? "" : ": " + said.joined(separator: "; ")
        var failure = Failure(.replyRefused, "Cloudflare refused the request" + reasons)
        failure.isOfEdge = edge != nil
        failure.codes = errors.map { $0.code }
        failure.retriable = retryable ?? false
        if let retryAfterSeconds {
            failure.retryAfterMs = retryAfterSeconds.multipliedReportingOverflow(by: 1000).0
        }
        return failure
    }

    /// What the problem document says, in words.
    var problemText: String? {
        problem.map { "\(edge == nil ? "" : "edge ")error \($0.code): \($0.message)" }
    }

    // MARK: - Errors

    /// Every object below `errors` that has a code or a message: the errors and their chains. And
    /// whether one of the codes is a whole number: others write names, or numbers as texts.
    private static func errors(
        _ tape: JSONTape, _ list: Int, _ bytes: RawSpan
    ) throws(Failure) -> ([ReplyError], hasCode: Bool) {
        var errors: [ReplyError] = []
        var hasCode = false
        var index = list
        let behind = tape[list].kind == .array ? Int(tape[list].next) : list
        let end = min(behind, list + mostLookedAt)
        while index < end, errors.count < maxErrors {
            defer { index += 1 }
            guard tape[index].kind == .object else { continue }
            var code: Int64?
            var message: String?
            var members = try JSONMembers(of: index, tape, bytes)
            while let (key, value) = members.next(tape, bytes) {
                if JSONText.equals(tape[key], "code", in: bytes) {
                    code = tape.integer(value, in: bytes)
                    if tape[value].marks.contains(.integer) { hasCode = true }
                } else if JSONText.equals(tape[key], "message", in: bytes) {
                    message = tape.plain(value, limit: maxMessage, in: bytes)
                }
            }
            guard code != nil || message != nil else { continue }
            errors.append(ReplyError(code: code ?? 0, message: message ?? ""))
        }
        return (errors, hasCode)
    }

    /// The members of an RFC 9457 document that matter here.
    private struct Problem {
        var code: Int64?
        var status: Int64?
        var title: String?
        var retryable: Bool?
        var retryAfter: Int64?

        /// Takes a member; false when it is none of such a document.
        mutating func keep(
            _ tape: JSONTape, _ name: JSONToken, _ value: Int, _ bytes: RawSpan
        ) -> Bool {
            if JSONText.equals(name, "error_code", in: bytes) {
                code = tape[value].kind == .number ? tape.integer(value, in: bytes) : nil
            } else if JSONText.equals(name, "status", in: bytes) {
                status = tape.integer(value, in: bytes)
            } else if JSONText.equals(name, "title", in: bytes) {
                title = tape.plain(value, limit: Envelope.maxMessage, in: bytes)
            } else if JSONText.equals(name, "detail", in: bytes) {
                // The title says it shorter.
            } else if JSONText.equals(name, "retryable", in: bytes) {
                retryable = tape.bool(value)
            } else if JSONText.equals(name, "retry_after", in: bytes) {
                // A day is longer than any wait; more is nonsense and is not waited for.
                retryAfter = tape.integer(value, in: bytes).flatMap {
                    $0 >= 0 && $0 <= 86_400 ? $0 : nil
                }
            } else {
                return false
            }
            return true
        }

        /// The document as an error; nil when this is none, or one of somebody else.
        var error: ReplyError? {
            guard let code, let title, status != nil else { return nil }
            return ReplyError(code: code, message: title)
        }
    }
}
