// CheckTests.swift - a credential that does not work is an answer; what leaves it open is a failure.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct CheckTests {
    // Obviously not real: the prefixes are what the kind is told by.
    private static let userToken = "cfut_not-a-real-token-0000000000000000000000000000000"
    private static let accountToken = "cfat_not-a-real-token-0000000000000000000000000000000"
    private static let userPath = "/user/tokens/verify"
    private static let accountPath = "/accounts/\(Fake.account1)/tokens/verify"

    private func verified(_ status: String, _ more: String = "") -> String {
        #"{"success":true,"errors":[],"messages":[{"code":10000,"#
            + #""message":"This API Token is valid and active","type":null}],"#
            + #""result":{"id":"00000000000000000000000000000000","status":"\#(status)"\#(more)}}"#
    }

    // MARK: - Permissions

    private static let accessPath =
        "/accounts/\(Fake.account1)/email-security/investigate?detections_only=false&per_page=1"

    private func access(_ replies: [HTTPReply]) throws -> (Conversation, [String: Any]?) {
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let desk = try Desk(token: Self.userToken)
        let talk = try desk.ask(
            asking.dialogue(desk.base), [canned(200, verified("active"))] + replies)
        return (talk, try talk.member("access", of: "check"))
    }

    @Test func onlyAskingForAMessageShowsAPermissionThatIsMissing() throws {
        let (talk, found) = try access([canned(200, page(1))])
        #expect(talk.paths == [Self.userPath, Self.accessPath])
        #expect(talk.verdicts == [.more, .final])
        #expect(found?["granted"] as? Bool == true && found?["reason"] == nil)
        for (reply, code) in [
            (canned(403, refusalBody(10000)), 10000), (canned(403, refusalBody(4)), 4),
            (canned(401, refusalBody(10001)), 10001), (canned(404, refusalBody(10404)), 10404),
            (canned(200, refusalBody(9109)), 9109),
        ] {
            let (talk, found) = try access([reply])
            #expect(talk.verdicts == [.more, .final] && talk.answer.failure == nil)
            #expect(try talk.member("valid", of: "check") == true)
            #expect(found?["granted"] as? Bool == false)
            #expect(found?["http_status"] as? Int32 == reply.status)
            #expect((found?["reason"] as? [String: Any])?["code"] as? Int == code)
        }
    }

    @Test func aServerThatDoesNotSayLeavesThePermissionOpen() throws {
        for reply in [canned(500, "<html>"), canned(200, "<html>"), canned(503)] {
            let (talk, found) = try access([reply])
            #expect(talk.answer.failure == nil)
            #expect(try talk.member("valid", of: "check") == true)
            #expect(found?["granted"] is NSNull && found?["reason"] != nil)
        }
        let (talk, found) = try access([canned(503), canned(200, page(0))])
        #expect(talk.paths == [Self.userPath, Self.accessPath, Self.accessPath])
        #expect(found?["granted"] as? Bool == true)
    }

    @Test func aCredentialThatDoesNotWorkIsNotAskedForMore() throws {
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let desk = try Desk(token: Self.userToken)
        let talk = try desk.ask(asking.dialogue(desk.base), [canned(200, verified("disabled"))])
        #expect(talk.verdicts == [.final])
        #expect(try talk.document("check")?["access"] == nil)
        #expect(throws: Failure.self) {
            try request(.check(accountID: RawSpan()), ["access": "yes"])
        }
    }

    @Test func theEndpointFollowsTheTokensKind() throws {
        for (token, path, kind) in [
            (Self.userToken, Self.userPath, "user"),
            (Self.accountToken, Self.accountPath, "account"),
        ] {
            let talk = try Desk(token: token).check([canned(200, verified("active"))])
            #expect(talk.paths == [path])
            #expect(talk.verdicts == [.final])
            #expect(try talk.member("valid", of: "check") == true)
            #expect(try talk.member("status", of: "check") == "active")
            #expect(try talk.member("kind", of: "check") == "api_token")
            #expect(try talk.member("token_kind", of: "check") == kind)
            #expect(try talk.member("token_id", of: "check") == "00000000000000000000000000000000")
            #expect(try talk.document("check")?["reason"] == nil)
        }
    }

    @Test func aTokenOfUnknownKindIsTriedAsAUsersAndThenAsAnAccounts() throws {
        let desk = try Desk()
        let first = try desk.check([canned(200, verified("active"))])
        #expect(first.paths == [Self.userPath])
        #expect(try first.member("token_kind", of: "check") == "user")
        let second = try desk.check([
            canned(401, refusalBody(1000)), canned(200, verified("active")),
        ])
        #expect(second.paths == [Self.userPath, Self.accountPath])
        #expect(second.verdicts == [.more, .final])
        #expect(try second.member("valid", of: "check") == true)
        #expect(try second.member("token_kind", of: "check") == "account")
        let neither = try desk.check([
            canned(401, refusalBody(1000)), canned(403, refusalBody(10000)),
        ])
        #expect(neither.verdicts == [.more, .final])
        #expect(neither.answer.failure == nil)
        #expect(try neither.member("valid", of: "check") == false)
        #expect(try neither.member("status", of: "check") == "unknown")
        #expect(try neither.member("token_kind", of: "check") == "unknown")
        let reason: [String: Any]? = try neither.member("reason", of: "check")
        #expect(reason?["code"] as? Int == 1000)
    }

    @Test func aTokenThatIsReplacedBetweenTwoTriesIsAskedAboutFromTheStart() throws {
        let (old, new) = (try Desk(), try Desk(token: Fake.token2))
        let dialogue = CheckDialogue()
        func ask(_ desk: Desk, _ reply: HTTPReply) -> (String, Verdict) {
            let path = dialogue.path(desk.credential, desk.authorization)
            return (path, dialogue.read(reply))
        }
        #expect(ask(old, canned(401, refusalBody(1000))) == (Self.userPath, .more))
        #expect(ask(new, canned(401, refusalBody(6003))) == (Self.userPath, .more))
        #expect(ask(new, canned(401, refusalBody(9109))) == (Self.accountPath, .final))
        let talk = Conversation(answer: dialogue.answer(TraceContext()))
        // Not what was said of the old one.
        let reason: [String: Any]? = try talk.member("reason", of: "check")
        #expect(reason?["code"] as? Int == 6003)
    }

    @Test func aTokenThatIsReplacedByOneOfKnownKindHasTheReasonOfItsOwn() throws {
        let (old, new) = (try Desk(), try Desk(token: Self.userToken))
        let dialogue = CheckDialogue()
        _ = dialogue.path(old.credential, old.authorization)
        #expect(dialogue.read(canned(401, refusalBody(1000))) == .more)
        #expect(dialogue.path(new.credential, new.authorization) == Self.userPath)
        #expect(dialogue.read(canned(401, refusalBody(6003))) == .final)
        let talk = Conversation(answer: dialogue.answer(TraceContext()))
        let reason: [String: Any]? = try talk.member("reason", of: "check")
        #expect(reason?["code"] as? Int == 6003)
    }

    @Test func aRefusedTokenIsAnAnswerAndNotRejectedForEverythingElse() throws {
        let desk = try Desk(token: Self.userToken)
        for reply in [
            canned(401, refusalBody(1000)), canned(401, refusalBody(1)),
            canned(400, refusalBody(6003)),
            canned(403, refusalBody(9109)), canned(200, refusalBody(1000)),
        ] {
            let talk = try desk.check([reply])
            #expect(talk.verdicts == [.final])
            #expect(talk.answer.failure == nil)
            #expect(try talk.member("valid", of: "check") == false)
        }
    }

    @Test(arguments: ["disabled", "expired", "something new"])
    func aTokenWithAnotherStatusIsNotValidAndSaysWhy(status: String) throws {
        let talk = try Desk(token: Self.userToken).check([canned(200, verified(status))])
        #expect(try talk.member("valid", of: "check") == false)
        #expect(
            try talk.member("status", of: "check") == (status.contains(" ") ? "unknown" : status))
        let reason: [String: Any]? = try talk.member("reason", of: "check")
        #expect((reason?["message"] as? String)?.isEmpty == false)
        #expect(reason?["code"] is NSNull)
    }

    @Test func aGlobalKeyIsCheckedWithItsUser() throws {
        let desk = try Desk(email: "soc@example.net", key: Fake.key1)
        let good = try desk.check([canned(200, #"{"success":true,"result":{"id":"u"}}"#)])
        #expect(good.paths == ["/user"])
        #expect(try good.member("valid", of: "check") == true)
        #expect(try good.member("kind", of: "check") == "global_key")
        #expect(try good.document("check")?["token_kind"] is NSNull)
        let bad = try desk.check([canned(403, refusalBody(9103))])
        #expect(bad.paths == ["/user"])
        #expect(try bad.member("valid", of: "check") == false)
        let gone = try desk.check(
            [canned(200, #"{"success":true,"result":{"suspended":true}}"#)])
        #expect(try gone.member("valid", of: "check") == false)
        #expect(try gone.member("status", of: "check") == "disabled")
    }

    @Test func theAnswerToAKeysCheckIsAboutItsUser() throws {
        let desk = try Desk(email: "soc@example.net", key: Fake.key1)
        func said(_ members: String) throws -> Status? {
            let body = #"{"success":true,"result":{"id":"u",\#(members)}}"#
            return try desk.check([canned(200, body)]).answer.failure?.status
        }
        #expect(try said(#""email":"SOC@example.net""#) == nil)
        #expect(try said(#""email":"other@example.net""#) == .replyShape)
        #expect(try said(#""email":"other@example.net","email":"soc@example.net""#) == .replyShape)
        #expect(try said(#""email":"other@example.net","email":null"#) == .replyShape)
    }

    @Test func whatLeavesItOpenIsAFailure() throws {
        let desk = try Desk(token: Self.userToken)
        let replies: [(HTTPReply, Status, Verdict)] = [
            (canned(429), .rateLimited, .rateLimited(afterMs: 300_000)),
            (canned(500), .server, .retry(afterMs: nil)), (canned(404), .foreignReply, .final),
            (canned(403, refusalBody(4)), .forbidden, .final), (canned(302), .redirect, .final),
            (canned(200, "<html>"), .foreignReply, .final),
            (canned(200, #"{"success":true,"result":null}"#), .replyShape, .final),
            (canned(200, #"{"success":true,"result":{}}"#), .replyShape, .final),
            (canned(200, #"{"success":true,"result":{"status":1}}"#), .replyShape, .final),
            (canned(200, refusalBody(7003)), .replyRefused, .final),
        ]
        for (reply, status, verdict) in replies {
            let talk = try desk.check([reply])
            #expect(talk.answer.failure?.status == status)
            #expect(talk.verdicts == [verdict])
        }
    }

    @Test(arguments: [
        (-1, "expired"), (1, "expires_within_1_day"), (1440, "expires_within_1_day"),
        (1441, "expires_within_7_days"), (10_080, "expires_within_7_days"),
        (10_081, "expires_within_30_days"), (43_200, "expires_within_30_days"), (43_201, ""),
    ])
    func anEndThatIsNearIsOneWarning(minutes: Int64, code: String) throws {
        let end = try #require(Timestamp.text(milliseconds: Desk.fetchedAtMs + minutes * 60_000))
        let body = verified("active", #","expires_on":"\#(end)""#)
        let talk = try Desk(token: Self.userToken).check([canned(200, body)])
        let list = try talk.document("check")?["warnings"] as? [[String: Any]]
        #expect(list?.compactMap { $0["code"] as? String } == (code.isEmpty ? [] : [code]))
        #expect(try talk.member("expires_on", of: "check") == end)
        let second = Desk.fetchedAtMs / 1000 + minutes * 60
        #expect(try talk.document("check")?["expires_on_unix"] as? Int64 == second)
        #expect(try talk.member("valid", of: "check") == true)
    }

    @Test func aTokenThatIsNotValidYetIsAWarning() throws {
        let body = verified("active", #","not_before":"2030-01-01T00:00:00Z","expires_on":"soon""#)
        let talk = try Desk(token: Self.userToken).check([canned(200, body)])
        let list = try talk.document("check")?["warnings"] as? [[String: Any]]
        #expect(list?.compactMap { $0["code"] as? String } == ["not_yet_valid"])
        #expect(try talk.document("check")?["expires_on"] is NSNull)
        #expect(try talk.document("check")?["expires_on_unix"] is NSNull)
    }

    @Test func noTokenIsInTheDocument() throws {
        let talk = try Desk(token: Self.userToken).check([canned(200, verified("active"))])
        #expect(!text(try talk.answer.document.view("check")).contains("cfut_"))
    }

    @Test func anyChangedByteGivesADocumentThatIsJSONOrAFailure() throws {
        let desk = try Desk(token: Self.userToken)
        let whole = Array(verified("active", #","expires_on":"2026-10-01T00:00:00Z""#).utf8)
        for place in whole.indices {
            for value in LongRun.values(at: place) {
                var body = whole
                body[place] = value
                var reply = canned(200)
                reply.body = buffer(body)
                let answer = try desk.check([reply]).answer
                guard answer.failure == nil else { continue }
                let view = text(try answer.document.view("check"))
                #expect(throws: Never.self) {
                    try JSONSerialization.jsonObject(with: Data(view.utf8))
                }
            }
        }
    }
}
