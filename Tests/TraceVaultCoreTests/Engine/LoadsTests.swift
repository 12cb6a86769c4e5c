// LoadsTests.swift - who waits for room that large replies need, and whose turn it is when some
// was given back.

import Testing

@testable import TraceVaultCore

@Suite struct LoadsTests {
    private let opened = Identifier.random()

    private func key(_ name: String) throws(Failure) -> TenantKey {
        TenantKey(opened: opened, name: try TenantName(name))
    }

    private func keys(_ count: Int) throws -> [TenantKey] {
        try (0..<count).map { try key("t\($0)") }
    }

    /// Can be asked within an expectation, which a struct that changes cannot.
    private final class Asked {
        private var loads: Loads

        init(_ maxComing: Int, bytes: Int) {
            loads = Loads(maxBytes: bytes, maxComing: maxComing)
        }

        func expect(_ bytes: Int, of tenant: TenantKey) -> Bool { loads.expect(bytes, of: tenant) }
        func count(_ tenant: TenantKey, requests: Int = 0, bytes: Int = 0, coming: Int = 0) {
            loads.count(tenant, requests: requests, bytes: bytes, coming: coming)
        }
        func mayGrow(by more: Int, to own: Int, _ tenant: TenantKey) -> Bool {
            loads.mayCome(more, beside: own, tenant)
        }
        func mustWait(_ tenant: TenantKey) -> Bool { loads.mustWait(tenant) }
        var now: Int64 = 0
        /// Have nothing to ask any more.
        var gone: Set<TenantKey> = []
        func letGo() -> [TenantKey] {
            let gone = gone
            return loads.letGo(nowUs: now) { !gone.contains($0) }
        }
        var isOverdue: Bool { loads.isOverdue(nowUs: now) }
    }

    private func loads(_ maxComing: Int, bytes: Int = 1 << 40) -> Asked {
        Asked(maxComing, bytes: bytes)
    }

    @Test func whoNeedsMuchGetsItWhereManyOthersHaveLargeRepliesAllTheTime() throws {
        let loads = loads(160)
        let (big, others) = (try key("big"), try keys(40))
        var underWay = others.filter { loads.expect(10, of: $0) }
        #expect(underWay.count == 15)
        #expect(!loads.expect(60, of: big))
        var ends = 0
        var hasCome = false
        while !hasCome, ends < 1000 {
            let ended = underWay.removeFirst()
            loads.count(ended, coming: -10)
            ends += 1
            for called in loads.letGo() {
                if called == big {
                    hasCome = loads.expect(60, of: big)
                } else if loads.expect(10, of: called) {
                    underWay.append(called)
                }
            }
            // It asks on as soon as it has its answer.
            if loads.expect(10, of: ended) { underWay.append(ended) }
        }
        // Behind the 25 that waited before it.
        #expect(hasCome && ends <= 40)
    }

    @Test func anEndCallsNoMoreThanThereIsRoomFor() throws {
        let loads = loads(100)
        let tenants = try keys(1000)
        let first = tenants.filter { loads.expect(10, of: $0) }
        #expect(first.count == 9)
        var calls = 0
        for tenant in first {
            loads.count(tenant, coming: -10)
            let called = loads.letGo()
            calls += called.count
            #expect(called.allSatisfy { loads.expect(10, of: $0) })
        }
        #expect(calls == 9)
    }

