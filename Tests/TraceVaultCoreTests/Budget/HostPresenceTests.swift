// HostPresenceTests.swift - when a host is heard, what it tells a server, and whom it waits for.

import Testing

@testable import TraceVaultCore

@Suite struct HostPresenceTests {
    private static let second: Int64 = 1_000_000

    private func counted(
        _ there: Int64, of known: Int64, waits: Bool = false, since: Int64 = 7
    ) throws -> HostCount {
        try #require(HostCount([there, known, waits ? 1 : 0, since]))
    }

    private var host: HostPresence { HostPresence(key: "hosts", name: "one", network: "net") }

    @Test func aHostWaitsForOthersAsLongAsTheServerSaysSo() throws {
        var host = host
        var standing = RedisLedger.Standing(isAlone: true)
        #expect(!host.isWaiting)
        host.note(try counted(1, of: 4, waits: true), &standing, now: 0)
        #expect(host.isWaiting)
        // However long ago it was, and however few it knows of: only a count ends it.
        host.note(try counted(1, of: 2, waits: true), &standing, now: 60 * Self.second)
        #expect(host.isWaiting)
        host.note(try counted(3, of: 4), &standing, now: 61 * Self.second)
        #expect(!host.isWaiting && standing.there == 3 && standing.known == 4)
    }

    @Test func theNewestCountIsTheOneThatCounts() throws {
        var host = host
        var standing = RedisLedger.Standing()
        host.note(try counted(4, of: 4), &standing, now: 0)
        host.note(try counted(1, of: 1), &standing, now: Self.second)
        #expect(standing.there == 1 && standing.known == 1)
    }

    @Test func aServerIsToldWhatTheLastOneCounted() throws {
        var host = host
        var standing = RedisLedger.Standing()
        #expect(host.words.suffix(3) == ["0", "0", "0"])
        host.note(try counted(3, of: 4, since: 9), &standing, now: 0)
        #expect(host.words.suffix(4) == ["net", "9", "4", "3"])
        // Who was alone knows nothing of those who borrow.
        #expect(host.words(.returns).suffix(4) == ["9", "4", "0", "returns"])
        #expect(host.words(.back).suffix(4) == ["9", "4", "0", "back"])
        #expect(host.words(.there).suffix(4) == ["9", "4", "3", "there"])
    }

    @Test func aHostIsHeardSoonWhileItIsAloneAndAfterAnotherCount() throws {
        var host = host
        var standing = RedisLedger.Standing()
        var pauses: [Int64] = []
        for there in [1, 1, 1, 1, 1, 1, 2, 2] as [Int64] {
            let now = host.dueAt
            host.note(try counted(there, of: 2), &standing, now: now)
            pauses.append(host.dueAt - now)
        }
        #expect(pauses.map { $0 / 100_000 } == [5, 10, 20, 40, 75, 75, 5, 10])
        standing.isAlone = true
        for _ in 0..<9 {
            let now = host.dueAt
            host.note(try counted(2, of: 2), &standing, now: now)
            #expect(host.dueAt - now == Self.second / 2)
        }
    }

    @Test func whatIsNoCountIsNone() {
        #expect(HostCount([1, 1, 0]) == nil && HostCount([1, 1, 0, 0, 0]) == nil)
        let forged = HostCount([Int64.max, Int64.min, 5, -1])
        #expect(forged?.there == 100_000 && forged?.known == 1 && forged?.isWaiting == false)
    }
}
