// OwnWordsTests.swift - only what the API wrote itself is its verdict or its answer, whatever the
// HTTP status says, and the edge's numbers are not the API's.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct OwnWordsTests {
    private static let userToken = "cfut_not-a-real-token-0000000000000000000000000000000"

    private struct Judged {
        let failure: Failure?
        let verdict: Verdict
        let proof: CredentialProof
    }

    private func trace(_ status: Int32, _ body: String) -> Judged {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        let verdict = dialogue.read(canned(status, body))
        return Judged(
            failure: dialogue.answer(TraceContext()).failure, verdict: verdict,
            proof: dialogue.proof)
    }

    private static func problem(_ code: Int, _ status: Int32) -> String {
        #"{"type":"https://developers.cloudflare.com/x","title":"Error \#(code): no","#
            + #""status":\#(status),"error_code":\#(code)}"#
    }

    // MARK: - Others' JSON

    static let others = [
        #"{"errors":[{"message":"Not Found"}]}"#, #"{"errors":[{"code":"404","title":"no"}]}"#,
        #"{"errors":[{"code":"E_ROUTE","message":"no"}]}"#, #"{"errors":["no"]}"#,
        #"{"success":false,"errors":["no"]}"#, #"{"success":false,"errors":[{"message":"no"}]}"#,
        #"{"success":false,"errors":{"name":["no"]}}"#, #"{"success":false,"message":"no"}"#,
        #"{"success":false}"#, #"{"error_code":1020,"message":"no"}"#,
        #"{"error_code":1020,"title":"t"}"#, #"{"error_code":1020,"status":403}"#,
        #"{"error_code":"no","title":"t","status":403}"#, #"{"title":"t","status":403}"#,
    ]

    @Test(arguments: [200, 201, 400, 401, 403, 404, 410] as [Int32], others)
    func othersJSONIsNoVerdict(status: Int32, body: String) {
        let judged = trace(status, body)
        #expect(judged.failure?.status == .foreignReply && judged.failure?.httpStatus == status)
        #expect(judged.failure?.retriable == true && judged.failure?.codes == [])
        #expect(judged.failure?.message.contains("not the API's") == true)
        #expect(judged.verdict == .final && judged.proof == .none)
    }

    @Test(arguments: [
        "{}", "[]", "null", "7", #""x""#, #"{"result":{}}"#, #"{"result":null}"#,
        #"{"result":[]}"#, #"{"result":{"status":"active","id":"x"}}"#, #"{"status":"ok"}"#,
        #"{"success":"true","result":{}}"#, #"{"success":1,"result":null}"#,
    ])
    func othersJSONWithStatus200IsNoAnswer(body: String) throws {
        #expect(trace(200, body).failure?.status == .foreignReply)
        #expect(trace(200, body).proof == .none)
        let search = try Desk().search([canned(200, body)])
        #expect(search.answer.failure?.status == .foreignReply && search.verdicts == [.final])
        for desk in [
            try Desk(token: Self.userToken), try Desk(email: "soc@example.net", key: Fake.key1),
        ] {
            let check = try desk.check([canned(200, body)])
            #expect(check.answer.failure?.status == .foreignReply)
        }
        let desk = try Desk(token: Self.userToken)
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let active = #"{"success":true,"errors":[],"result":{"id":"x","status":"active"}}"#
        let access = try desk.ask(
            asking.dialogue(desk.base), [canned(200, active), canned(200, body)])
        let found = try access.document("check")?["access"] as? [String: Any]
        #expect(found?["granted"] is NSNull && found?["reason"] != nil)
    }

    @Test func aListWithoutTheAPIsEnvelopeIsNoPage() throws {
        let talk = try Desk().search([canned(200, #"{"result":[{"id":"a"}]}"#)])
        #expect(talk.answer.failure?.status == .foreignReply)
    }

    @Test func aTraceIsKnownByItsSidesWhereSuccessIsMissing() {
        #expect(trace(200, #"{"result":{"inbound":{"lines":[]}}}"#).failure == nil)
        #expect(trace(200, #"{"success":"true","result":{"outbound":null}}"#).failure == nil)
    }

    @Test func aUserOfWhomNothingIsSaidIsNoProofOfItsKey() throws {
        let desk = try Desk(email: "soc@example.net", key: Fake.key1)
        for result in ["{}", #"{"name":"x"}"#] {
            let body = #"{"success":true,"errors":[],"result":\#(result)}"#
            #expect(try desk.check([canned(200, body)]).answer.failure?.status == .replyShape)
        }
    }

    @Test func permissionIsGrantedOnlyByAPageOfMessages() throws {
        let desk = try Desk(token: Self.userToken)
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let active = #"{"success":true,"errors":[],"result":{"id":"x","status":"active"}}"#
        for (result, isGranted) in [("[]", true), ("null", true), ("{}", nil), ("7", nil)] {
            let body = #"{"success":true,"errors":[],"result":\#(result)}"#
            let talk = try desk.ask(
                asking.dialogue(desk.base), [canned(200, active), canned(200, body)])
            let found = try talk.document("check")?["access"] as? [String: Any]
            #expect(found?["granted"] as? Bool == isGranted, "\(result)")
        }
    }

    @Test func whetherOthersJSONSaysThatItPassesCountsForNothing() {
        #expect(trace(503, #"{"retryable":false}"#).verdict == .retry(afterMs: nil))
        #expect(trace(404, #"{"retryable":true}"#).verdict == .final)
        #expect(trace(500, #"{"errors":[{"code":"1"}]}"#).failure?.codes == [])
    }

    // MARK: - What a foreign reply says

    @Test func aForeignReplyHasNoCodesOfTheAPI() {
        let login = trace(511, refusalBody(10000))
        #expect(login.failure?.status == .foreignReply && login.failure?.codes == [])
    }

    @Test func status201IsToldAsWhatItIs() {
        let own = trace(201, #"{"success":true,"errors":[],"result":{"inbound":{"lines":[]}}}"#)
        #expect(own.failure?.status == .http && own.failure?.httpStatus == 201)
        #expect(own.failure?.message.contains("HTTP 201") == true)
        #expect(own.failure?.message.contains("no answer") == false)
        #expect(own.proof == .notRefused)
        for body in ["", "<html>Welcome</html>", "{}"] {
            #expect(trace(201, body).failure?.status == .foreignReply)
            #expect(trace(201, body).proof == .none)
        }
    }

    // MARK: - The edge's numbers

    @Test func anEdgesNumberIsNoCodeOfTheAPI() throws {
        // 1000 is an invalid token to the API, and a name that points nowhere to the edge.
        for status in [400, 401, 403] as [Int32] {
            let judged = trace(status, Self.problem(1000, status))
            #expect(judged.failure?.status == (status == 400 ? .http : .forbidden))
            #expect(
                judged.failure?.codes == [] && judged.verdict == .final && judged.proof == .none)
            #expect(judged.failure?.message.contains("edge error 1000") == true)
            #expect(judged.failure?.message.contains("permission") == false)
        }
        // Nor does the edge know which messages there are.
        let unknown = trace(404, Self.problem(1001, 404))
        #expect(unknown.failure?.status == .http && unknown.failure?.codes == [])
        #expect(unknown.proof == .none)
        let limited = trace(429, Self.problem(1015, 429))
        #expect(limited.failure?.status == .rateLimited && limited.failure?.codes == [])
        #expect(limited.failure?.message.contains("edge error 1015") == true)
    }

    @Test func theEdgeSaysNothingOfACredentialThatIsChecked() throws {
        let desk = try Desk(token: Self.userToken)
        for status in [401, 403] as [Int32] {
            let talk = try desk.check([canned(status, Self.problem(1000, status))])
            #expect(talk.answer.failure?.status == .forbidden)
        }
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let active = #"{"success":true,"errors":[],"result":{"id":"x","status":"active"}}"#
        for status in [403, 404] as [Int32] {
            let talk = try desk.ask(
                asking.dialogue(desk.base),
                [canned(200, active), canned(status, Self.problem(1020, status))])
            let found = try talk.document("check")?["access"] as? [String: Any]
            #expect(found?["granted"] is NSNull, "HTTP \(status)")
            let reason = found?["reason"] as? [String: Any]
            #expect(reason?["code"] is NSNull)
            #expect((reason?["message"] as? String)?.contains("edge error 1020") == true)
        }
    }

    // MARK: - What shows that a credential was taken

    private func searching() throws -> any Dialogue {
        let desk = try Desk()
        let search = try request(.search(accountID: RawSpan())).dialogue(desk.base)
        _ = try search.path(desk.credential, desk.authorization)
        return search
    }

    /// Cloudflare may say so before it looks at the credential.
    @Test(
        arguments: [
            (404, 7003), (404, 7000), (400, 7000), (405, 10405), (403, 9999), (400, 10026),
        ] as [(Int32, Int)])
    func whatAnybodyIsToldShowsNoCredential(status: Int32, code: Int) throws {
        #expect(trace(status, refusalBody(code)).proof == .notRefused)
        let search = try searching()
        _ = search.read(canned(status, refusalBody(code)))
        #expect(search.proof == .notRefused)
    }

    @Test func anAnswerOrAnUnknownMessageShowsThatTheCredentialIsTaken() throws {
        #expect(trace(404, refusalBody(10404)).proof == .taken)
        #expect(
            trace(200, #"{"success":true,"result":{"inbound":{"lines":[]}}}"#).proof == .taken)
        #expect(trace(202, "").proof == .notRefused)
        #expect(trace(202, "<html>portal</html>").proof != .taken)
        var search = try searching()
        _ = search.read(canned(202, ""))
        #expect(search.proof != .taken)
        search = try searching()
        #expect(search.read(canned(200, #"{"success":true,"result":[]}"#)) == .final)
        #expect(search.proof == .taken)
    }

    // MARK: - A refusal with HTTP 200

    @Test(arguments: [10000, 1000, 9109, 6111])
    func aRefusedCredentialIsOneWithStatus200AsWell(code: Int) throws {
        let judged = trace(200, refusalBody(code))
        #expect(judged.failure?.status == .credential && judged.verdict == .rejected)
        #expect(judged.failure?.codes == [Int64(code)] && judged.failure?.httpStatus == 200)
        #expect(judged.proof == .none)
        #expect(judged.failure?.message.contains("HTTP 200, code \(code)") == true)
        let search = try Desk().search([canned(200, refusalBody(code))])
        #expect(search.answer.failure?.status == .credential && search.verdicts == [.rejected])
    }

    @Test func anotherRefusalWithStatus200IsNone() {
        #expect(trace(200, refusalBody(1001)).failure?.status == .replyRefused)
        #expect(trace(200, refusalBody(1001)).verdict == .final)
    }

    // MARK: - Where to look

    @Test(arguments: [
        ("Cannot use the access token from location: 192.0.2.7", "client IP address filtering"),
        ("Unauthorized to access requested resource", "belongs to this account"),
    ])
    func anAddressThatATokenIsLimitedToIsToldByItsOwnWords(said: String, look: String) {
        let body =
            #"{"success":false,"errors":[{"code":9109,"message":"\#(said)"}],"result":null}"#
        for status in [200, 400, 401, 403] as [Int32] {
            let judged = trace(status, body)
            #expect(judged.failure?.status == .credential && judged.failure?.codes == [9109])
            #expect(judged.failure?.message.contains(said) == true)
            #expect(judged.failure?.message.contains(look) == true)
        }
    }

    // MARK: - Bytes that are not UTF-8

    /// The text with bytes that are no UTF-8 in the place of each @.
    private func damaged(_ status: Int32, _ text: String) -> HTTPReply {
        var reply = canned(status)
        reply.body = buffer(text.utf8.flatMap { $0 == UInt8(ascii: "@") ? [0xFF, 0xC0] : [$0] })
        return reply
    }

    @Test func aRefusalWhoseTextIsDamagedIsOneAllTheSame() throws {
        let body =
            #"{"success":false,"errors":[{"code":10000,"message":"no @ way"}],"result":null}"#
        for status in [200, 403] as [Int32] {
            let dialogue = TraceDialogue(messageRef: "m", submission: nil)
            let reply = damaged(status, body)
            #expect(dialogue.read(reply) == .rejected)
            let failure = dialogue.answer(TraceContext()).failure
            #expect(failure?.status == .credential && failure?.codes == [10000])
            #expect(failure?.message.contains("no \u{FFFD}\u{FFFD} way") == true)
            #expect(try dialogue.answer(TraceContext()).document.view("raw") === reply.body)
        }
        let talk = try Desk(token: Self.userToken).check([damaged(401, body)])
        let reason = try talk.document("check")?["reason"] as? [String: Any]
        #expect(reason?["code"] as? Int == 10000)
    }

    private func warnings(_ document: [String: Any]?) -> [String: String] {
        var found: [String: String] = [:]
        for warning in document?["warnings"] as? [[String: Any]] ?? [] {
            found[warning["code"] as? String ?? ""] = warning["path"] as? String
        }
        return found
    }

    @Test func aPageWithADamagedSubjectLosesNoMessage() throws {
        let body =
            #"{"success":true,"errors":[],"result":[{"id":"a","subject":"one"},"#
            + #"{"id":"b","subject":"t@o"}],"result_info":{"next":"c"}}"#
        let talk = try Desk().search([damaged(200, body), canned(200, page(1))])
        let document = try talk.document("search")
        let messages = document?["messages"] as? [[String: Any]] ?? []
        #expect(messages.compactMap { $0["message_ref"] as? String } == ["a", "b", "m0"])
        #expect(messages[1]["subject"] as? String == "t\u{FFFD}\u{FFFD}o")
        #expect(warnings(document)["invalid_utf8"] == "/result/1/subject")
        #expect(document?["complete"] as? Bool == true)
    }

    @Test func aCheckWithADamagedNameIsACheck() throws {
        let body =
            #"{"success":true,"errors":[],"result":{"id":"x","status":"active","name":"@"}}"#
        let talk = try Desk(token: Self.userToken).check([damaged(200, body)])
        let document = try talk.document("check")
        #expect(document?["valid"] as? Bool == true)
        #expect(warnings(document)["invalid_utf8"] == "/result/name")
        let asking = try request(.check(accountID: RawSpan()), ["access": "true"])
        let desk = try Desk(token: Self.userToken)
        let access = try desk.ask(
            asking.dialogue(desk.base),
            [
                canned(200, #"{"success":true,"result":{"id":"x","status":"active"}}"#),
                damaged(200, #"{"success":true,"errors":[],"result":[{"subject":"@"}]}"#),
            ])
        let found = try access.document("check")?["access"] as? [String: Any]
        #expect(found?["granted"] as? Bool == true)
    }

    @Test func damageOutsideOfTextsIsNoJSONOfAnybody() throws {
        let search = try Desk().search([damaged(200, #"{"success":true,@"result":[]}"#)])
        #expect(search.answer.failure?.status == .notJSON)
        #expect(trace(403, "{\u{0}").failure?.status == .foreignReply)
    }

    @Test func aMendedTraceThatIsAboutAnotherAccountIsNoAnswer() throws {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        let desk = try Desk()
        _ = dialogue.path(desk.credential, desk.authorization)
        let body =
            #"{"success":true,"result":{"inbound":{"lines":[{"message":"@@@@"}]},"#
            + #""account_id":"\#(Fake.account2)"}}"#
        _ = dialogue.read(damaged(200, body))
        let failure = dialogue.answer(TraceContext()).failure
        #expect(failure?.status == .replyShape && failure?.message.contains("account") == true)
    }

    @Test func theRawViewOfAMendedTraceCanBeWalked() throws {
        let reply = damaged(
            200, #"{"success":true,"result":{"inbound":{"lines":[{"message":"@"}]}}}"#)
        let body = reply.body
        let document = try Document.decode(body)
        #expect(try document.view("raw") === body)
        let tape = try document.walk("raw")
        #expect(text(tape.body).contains("\u{FFFD}\u{FFFD}"))
        #expect(tape[0].kind == .object)
    }
}
