// VaultConcurrencyTests.swift - many threads on one vault: no lost edit, no mixed state, no race.

import CSystem
import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// Runs `body` on that many threads and waits for all.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    final class Work: Sendable {
        let run: @Sendable () throws -> Void
        let failure = Lock<(any Error)?>(nil)

        init(_ run: @escaping @Sendable () throws -> Void) { self.run = run }
    }
    let all = (0..<count).map { number in Work { try body(number) } }
    var threads: [pthread_t] = []
    for work in all {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(work).toOpaque()
        let answer = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                do { try work.run() } catch { work.failure.withLock { $0 = error } }
                return nil
            }, argument)
        try #require(answer == 0)
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    for work in all { if let error = work.failure.withLock({ $0 }) { throw error } }
}

@Suite struct VaultConcurrencyTests {
    private static let rounds = 15
    private let scratch: Scratch
    private let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    @Test func aWriterThatWaitsComesBeforeOneThatComesAgain() throws {
        try scratch.write([])
        let store = try FileStore(path: scratch.vault, Fake.settings)
        let held = Lock<(any StoreLease)?>(try store.lease(timeoutMs: 0))
        let isWaiting = Atomic<Bool>(false)
        let hasLeft = Atomic<Bool>(false)
        try inParallel(2) { thread in
            if thread == 0 {
                isWaiting.store(true, ordering: .releasing)
                let lease = try store.lease(timeoutMs: 10_000)
                while !hasLeft.load(ordering: .acquiring) { usleep(1000) }
                lease.release()
                return
            }
            while !isWaiting.load(ordering: .acquiring) { usleep(1000) }
            // Time for the other thread to be in the queue; without it the test passes idly.
            usleep(50_000)
            held.withLock { lease in
                lease?.release()
                lease = nil
            }
            // Not even once, though the lock was free a moment ago.
            #expect(status { try store.lease(timeoutMs: 0).release() } == .busy)
            hasLeft.store(true, ordering: .releasing)
            try store.lease(timeoutMs: 10_000).release()
        }
    }

    /// Two stores are as two processes: each has an open file of its own.
    @Test func aWriterOfAnotherProcessThatStandsInLineIsPassedOnceAtMost() throws {
        let made = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let files = ChangingFiles(afterLock: { place in
            if place == FileStore.rungs - 1 {
                seen.store(made.load(ordering: .acquiring), ordering: .releasing)
            }
        })
        try scratch.write([])
        let rare = try FileStore(path: scratch.vault, Fake.settings, files: files)
        let busy = try FileStore(path: scratch.vault, Fake.settings)
        try inParallel(2) { thread in
            if thread == 0 {
                while !isDone.load(ordering: .acquiring) {
                    let lease = try busy.lease(timeoutMs: 600_000)
                    made.add(1, ordering: .acquiringAndReleasing)
                    lease.release()
                }
                return
            }
            defer { isDone.store(true, ordering: .releasing) }
            for _ in 0..<50 {
                let lease = try rare.lease(timeoutMs: 600_000)
                let passed = made.load(ordering: .acquiring) - seen.load(ordering: .acquiring)
                lease.release()
                #expect(passed <= 1)
            }
        }
    }

    @Test func aWriterThatStandsInLineAndIsStoppedStopsNobody() throws {
        try scratch.write([])
        let store = try FileStore(path: scratch.vault, Fake.settings)
        try store.lease(timeoutMs: 0).release()
        let stopped = unsafe open(scratch.vault + ".lock", O_RDWR)
        defer { close(stopped) }
        try #require(tvs_lock(stopped, 2) == 0)
        try store.lease(timeoutMs: 200).release()
        // It is remembered: the next one does not wait for it again.
        try store.lease(timeoutMs: 600_000, unless: Self.after(1000)).release()
        // Once it has gone on, the order holds again.
        try #require(tvs_unlock(stopped, 2) == 0)
        try store.lease(timeoutMs: 0).release()
        try #require(tvs_lock(stopped, 1) == 0)
        let failed = status {
            try store.lease(timeoutMs: 600_000, unless: Self.after(20)).release()
        }
        #expect(failed == .cancelled)
    }

    /// Says so when it was asked that often.
    private static func after(_ count: Int) -> () -> Bool {
        var asked = 0
        return {
            asked += 1
            return asked > count
        }
    }

    /// Puts one account whose label tells its token.
    private static func put(_ vault: Vault, _ tenant: String, _ number: Int) throws {
        let edit = vault.edit()
        try edit.put(tenant, Fake.account1, token: "test-token-not-real-\(number)")
        try edit.set(
            tenant: tenant, account: Fake.account1, name: "label", value: "\(number)")
        try edit.commit()
    }

    @Test func editorsReadersAndRefreshersOfOneVaultNeverDisturbEachOther() throws {
        // However slowly a busy machine's disk syncs, nobody gives up waiting.
        var settings = Fake.settings
        settings.lockTimeoutMs = 600_000
        let first = try Vault.create(path: scratch.vault, unlock: unlock, settings: settings)
        for tenant in 0..<4 { try Self.put(first, "tenant-\(tenant)", 0) }
        let second = try Vault.open(path: scratch.vault, unlock: unlock, settings: settings)
        let tenants = try (0..<4).map { try first.tenant(named: "tenant-\($0)") }
        let writersLeft = Atomic<Int>(4)
        try inParallel(9) { thread in
            if thread < 4 {
                defer { writersLeft.subtract(1, ordering: .relaxed) }
                // Two writers on each of two handles of the same file.
                let vault = thread % 2 == 0 ? first : second
                for number in 1...Self.rounds {
                    try Self.put(vault, "tenant-\(thread)", number)
                }
            } else if thread == 8 {
                while writersLeft.load(ordering: .relaxed) > 0 { _ = try first.refresh() }
            } else {
                try Self.read(tenants[thread - 4], while: writersLeft)
            }
        }
        _ = try first.refresh()
        #expect(first.generation == UInt64(1 + 4 + 4 * Self.rounds))
        for tenant in tenants {
            #expect(try tenant.credential(account: nil).label == "\(Self.rounds)")
        }
        #expect(try second.list().count > 0)
    }

    /// A credential never goes back in time, and its secret is always its own.
    private static func read(_ tenant: Tenant, while writersLeft: borrowing Atomic<Int>) throws {
        var last: UInt64 = 0
        while writersLeft.load(ordering: .relaxed) > 0 {
            let look = try tenant.look()
            let found = try look.credential(account: nil)
            #expect(found.version >= last)
            last = found.version
            // One look: whatever happens to the vault meanwhile, the secret is there.
            try unsafe look.lend(found) { secret throws(Failure) in
                let expected = "test-token-not-real-\(found.label)"
                #expect(unsafe secret.elementsEqual(expected.utf8))
            }
        }
    }
}
