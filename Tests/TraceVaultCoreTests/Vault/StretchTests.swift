// StretchTests.swift - how much memory passphrases may take: together, and of one file.

import CSystem
import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// One after the other: the room is the process's. Other suites take little of it.
@Suite(.serialized) struct StretchTests {
    private final class Tally: Sendable {
        let now = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let rounds = Atomic<Int>(0)

        func take(_ kib: UInt32, limit: UInt32) {
            tvs_stretch_take(kib, limit)
            let sum = now.wrappingAdd(Int(kib), ordering: .sequentiallyConsistent).newValue
            var known = most.load(ordering: .sequentiallyConsistent)
            while known < sum {
                let (isDone, found) = most.compareExchange(
                    expected: known, desired: sum, ordering: .sequentiallyConsistent)
                if isDone { break }
                known = found
            }
        }

        func give(_ kib: UInt32) {
            now.wrappingSubtract(Int(kib), ordering: .sequentiallyConsistent)
            rounds.wrappingAdd(1, ordering: .sequentiallyConsistent)
            tvs_stretch_give(kib)
        }
    }

    /// More than every other suite of this process could take meanwhile.
    private static let limit: UInt32 = 1_000_000_000

    @Test func takersNeverHoldMoreThanTheLimitTogetherAndAllComeToTheirTurn() throws {
        let tally = Tally()
        try inParallel(6) { number in
            // The largest needs all of it: it must come to its turn between small ones.
            let kib = number == 0 ? Self.limit : Self.limit / UInt32(2 + number)
            for _ in 0..<(number == 0 ? 20 : 200) {
                tally.take(kib, limit: Self.limit)
                sched_yield()
                tally.give(kib)
            }
        }
        #expect(tally.rounds.load(ordering: .relaxed) == 20 + 5 * 200)
        #expect(tally.most.load(ordering: .relaxed) <= Int(Self.limit))
        #expect(tally.now.load(ordering: .relaxed) == 0)
    }

    @Test func oneThatNeedsMoreThanTheLimitIsAloneAndIsNotRefused() {
        tvs_stretch_take(50, 10)
        tvs_stretch_give(50)
    }

    @Test func aPassphraseWaitsUntilTheOthersLeaveRoom() throws {
        let order = Lock<[String]>([])
        try withoutRoom {
            let unlock = try Fake.passphrase()
            _ = try Vault.create(path: "", unlock: unlock, settings: Fake.settings)
            order.withLock { $0.append("stretched") }
        } meanwhile: {
            order.withLock { $0.append("given") }
        }
        #expect(order.withLock { $0 } == ["given", "stretched"])
    }

    @Test func anExportThatWaitsForItsPassphraseEndsWithALock() throws {
        let vault = try Fake.memoryVault()
        let target = MemoryStore()
        try withoutRoom {
            let unlock = try Fake.passphrase()
            let outcome = status {
                try vault.export(
                    tenant: nil, into: target, unlock: unlock, settings: Fake.settings)
            }
            #expect(outcome == .locked)
        } meanwhile: {
            vault.lock()
        }
        #expect(status { _ = try target.read() } == .notVault)
    }

    /// Derives while there is no room; when it has come to that, does the other thing, and then
    /// gives the room back.
    private func withoutRoom(
        _ derive: @escaping @Sendable () throws -> Void,
        meanwhile: @escaping @Sendable () throws -> Void
    ) throws {
        let isDeriving = Atomic<Bool>(false)
        tvs_stretch_take(1_048_576, 1_048_576)
        try inParallel(2) { number in
            if number == 0 {
                isDeriving.store(true, ordering: .releasing)
                try derive()
            } else {
                while !isDeriving.load(ordering: .acquiring) { sched_yield() }
                // As long as a derivation of the same cost takes, and longer.
                for _ in 0..<3 { _ = try Self.work() }
                try meanwhile()
                tvs_stretch_give(1_048_576)
            }
        }
    }

    /// What 19 MiB and two passes cost, and more, without the room: hashing 32 MiB.
    private static func work() throws -> Int {
        let input = [UInt8](repeating: 7, count: 32 * 1_048_576)
        var out = [UInt8](repeating: 0, count: Sealing.hashCount)
        let isDone = unsafe input.withUnsafeBytes { input in
            unsafe out.withUnsafeMutableBytes { unsafe Sealing.hash(input, key: nil, into: $0) }
        }
        #expect(isDone)
        return Int(out[0])
    }

    @Test func aFileMayNotAskForMoreThanTheHostAffords() throws {
        let scratch = try Scratch()
        let phrase = try Fake.passphrase()
        let store = try FileStore(path: scratch.vault, Fake.settings)
        _ = try Vault.create(in: store, unlock: phrase, settings: Fake.settings)
        func opens(_ memory: UInt64) -> Status? {
            status { _ = try Snapshot.open(store.read(), with: phrase, memory: memory) }
        }
        #expect(opens(19_456 * 1024) == nil)
        #expect(opens(19_456 * 1024 - 1) == .kdfBounds)
        var settings = VaultSettings()
        #expect(settings.affordableMemory == 512 * 1_048_576)
        settings.kdfMemoryKiB = 1_048_576
        #expect(settings.affordableMemory == 1024 * 1_048_576)
    }
}
