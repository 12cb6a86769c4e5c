// VaultFailureTests.swift - a disk that fails at any call harms no vault and leaves nothing behind.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// The real file system with one call that fails, counted over all calls.
private final class FailingFiles: FileSystem {
    private let real = SystemFiles()
    private struct Plan {
        var failAt = Int.max
        var count = 0
        var number: Int32 = EIO
        var isLying = false
    }
    private let plan = Mutex(Plan())

    func fail(at call: Int, with number: Int32) {
        plan.withLock { $0 = Plan(failAt: call, count: 0, number: number) }
    }

    /// From now on the disk keeps something else than what is written.
    func lie() { plan.withLock { $0.isLying = true } }

    /// How many calls there were since the plan was made.
    var count: Int { plan.withLock { $0.count } }

    private func failure() -> Int32? {
        plan.withLock { plan in
            plan.count += 1
            return plan.count == plan.failAt ? -plan.number : nil
        }
    }

    func openDirectory(_ path: String) -> Int32 { failure() ?? real.openDirectory(path) }
    func open(_ directory: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        failure() ?? real.open(directory, name, mode)
    }
    func close(_ descriptor: Int32) { real.close(descriptor) }
    func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        unsafe failure().map(Int.init) ?? real.read(descriptor, bytes)
    }
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        if plan.withLock({ $0.isLying }) {
            return unsafe Array(bytes.dropLast() + [0x55]).withUnsafeBytes {
                unsafe real.write(descriptor, $0)
            }
        }
        // Short writes, always.
        return unsafe failure().map(Int.init)
            ?? real.write(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, 3000)]))
    }
    func sync(_ descriptor: Int32) -> Int32 { failure() ?? real.sync(descriptor) }
    func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        if let number = failure() { return .failure(FileError(-number)) }
        return real.status(descriptor)
    }
    func changeOwner(_ descriptor: Int32, _ owner: UInt32) -> Int32 {
        failure() ?? real.changeOwner(descriptor, owner)
    }
    func link(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        failure() ?? real.link(directory, from, to)
    }
    func rename(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        failure() ?? real.rename(directory, from, to)
    }
    func unlink(_ directory: Int32, _ name: String) -> Int32 {
        failure() ?? real.unlink(directory, name)
    }
    func lock(_ descriptor: Int32) -> Int32 { failure() ?? real.lock(descriptor) }
    func unlock(_ descriptor: Int32) -> Int32 { real.unlock(descriptor) }
}

@Suite struct VaultFailureTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    @Test func aFailureAtAnyCallLeavesTheOldVaultOrSaysThatItIsNot() throws {
        try put(try create(), "acme", Fake.token1)
        for number in [EIO, ENOSPC] {
            var call = 1
            while true {
                let files = FailingFiles()
                let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
                let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
                let before = (bytes: try scratch.bytes(), generation: vault.generation)
                files.fail(at: call, with: number)
                let found = status { try put(vault, "acme", Fake.token2) }
                let calls = files.count
                files.fail(at: .max, with: 0)
                if found == nil || found == .durabilityUnknown {
                    #expect(try open().generation == before.generation + 1, "call \(call)")
                } else {
                    #expect(found == .io, "call \(call)")
                    #expect(try scratch.bytes() == before.bytes, "call \(call)")
                    #expect(!scratch.exists(".new"), "call \(call)")
                }
                if found != nil {
                    #expect(vault.generation == before.generation, "call \(call)")
                    #expect(try vault.tenant(named: "acme").credential(account: nil).version > 0)
                }
                if calls < call { break }
                call += 1
            }
            #expect(call > 15)
            #expect(try open().tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
        }
    }

    @Test func aFailedCreationLeavesNothingButItsLock() throws {
        var call = 1
        while true {
            let files = FailingFiles()
            let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
            files.fail(at: call, with: ENOSPC)
            let found = status {
                _ = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
            }
            let isThere = found == nil || found == .durabilityUnknown
            #expect(scratch.exists("") == isThere, "call \(call)")
            if isThere { try put(try open(), "acme", Fake.token1) }
            #expect(!scratch.exists(".new"), "call \(call)")
            if files.count < call { break }
            unsafe unlink(scratch.vault)
            unsafe unlink(scratch.vault + ".prev")
            call += 1
        }
        #expect(call > 10)
    }

    @Test func aDiskThatKeepsSomethingElseIsNoticedAtOnce() throws {
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        files.lie()
        #expect(
            status { _ = try Vault.create(in: store, unlock: unlock, settings: Fake.settings) }
                == .io)
        #expect(!scratch.exists("") && !scratch.exists(".new"))
        _ = try create()
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        let before = try scratch.bytes()
        #expect(status { try put(vault, "acme", Fake.token1) } == .io)
        #expect(try scratch.bytes() == before)
    }

    @Test func afterAFailedSyncTheStoreRefusesToWriteUntilItIsOpenedAgain() throws {
        try put(try create(), "acme", Fake.token1)
        var found: [Status?] = []
        for call in 1..<60 {
            let files = FailingFiles()
            let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
            let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
            files.fail(at: call, with: EIO)
            let failed = status { try put(vault, "acme", Fake.token2) }
            guard store.isPoisoned.load(ordering: .relaxed) else { continue }
            found.append(failed)
            files.fail(at: .max, with: 0)
            #expect(status { try put(vault, "acme", Fake.token2) } == .io)
            try put(try open(), "acme", Fake.token2)
        }
        #expect(found == [.io, .durabilityUnknown])
    }

    @Test func interruptedCallsAreRepeated() throws {
        try put(try create(), "acme", Fake.token1)
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        files.fail(at: .max, with: 0)
        _ = try store.read()
        let calls = files.count
        var succeeded = 0
        for call in 1...calls {
            files.fail(at: call, with: EINTR)
            if status({ _ = try store.read() }) == nil { succeeded += 1 }
        }
        // All but opening and looking at the files, which do not wait on ext4.
        #expect(succeeded >= 3)
    }
}
