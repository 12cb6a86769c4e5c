// LookTests.swift - what came before a later try failed is the answer, and says so.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct LookTests {
    private static let pending =
        #"{"success":true,"result":{"inbound":{"pending":true,"lines":[]},"#
        + #""outbound":{"pending":true,"lines":[]}}}"#

    private func trace(_ replies: [HTTPReply]) throws -> Conversation {
        let desk = try Desk()
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        return try desk.ask(dialogue, replies)
    }

    @Test func aLookThatFailedIsToldInTheIncompleteTraceWithItsBody() throws {
        for (reply, status) in [
            (canned(401, refusalBody(1000)), "TV_E_CREDENTIAL"),
            (canned(404, refusalBody(10404)), "TV_E_NO_MESSAGE"),
            (canned(500, refusalBody(1)), "TV_E_SERVER"),
        ] {
            let talk = try trace([canned(200, Self.pending), reply])
            let document = try #require(try talk.document("trace"))
            #expect(document["complete"] as? Bool == false)
            #expect(document["http_status"] as? Int == 200)
            let error = document["error"] as? [String: Any]
            #expect(error?["status"] as? String == status)
            #expect(error?["http_status"] as? Int32 == reply.status)
            let warnings = document["warnings"] as? [[String: Any]] ?? []
            #expect(warnings.contains { $0["code"] as? String == "last_look_failed" })
            #expect(try talk.answer.document.view("raw") === reply.body)
        }
    }

    @Test func aLookThatBroughtNothingLeavesTheEarlierBody() throws {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        let first = canned(200, Self.pending)
        _ = dialogue.read(first)
        dialogue.fail(Failure(.locked, "the vault is locked"))
        let answer = dialogue.answer(TraceContext())
        #expect(try answer.document.view("raw") === first.body)
        #expect(text(try answer.document.view("trace")).contains("TV_E_LOCKED"))
    }

    @Test func aLookThatSucceededAfterOneThatFailedLeavesNoError() throws {
        let talk = try trace([canned(200, Self.pending), canned(503), canned(200, Self.pending)])
        #expect(try talk.document("trace")?["error"] == nil)
    }

    @Test func aSearchThatIsEndedBetweenTwoPagesSaysWhy() throws {
        let room = SearchRoom(maxReplyBytes: 32 << 20)
        let dialogue = SearchDialogue(Search(), try Desk().base, room)
        _ = dialogue.read(canned(200, page(1, next: "c")))
        let ended = Failure(.deadline, "no answer within the request's deadline")
        let document = text(
            try dialogue.answer(TraceContext(ended: ended)).document.view("search"))
        #expect(document.contains(#""status":"TV_E_DEADLINE""#))
        #expect(document.contains(#""next_cursor":"c""#))
        // A search that is whole was not ended by anything.
        _ = dialogue.read(canned(200, page(1, from: 1)))
        #expect(
            !text(try dialogue.answer(TraceContext(ended: ended)).document.view("search"))
                .contains("TV_E_DEADLINE"))
    }

    @Test func aSearchThatIsEndedAfterAPageFailedSaysWhatEndedIt() throws {
        let room = SearchRoom(maxReplyBytes: 32 << 20)
        let dialogue = SearchDialogue(Search(), try Desk().base, room)
        _ = dialogue.read(canned(200, page(1, next: "c")))
        _ = dialogue.read(canned(503))
        let ended = Failure(.deadline, "no answer within the request's deadline")
        #expect(
            text(try dialogue.answer(TraceContext(ended: ended)).document.view("search"))
                .contains(#""status":"TV_E_DEADLINE""#))
        #expect(
            text(try dialogue.answer(TraceContext()).document.view("search"))
                .contains(#""status":"TV_E_SERVER""#))
    }

    @Test func aTraceThatIsEndedAfterALookFailedSaysWhatEndedIt() throws {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        _ = dialogue.read(canned(200, Self.pending))
        _ = dialogue.read(canned(503))
        let ended = Failure(.deadline, "the last look brought nothing in time")
        let document = text(
            try dialogue.answer(TraceContext(ended: ended)).document.view("trace"))
        #expect(document.contains(#""status":"TV_E_DEADLINE""#))
    }

    @Test func aTimeToComeBackIsToldOnlyWhereComingBackMayHelp() throws {
        var failure = Failure(.credential, "refused")
        failure.retryAfterMs = 60_000
        #expect(failure.settled.retryAfterMs == nil)
        failure.retriable = true
        #expect(failure.settled.retryAfterMs == 60_000)
    }
}
