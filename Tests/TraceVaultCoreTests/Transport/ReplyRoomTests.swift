// ReplyRoomTests.swift - replies that are still coming share one room, and so do tenants.

import Testing

@testable import TraceVaultCore

@Suite struct ReplyRoomTests {
    private static let mebibyte = 1 << 20
    private let room = ReplyRoom(32 * mebibyte)

    private func tenant(_ name: String) throws -> TenantKey {
        TenantKey(opened: .random(), name: try TenantName(name))
    }

    /// So many replies of one tenant that grow in turn until none of them may any more.
    private func fill(_ count: Int, _ tenant: TenantKey?) -> (places: [ReplyRoom.Place], held: Int)
    {
        let places = (0..<count).map { _ in room.place(for: tenant) }
        var sizes = [Int](repeating: Self.mebibyte, count: count)
        var hasGrown = true
        while hasGrown {
            hasGrown = false
            for reply in places.indices where sizes[reply] < 32 * Self.mebibyte {
                guard places[reply].grow(to: sizes[reply] + 65_536) else { continue }
                sizes[reply] += 65_536
                hasGrown = true
            }
        }
        return (places, sizes.reduce(0, +) - count * Self.mebibyte)
    }

    @Test func aGreedyTenantLeavesRoomForTheLargestReplyOfAModestOne() throws {
        let greedy = fill(128, try tenant("greedy"))
        #expect(greedy.held <= 4 * 32 * Self.mebibyte)
        #expect(greedy.held >= 3 * 32 * Self.mebibyte)
        let modest = room.place(for: try tenant("modest"))
        #expect(modest.grow(to: 32 * Self.mebibyte))
        _ = greedy.places
    }

    @Test func twoGreedyTenantsLeaveRoomToo() throws {
        let first = fill(64, try tenant("first"))
        let second = fill(64, try tenant("second"))
        #expect(first.held + second.held < 8 * 32 * Self.mebibyte)
        let modest = room.place(for: try tenant("modest"))
        #expect(modest.grow(to: 32 * Self.mebibyte))
        _ = (first.places, second.places)
    }

    @Test func smallRepliesAlwaysHaveRoom() throws {
        let greedy = fill(128, try tenant("greedy"))
        let others = try (0..<1000).map { room.place(for: try tenant("t\($0)")) }
        #expect(others.allSatisfy { $0.grow(to: Self.mebibyte) })
        _ = greedy.places
    }

    @Test func whatHasComeGivesItsRoomBack() throws {
        let name = try tenant("greedy")
        let before = fill(128, name).held
        #expect(fill(128, name).held == before)
    }

    @Test func oneTenantAloneHasManyLargeRepliesAtOnce() throws {
        let name = try tenant("alone")
        let places = (0..<4).map { _ in room.place(for: name) }
        #expect(places.allSatisfy { $0.grow(to: 32 * Self.mebibyte) })
    }

    /// Where the results and the large replies under way of a tenant have their bounds.
    private func mailbox(bytes: Int = 1 << 40, coming: Int = 1 << 40) -> Mailbox {
        Mailbox(maxOutstanding: 99, maxPerTenant: 0, maxBytes: bytes, maxComing: coming)
    }

    @Test func repliesThatGrowCountAsWhatTheyBecomeUntilTheyAreGone() throws {
        let mailbox = mailbox(bytes: 40 * Self.mebibyte)
        room.results = mailbox
        let name = try tenant("greedy")
        let (large, other) = (room.place(for: name), room.place(for: name))
        #expect(other.grow(to: Self.mebibyte) && large.grow(to: 32 * Self.mebibyte))
        #expect(!other.grow(to: Self.mebibyte + 1))
        #expect(!mailbox.expect(1, of: name))
        withExtendedLifetime(large) {}
    }

    /// Who was promised room when it was asked for is not sent away when it comes, however much of
    /// the room the others have meanwhile.
    @Test func whatWasExpectedIsNotCrowdedOut() throws {
        let room = ReplyRoom(4 * Self.mebibyte, always: 0)
        let mailbox = mailbox(coming: 64 * Self.mebibyte)
        room.results = mailbox
        let name = try tenant("late")
        #expect(mailbox.expect(8 * Self.mebibyte, of: name))
        let late = room.place(for: name, coming: 8 * Self.mebibyte)
        let others = try (0..<13).map { room.place(for: try tenant("t\($0)")) }
        #expect(others.filter { $0.grow(to: 2 * Self.mebibyte) }.count == 13)
        #expect(late.grow(to: 4 * Self.mebibyte))
        withExtendedLifetime(others) {}
    }

    @Test func aPlaceThatWasExpectedIsThereAndIsGivenBack() throws {
        let mailbox = mailbox(bytes: 40 * Self.mebibyte)
        room.results = mailbox
        let name = try tenant("greedy")
        do {
            #expect(mailbox.expect(8 * Self.mebibyte, of: name))
            let place = room.place(for: name, coming: 8 * Self.mebibyte)
            #expect(place.grow(to: 4 * Self.mebibyte))
            #expect(!mailbox.expect(17 * Self.mebibyte, of: name))
        }
        // Until its result is counted it is in nobody's hands.
        #expect(!mailbox.expect(17 * Self.mebibyte, of: name))
        #expect(room.settle() && !room.settle())
        #expect(mailbox.letGo(repliesEnded: true) == [name])
    }
}
