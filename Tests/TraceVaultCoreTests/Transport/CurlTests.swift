// CurlTests.swift - options and faults of libcurl, and what an end of it means, without a network.

import CCurl
import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct CurlOptionTests {
    @Test func thisLibcurlTakesEveryOption() throws {
        let settings = try TransportSettings(Config())
        guard let easy = unsafe curl_easy_init() else {
            Issue.record("no handle")
            return
        }
        defer { unsafe curl_easy_cleanup(easy) }
        for option in settings.transferOptions {
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
