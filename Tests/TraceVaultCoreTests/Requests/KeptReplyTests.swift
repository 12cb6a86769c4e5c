// KeptReplyTests.swift - what a request keeps of a reply while it waits for its next try.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct KeptReplyTests {
    private static let mebibyte = 1 << 20
    private let room = ReplyRoom(32 * mebibyte, always: 0)
    private let desk: Desk

    init() throws { desk = try Desk() }

    private func tenant(_ name: String) throws -> TenantKey {
        TenantKey(opened: .random(), name: try TenantName(name))
    }

    private func dialogues() throws -> [any Dialogue] {
        let check = try request(.check(accountID: RawSpan()), ["access": "true"])
        return [
            TraceDialogue(messageRef: "m", submission: nil), CheckDialogue(),
            try request(.search(accountID: RawSpan())).dialogue(desk.base),
            check.dialogue(desk.base),
        ]
    }

    private func large(_ status: Int32, _ headers: [String: String] = [:]) -> HTTPReply {
        canned(status, refusalBody(1) + String(repeating: " ", count: Self.mebibyte), headers)
    }

    /// A trace that is still growing, of at least so many bytes.
    private func growing(_ size: Int = 0) -> HTTPReply {
        let message = String(repeating: "x", count: size)
        return canned(
            200,
            #"{"success":true,"result":{"inbound":{"pending":true,"lines":[{"lineno":1,"message":""#
                + message + #""}]},"outbound":{"pending":true,"lines":[]}}}"#)
    }

    @Test func aShortBodyStaysAsLongAsThereIsRoom() throws {
        for (dialogue, mayKeep) in zip(try dialogues() + dialogues(), 0..<8).map({ ($0, $1 < 4) }) {
            let tight = ReplyRoom(mayKeep ? Self.mebibyte : 0, always: 0)
            let reply = canned(503, refusalBody(1))
            _ = try dialogue.path(desk.credential, desk.authorization)
            _ = dialogue.read(reply)
            #expect(dialogue.pause(tight.place(for: nil)))
            let raw = try? dialogue.answer(TraceContext()).document.view("raw")
            #expect(raw.map { text($0) } == (mayKeep ? refusalBody(1) : nil))
        }
    }

    @Test func aGrowingTraceIsKeptAndCounts() throws {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        let place = room.place(for: nil)
        #expect(dialogue.read(growing()) == .pending && dialogue.pause(place))
        #expect(dialogue.read(large(503)) == .retry(afterMs: nil) && dialogue.pause(place))
        let answer = dialogue.answer(TraceContext())
        #expect(text(try answer.document.view("trace")).contains(#""status":"TV_E_SERVER""#))
        #expect(text(try answer.document.view("raw")) == text(growing().body))
    }

    @Test func aGrowingTraceWithoutRoomIsTheAnswerAsItIs() throws {
        let dialogue = TraceDialogue(messageRef: "m", submission: nil)
        let tight = ReplyRoom(0, always: 0)
        #expect(dialogue.read(growing()) == .pending && !dialogue.pause(tight.place(for: nil)))
        let answer = dialogue.answer(TraceContext())
        #expect(answer.failure == nil)
        let view = try answer.document.view("trace")
        let document = try JSONSerialization.jsonObject(with: Data(text(view).utf8))
        let trace = document as? [String: Any]
        #expect(trace?["complete"] as? Bool == false)
        let error = trace?["error"] as? [String: Any]
        #expect(error?["status"] as? String == "TV_E_LIMIT" && error?["retriable"] as? Bool == true)
        // The next one has room again.
        #expect(dialogue.read(growing()) == .pending && dialogue.pause(room.place(for: nil)))
        #expect(!text(try dialogue.answer(TraceContext()).document.view("trace")).contains("error"))
    }

    @Test func aTenantsGrowingTracesLeaveRoomForAModestOnes() throws {
        let room = ReplyRoom(Self.mebibyte, always: 0)
        let greedy = try tenant("greedy")
        var kept: [(TraceDialogue, ReplyRoom.Place)] = []
        var isFull = false
        while !isFull, kept.count < 1000 {
            let dialogue = TraceDialogue(messageRef: "m", submission: nil)
            let place = room.place(for: greedy)
            _ = dialogue.read(growing(Self.mebibyte / 4))
            isFull = !dialogue.pause(place)
            if !isFull { kept.append((dialogue, place)) }
        }
        // Half of eight MiB, for the text and the index over it.
        #expect((5...15).contains(kept.count))
        let modest = TraceDialogue(messageRef: "m", submission: nil)
        _ = modest.read(growing(Self.mebibyte / 2))
        let place = room.place(for: try tenant("modest"))
        #expect(modest.pause(place))
        // Who is answered gives back.
        kept.removeAll()
        let next = TraceDialogue(messageRef: "m", submission: nil)
        _ = next.read(growing(Self.mebibyte / 4))
        #expect(next.pause(room.place(for: greedy)))
    }

    @Test func aTraceThatIsKeptIsNotPushedOutByOthers() throws {
        let tight = ReplyRoom(Self.mebibyte, always: 0)
        let first = TraceDialogue(messageRef: "m", submission: nil)
        let place = tight.place(for: try tenant("first"))
        _ = first.read(growing(3 * Self.mebibyte / 2))
        #expect(first.pause(place))
        // As much as a tenant may have, twice.
        let others = try ["second", "third"].map { tight.place(for: try tenant($0)) }
        #expect(others[0].grow(to: 2 * Self.mebibyte) && others[1].grow(to: Self.mebibyte))
        _ = first.read(growing(3 * Self.mebibyte / 2))
        #expect(first.pause(place))
    }
}
