// ResultQueueTests.swift - results on their way to the host are never lost and never out of order.

import CSystem
import Testing

@testable import TraceVaultCore

private func result(_ id: UInt64, _ tenant: TenantKey? = nil) -> RequestResult {
    RequestResult(id: id, tag: 0, tenant: tenant, failure: nil, document: Document(raw: nil))
}

private func notice(_ id: UInt64, _ tenant: TenantKey? = nil) -> RequestResult {
    RequestResult(
        id: id, tag: 0, kind: .notice, tenant: tenant, failure: nil, document: Document(raw: nil))
}

private func tenant(_ name: String) throws -> TenantKey {
    TenantKey(opened: Identifier(high: 1, low: 2), name: try TenantName(name))
}

private func isReadable(_ queue: ResultQueue) -> Bool {
    tvs_wait_readable(queue.descriptor, 0) == 1
}

@Suite struct ResultQueueTests {
    @Test func theDescriptorIsReadableExactlyWhileTakingWouldNotWait() throws {
        let queue = try ResultQueue()
        #expect(!isReadable(queue))
        queue.add([result(1), result(2)])
        #expect(isReadable(queue))
        #expect(try queue.take(timeoutMs: 0)?.id == 1)
        #expect(isReadable(queue))
        #expect(try queue.take(timeoutMs: 0)?.id == 2)
        #expect(!isReadable(queue))
        #expect(try queue.take(timeoutMs: 0) == nil)
        queue.close()
        #expect(isReadable(queue))
        #expect(throws: Failure.self) { try queue.take(timeoutMs: -1) }
        #expect(isReadable(queue))
    }

    @Test func aResultThatIsPutBackIsTheOldestAgainAlsoAfterTheEnd() throws {
        let queue = try ResultQueue()
        queue.add([result(1), result(2)])
        let first = try #require(try queue.take(timeoutMs: 0))
        queue.putBack(first)
        #expect(try queue.take(timeoutMs: 0)?.id == 1)
        let second = try #require(try queue.take(timeoutMs: 0))
        queue.close()
        queue.putBack(second)
        #expect(isReadable(queue))
        #expect(try queue.take(timeoutMs: -1)?.id == 2)
        #expect(throws: Failure.self) { try queue.take(timeoutMs: 0) }
    }

    @Test func aTenantWithManyResultsIsNotTakenWholeBeforeAnothersOnlyOne() throws {
        let queue = try ResultQueue()
        let (greedy, modest) = (try tenant("greedy"), try tenant("modest"))
        queue.add((1...100).map { result($0, greedy) })
        #expect(try queue.take(timeoutMs: 0)?.id == 1)
        queue.add([result(200, modest), result(201, modest)])
        var ids: [UInt64] = []
        while let taken = try queue.take(timeoutMs: 0) { ids.append(taken.id) }
        // Each one's own order stays.
        #expect(ids == [2, 200, 3, 201] + Array(4...100))
        #expect(queue.count == 0)
    }

    @Test func aHuntsResultsStayInTheirOrderWhicheverTenantsTheyAreOf() throws {
        func part(_ tag: UInt64, _ kind: RequestResult.Kind, _ tenant: TenantKey?) -> RequestResult
        {
            RequestResult(
                id: 7, tag: tag, kind: kind, tenant: tenant, failure: nil,
                document: Document(raw: nil))
        }
        let queue = try ResultQueue()
        let (greedy, modest) = (try tenant("greedy"), try tenant("modest"))
        queue.add((1...3).map { part($0, .finding, greedy) } + [part(4, .finding, modest)])
        queue.add([part(5, .progress, nil), part(6, .hunt, nil), result(8, modest)])
        var tags: [UInt64] = []
        while let taken = try queue.take(timeoutMs: 0) {
            if taken.id == 7 { tags.append(taken.tag) }
        }
        #expect(tags == Array(1...6))
    }

    @Test func theEndOfAHuntStaysBehindWhatIsPutBackOfItInWhateverOrder() throws {
        func part(_ kind: RequestResult.Kind) -> RequestResult {
            RequestResult(id: 7, tag: 0, kind: kind, failure: nil, document: Document(raw: nil))
        }
        for endGoesFirst in [false, true] {
            let queue = try ResultQueue()
            queue.add([part(.finding), part(.hunt), result(8)])
            // Two takers that both cannot hand over what they have.
            let finding = try #require(try queue.take(timeoutMs: 0))
            let end = try #require(try queue.take(timeoutMs: 0))
            for one in endGoesFirst ? [end, finding] : [finding, end] { queue.putBack(one) }
            var kinds: [RequestResult.Kind] = []
            while let taken = try queue.take(timeoutMs: 0) { kinds.append(taken.kind) }
            #expect(kinds.filter { $0 != .trace } == [.finding, .hunt])
        }
    }

    @Test func aTenantWithManyNoticesPushesOutItsOwn() throws {
        let queue = try ResultQueue()
        let (greedy, modest) = (try tenant("greedy"), try tenant("modest"))
        queue.tell(notice(1), most: 5)
        queue.tell(notice(2, modest), most: 5)
        for id in 100..<400 { queue.tell(notice(UInt64(id), greedy), most: 5) }
        #expect(queue.lostNotices == 297)
        var ids: [UInt64] = []
        while let taken = try queue.take(timeoutMs: 0) { ids.append(taken.id) }
        #expect(ids == [1, 2, 397, 398, 399])
        // What was taken counts no more.
        for id in 1...5 { queue.tell(notice(UInt64(id), modest), most: 5) }
        queue.tell(notice(6, greedy), most: 5)
        #expect(try queue.take(timeoutMs: 0)?.id == 2)
    }

    @Test func aNoticeThatIsPutBackIsNoAnswer() throws {
        let queue = try ResultQueue()
        queue.tell(notice(1), most: 10)
        queue.tell(notice(2), most: 10)
        let first = try #require(try queue.take(timeoutMs: 0))
        queue.add([result(7)])
        queue.putBack(first)
        #expect(queue.count == 1)
        #expect(try queue.take(timeoutMs: 0)?.id == 7)
        #expect(try queue.take(timeoutMs: 0)?.id == 1)
        #expect(try queue.take(timeoutMs: 0)?.id == 2)
        #expect(!isReadable(queue))
    }

    @Test func anAnswerIsTakenBeforeEveryNoticeAndNoticesInTheirOrder() throws {
        let queue = try ResultQueue()
        queue.tell(notice(1), most: 10)
        queue.tell(notice(2), most: 10)
        #expect(isReadable(queue))
        queue.add([result(7)])
        #expect(queue.count == 1)
        #expect(try queue.take(timeoutMs: 0)?.id == 7)
        #expect(try queue.take(timeoutMs: 0)?.id == 1)
        #expect(isReadable(queue))
        #expect(try queue.take(timeoutMs: 0)?.id == 2)
        #expect(!isReadable(queue))
    }

    @Test func ofTooManyNoticesTheOldestAreLostAndNoAnswer() throws {
        let queue = try ResultQueue()
        queue.add([result(100)])
        for id in 1...5 { queue.tell(notice(UInt64(id)), most: 2) }
        #expect(queue.lostNotices == 3)
        var taken: [UInt64] = []
        while let next = try queue.take(timeoutMs: 0) { taken.append(next.id) }
        #expect(taken == [100, 4, 5])
    }
}
