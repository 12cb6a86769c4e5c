// TransportTests.swift - what is decided about URLs, waits and replies, without a network.

import CCurl
import Glibc
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

@Suite struct BaseURLTests {
    @Test(arguments: [
        ("https://API.Cloudflare.com:443", "https://api.cloudflare.com"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[::1]:9", "https://[::1]:9"),
    ]) func originsHaveOneSpelling(given: String, expected: String) {
        #expect(Origin(given)?.text == expected)
    }

    @Test(arguments: [
        "", "https://", "ftp://a", "https://user@host", "https://a/b", "https://a:0", "https://a:b",
        "https://a:65536", "http://example.com", "https://a b", "https://a\r\nX: y", "//a", "a:80",
        "https://127.0.0.1:+5", "https://host:", "http://localhost.example.com",
    ]) func anythingElseIsNoOrigin(given: String) {
        #expect(Origin(given) == nil)
    }

    @Test func plainHTTPNeedsToBeAllowed() throws {
        #expect(throws: Failure.self) {
            try BaseURL("http://127.0.0.1:8080/v4", allowHTTPLoopback: false)
        }
        #expect(try BaseURL("http://127.0.0.1:8080/v4", allowHTTPLoopback: true).path == "/v4")
    }

    @Test(arguments: ["https://h/a/../b", "https://h/a?b", "https://h/%2e", "https://h/a#b"])
    func pathsThatCouldLeadElsewhereAreRefused(given: String) {
        #expect(throws: Failure.self) { try BaseURL(given, allowHTTPLoopback: false) }
    }
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
        #expect(!dialogue.provesCredential)
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

@Suite struct ConfigTests {
    @Test func everyDefaultPassesItsOwnCheck() throws {
        var config = Config()
        for setting in Setting.allCases {
            try config.set(setting, to: setting.property.standard)
        }
        _ = try TransportSettings(config)
    }

