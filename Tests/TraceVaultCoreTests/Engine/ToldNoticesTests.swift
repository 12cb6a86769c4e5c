// ToldNoticesTests.swift - what lasts is told once; how long things took is told by bounds.

import Testing

@testable import TraceVaultCore

@Suite struct ToldNoticesTests {
    @Test func whatLastsIsToldOnceUntilItIsOver() {
        var told = ToldNotices()
        #expect(told.isNew(.rateLimited, 1, until: 100, now: 0))
        #expect(!told.isNew(.rateLimited, 1, until: 200, now: 99))
        #expect(told.isNew(.rateLimited, 2, until: 100, now: 99))
        #expect(told.isNew(.credentialRefused, 1, until: 100, now: 99))
        #expect(told.isNew(.rateLimited, 1, until: 200, now: 100))
    }

    @Test func differentFailuresOfOneCredentialAreToldEach() {
        var told = ToldNotices()
        #expect(told.isNew(.retry, 1, 503, until: 100, now: 0))
        #expect(told.isNew(.retry, 1, 0, until: 100, now: 0))
        #expect(!told.isNew(.retry, 1, 503, until: 100, now: 0))
    }

    @Test func whatIsKeptIsBounded() {
        var told = ToldNotices()
        for number in 0..<20_000 as Range<Int32> {
            #expect(told.isNew(.retry, number, until: .max, now: 0))
        }
        #expect(told.keptCount <= 4096)
    }

    @Test func aVaultThatIsMetForTheFirstTimeHasNotChanged() {
        var told = ToldNotices()
        let (one, other) = (Identifier(high: 1, low: 1), Identifier(high: 2, low: 2))
        #expect(!told.isChanged(one, 5))
        #expect(!told.isChanged(one, 5))
        #expect(!told.isChanged(other, 9))
        #expect(told.isChanged(one, 6))
        // A tenant that has not looked yet.
        #expect(!told.isChanged(one, 5))
    }

    @Test func anEngineThatIsNotUsedIsNotWokenForLooks() {
        var told = ToldNotices()
        #expect(told.isDue(now: 1))
        #expect(told.wake == nil)
        told.moved()
        var looks = 0
        for second in 1...10 as ClosedRange<Int64> where told.isDue(now: second * 1_000_001) {
            looks += 1
        }
        #expect(looks == 3)
        #expect(told.wake == nil)
    }

    @Test func bucketsCountEverythingBelowTheirBound() throws {
        var latencies = Latencies()
        for us in [1, 1023, 1024, 5000, 200_000_000] as [Int64] { latencies.add(us: us) }
        let document = try Document.json { latencies.describe(into: &$0) }
        let text = try document.view("json").text
        #expect(text.contains("\"sum_us\":200007048"))
        #expect(text.contains("{\"below_us\":1024,\"count\":2},{\"below_us\":2048,\"count\":3}"))
        #expect(text.contains("{\"below_us\":134217728,\"count\":4}]"))
    }
}
