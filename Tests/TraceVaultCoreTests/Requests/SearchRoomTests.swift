// SearchRoomTests.swift - what pages of hunts count for in the room of all searches.

import Testing

@testable import TraceVaultCore

@Suite struct SearchRoomTests {
    private let room = SearchRoom(maxReplyBytes: 1000)
    private let acme: TenantKey
    private let globex: TenantKey

    init() throws { (acme, globex) = try HuntSupport.keys() }

    /// Asks for pages while there is room; gives what each counts for.
    private func ask(_ tenant: TenantKey) -> [Int] {
        var counts: [Int] = []
        while counts.count < 100, room.hasRoomForPage(of: tenant) {
            counts.append(room.expectPage(of: tenant))
        }
        return counts
    }

    @Test func aHuntsPagesLeaveRoomForSearchesAndForOtherTenantsHunts() throws {
        // They come as large as a reply may be.
        for count in ask(acme) {
            room.add(expected: -count, of: acme)
            guard try room.takes(page: 1000, of: acme) else { continue }
            room.add(1000, of: acme)
        }
        #expect(room.used >= 1000 && room.used <= room.most / 2)
        #expect(!room.hasRoomForPage(of: acme))
        // Nothing is given back: the greedy one's quota rests.
        #expect(room.hasRoomForPage(of: globex))
        #expect(try room.takes(page: 1000, of: globex))
        room.add(1000, of: globex)
        #expect(!room.isFull(for: globex))
    }

    @Test func tenantsThatHoldAPageEachLeaveRoomForOneMore() throws {
        for number in 0..<1000 {
            let name = try TenantName("tenant\(number)")
            let tenant = TenantKey(opened: acme.opened, name: name)
            if room.hasRoomForPage(of: tenant), try room.takes(page: 1000, of: tenant) {
                room.add(1000, of: tenant)
            }
        }
        #expect(room.used >= room.most / 2)
        #expect(try room.takes(page: 400, of: globex))
        room.add(400, of: globex)
        #expect(!room.isFull(for: globex))
    }

    @Test func aPageThatMayNeverFindRoomIsNotAskedForOnAndOn() throws {
        #expect(status { _ = try room.takes(page: 100_000, of: acme) } == .limit)
        room.add(3000, of: globex)
        #expect(status { _ = try room.takes(page: 3000, of: acme) } == .limit)
        room.add(4000, of: globex)
        // As large as pages are, so it finds room once there is some.
        #expect(try !room.takes(page: 1000, of: acme))
        #expect(!room.hasRoomForPage(of: acme))
        room.add(-7000, of: globex)
        #expect(room.hasRoomForPage(of: acme))
        #expect(try room.takes(page: 1000, of: acme))
    }

    /// Documents that are larger than their replies, as they tell of each message twice.
    @Test func aTenantsSecondLargePageIsAskedForAgainOnceTheFirstIsTold() throws {
        for count in ask(acme) { room.add(expected: -count, of: acme) }
        #expect(try room.takes(page: 1400, of: acme))
        room.add(1400, of: acme)
        #expect(try !room.takes(page: 1400, of: acme))
        #expect(!room.hasRoomForPage(of: acme))
        room.add(-1400, of: acme)
        #expect(room.hasRoomForPage(of: acme))
        #expect(try room.takes(page: 1400, of: acme))
    }

    @Test func aTenantsLargePageSaysNothingOfThePagesOfOthers() throws {
        let usual = ask(globex)
        for count in usual { room.add(expected: -count, of: globex) }
        // Larger than a reply may be, as one becomes that is no UTF-8.
        #expect(try room.takes(page: 3000, of: acme))
        #expect(ask(globex) == usual)
        // Nor does it keep its own tenant from asking.
        let large = ask(acme)
        #expect(!large.isEmpty && large.count < usual.count)
    }

    @Test func aTenantsLargePageIsForgottenWhenSmallOnesCome() throws {
        let before = room.expectPage(of: acme)
        _ = try room.takes(page: 1000, of: acme)
        #expect(room.expectPage(of: acme) == 1000)
        for _ in 0..<16 { _ = try room.takes(page: 1, of: acme) }
        #expect(room.expectPage(of: acme) == before)
    }
}