    @Test func unknownNamesAndValuesOutOfRangeAreTold() {
        #expect(throws: Failure.self) { try Config.setting(named: "http.maxconnections") }
        var config = Config()
        for (setting, value) in [
            (Setting.maxInFlight, "0"), (.maxInFlight, "1025"), (.maxInFlight, "many"),
            (.maxInFlight, ""), (.allowHTTPLoopback, "yes"), (.httpVersion, "3"),
            (.caFile, "a\nb"), (.maxInFlight, "99999999999999999999"), (.firstByte, "0"),
        ] {
            #expect(throws: Failure.self) { try config.set(setting, to: value) }
        }
        #expect(config.int(.maxInFlight) == 128)
    }
}

@Suite struct ProxyURLTests {
    @Test(arguments: [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTPS://Proxy.Example:443/", "https://proxy.example:443"),
        ("http://user:p%40ss:w0rd@10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("socks5h://user@[::1]:1080", "socks5h://[::1]:1080"),
    ]) func aProxyIsNamedWithoutItsLogin(given: String, name: String) throws {
        #expect(ProxyURL(given)?.name == name)
        #expect(ProxyURL(given)?.text == given)
        var config = Config()
        try config.set(.proxy, to: given)
    }

    @Test(arguments: [
        "proxy", "proxy.example:3128", "http://", "http://proxy.example", "http://proxy.example:0",
        "http://proxy.example:99999", "ftp://a:1", "http://a b:1", "http://a:1/path",
        "http://a:1?x",
        "http://@a:1", "http://:secret@a:1", "http://us er@a:1", "http://u/v@a:1", "http//a:1",
        "http://a:1 ", "://a:1", "http://a:1\n",
    ]) func nonsenseIsRefusedWhenItIsSet(given: String) {
        #expect(ProxyURL(given) == nil)
        var config = Config()
        #expect(throws: Failure.self) { try config.set(.proxy, to: given) }
        do { try config.set(.proxy, to: given) } catch { #expect(error.status == .configValue) }
    }
}

@Suite struct CurlOptionTests {
    @Test func thisLibcurlTakesEveryOption() throws {
        let settings = try TransportSettings(Config())
        guard let easy = unsafe curl_easy_init() else {
            Issue.record("no handle")
            return
        }
        defer { unsafe curl_easy_cleanup(easy) }
        let options = settings.options(authorities: "/etc/ssl/a.pem", ofProxy: "/etc/ssl/b.pem")
        for option in options {
            #expect(unsafe option.apply(to: easy) == 0, "option \(option.option.rawValue)")
        }
    }
}

@Suite struct LibcurlFaultTests {
    @Test func everyFaultIsAnswered() {
        for fault in LibcurlFault.all {
            #expect(!fault.how.isEmpty && fault.first <= fault.last)
            // What is refused is either older than all that is taken, or has a look of its own.
            #expect(fault.remedy != .refused || fault.last >= 0x07_57_00)
        }
        #expect(Set(LibcurlFault.all.map(\.name.description)).count == LibcurlFault.all.count)
    }

    @Test(
        arguments: [
            (0x07_57_00, "1.2.13", "https://a"), (0x07_58_01, "1.2.0.3", "https://a"),
            (0x07_58_01, "1.1.4", "https://a"),
            (0x08_00_01, "1.2.13", "https://api.xn--bcher-kva.ch"),
            (0x08_00_01, nil, "https://xn--bcher-kva.ch:8443"),
        ] as [(UInt32, String?, String)])
    func somePairsAreRefused(version: UInt32, zlib: String?, origin: String) {
        #expect(throws: Failure.self) {
            try LibcurlFault.check(version: version, zlib: zlib, origin: origin)
        }
    }

    @Test(
        arguments: [
            (0x07_58_01, "1.2.13", "https://api.cloudflare.com"),
            (0x08_0B_01, nil, "https://a-xn--b"),
            (0x08_01_00, "1.3.1", "https://xn--bcher-kva.ch"),
        ] as [(UInt32, String?, String)])
    func otherPairsAreTaken(version: UInt32, zlib: String?, origin: String) throws {
        try LibcurlFault.check(version: version, zlib: zlib, origin: origin)
    }

    private func names(_ version: UInt32) -> String {
        var writer = JSONWriter(into: ByteBuffer(limit: 1 << 16))
        LibcurlFault.describe(version, into: &writer)
        return writer.buffer.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    @Test func aVersionHasTheFaultsOfItsTime() {
        let debian12 = names(0x07_58_01)
        #expect(debian12.split(separator: "curl issue 11101").count == 2)
        #expect(debian12.split(separator: "CVE-2025-0665").count == 1)
        #expect(names(0x08_0B_01).split(separator: "CVE-2025-0665\",\"remedy\":\"open").count == 2)
        #expect(names(0x08_0C_00).split(separator: "CVE-2025-0665").count == 1)
        #expect(names(0x08_0C_00).split(separator: "11101").count == 1)
    }
}

@Suite struct FaultTests {
    private func ended(_ lines: String...) -> HeaderCount {
        var headers = HeaderCount()
        for line in lines {
            var line = line + "\r\n"
            line.withUTF8 { utf8 in _ = unsafe headers.count(UnsafeRawBufferPointer(utf8)) }
        }
        return headers
    }

    /// Whatever libcurl says of it: a server can bring about no more than a broken connection.
    @Test func aServerNeverBringsAboutAFaultOfTheLibrary() {
        let own: Set<UInt32> = [
            CURLE_FAILED_INIT.rawValue, CURLE_URL_MALFORMAT.rawValue, CURLE_NOT_BUILT_IN.rawValue,
            CURLE_UNKNOWN_OPTION.rawValue,
        ]
        for code in 1...110 as ClosedRange<UInt32> where !own.contains(code) {
            let fault = HTTPReply.Fault(
                CURLcode(code), ended("HTTP/1.1 200 OK", ""), wasSent: true)
            #expect(fault != nil && fault != .internalError, "libcurl's code \(code)")
        }
    }

    @Test func headersThatBreakOffAreNoReply() {
        #expect(HTTPReply.Fault(CURLE_OK, ended("HTTP/1.1 200 OK", ""), wasSent: true) == nil)
        #expect(HTTPReply.Fault(CURLE_OK, ended("HTTP/1.1 200 OK"), wasSent: true) == .broken)
    }

    @Test func aTimeOutIsNamedByHowFarTheExchangeCame() {
        func fault(_ headers: HeaderCount, _ wasSent: Bool) -> HTTPReply.Fault? {
            HTTPReply.Fault(CURLE_OPERATION_TIMEDOUT, headers, wasSent: wasSent)
        }
        #expect(fault(ended(), false) == .connect)
        #expect(fault(ended(), true) == .noFirstByte)
        #expect(fault(ended("HTTP/1.1 103 Early Hints", "link: a", ""), true) == .noFirstByte)
        #expect(fault(ended("HTTP/1.1 103 Early Hints", "", "HTTP/1.1 200 OK"), true) == .silence)
        #expect(fault(ended("http/1.1 200 OK"), true) == .silence)
    }

    @Test func aProxysRefusalIsNeverRetriedButItsOwnTroubleIs() {
        for (code, isRetried) in [
            (407, false), (403, false), (401, false), (400, false), (502, true), (503, true),
            (429, true), (0, false),
        ] as [(Int32, Bool)] {
            var trouble = HTTPReply.FaultFacts()
            (trouble.connectCode, trouble.place) = (code, "the proxy http://p:1")
            let failure = HTTPReply.Fault.proxy.words(trouble)
            #expect(failure.status == .proxy && failure.retriable == isRetried)
            #expect(failure.message.contains("http://p:1"))
        }
    }

    @Test(
        arguments: [
            (CURLPX_USER_REJECTED, .login), (CURLPX_NO_AUTH, .login), (CURLPX_RECV_AUTH, .trouble),
            (CURLPX_IDENTD, .login), (CURLPX_LONG_PASSWD, .login),
            (CURLPX_REPLY_NOT_ALLOWED, .refusal), (CURLPX_REPLY_COMMAND_NOT_SUPPORTED, .refusal),
            (CURLPX_BAD_VERSION, .refusal), (CURLPX_RESOLVE_HOST, .nameLookup),
            (CURLPX_REPLY_HOST_UNREACHABLE, .trouble), (CURLPX_REPLY_TTL_EXPIRED, .trouble),
            (CURLPX_REPLY_CONNECTION_REFUSED, .trouble), (CURLPX_CLOSED, .trouble),
            (CURLPX_UNKNOWN_FAIL, .trouble),
        ] as [(CURLproxycode, SocksAnswer.Kind)])
    func eachAnswerOfASOCKSProxyHasWhatFollowsFromIt(
        number: CURLproxycode, kind: SocksAnswer.Kind
    ) {
        let answer = SocksAnswer(Int(number.rawValue))
        #expect(answer?.kind == kind && answer?.words.isEmpty == false)
        #expect(SocksAnswer(0) == nil)
    }
}

@Suite struct ProxyLoginTests {
    private let refused = HTTPReply.FaultFacts()

    @Test func withoutALoginNobodyWaits() {
        var login = ProxyLogin(ProxyURL("http://p:1"))
        #expect(login.admit(1) && login.admit(2) && login.tried == nil)
        login.refuse(refused, nowUs: 0)
        #expect(login.refused(nowUs: 59_999_999) != nil && login.refused(nowUs: 60_000_000) == nil)
        #expect(login.admit(3) && login.admit(4))
    }

    @Test func oneTriesItForAllUntilTheProxyHasTakenIt() {
        var login = ProxyLogin(ProxyURL("http://soc:not-real@p:1"))
        #expect(login.admit(1) && !login.admit(2) && !login.admit(3))
        #expect(login.tried == 1 && login.release().isEmpty)
        login.take()
        #expect(login.release() == [2, 3] && login.release().isEmpty && login.admit(4))
    }

    @Test func whoEndsWithoutAnAnswerIsFollowedByTheNext() {
        var login = ProxyLogin(ProxyURL("http://soc:not-real@p:1"))
        #expect(login.admit(1) && !login.admit(2) && !login.admit(3) && !login.admit(4))
        #expect(!login.leave(2) && login.release().isEmpty)
        #expect(login.leave(1) && login.release() == [3] && login.tried == 3)
        #expect(login.release().isEmpty && login.leave(3) && login.release() == [4])
        #expect(!login.leave(4) && login.admit(5) && !login.admit(6))
    }

    @Test func afterARefusalOneTriesItAgain() {
        var login = ProxyLogin(ProxyURL("http://soc:not-real@p:1"))
        _ = login.admit(1)
        login.take()
        login.refuse(refused, nowUs: 0)
        #expect(login.refused(nowUs: 1) != nil && login.refused(nowUs: 60_000_000) == nil)
        #expect(login.admit(2) && !login.admit(3) && login.tried == 2)
    }
}

@Suite struct HeaderCountTests {
    @Test(arguments: ["HTTP/1.1 200 OK\r\n", "http/1.1 200 OK\r\n", "hTTp/2 200\r\n"])
    func aSecondReplyBeginsHoweverItIsWritten(status: String) {
        var headers = HeaderCount()
        for (line, areWhole) in [
            (status, false), ("\r\n", true), (status, false), ("x: y\r\n", false), ("\r\n", true),
            ("httpx: y\r\n", true),
        ] {
            _ = unsafe Array(line.utf8).withUnsafeBytes { unsafe headers.count($0) }
            #expect(headers.areWhole == areWhole, "\(line)")
        }
    }
}
