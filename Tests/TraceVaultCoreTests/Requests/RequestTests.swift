// RequestTests.swift - which options a request takes, and what a search sends.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct RequestTests {
    private func made(_ kind: String) throws -> Request {
        switch kind {
        case "search": return try Request.search(accountID: RawSpan())
        case "check": return try Request.check(accountID: RawSpan())
        default:
            return try unsafe Array("m1".utf8).withUnsafeBytes {
                try Request.trace(
                    accountID: RawSpan(), messageRef: unsafe RawSpan(_unsafeBytes: $0))
            }
        }
    }

    private func refused(_ kind: String, _ name: String, _ value: String) throws -> Failure? {
        var request = try made(kind)
        return failure { () throws(Failure) in try request.set(name, to: value) }
    }

    @Test func aQueuedRequestIsSmall() { #expect(MemoryLayout<Request>.size <= 56) }

    @Test func aMessageRefComesBackWordForWord() {
        let all = "4Njp3P0STMz2c02Q-2024-01-05T10:00:00-12345678+~"
        for length in 1...all.utf8.count {
            let text = String(all.prefix(length))
            let ref = MessageRef(text)
            #expect(ref.text == text && ref == MessageRef(text))
            #expect(ref != MessageRef(text + "0") && ref != MessageRef("0" + text.dropFirst()))
        }
    }

    @Test(arguments: ["trace", "search", "check"])
    func everyKindHasADeadlineAndAPriority(kind: String) throws {
        var request = try made(kind)
        #expect(request.deadlineMs == nil)
        #expect(request.priority == .interactive)
        try request.set("deadline_ms", to: "86400000")
        try request.set("priority", to: "bulk")
        #expect(request.deadlineMs == 86_400_000)
        #expect(request.priority == .bulk)
        for value in ["0", "86400001", "-1", "1.5", "", "9223372036854775808"] {
            #expect(try refused(kind, "deadline_ms", value)?.status == .configValue)
        }
        for value in ["high", "", "BULK"] {
            #expect(try refused(kind, "priority", value)?.status == .configValue)
        }
    }

    @Test func aTraceCanWaitAndBypassTheCache() throws {
        var request = try made("trace")
        #expect(request.waitMs == 0)
        #expect(!request.fresh)
        #expect(request.submission == nil)
        try request.set("wait_ms", to: "30000")
        try request.set("fresh", to: "true")
        try request.set("submission", to: "false")
        #expect(request.waitMs == 30_000)
        #expect(request.fresh)
        #expect(request.submission == false)
        #expect(try refused("trace", "fresh", "yes")?.status == .configValue)
    }

    @Test(arguments: [
        ("trace", "sender"), ("trace", "limit"), ("search", "wait_ms"), ("search", "fresh"),
        ("search", "submission"), ("search", "page"), ("check", "wait_ms"), ("check", "sender"),
        ("check", "fresh"), ("trace", ""), ("search", ""), ("search", "Sender"),
    ])
    func anOptionOfAnotherKindIsRefusedWithTheNamesThereAre(kind: String, name: String) throws {
        let refusal = try refused(kind, name, "1")
        #expect(refusal?.status == .configName)
        for known in ["deadline_ms", "priority", kind == "search" ? "smtp_helo_ip" : kind] {
            #expect(refusal?.message.contains(known) == true)
        }
    }

    @Test(arguments: [
        ("sender", ""), ("sender", String(repeating: "x", count: 1025)), ("subject", "a\nb"),
        ("subject", "a\u{7F}"), ("subject", "a\u{85}"), ("query", "\0"), ("cursor", ""),
        ("cursor", String(repeating: "c", count: 4097)), ("delivery_status", "a b"),
        ("final_disposition", "SPAM&x=1"), ("metric", "1"), ("message_action", "é"),
        ("start", "2026-11-24"), ("start", "2026-11-24T00:00:00"), ("start", "yesterday"),
        ("end", "2026-11-24 00:00:00Z"), ("end", "2026-11-24T00:00:00+0100"),
        ("end", "2026-02-30T00:00:00Z"), ("limit", "0"), ("limit", "100001"), ("per_page", "0"),
        ("per_page", "many"), ("detections_only", "1"),
    ])
    func aFilterThatCannotBeRightIsRefusedByName(name: String, value: String) throws {
        let refusal = try refused("search", name, value)
        #expect(refusal?.status == .configValue)
        #expect(refusal?.message.hasPrefix(name) == true)
    }

    @Test(arguments: [
        ("2026-11-30T00:00:00Z", "2026-11-23T00:00:00Z", true),
        ("2026-11-30T00:00:00+01:00", "2026-11-29T22:59:59Z", true),
        ("2026-11-30T00:00:00.51Z", "2026-11-30T00:00:00.5Z", true),
        ("2026-11-30T00:00:00.50Z", "2026-11-30T00:00:00.5Z", false),
        ("2026-11-30T00:00:00+01:00", "2026-11-29T23:00:00Z", false),
        ("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", false),
        ("2026-11-30T00:00:00Z", "2026-11-30T00:00:00.0000001Z", false),
    ])
    func aTimeThatEndsBeforeItBeginsIsRefusedHoweverItIsAskedFor(
        start: String, end: String, isRefused: Bool
    ) throws {
        var hunt = try Hunt(accountID: RawSpan())
        // In between, one of them may be set and the other not yet.
        for (name, value) in [("end", end), ("start", start)] { try hunt.set(name, to: value) }
        let search = try request(.search(accountID: RawSpan()), ["end": end, "start": start])
        let refusals = [
            failure { () throws(Failure) in try search.check() },
            failure { () throws(Failure) in try hunt.check() },
        ]
        for refusal in refusals {
            #expect(refusal?.status == (isRefused ? .argument : nil))
            #expect(refusal.map { $0.message.contains("end lies before start") } ?? true)
        }
    }

    @Test func aTimeWithoutABeginOrAnEndIsNoneThatIsRefused() throws {
        for name in ["start", "end"] {
            let asked = try request(
                .search(accountID: RawSpan()), [name: "2020-01-01T00:00:00Z"])
            try asked.check()
        }
        try request(.search(accountID: RawSpan())).check()
    }

    @Test func everyFilterTravelsAsAStrictlyEscapedQueryValue() throws {
        let made = try request(
            .search(accountID: RawSpan()),
            [
                "alert_id": "4Wt-2024-08-28T15:32:35", "cursor": "a+/=b", "delivery_status": "x_y",
                "domain": "exämple.net", "end": "2026-11-24T01:00:00+01:00",
                "final_disposition": "MALICIOUS-BEC", "message_action": "MOVED",
                "message_id": "<a@b>", "metric": "m", "query": "a&b=c #%?", "recipient": "r@x",
                "sender": "s'\"@x", "smtp_helo_ip": "2001:db8::1",
                "start": "2026-10-01T00:00:00.5Z", "subject": "Über\u{1F600} ~._-",
            ])
        guard case .search(let search) = made.kind else {
            Issue.record("not a search")
            return
        }
        #expect(
            search.path(accountID: "A", at: SearchPlace(search.cursor).page)
                == "/accounts/A/email-security/investigate?detections_only=false&per_page=100"
                + "&alert_id=4Wt-2024-08-28T15%3A32%3A35&cursor=a%2B%2F%3Db&delivery_status=x_y"
                + "&domain=ex%C3%A4mple.net&end=2026-11-24T01%3A00%3A00%2B01%3A00"
                + "&final_disposition=MALICIOUS-BEC&message_action=MOVED&message_id=%3Ca%40b%3E"
                + "&metric=m&query=a%26b%3Dc%20%23%25%3F&recipient=r%40x&sender=s%27%22%40x"
                + "&smtp_helo_ip=2001%3Adb8%3A%3A1&start=2026-10-01T00%3A00%3A00.5Z"
                + "&subject=%C3%9Cber%F0%9F%98%80%20~._-")
    }

    @Test(arguments: [
        ("1", 1), ("100", 100), ("1000", 1000), ("1001", 501), ("2000", 1000), ("100000", 1000),
    ])
    func pagesAreEqualAndAtMostAThousand(limit: String, size: Int) throws {
        let made = try request(.search(accountID: RawSpan()), ["limit": limit])
        guard case .search(let search) = made.kind else { return }
        #expect(search.path(accountID: "A", at: .first).hasSuffix("&per_page=\(size)"))
    }

    @Test func settingAnOptionDoesNotReachARequestThatIsQueuedAlready() throws {
        var request = try made("search")
        let queued = request
        try request.set("sender", to: "later@example.net")
        guard case .search(let search) = queued.kind else { return }
        #expect(!search.path(accountID: "A", at: .first).contains("later"))
    }
}

