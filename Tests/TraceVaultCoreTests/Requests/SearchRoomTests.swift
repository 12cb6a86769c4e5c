// SearchRoomTests.swift - what pages of hunts count for in the room of all searches.

import Testing

@testable import TraceVaultCore

@Suite struct SearchRoomTests {
    private let room = SearchRoom(maxReplyBytes: 1000)
    private let acme: TenantKey
    private let globex: TenantKey

    init() throws {
        let opened = Identifier.random()
        acme = TenantKey(opened: opened, name: try TenantName("acme"))
        globex = TenantKey(opened: opened, name: try TenantName("globex"))
    }

    /// Asks for pages while there is room; gives what each counts for.
    private func ask(_ tenant: TenantKey) -> [Int] {
        var counts: [Int] = []
        while counts.count < 100, room.hasRoomForPage(of: tenant) {
            counts.append(room.expectPage(of: tenant))
        }
        return counts
    }

    @Test func aHuntsPagesLeaveRoomForSearchesAndForOtherTenantsHunts() {
        // They come as large as a reply may be.
        for count in ask(acme) {
            room.add(expected: -count, of: acme)
            guard room.takes(page: 1000, of: acme) else { continue }
            room.add(1000, of: acme)
        }
        #expect(room.used <= room.most + 1000)
        #expect(!room.hasRoomForPage(of: acme))
        room.add(-4000, of: acme)
        #expect(room.hasRoomForPage(of: globex))
        #expect(!room.isFull(for: globex))
    }

    @Test func aTenantsLargePageSaysNothingOfThePagesOfOthers() {
        let usual = ask(globex)
        for count in usual { room.add(expected: -count, of: globex) }
        // Larger than all the room, as a reply may become that is no UTF-8.
        #expect(room.takes(page: 100_000, of: acme))
        #expect(ask(globex) == usual)
        // Nor does it keep its own tenant from asking.
        let large = ask(acme)
        #expect(!large.isEmpty && large.count < usual.count)
    }

    @Test func aTenantsLargePageIsForgottenWhenSmallOnesCome() {
        let before = room.expectPage(of: acme)
        _ = room.takes(page: 1000, of: acme)
        #expect(room.expectPage(of: acme) == 1000)
        for _ in 0..<16 { _ = room.takes(page: 1, of: acme) }
        #expect(room.expectPage(of: acme) == before)
    }
}
