// JudgementTests.swift - what a reply means, and when to come back.

import Testing

@testable import TraceVaultCore

private func reply(
    _ status: Int32, _ text: String = "", _ change: (inout HTTPReply) -> Void = { _ in }
) -> HTTPReply {
    let body = ByteBuffer(limit: 1 << 20)
    var text = text
    text.withUTF8 { utf8 in _ = unsafe body.append(UnsafeRawBufferPointer(utf8)) }
    var reply = HTTPReply(body: body)
    reply.status = status
    change(&reply)
    return reply
}

private func failure(_ reply: HTTPReply) -> Failure? {
    let dialogue = TraceDialogue(messageRef: "m", submission: nil)
    _ = dialogue.read(reply)
    return dialogue.answer(TraceContext()).failure
}

private func verdict(_ reply: HTTPReply) -> Verdict? {
    CloudflareAPI.refusal(reply, .message)?.verdict
}

private func errors(_ code: Int) -> String {
    "{\"success\":false,\"errors\":[{\"code\":\(code),\"message\":\"m\"}],\"result\":null}"
}

@Suite struct JudgementTests {
    @Test func statusesBecomeDistinctOutcomes() {
        #expect(failure(reply(401, errors(10000)))?.status == .credential)
        #expect(failure(reply(403, errors(10000)))?.status == .credential)
        #expect(failure(reply(400, errors(9106)))?.status == .credential)
        #expect(failure(reply(403, errors(4)))?.status == .forbidden)
        #expect(failure(reply(404, errors(1001)))?.status == .noMessage)
        #expect(failure(reply(404, errors(7003)))?.status == .http)
        #expect(failure(reply(302))?.status == .redirect)
        #expect(failure(reply(202))?.status == .replyDeferred)
        #expect(failure(reply(204))?.status == .replyEmpty)
        #expect(failure(reply(418, errors(1)))?.status == .http)
        #expect(failure(reply(200))?.status == .replyEmpty)
        #expect(failure(reply(200, "<html>"))?.status == .foreignReply)
        #expect(failure(reply(200, "<html>"))?.retriable == true)
        #expect(failure(reply(200, "{\"success\" true}"))?.status == .notJSON)
        #expect(failure(reply(200, errors(1000)))?.status == .credential)
        #expect(failure(reply(200, errors(1001)))?.status == .replyRefused)
        #expect(failure(reply(200, "{\"success\":true,\"result\":[]}"))?.status == .replyShape)
        #expect(failure(reply(200, "{\"success\":true,"))?.status == .replyTruncated)
    }

    @Test(arguments: [408, 500, 502, 503, 504, 520, 527, 529, 530] as [Int32])
    func transientStatusesAreRetried(status: Int32) {
        guard case .retry = verdict(reply(status, "<html>")) else {
            Issue.record("not retried")
            return
        }
        #expect(failure(reply(status))?.retriable == true)
        #expect(failure(reply(status))?.message.hasSuffix("; try again later") == true)
    }

    @Test(arguments: [400, 403, 404, 405, 501, 505, 511, 528, 599] as [Int32])
    func otherStatusesAreFinal(status: Int32) {
        #expect(verdict(reply(status)) == .final)
        let judged = failure(reply(status))
        #expect(judged?.message.contains("try again later") == false)
        // Whoever is no API says nothing of the request, which may be asked again.
        #expect(judged?.retriable == (judged?.status == .foreignReply))
    }

    @Test func aRefusedCredentialIsRejectedWhateverWasAskedWithIt() {
        for refused in [
            reply(401, errors(1)), reply(401, errors(10000)), reply(403, errors(10000)),
            reply(403, errors(9109)), reply(400, errors(6003)), reply(400, errors(9106)),
        ] {
            #expect(verdict(refused) == .rejected)
        }
        #expect(verdict(reply(403, errors(4))) == .final)
        #expect(verdict(reply(400, errors(4))) == .final)
        #expect(verdict(reply(404, errors(10000))) == .final)
        #expect(verdict(reply(503, errors(10001))) == .retry(afterMs: nil))
    }

    @Test func theServerMayOverrideTheRetry() {
        let no = reply(503) { $0.headers.shouldRetry = "false" }
        #expect(verdict(no) == .final)
        let yes = reply(409) { $0.headers.shouldRetry = "true" }
        #expect(verdict(yes) == .retry(afterMs: nil))
    }

