// VaultStoreTests.swift - the file behind a vault: nobody's change is lost, no failure harms it.

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
    }
    private let plan = Mutex(Plan())

    func fail(at call: Int, with number: Int32) {
        plan.withLock { $0 = Plan(failAt: call, count: 0, number: number) }
    }

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
        // Short writes, always.
        unsafe failure().map(Int.init)
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
    func linkUnnamed(_ descriptor: Int32, _ directory: Int32, _ name: String) -> Int32 {
        failure() ?? real.linkUnnamed(descriptor, directory, name)
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

@Suite struct VaultStoreTests {
    private let scratch: Scratch
    private let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private func create() throws -> Vault {
        try Vault.create(path: scratch.vault, unlock: unlock, settings: Fake.settings)
    }

    private func open() throws -> Vault {
        try Vault.open(path: scratch.vault, unlock: unlock, settings: Fake.settings)
    }

    private func put(_ vault: Vault, _ tenant: String, _ token: String) throws {
        let edit = vault.edit()
        try edit.put(tenant, Fake.account1, token: token)
        try edit.commit()
    }

    // MARK: - Several writers

    @Test func twoVaultsOnOnePathKeepEachOthersChanges() throws {
        let first = try create()
        let second = try open()
        let edits = (first.edit(), second.edit())
        try edits.0.put("acme", Fake.account1, token: Fake.token1)
        try edits.1.put("globex", Fake.account1, token: Fake.token2)
        try edits.0.commit()
        try edits.1.commit()
        #expect(second.generation == 3)
        #expect(first.generation == 2)
        #expect(try first.refresh())
        #expect(try first.refresh() == false)
        for vault in [first, second, try open()] {
            #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
            #expect(try vault.tenant(named: "globex").header(nil).hasSuffix(Fake.token2))
        }
    }

    @Test func aTenantSeesAnotherProcesssChangeAfterARefresh() throws {
        let first = try create()
        try put(first, "acme", Fake.token1)
        let acme = try first.tenant(named: "acme")
        try put(try open(), "acme", Fake.token2)
        #expect(try acme.header(nil).hasSuffix(Fake.token1))
        _ = try first.refresh()
        #expect(try acme.header(nil).hasSuffix(Fake.token2))
    }

    @Test func aStoreThatNeverAgreesIsAConflict() throws {
        final class Stubborn: Store {
            let real = MemoryStore()
            func read() throws(Failure) -> ByteBuffer { try real.read() }
            func revision() throws(Failure) -> Revision { try real.revision() }
            func create(_ bytes: ByteBuffer) throws(Failure) { try real.create(bytes) }
            func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
                try real.lease(timeoutMs: timeoutMs)
            }
            func replace(_: ByteBuffer, ifRevision _: Revision) throws(Failure) -> Bool { false }
        }
        var settings = Fake.settings
        settings.lockTimeoutMs = 20
        let vault = try Vault.create(in: Stubborn(), unlock: unlock, settings: settings)
        #expect(status { try put(vault, "acme", Fake.token1) } == .conflict)
        #expect(vault.generation == 1)
    }

    @Test func aWriterThatNeverLetsGoMakesOthersSayBusy() throws {
        var settings = Fake.settings
        settings.lockTimeoutMs = 30
        let vault = try create()
        let impatient = try Vault.open(path: scratch.vault, unlock: unlock, settings: settings)
        let store = try FileStore(path: scratch.vault, settings)
        let lease = try store.lease(timeoutMs: 0)
        #expect(status { try put(impatient, "acme", Fake.token1) } == .busy)
        lease.release()
        try put(vault, "acme", Fake.token1)
    }

    // MARK: - The file

    @Test func theFileIsPrivateAndThePreviousGenerationIsKept() throws {
        let vault = try create()
        let first = try scratch.bytes()
        try put(vault, "acme", Fake.token1)
        #expect(try scratch.bytes(".prev") == first)
        let second = try scratch.bytes()
        try put(vault, "acme", Fake.token2)
        #expect(try scratch.bytes(".prev") == second)
        #expect(!scratch.exists(".new") && !scratch.exists(".prev.new"))
        var status = stat()
        #expect(unsafe stat(scratch.vault, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func creatingOverAFileIsRefusedAndHarmless() throws {
        _ = try create()
        let before = try scratch.bytes()
        #expect(status { _ = try create() } == .exists)
        #expect(try scratch.bytes() == before)
    }

    @Test func unsafeFilesAreRefused() throws {
        _ = try create()
        unsafe chmod(scratch.vault, 0o640)
        #expect(status { _ = try open() } == .unsafeFile)
        unsafe chmod(scratch.vault, 0o600)
        unsafe chmod(scratch.path, 0o777)
        #expect(status { _ = try open() } == .unsafeFile)
        unsafe chmod(scratch.path, 0o1777)
        #expect(status { _ = try open() } == nil)
        unsafe chmod(scratch.path, 0o700)
        #expect(unsafe rename(scratch.vault, scratch.vault + ".other") == 0)
        #expect(unsafe symlink(scratch.vault + ".other", scratch.vault) == 0)
        #expect(status { _ = try open() } == .unsafeFile)
        unsafe unlink(scratch.vault)
        #expect(unsafe mkfifo(scratch.vault, 0o600) == 0)
        #expect(status { _ = try open() } == .unsafeFile)
    }

    @Test func absentAndForeignFilesAreSaidToBeSo() throws {
        #expect(status { _ = try open() } == .io)
        try scratch.write(Array("#!/bin/sh\n".utf8))
        #expect(status { _ = try open() } == .notVault)
        try scratch.write([UInt8](repeating: 0x41, count: 100_000))
        #expect(status { _ = try open() } == .notVault)
        for path in ["", "/", "/nowhere/at/all", ".", "..", scratch.path + "/"] {
            #expect(
                status { _ = try Vault.open(path: path, unlock: unlock, settings: Fake.settings) }
                    != nil)
        }
    }

    // MARK: - Failures at every step

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

    @Test func aTooLargeBodyIsRefusedBeforeItIsRead() throws {
        _ = try create()
        #expect(unsafe truncate(scratch.vault, 600 * 1_048_576) == 0)
        #expect(status { _ = try open() } == .limit)
    }
}