@Suite struct ServerPathTests {
    private let base: BaseURL

    init() throws {
        base = try BaseURL("https://api.cloudflare.com/client/v4", allowHTTPLoopback: false)
    }

    @Test(arguments: [
        ("/client/v4/jobs/1", "/jobs/1"),
        ("https://api.cloudflare.com/client/v4/jobs/1", "/jobs/1"),
        ("https://API.cloudflare.com:443/client/v4/a?x=%2F&y=1", "/a?x=%2F&y=1"),
        ("/client/v4/a.b/c...d/.../e:f,g+h", "/a.b/c...d/.../e:f,g+h"),
        ("/client/v4/a?b=/c?d", "/a?b=/c?d"),
    ])
    func aPlaceBelowTheBaseURLIsFollowed(url: String, path: String) {
        #expect(ServerPath.below(base, url) == path)
    }

    @Test(arguments: [
        "", "/", "/client/v4", "/client/v4/", "/client/v5/a", "/client/v4x/a", "client/v4/a",
        "//api.cloudflare.com/client/v4/a", "https://evil.example/client/v4/a",
        "http://api.cloudflare.com/client/v4/a", "https://api.cloudflare.com:8443/client/v4/a",
        "https://api.cloudflare.com@evil.example/client/v4/a",
        "https://evil.example?https://api.cloudflare.com/client/v4/a",
        "https://api.cloudflare.com.evil.example/client/v4/a",
        "https://api.cloudflare.com\\@evil.example/client/v4/a", "https:/client/v4/a",
        "/client/v4/../../user", "/client/v4/./a", "/client/v4/a/..", "/client/v4/a//b",
        "/client/v4/a/", "/client/v4/%2e%2e/a", "/client/v4/a%2f..", "/client/v4/a?b#c",
        "/client/v4/a b", "/client/v4/a\tb", "/client/v4/a?b=%2", "/client/v4/a?b=%zz",
        "/client/v4/a\r\nX: y", "/client/v4/ä", "/client/v4/a;b", "/client/v4/a\\b",
    ])
    func anywhereElseIsNot(url: String) { #expect(ServerPath.below(base, url) == nil) }

    @Test func whateverIsFollowedStaysBelowTheBaseURLForAnyReaderOfURLs() throws {
        var random = SplitMix64(seed: 20_261_124)
        let seeds = [
            "https://api.cloudflare.com/client/v4/accounts/a/x?cursor=a%2Fb&c=d",
            "/client/v4/accounts/a/../x", "//api.cloudflare.com/client/v4/x",
            "https://api.cloudflare.com:443/client/v4/./x",
        ]
        let alphabet = Array("/.:?#%@\\;=& \t2eEfF-_~+,[]{}|<>\"'^`az0\u{80}é".unicodeScalars)
        var followed = 0
        for _ in 0..<60_000 {
            var url = Array(seeds[Int.random(in: 0..<seeds.count, using: &random)].unicodeScalars)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<url.count, using: &random)
                let scalar = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                switch Int.random(in: 0..<3, using: &random) {
                case 0: url[place] = scalar
                case 1: url.insert(scalar, at: place)
                default: if url.count > 1 { url.remove(at: place) }
                }
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: url)
            guard let path = ServerPath.below(base, text) else { continue }
            followed += 1
            let read = try #require(URL(string: base.text + path), "\(text)")
            #expect(read.host == "api.cloudflare.com" && read.user == nil && read.port == nil)
            #expect(read.fragment == nil)
            #expect(read.standardized.path.hasPrefix("/client/v4/"), "\(text)")
            #expect(read.standardized.path == read.path, "\(text)")
        }
        #expect(followed > 1_000)
    }

    @Test func aURLBeyondTheLimitIsNot() {
        let long = "/client/v4/" + String(repeating: "a", count: 4096)
        #expect(ServerPath.below(base, long) == nil)
    }

    @Test(arguments: [
        ("<https://h/a?cursor=1>; rel=\"next\"", "https://h/a?cursor=1"),
        ("<https://h/p>; rel=prev, <https://h/n>;rel=next", "https://h/n"),
        ("<https://h/n>; title=\"x\"; rel=\"next\", <https://h/l>; rel=last", "https://h/n"),
        ("</n,m>; REL=NEXT", "/n,m"),
    ])
    func theNextPageIsFoundInALinkHeader(header: String, url: String) {
        #expect(ServerPath.next(inLink: header) == url)
    }

    @Test(arguments: ["", "<", "<>", "<a>", "<a>; rel=prev", "a; rel=next", "<a; rel=next", ">;<"])
    func otherLinkHeadersNameNone(header: String) {
        #expect(ServerPath.next(inLink: header) == nil)
    }
}