    private static let problem = """
        {"type":"https://developers.cloudflare.com/support/error-1015/","title":"Error 1015",
         "status":403,"error_code":1015,"retryable":true,"retry_after":7}
        """

    @Test(arguments: [403, 404, 409] as [Int32])
    func aProblemDocumentThatSaysItPassesIsAskedAgain(status: Int32) {
        #expect(verdict(reply(status, Self.problem)) == .retry(afterMs: 7000))
        let judged = failure(reply(status, Self.problem) { $0.headers.retryAfter = "2" })
        #expect(judged?.retriable == true && judged?.retryAfterMs == 2000)
        let never = Self.problem.replacing("true", with: "false")
        #expect(verdict(reply(503, never)) == .final)
        #expect(failure(reply(503, never))?.retriable == false)
        #expect(failure(reply(503, never))?.message.contains("again") == false)
    }

    @Test func aRefusalWithStatus200SaysWhetherItPasses() {
        let passes = """
            {"success":false,"errors":[{"code":1,"message":"m"}],"retryable":true,"retry_after":3}
            """
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        #expect(dialogue.read(reply(200, passes)) == .retry(afterMs: 3000))
        #expect(dialogue.read(reply(200, errors(1))) == .final)
    }

    @Test func a429WithoutRetryAfterParksForFiveMinutes() {
        #expect(verdict(reply(429, "{")) == .rateLimited(afterMs: 300_000))
        let given = reply(429) { $0.headers.retryAfter = "17" }
        #expect(failure(given)?.retryAfterMs == 17_000)
    }

