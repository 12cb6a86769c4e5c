// ToldNoticesTests.swift - what lasts is told once; how long things took is told by bounds.

import Testing

@testable import TraceVaultCore

@Suite struct ToldNoticesTests {
    @Test func whatLastsIsToldOnceUntilItIsOver() {
        var told = ToldNotices()
        let isTold = [
            told.isNew(.rateLimited, 1, until: 100, now: 0),
            told.isNew(.rateLimited, 1, until: 200, now: 99),
            told.isNew(.rateLimited, 2, until: 100, now: 99),
            told.isNew(.credentialRefused, 1, until: 100, now: 99),
            told.isNew(.rateLimited, 1, until: 200, now: 100),
        ]
        #expect(isTold == [true, false, true, true, true])
    }

    @Test func differentFailuresOfOneCredentialAreToldEach() {
        var told = ToldNotices()
        let isTold = [
            told.isNew(.retry, 1, 503, until: 100, now: 0),
            told.isNew(.retry, 1, 0, until: 100, now: 0),
            told.isNew(.retry, 1, 503, until: 100, now: 0),
        ]
        #expect(isTold == [true, true, false])
    }

    @Test func aNumberThatIsUsedAgainHasBeenToldNothing() {
        var told = ToldNotices()
        let before = told.isNew(.credentialExpiring, 1, until: .max, now: 0)
        told.follow(sweeps: 0)
        let same = told.isNew(.credentialExpiring, 1, until: .max, now: 1)
        told.follow(sweeps: 1)
        let another = told.isNew(.credentialExpiring, 1, until: .max, now: 2)
        #expect([before, same, another] == [true, false, true])
    }

    @Test func whatIsKeptIsBounded() {
        var told = ToldNotices()
        var count = 0
        for number in 0..<20_000 as Range<Int32>
        where told.isNew(.retry, number, until: .max, now: 0) {
            count += 1
        }
        #expect(count == 20_000)
        #expect(told.keptCount <= 4096)
    }

    @Test func aVaultThatIsMetForTheFirstTimeHasNotChanged() {
        var told = ToldNotices()
        let (one, other) = (Identifier(high: 1, low: 1), Identifier(high: 2, low: 2))
        let isChanged = [
            told.isChanged(one, 5), told.isChanged(one, 5), told.isChanged(other, 9),
            told.isChanged(one, 6),
            // A tenant that has not looked yet.
            told.isChanged(one, 5),
        ]
        #expect(isChanged == [false, false, false, true, false])
    }

    @Test func anEngineThatIsNotUsedIsNotWokenForLooks() {
        var told = ToldNotices()
        let isDue = told.isDue(now: 1)
        #expect(isDue && told.wake == nil)
        told.moved()
        var looks = 0
        for second in 1...10 as ClosedRange<Int64> where told.isDue(now: second * 1_000_001) {
            looks += 1
        }
        #expect(looks == 3 && told.wake == nil)
    }

    @Test func bucketsCountEverythingBelowTheirBound() throws {
        var latencies = Latencies()
        for us in [1, 1023, 1024, 5000, 200_000_000] as [Int64] { latencies.add(us: us) }
        let text = try Document.json { latencies.describe(into: &$0) }.view("json").text
        #expect(text.contains("\"sum_us\":200007048"))
        let first = "{\"below_us\":1024,\"count\":2},{\"below_us\":2048,\"count\":3}"
        #expect(text.contains("\"buckets\":[" + first))
        #expect(text.contains("{\"below_us\":134217728,\"count\":4}]"))
    }
}

@Suite struct RedisNoticesTests {
    private func standing(
        alone: Bool = false, slow: Bool = false, flushes: Int64 = 0, outages: Int64 = 0
    ) -> RedisLedger.Standing {
        var standing = RedisLedger.Standing()
        (standing.isAlone, standing.isSlow) = (alone, slow)
        (standing.flushes, standing.outages) = (flushes, outages)
        return standing
    }

    @Test func aRedisIsToldOnceWhenItGoesAndOnceWhenItIsBack() {
        var told = ToldNotices()
        let news = [
            standing(), standing(alone: true, outages: 1),
            standing(alone: true, slow: true, outages: 1), standing(alone: true, outages: 2),
            standing(outages: 2), standing(outages: 2),
            standing(alone: true, slow: true, outages: 3), standing(outages: 3),
        ].map { told.news(of: $0) }
        #expect(
            news == [[], [.redisAway], [], [], [.redisBack], [], [.redisSlow], [.redisBack]])
    }

    @Test func anOutageBetweenTwoLooksIsTold() {
        var told = ToldNotices()
        let news = [
            standing(), standing(outages: 1), standing(outages: 1),
            standing(slow: true, outages: 3), standing(slow: true, outages: 3),
        ].map { told.news(of: $0) }
        #expect(
            news == [[], [.redisAway, .redisBack], [], [.redisSlow, .redisBack], []])
    }

    @Test func aRedisThatForgotIsTold() {
        var told = ToldNotices()
        let news = [
            standing(), standing(flushes: 1), standing(flushes: 1),
            standing(alone: true, flushes: 2, outages: 1),
        ].map { told.news(of: $0) }
        #expect(news == [[], [.redisFlushed], [], [.redisFlushed, .redisAway]])
    }
}
