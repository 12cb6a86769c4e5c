// SearchShareTests.swift - what searches that are under way may hold, all together and each tenant's.

import Testing

@testable import TraceVaultCore

@Suite struct SearchShareTests {
    private let desk: Desk

    init() throws { desk = try Desk() }

    @Test func searchesUnderWayHoldNoMoreTogetherThanOneEngineMayAndSmallOnesGoOn() throws {
        let room = SearchRoom(maxReplyBytes: 100_000)
        let filler = String(repeating: "x", count: 20_000)
        var searches: [any Dialogue] = []
        var stopped = 0
        for number in 0..<100 {
            let search = try request(.search(accountID: RawSpan())).dialogue(desk.base, room)
            let body =
                #"{"success":true,"result":[{"id":"m\#(number)","filler":"\#(filler)"}],"#
                + #""result_info":{"next":"c"}}"#
            _ = try search.path(desk.credential, desk.authorization)
            if search.read(canned(200, body)) == .more {
                searches.append(search)
            } else {
                stopped += 1
                let talk = Conversation(answer: search.answer(TraceContext()))
                #expect(try talk.warnings() == ["size_limit"])
                #expect(try talk.member("next_cursor") == "c")
                #expect(try talk.member("complete") == false)
            }
            #expect(room.used <= room.most + 3 * filler.utf8.count)
        }
        #expect(stopped > 70 && room.used <= room.most)
        // One message with little in it has room where those have none.
        let small = try request(.search(accountID: RawSpan())).dialogue(desk.base, room)
        #expect(small.read(canned(200, page(1, next: "c"))) == .more)
        searches = []
        #expect(room.used < 1000)
        withExtendedLifetime(small) {}
    }

    @Test func aGreedyTenantsSearchesLeaveRoomForAModestOnes() throws {
        let room = SearchRoom(maxReplyBytes: 100_000)
        let (greedy, modest) = (desk, try Desk())
        let filler = String(repeating: "x", count: 20_000)
        func page(_ number: Int) -> HTTPReply {
            canned(
                200,
                #"{"success":true,"result":[{"id":"m\#(number)","filler":"\#(filler)"}],"#
                    + #""result_info":{"next":"c\#(number)"}}"#)
        }
        func begin(_ desk: Desk) throws -> any Dialogue {
            let search = try request(.search(accountID: RawSpan()), ["limit": "100"])
                .dialogue(desk.base, room)
            _ = try search.path(desk.credential, desk.authorization)
            return search
        }
        // Each holds little; all of them would hold everything. One that ends holds nothing.
        var goingOn: [any Dialogue] = []
        for _ in 0..<200 {
            let search = try begin(greedy)
            if search.read(page(0)) == .more { goingOn.append(search) }
        }
        #expect(goingOn.count > 0 && goingOn.count < 200)
        let one = try begin(modest)
        #expect((0..<4).map { one.read(page($0)) } == [.more, .more, .more, .more])
        withExtendedLifetime(goingOn) {}
    }

    @Test func oneSearchLeavesAsMuchFreeAsItHolds() throws {
        let room = SearchRoom(maxReplyBytes: 100_000)
        // Each byte of an item becomes many, so replies within their own bound could fill it all.
        let items = [String](repeating: "1", count: 8000).joined(separator: ",")
        let search = try request(.search(accountID: RawSpan()), ["limit": "100000"])
            .dialogue(desk.base, room)
        var verdicts: [Verdict] = []
        while verdicts.last ?? .more == .more {
            let next = #""result_info":{"next":"c\#(verdicts.count)"}}"#
            let body = #"{"success":true,"result":[\#(items)],"# + next
            verdicts.append(search.read(canned(200, body)))
        }
        #expect(verdicts.count < 12)
        let talk = Conversation(answer: search.answer(TraceContext()))
        #expect(try talk.warnings().contains("size_limit"))
    }

    /// Of a cursor only the next one is kept as a text, and all that is kept counts.
    @Test func whatASearchKnowsOfItsPagesCountsAndIsSmall() throws {
        let room = SearchRoom(maxReplyBytes: 1 << 20)
        let search = try request(.search(accountID: RawSpan()), ["limit": "100000"])
            .dialogue(desk.base, room)
        let kept = ReplyRoom(1 << 20, always: 0)
        let long = String(repeating: "c", count: 4000)
        for number in 0..<100 {
            let body =
                #"{"success":true,"result":[{"id":"m\#(number)"}],"result_info":"#
                + #"{"next":"\#(long)\#(number)"}}"#
            #expect(search.read(canned(200, body)) == .more)
            #expect(search.pause(kept.place(for: nil)))
            let bare = body.utf8.count + 4000 + number * 2 * 64
            #expect(room.used > bare && room.used < bare + 40_000)
        }
        let later = canned(202, "", ["location": "https://api.cloudflare.com/client/v4/" + long])
        #expect(search.read(later) == .later(afterMs: nil))
        #expect(search.pause(kept.place(for: nil)))
        #expect(room.used > 8000 + 200 * 64 && room.used < 60_000)
    }
}
