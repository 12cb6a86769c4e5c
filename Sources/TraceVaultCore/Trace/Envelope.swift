// Envelope.swift - what Cloudflare wraps around every answer, and around every refusal.
//
// Takes all shapes seen since 2024: v4 with and without `success`, null `errors`, error chains,
// and RFC 9457 problem documents. What is in `result` belongs to Trace.swift.

/// One of Cloudflare's errors.
package struct ReplyError: Sendable, Equatable {
    package let code: Int64
    /// At most 200 bytes, without control characters.
    package let message: String
}

/// The outside of a reply.
package struct Envelope: Sendable {
    package static let maxErrors = 16
    package static let maxMessage = 200

    /// Nil when it is missing or not a boolean.
    package private(set) var success: Bool?
    /// In the reply's order, each error before the chain of its causes.
    package private(set) var errors: [ReplyError] = []
    package private(set) var retryable: Bool?
    package private(set) var retryAfterSeconds: Int64?
    /// There is a `result` that is not null.
    package private(set) var hasResult = false
    /// It is a problem document (RFC 9457) as Cloudflare writes them: with an `error_code`.
    private(set) var isProblem = false
    /// `errors` is a list, or null.
    private var hasErrors = false
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
        let tape = try JSONReader.read(body)
        return try body.withBytes { (bytes) throws(Failure) in try Envelope(tape, bytes) }
    }

    /// Cloudflare says no. A missing `success` counts as no only beside errors or no result.
    package var isRefusal: Bool {
        if let success { return !success }
        return !errors.isEmpty && !hasResult
    }

    /// Written as the API writes: others' JSON has neither this envelope nor such a problem.
    var isOfAPI: Bool { isProblem || (hasErrors && (success != nil || !errors.isEmpty)) }

    init(_ tape: borrowing JSONTape, _ bytes: RawSpan) throws(Failure) {
        guard tape[0].kind == .object else {
            throw Failure(
                .replyShape, "the reply is \(tape[0].kind.noun) where an object is expected")
        }
        var problem = Problem()
        var members = try JSONMembers(of: 0, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let name = tape[key]
            if JSONText.equals(name, "success", in: bytes) {
                success = tape.bool(value)
                successIsOdd = tape[value].kind != .bool
            } else if JSONText.equals(name, "errors", in: bytes) {
                errors = try Self.errors(tape, value, bytes)
                hasErrors = tape[value].kind == .array || tape[value].kind == .null
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
        if let error = problem.error, !hasResult { errors.insert(error, at: 0) }
        isProblem = problem.code != nil
        if errors.count > Self.maxErrors { errors.removeLast(errors.count - Self.maxErrors) }
    }

    /// The refusal as the one error of the library.
    package var refusal: Failure {
        var text = "Cloudflare refused the request"
        for (index, error) in errors.prefix(2).enumerated() {
            text += "\(index == 0 ? ":" : ";") \(error.code) \(error.message)"
        }
        var failure = Failure(.replyRefused, text)
        failure.codes = errors.map { $0.code }
        failure.retriable = retryable ?? false
        if let retryAfterSeconds {
            failure.retryAfterMs = retryAfterSeconds.multipliedReportingOverflow(by: 1000).0
        }
        return failure
    }

    // MARK: - Errors

    /// Every object below `errors` that has a code or a message: the errors and their chains.
    private static func errors(
        _ tape: JSONTape, _ list: Int, _ bytes: RawSpan
    ) throws(Failure) -> [ReplyError] {
        var errors: [ReplyError] = []
        var index = list
        let end = tape[list].kind == .array ? Int(tape[list].next) : list
        while index < end, errors.count < maxErrors {
            defer { index += 1 }
            guard tape[index].kind == .object else { continue }
            var code: Int64?
            var message: String?
            var members = try JSONMembers(of: index, tape, bytes)
            while let (key, value) = members.next(tape, bytes) {
                if JSONText.equals(tape[key], "code", in: bytes) {
                    code = tape.integer(value, in: bytes)
                } else if JSONText.equals(tape[key], "message", in: bytes) {
                    message = tape.plain(value, limit: maxMessage, in: bytes)
                }
            }
            guard code != nil || message != nil else { continue }
            errors.append(ReplyError(code: code ?? 0, message: message ?? ""))
        }
        return errors
    }

    /// The members of an RFC 9457 document that matter here.
    private struct Problem {
        var code: Int64?
        var status: Int64?
        var title: String?
        var detail: String?
        var retryable: Bool?
        var retryAfter: Int64?

        /// Takes a member; false when it is none of such a document.
        mutating func keep(
            _ tape: JSONTape, _ name: JSONToken, _ value: Int, _ bytes: RawSpan
        ) -> Bool {
            let limit = Envelope.maxMessage
            if JSONText.equals(name, "error_code", in: bytes) {
                code = tape.integer(value, in: bytes)
            } else if JSONText.equals(name, "status", in: bytes) {
                status = tape.integer(value, in: bytes)
            } else if JSONText.equals(name, "title", in: bytes) {
                title = tape.plain(value, limit: limit, in: bytes)
            } else if JSONText.equals(name, "detail", in: bytes) {
                detail = tape.plain(value, limit: limit, in: bytes)
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

        /// The document as an error; nil when this is none.
        var error: ReplyError? {
            guard code != nil || (title != nil && status != nil) else { return nil }
            return ReplyError(code: code ?? status ?? 0, message: title ?? detail ?? "")
        }
    }
}