    @Test func roomIsKeptForWhoIsCalledButNotForEver() throws {
        let loads = loads(40)
        let (away, next, one) = (try key("away"), try key("next"), try key("one"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: away) && !loads.expect(20, of: next))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [away])
        #expect(loads.letGo().isEmpty)
        // Nothing is under way that could end.
        #expect(!loads.isOverdue && loads.letGo().isEmpty)
        loads.now += RoomLine.promiseUs
        #expect(loads.isOverdue)
        #expect(loads.letGo() == [next])
        #expect(loads.expect(20, of: next))
        #expect(!loads.isOverdue)
    }

    @Test func noRoomIsKeptForWhoHasNothingToAskAnyMore() throws {
        let loads = loads(40)
        let (gone, next, one) = (try key("gone"), try key("next"), try key("one"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: gone) && !loads.expect(20, of: next))
        loads.count(one, coming: -20)
        loads.gone = [gone]
        #expect(loads.letGo() == [gone, next])
        #expect(loads.expect(20, of: next))
    }

    @Test func whoIsCalledHasItsRoomWhoeverComesMeanwhile() throws {
        let loads = loads(40)
        let (one, first, quick) = (try key("one"), try key("first"), try key("quick"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: first))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [first])
        #expect(loads.expect(10, of: quick) && loads.expect(20, of: first))
    }

    @Test func whoNeedsMoreThanWasPromisedKeepsItsPlaceInTheLine() throws {
        let loads = loads(60)
        let (one, first, second) = (try key("one"), try key("first"), try key("second"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(25, of: first))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [first])
        #expect(loads.expect(10, of: one))
        #expect(!loads.expect(25, of: second) && !loads.expect(30, of: first))
        loads.count(one, coming: -10)
        #expect(loads.letGo() == [first])
    }

    @Test func whoIsCalledForMoreThanItTakesLeavesTheRestToOthers() throws {
        let loads = loads(160)
        let begun = try keys(14).filter { loads.expect(10, of: $0) }
        #expect(begun.count == 14)
        let (big, shrunk, other) = (try key("big"), try key("shrunk"), try key("other"))
        #expect(!loads.expect(60, of: big) && !loads.expect(20, of: shrunk))
        for tenant in begun[..<3] {
            loads.count(tenant, coming: -10)
            if loads.letGo() == [shrunk] { break }
        }
        #expect(loads.expect(15, of: shrunk))
        loads.count(shrunk, coming: -15)
        _ = loads.letGo()
        #expect(loads.expect(18, of: other))
    }

    @Test func whoAlwaysHasManyUnderWayPassesNoMoreThanOthers() throws {
        let mebibyte = 1 << 20
        let loads = loads(32 * mebibyte)
        let (greedy, big) = (try keys(7), try key("big"))
        let size = 400 << 10
        var underWay: [TenantKey] = []
        for tenant in greedy {
            for _ in 0..<10 where loads.expect(size, of: tenant) { underWay.append(tenant) }
        }
        let need = 4_000_000
        guard !loads.expect(need, of: big) else { return }
        var ends = 0
        while ends < 200, !loads.letGo().contains(big) {
            ends += 1
            let ended = underWay.removeFirst()
            loads.count(ended, coming: -size)
            if loads.expect(size, of: ended) { underWay.append(ended) }
        }
        #expect(ends < 100)
    }

    @Test func smallOnesGoOnPastTheFirstWhoStillHasItsTurn() throws {
        let loads = loads(160)
        let large = try (0..<7).map { try key("large\($0)") }
        let (big, small) = (try key("big"), try keys(40))
        let begun = large.filter { loads.expect(20, of: $0) }
        #expect(begun.count == 7)
        #expect(!loads.expect(20, of: big))
        let past = small.filter { loads.expect(1, of: $0) }
        #expect(past.count >= 18)
        loads.count(past[0], coming: -1)
        #expect(loads.expect(1, of: past[0]))
        loads.count(large[0], coming: -20)
        loads.count(large[1], coming: -20)
        #expect(loads.letGo().contains(big))
        #expect(loads.expect(20, of: big))
    }

    @Test func whoWaitsForResultsOfItsOwnHoldsUpNobody() throws {
        let loads = loads(1000, bytes: 1000)
        let (full, other) = (try key("full"), try key("other"))
        loads.count(full, requests: 1, bytes: 600)
        #expect(!loads.expect(100, of: full))
        #expect(loads.expect(100, of: other))
        loads.count(other, coming: -100)
        #expect(loads.letGo().isEmpty)
        #expect(loads.expect(100, of: other))
        loads.count(full, requests: -1, bytes: -600)
        #expect(loads.letGo() == [full])
    }

    @Test func aReplyUnderWayMayGrowWhoeverWaits() throws {
        let loads = loads(100)
        let (growing, other, waiting) = (try key("growing"), try key("other"), try key("waiting"))
        #expect(loads.expect(10, of: growing) && loads.expect(10, of: other))
        #expect(!loads.expect(50, of: waiting))
        // What is left for those past the first.
        let (new, newer) = (try key("new"), try key("newer"))
        #expect(loads.expect(10, of: new) && !loads.expect(10, of: newer))
        #expect(loads.mayGrow(by: 10, to: 10, growing))
    }

    @Test func whoWaitsAlreadyStandsInTheLineOnce() throws {
        let loads = loads(40)
        let (one, twice) = (try key("one"), try key("twice"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: twice) && !loads.expect(20, of: twice))
        #expect(!loads.mustWait(twice))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [twice])
        #expect(loads.letGo().isEmpty)
    }
}
