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
        func letGo() -> [TenantKey] { loads.letGo() }
        var isCalling: Bool { loads.isCalling }
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

    @Test func whoIsCalledAndDoesNotComeHoldsUpNobody() throws {
        let loads = loads(40)
        let (away, next, one) = (try key("away"), try key("next"), try key("one"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: away) && !loads.expect(20, of: next))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [away])
        // Its request was cancelled. Nothing is under way that could end.
        #expect(loads.isCalling)
        #expect(loads.letGo() == [next])
        #expect(loads.expect(20, of: next))
        #expect(!loads.isCalling)
    }

    @Test func whoseRoomWasTakenAfterTheCallIsTheFirstOfTheNextOnes() throws {
        let loads = loads(40)
        let (one, first, second, quick) =
            (try key("one"), try key("first"), try key("second"), try key("quick"))
        #expect(loads.expect(20, of: one))
        #expect(!loads.expect(20, of: first))
        loads.count(one, coming: -20)
        #expect(loads.letGo() == [first])
        #expect(loads.expect(10, of: quick))
        #expect(!loads.expect(20, of: second) && !loads.expect(20, of: first))
        loads.count(quick, coming: -10)
        #expect(loads.letGo() == [first])
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
        #expect(!loads.expect(10, of: try key("new")))
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
