// SearchTests.swift - a search goes from page to page to its limit and no further.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct SearchTests {
    private let room = SearchRoom(maxReplyBytes: 32 << 20)
    private let desk: Desk

    init() throws { desk = try Desk() }

    private func refs(_ talk: Conversation) throws -> [String?] {
        let messages = try talk.document("search")?["messages"] as? [[String: Any]]
        return (messages ?? []).map { $0["message_ref"] as? String }
    }

    // MARK: - Pages

    @Test func pagesAreAskedForByCursorUntilThereIsNone() throws {
        let talk = try desk.search(
            ["sender": "a@b"],
            [
                canned(200, page(2, next: "c/1+=")), canned(200, page(1, from: 2, next: "c2")),
                canned(200, page(1, from: 3)),
            ])
        let start =
            "/accounts/\(Fake.account1)/email-security/investigate"
            + "?detections_only=false&per_page=100"
        #expect(
            talk.paths == [
                start + "&sender=a%40b", start + "&cursor=c%2F1%2B%3D&sender=a%40b",
                start + "&cursor=c2&sender=a%40b",
            ])
        #expect(talk.verdicts == [.more, .more, .final])
        #expect(try refs(talk) == ["m0", "m1", "m2", "m3"])
        #expect(try talk.member("complete") == true)
        #expect(try talk.member("pages") == 3)
        #expect(try talk.document("search")?["next_cursor"] is NSNull)
        #expect(try talk.warnings() == [])
        #expect(text(try talk.answer.document.view("raw")) == page(1, from: 3))
    }

    @Test func theLimitEndsASearchAndTellsWhereToGoOn() throws {
        let talk = try desk.search(
            ["limit": "3"],
            [canned(200, page(2, next: "a")), canned(200, page(1, from: 2, next: "b"))])
        #expect(talk.verdicts == [.more, .final])
        #expect(try refs(talk).count == 3)
        #expect(try talk.member("complete") == false)
        #expect(try talk.member("next_cursor") == "b")
        #expect(try talk.warnings() == [])
    }

    @Test func messagesBeyondTheLimitAreCutAloudAndTheCursorGoesOnBehindTheLast() throws {
        let talk = try desk.search(
            ["limit": "3", "per_page": "2"],
            [canned(200, page(2, next: "a")), canned(200, page(2, from: 2, next: "b"))])
        #expect(try refs(talk) == ["m0", "m1", "m2"])
        #expect(try talk.member("complete") == false)
        #expect(try talk.member("next_cursor") == "tracevault:1:a")
        #expect(try talk.warnings() == ["limit_cut"])
    }

    @Test func aFirstPageLongerThanTheLimitIsGivenPieceByPieceToItsEnd() throws {
        var (cursor, found): (String?, [String?]) = (nil, [])
        for step in 0..<3 {
            let options: KeyValuePairs<String, String> =
                if let cursor { ["limit": "2", "cursor": cursor] } else { ["limit": "2"] }
            let talk = try desk.search(options, [canned(200, page(5))])
            #expect(talk.paths.first?.contains("cursor=") == false)
            found += try refs(talk)
            cursor = try talk.member("next_cursor")
            #expect(try talk.member("complete") == (step == 2))
            #expect(try talk.warnings() == (step == 2 ? [] : ["limit_cut"]))
        }
        #expect(found == ["m0", "m1", "m2", "m3", "m4"] && cursor == nil)
    }

    @Test func aCursorOfOursWithAServersInItAsksForThatOne() throws {
        let talk = try desk.search(
            ["cursor": "tracevault:3:c:1"], [canned(200, page(5, next: "d")), canned(200, page(1))])
        #expect(talk.paths.first?.contains("cursor=c%3A1") == true)
        #expect(try refs(talk) == ["m3", "m4", "m0"])
        for odd in ["tracevault:x:c", "tracevault:-1:c", "tracevault:9"] {
            let talk = try desk.search(["cursor": odd], [canned(200, page(1))])
            #expect(try refs(talk) == ["m0"])
        }
    }

    @Test func aSearchBeginsWhereTheCallerSays() throws {
        let talk = try desk.search(["cursor": "here"], [canned(200, page(1, next: "here"))])
        #expect(talk.paths.first?.contains("&cursor=here") == true)
        #expect(talk.verdicts == [.final])
        #expect(try talk.warnings() == ["cursor_repeated"])
    }

    @Test func aCursorThatComesAgainEndsTheSearchWithAWarning() throws {
        for cursors in [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]] {
            let talk = try desk.search(
                cursors.enumerated().map { canned(200, page(1, from: $0.offset, next: $0.element)) }
            )
            #expect(talk.verdicts.count == cursors.count)
            #expect(talk.verdicts.last == .final)
            #expect(try talk.warnings() == ["cursor_repeated"])
            #expect(try talk.member("complete") == false)
            #expect(try refs(talk).count == cursors.count)
        }
    }

    @Test func emptyPagesGoOnAndEnd() throws {
        let talk = try desk.search([canned(200, page(0, next: "a")), canned(200, page(0))])
        #expect(talk.verdicts == [.more, .final])
        #expect(try refs(talk) == [])
        #expect(try talk.member("complete") == true)
    }

    @Test func pagesWithoutEndHaveOne() throws {
        let replies = (0..<1200).map { canned(200, page(1, from: $0, next: "c\($0)")) }
        let talk = try desk.search(["limit": "100000"], replies)
        #expect(talk.verdicts.count == 1000)
        #expect(try talk.warnings() == ["page_limit"])
        #expect(try talk.member("next_cursor") == "c999")
    }

    @Test func bytesWithoutEndHaveOne() throws {
        let filler = String(repeating: "x", count: 8 << 20)
        let replies = (0..<20).map { number in
            canned(
                200,
                #"{"success":true,"result":[{"id":"m\#(number)","filler":"\#(filler)"}],"#
                    + #""result_info":{"next":"c\#(number)"}}"#)
        }
        let talk = try desk.search(replies)
        #expect(talk.verdicts.count == 8)
        #expect(try talk.warnings() == ["size_limit"])
    }

    // MARK: - Whose messages they are

    @Test(arguments: ["account_id", "account_tag", "account\\u005fid"])
    func aPageWithAMessageOfAnotherAccountIsNoAnswer(member: String) throws {
        func answer(_ accounts: [String]) throws -> Answer {
            let items = accounts.enumerated().map {
                #"{"id":"m\#($0.offset)","\#(member)":\#($0.element)}"#
            }
            let body = #"{"success":true,"result":[\#(items.joined(separator: ","))]}"#
            return try desk.search([canned(200, body)]).answer
        }
        let (own, other) = ("\"\(Fake.account1)\"", "\"\(Fake.account2)\"")
        #expect(try answer([own, own.uppercased(), "null", "\"\"", "7"]).failure == nil)
        for accounts in [[other], [own, other], [other, own], [own, own, other]] {
            let answer = try answer(accounts)
            #expect(answer.failure?.status == .replyShape)
            #expect(answer.failure?.message.contains("another account") == true)
        }
    }

    @Test func whatIsSaidOfAPageIsOfTheAccountToo() throws {
        let other = #""account_id":"\#(Fake.account2)""#
        let own = #""account_id":"\#(Fake.account1)""#
        for body in [
            #"{"success":true,\#(other),"result":[{"id":"m"}]}"#,
            #"{"success":true,\#(other),\#(own),"result":[]}"#,
            #"{"success":true,"result":[],"result_info":{\#(other)}}"#,
            #"{"success":true,"result":[],"result_info":{\#(other)},"result_info":{}}"#,
            #"{"success":true,"result":[{"id":"m",\#(other),\#(own)}]}"#,
            #"{"success":true,"result":[{"id":"m",\#(other),"account_id":null}]}"#,
        ] {
            let answer = try desk.search([canned(200, body)]).answer
            #expect(answer.failure?.message.contains("another account") == true, "\(body)")
        }
        let honest = #"{"success":true,\#(own),"result":[{"id":"m"}],"result_info":{\#(own)}}"#
        #expect(try desk.search([canned(200, honest)]).answer.failure == nil)
    }

    /// Cloudflare says no more of the filter than that it is the header: how it compares is its own.
    @Test func aMessageWithAnotherMessageIDThanWasAskedForIsTold() throws {
        let body = #"{"success":true,"result":[{"id":"m","message_id":"<other@sender.example>"}]}"#
        let talk = try desk.search(["message_id": "<one@sender.example>"], [canned(200, body)])
        #expect(try refs(talk) == ["m"])
    }

    @Test func aLaterPageWithAMessageOfAnotherAccountLeavesNothingOfItself() throws {
        let items = [Fake.account1, Fake.account2].map {
            #"{"id":"of\#($0)","account_id":"\#($0)"}"#
        }
        let odd = #"{"success":true,"result":[\#(items.joined(separator: ","))]}"#
        let talk = try desk.search([canned(200, page(2, next: "c")), canned(200, odd)])
        #expect(try refs(talk) == ["m0", "m1"])
        #expect(try brief(talk) == (try withoutItems(talk)))
    }

    // MARK: - The brief view

    @Test func theBriefViewOfAllPagesIsTheWholeWithoutCloudflaresItems() throws {
        let pages = [page(2, next: "c"), page(0, next: "d"), page(3, from: 2)]
        let talk = try desk.search(pages.map { canned(200, $0) })
        #expect(try refs(talk).count == 5)
        #expect(try brief(talk) == (try withoutItems(talk)))
    }

    private func brief(_ talk: Conversation) throws -> NSDictionary? {
        let text = text(try talk.answer.document.view("brief"))
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary
    }

    private func withoutItems(_ talk: Conversation) throws -> NSDictionary? {
        var document = try talk.document("search") ?? [:]
        let messages = document["messages"] as? [[String: Any]] ?? []
        #expect(messages.allSatisfy { $0["item"] != nil })
        document["messages"] = messages.map { $0.filter { $0.key != "item" } }
        document["schema"] = "tracevault.search.brief/1"
        return document as NSDictionary
    }

    // MARK: - Where the next page is

    private func second(_ next: String, _ headers: [String: String] = [:]) throws -> String? {
        let body =
            #"{"success":true,"result":[],"result_info":{"next":\#(next)}}"#
        let talk = try desk.search([canned(200, body, headers), canned(200, page(0))])
        #expect(talk.verdicts == (talk.paths.count == 2 ? [.more, .final] : [.final]))
        if talk.paths.count == 1, try talk.warnings() == ["cursor_unusable"] { return "unusable" }
        let cursor = talk.paths.last?.split(separator: "&").first { $0.hasPrefix("cursor=") }
        return cursor.map { String($0.dropFirst(7)) }
    }

    @Test func aCursorMayComeAsAURLOrInALinkHeader() throws {
        let url = "https://api.cloudflare.com/client/v4/accounts/x/email-security/investigate"
        #expect(try second("\"\(url)?per_page=1&cursor=a%2Bb\"") == "a%2Bb")
        #expect(try second("null", ["link": "<\(url)?cursor=zz>; rel=\"next\""]) == "zz")
        #expect(try second("\"\"", ["link": "</client/v4/x?cursor=zz>; rel=next"]) == "zz")
        #expect(try second("\"body\"", ["link": "<\(url)?cursor=zz>; rel=\"next\""]) == "body")
        #expect(try second("\"es\\u0063aped\"") == "escaped")
        #expect(try second("null", ["link": "<\(url)?cursor=zz>; rel=\"prev\""]) == nil)
    }

    @Test func aNextPageThatCannotBeFollowedIsAWarning() throws {
        for next in [
            "\"https://evil.example/client/v4/x?cursor=a\"", "\"https://api.cloudflare.com/x\"",
            "\"https://api.cloudflare.com/client/v4/x\"", "7", "true", "{}", "[]", "\"a\\nb\"",
            "\"\(String(repeating: "c", count: 4097))\"",
            "\"https://api.cloudflare.com/client/v4/x?cursor=%ff\"",
            "\"https://api.cloudflare.com/client/v4/x?cursor=\"",
        ] {
            #expect(try second(next) == "unusable", "\(next)")
        }
        #expect(
            try second("null", ["link": "<https://e.example/?cursor=a>; rel=next"]) == "unusable")
    }

    // MARK: - Later

    @Test func aDeferredAnswerIsAskedForWhereTheServerSays() throws {
        let own = "/accounts/\(Fake.account1)/jobs/8"
        let talk = try desk.search([
            canned(202, "", ["location": "/client/v4/jobs/7?x=1", "retry-after": "3"]),
            canned(202),
            canned(202, "", ["location": "https://api.cloudflare.com/client/v4\(own)"]),
            canned(200, page(1, next: "n")), canned(200, page(1, from: 1)),
        ])
        #expect(
            talk.verdicts == [
                .later(afterMs: 3000), .later(afterMs: nil), .later(afterMs: nil), .more, .final,
            ])
        #expect(Array(talk.paths[1...3]) == ["/jobs/7?x=1", "/jobs/7?x=1", own])
        #expect(talk.paths[4].hasSuffix("&cursor=n"))
        #expect(try refs(talk) == ["m0", "m1"])
    }

    @Test(arguments: [
        "", "https://evil.example/client/v4/jobs/7", "//evil.example/client/v4/x", "/jobs/7",
        "http://api.cloudflare.com/client/v4/x", "/client/v4/../user", "jobs/7",
        "/client/v4/accounts/\(Fake.account2)/jobs/7", "/client/v4/v2/Accounts/x/jobs/7",
    ])
    func aPlaceElsewhereIsNeverAsked(location: String) throws {
        let talk = try desk.search([canned(202, "", ["location": location]), canned(200, page(1))])
        #expect(talk.verdicts == [.final])
        #expect(talk.answer.failure?.status == .replyDeferred)
        #expect(talk.answer.failure?.httpStatus == 202)
    }

    @Test func pollingEndsByItself() throws {
        let replies = (0..<200).map { _ in canned(202, "", ["location": "/client/v4/jobs/7"]) }
        let talk = try desk.search(replies)
        #expect(talk.verdicts.count == 101)
        #expect(talk.verdicts.last == .final)
        #expect(talk.answer.failure?.status == .replyDeferred)
    }

    // MARK: - Failures

    @Test func aFailureOfTheFirstPageIsTheQuestionsFailure() throws {
        let replies: [(HTTPReply, Status, Verdict)] = [
            (canned(401, refusalBody(10000)), .credential, .rejected),
            (canned(403, refusalBody(4)), .forbidden, .final),
            (canned(404, refusalBody(7003)), .http, .final),
            (canned(404, refusalBody(10404)), .http, .final),
            (canned(429, "", ["retry-after": "9"]), .rateLimited, .rateLimited(afterMs: 9000)),
            (canned(503), .server, .retry(afterMs: nil)),
            (canned(200, ""), .replyEmpty, .final),
            (canned(200, "<html>"), .foreignReply, .final),
            (canned(200, refusalBody(7001)), .replyRefused, .final),
            (canned(200, #"{"success":true,"result":{}}"#), .replyShape, .final),
            (canned(200, #"{"success":true}"#), .replyShape, .final),
            (canned(200, #"{"success":true,"result":["#), .replyTruncated, .final),
        ]
        for (reply, status, verdict) in replies {
            let talk = try desk.search([reply])
            #expect(talk.answer.failure?.status == status)
            #expect(talk.answer.failure?.httpStatus == reply.status)
            #expect(talk.verdicts == [verdict])
            if reply.body.count > 0 {
                #expect(try talk.answer.document.view("raw") === reply.body)
            }
        }
    }

    @Test func aFailureOfALaterPageKeepsThePagesBeforeIt() throws {
        let talk = try desk.search(
            [canned(200, page(2, next: "c")), canned(500, refusalBody(1), ["cf-ray": "r"])])
        #expect(try refs(talk) == ["m0", "m1"])
        #expect(try talk.member("complete") == false)
        #expect(try talk.member("next_cursor") == "c")
        let error: [String: Any]? = try talk.member("error")
        #expect(error?["status"] as? String == "TV_E_SERVER")
        #expect(error?["http_status"] as? Int == 500)
        #expect(error?["codes"] as? [Int] == [1])
        #expect(error?["retriable"] as? Bool == true)
    }

    @Test func aPageThatComesAfterARetryLeavesNoError() throws {
        let talk = try desk.search(
            [canned(503), canned(200, page(1, next: "c")), canned(502), canned(200, page(1))])
        #expect(talk.verdicts == [.retry(afterMs: nil), .more, .retry(afterMs: nil), .final])
        #expect(try talk.document("search")?["error"] == nil)
        #expect(try talk.member("complete") == true)
        #expect(talk.paths[2] == talk.paths[3])
    }

    @Test func anAnswerBetweenTwoPagesSaysThatItStoppedEarly() throws {
        let talk = try desk.search([canned(200, page(1, next: "c"))])
        #expect(talk.verdicts == [.more])
        #expect(try talk.member("complete") == false)
        #expect(try talk.warnings() == ["stopped_early"])
        let dialogue = SearchDialogue(Search(), desk.base, room)
        #expect(dialogue.answer(TraceContext()).failure != nil)
        _ = dialogue.read(canned(200, page(1, next: "c")))
        dialogue.fail(Failure(.locked, "the vault is locked"))
        #expect(
            text(try dialogue.answer(TraceContext()).document.view("search"))
                .contains(#""status":"TV_E_LOCKED""#))
    }

    // MARK: - Messages

    /// Brackets may be written as escapes, and what looks like one may be a sender's own letters.
    @Test(arguments: [
        ("<a@b>", "a@b"), (#"\u003ca@b\u003E"#, "a@b"), (#"<a\/b>"#, "a/b"), ("<>", ""), ("<", "<"),
        (#"\u003c"#, "<"), (#"<abc\\u003e"#, #"<abc\u003e"#), (#"\\u003cabc>"#, #"\u003cabc>"#),
        (#"\u003cabc\\u003e"#, #"<abc\u003e"#), (#"<abc\\\u003e"#, #"abc\"#),
        (#"<\"\ud800\u0000>"#, "\"\u{FFFD}\0"), (#"<a>\n"#, "<a>\n"),
    ])
    func aMessageIDLosesItsBracketsAndNothingElse(written: String, told: String) throws {
        let items = #"{"id":"m","message_id":"\#(written)"},{"id":"n"}"#
        let body = #"{"success":true,"errors":[],"messages":[],"result":[\#(items)]}"#
        let talk = try desk.search([canned(200, body)])
        let messages = try talk.document("search")?["messages"] as? [[String: Any]]
        #expect(messages?.count == 2)
        #expect(messages?.first?["message_id"] as? String == told)
    }

    @Test func everyMessageHasTheFirstIdThatATraceCanBeAskedWith() throws {
        let items = [
            #"{"id":"4Njp-2024-01-05T10:00:00-12345678","postfix_id":"p","alert_id":"a"}"#,
            #"{"id":null,"postfix_id":"p","alert_id":"a"}"#,
            #"{"postfix_id":"../x","alert_id":"a"}"#,
            #"{"id":"a/b"}"#, #"{"id":7,"subject":"kept"}"#, "7", "null", "{}",
            #"{"id":"first","id":"last"}"#, #"{"id":"\u0061"}"#,
        ]
        let body = #"{"success":true,"result":[\#(items.joined(separator: ","))]}"#
        let talk = try desk.search([canned(200, body)])
        #expect(
            try refs(talk) == [
                "4Njp-2024-01-05T10:00:00-12345678", "p", "a", nil, nil, nil, nil, nil, "last", nil,
            ])
        let document = try talk.document("search")
        let found = document?["messages"] as? [[String: Any]]
        #expect(found?[4]["subject"] as? String == "kept")
        #expect(found?[5]["item"] as? Int == 7)
        let codes = try talk.warnings()
        #expect(codes.contains("message_ref_missing"))
        #expect(codes.contains("item_not_object"))
        #expect(codes.contains("duplicate_key"))
    }

    @Test func manyTinyItemsFitTheDocument() throws {
        let items = String(repeating: "1,", count: 20_000) + "1"
        let body = #"{"success":true,"result":[\#(items)]}"#
        let talk = try desk.search(["limit": "100000"], [canned(200, body)])
        #expect(try refs(talk).count == 20_001)
    }

    @Test func aBodyCutAnywhereIsAFailure() throws {
        let whole = Array(page(2, next: "c").utf8)
        for length in 0..<whole.count {
            var reply = canned(200)
            reply.body = buffer(whole[..<length])
            let failure = try desk.search([reply]).answer.failure
            #expect(failure?.status == (length == 0 ? .replyEmpty : .replyTruncated))
        }
    }

    @Test func anyChangedByteGivesADocumentThatIsJSONOrAFailure() throws {
        let whole = Array(
            (#"{"success":true,"errors":[{"code":1}],"result":[{"id":"m","to":["a"],"#
                + #""scanned_at":"2025-01-01T00:00:00Z","is_quarantined":true,"from":"\u00e9"}],"#
                + #""result_info":{"next":"https://api.cloudflare.com/client/v4/x?cursor=a%2b"}}"#)
                .utf8)
        var documents = 0
        for place in whole.indices {
            for value in LongRun.values(at: place) {
                var body = whole
                body[place] = value
                let dialogue = SearchDialogue(Search(), desk.base, room)
                var reply = canned(200)
                reply.body = buffer(body)
                _ = dialogue.read(reply)
                let answer = dialogue.answer(TraceContext())
                if answer.failure != nil { continue }
                documents += 1
                if value % 16 == 1 {
                    let view = text(try answer.document.view("search"))
                    #expect(throws: Never.self) {
                        try JSONSerialization.jsonObject(with: Data(view.utf8))
                    }
                }
            }
        }
        #expect(documents > whole.count)
    }
}