    @Test(
        "the most plausible word of a 429 counts",
        arguments: [
            ("0", 30, "", 30_000), ("Mon, 21 Sep 2020 14:14:20 GMT", 30, "", 30_000),
            ("0", nil, "", 1000), ("0", 0, #""x";r=0;t=42"#, 42_000), ("", nil, "", 300_000),
            ("nonsense", nil, #""x";r=3;t=42"#, 300_000), ("86400", 30, "", 30_000),
            ("86400", nil, "", 3_600_000), ("86400", nil, #""x";r=0;t=7, "y";r=0;t=9"#, 9000),
            // Moments instead of spans, by the reply's own clock.
            ("1790000120", nil, "", 120_000), ("1790000120000", nil, "", 120_000),
            ("1767600000", nil, "", 1000), ("", 1_790_000_060, "", 60_000),
            ("Mon, 21 Sep 2026 14:14:20 GMT", nil, "", 60_000),
        ] as [(String, Int64?, String, Int64)])
    func plausible(header: String, body: Int64?, left: String, parks: Int64) {
        var headers = ReplyHeaders()
        (headers.retryAfter, headers.rateLimit) = (header, left)
        // 14:13:20 of that day, while this host believes that it is another year.
        headers.date = "Mon, 21 Sep 2026 14:13:20 GMT"
        #expect(
            RetryAfter.parking(headers, bodySeconds: body, wallMs: 1_600_000_000_000) == parks)
    }

    @Test func aBodyThatNamesATimeCountsMoreThanAHeaderThatSaysAtOnce() {
        var headers = ReplyHeaders()
        headers.retryAfter = "0"
        #expect(RetryAfter.milliseconds(headers, bodySeconds: 30, wallMs: 0) == 30_000)
        #expect(RetryAfter.milliseconds(headers, bodySeconds: nil, wallMs: 0) == 0)
        headers.retryAfter = "5"
        #expect(RetryAfter.milliseconds(headers, bodySeconds: 30, wallMs: 0) == 5000)
    }

    @Test func factsOfTheReplyReachTheHost() {
        let judged = failure(reply(403, errors(10000)) { $0.headers.cfRay = "8a1b-SYD" })
        #expect(judged?.httpStatus == 403)
        #expect(judged?.codes == [10000])
        #expect(judged?.cfRay == "8a1b-SYD")
    }
}

@Suite struct ForeignReplyTests {
    static let bodies = [
        "", "<html><title>Sign in</title></html>", "Not Found", "[]", "null", "7",
        #"{"message":"Not Found"}"#, #"{"success":false,"message":"no"}"#,
        #"{"error":{"code":404}}"#, #"{"errors":[]}"#, #"{"errors":"no","success":false}"#,
        #"{"type":"about:blank","title":"Not Found","status":404,"traceId":"00-1"}"#,
    ]

    @Test(arguments: [400, 401, 403, 404, 410, 418, 511] as [Int32], bodies)
    func whatIsNotTheAPIsIsNoVerdict(status: Int32, body: String) {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        #expect(dialogue.read(reply(status, body)) == .final)
        let judged = dialogue.answer(TraceContext()).failure
        #expect(judged?.status == .foreignReply && judged?.retriable == true)
        #expect(judged?.httpStatus == status)
        #expect(judged?.message.contains("not the API's") == true)
        #expect(dialogue.proof == .none)
        if !body.isEmpty {
            #expect((try? dialogue.answer(TraceContext()).document.view("raw")) != nil)
        }
    }

    @Test(arguments: [
        #"{"success":false,"errors":[],"result":null}"#, #"{"success":false,"errors":null}"#,
        #"{"errors":[{"code":10404,"message":"m"}]}"#,
        #"{"type":"https://developers.cloudflare.com/x","title":"t","status":404,"error_code":1}"#,
    ]) func theAPIsOwnWordsAreVerdicts(body: String) {
        #expect(failure(reply(404, body))?.status == .noMessage)
        #expect(failure(reply(403, body))?.status == .forbidden)
    }

    @Test(arguments: [
        (
            "<!DOCTYPE html><title>Attention Required! | Cloudflare</title><p>Why?",
            "Attention Required! | Cloudflare Why?"
        ),
        (
            "<style>p { color: red }</style><SCRIPT>steal()</SCRIPT>Hello<!-- no -->World",
            "Hello World"
        ),
        ("a \u{1B}[31mred\u{202E}\r\nb \"c\" < d <", "a [31mred b c < d <"),
        ("<b", ""), ("<!--", ""), ("<script>x", ""), ("", ""),
        (String(repeating: "x", count: 1000), String(repeating: "x", count: 100)),
    ]) func theFirstWordsOfAPageAreToldSafely(text: String, words: String) {
        #expect(FirstWords.of(text) == words)
    }

    @Test func thePageIsQuotedWhateverItsStatus() {
        for status in [200, 403, 502] as [Int32] {
            let judged = failure(reply(status, "<title>Blocked by policy</title>"))
            #expect(judged?.message.contains("\"Blocked by policy\"") == true)
        }
        #expect(failure(reply(403) { $0.headers.cfRay = "r" })?.message.contains("edge") == true)
    }
}

@Suite struct RetryAfterTests {
    private func wait(_ change: (inout ReplyHeaders) -> Void) -> Int64? {
        var headers = ReplyHeaders()
        change(&headers)
        return RetryAfter.milliseconds(headers, bodySeconds: nil, wallMs: 1_790_000_000_000)
    }

    @Test func secondsFractionsMillisecondsAndDatesAreUnderstood() {
        #expect(wait { $0.retryAfter = "120" } == 120_000)
        #expect(wait { $0.retryAfter = "1.5" } == 1500)
        #expect(wait { $0.retryAfter = "1.23456" } == 1235)
        #expect(
            wait {
                $0.retryAfterMs = "250"; $0.retryAfter = "9"
            } == 250)
        #expect(wait { $0.retryAfter = "Mon, 21 Sep 2026 14:14:20 GMT" } == 60_000)
        #expect(wait { $0.retryAfter = "Mon, 21 Sep 2020 14:14:20 GMT" } == 0)
    }

    @Test func nonsenseIsIgnoredAndAbsurdityIsBounded() {
        #expect(wait { $0.retryAfter = "-5" } == nil)
        #expect(wait { $0.retryAfter = "soon" } == nil)
        #expect(wait { $0.retryAfter = "nan" } == nil)
        #expect(wait { $0.retryAfter = "1e400" } == nil)
        #expect(wait { $0.retryAfter = "1e3" } == nil)
        #expect(wait { $0.retryAfter = "0x10" } == nil)
        #expect(wait { $0.retryAfter = "1.2.3" } == nil)
        #expect(wait { $0.retryAfter = ".5" } == nil)
        #expect(wait { $0.retryAfter = "99999999999999999999" } == 86_400_000)
        #expect(wait { _ in } == nil)
    }
}
