// VaultStoreTests.swift - the file behind a vault: nobody's change is lost, no failure harms it.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct VaultStoreTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
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
            func replace(
                _: ByteBuffer, ifRevision _: Revision, keeping _: ByteBuffer?
            ) throws(Failure) -> Bool { false }
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

    @Test func whatAWriterKilledWhileKeepingTheOldFileLeftBehindGoesWithThePreviousGeneration()
        throws
    {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        #expect(unsafe link(scratch.vault, scratch.vault + ".prev.new") == 0)
        try change(vault) { try $0.rekey(Fake.key(9)) }
        #expect(!scratch.exists(".prev") && !scratch.exists(".prev.new"))
    }

    /// However it goes: the previous generation would still open what it had.
    @Test func aTenantThatGoesWithItsLastAccountIsInNoPreviousGeneration() throws {
        let vault = try create()
        try change(vault) {
            try $0.put("acme", Fake.account1, token: Fake.token1)
            try $0.put("acme", Fake.account2, token: Fake.token1)
            try $0.put("globex", Fake.account1, token: Fake.token2)
        }
        try change(vault) { try $0.remove(tenant: "acme", account: Fake.account2) }
        #expect(scratch.exists(".prev"))
        try change(vault) { try $0.remove(tenant: "acme", account: Fake.account1) }
        #expect(!scratch.exists(".prev"))
        try put(vault, "globex", Fake.token1)
        let previous = try Snapshot.open(ByteBuffer(try scratch.bytes(".prev")), with: unlock)
        #expect(previous.tenants.map(\.name.text) == ["globex"])
        // Its name and its new credential are there again, under another key.
        try change(vault) {
            try $0.removeTenant("globex")
            try $0.put("globex", Fake.account1, token: Fake.token2)
        }
        #expect(!scratch.exists(".prev"))
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
        #expect(status { _ = try open() } == .noVault)
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

    @Test func aLockThatOthersCanOpenIsRefused() throws {
        let vault = try create()
        unsafe chmod(scratch.vault + ".lock", 0o666)
        #expect(status { try put(vault, "acme", Fake.token1) } == .unsafeFile)
        unsafe unlink(scratch.vault + ".lock")
        #expect(unsafe mkfifo(scratch.vault + ".lock", 0o600) == 0)
        #expect(status { try put(vault, "acme", Fake.token1) } == .unsafeFile)
        unsafe unlink(scratch.vault + ".lock")
        #expect(status { try put(vault, "acme", Fake.token1) } == nil)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can write to another user's vault"))
    func rootWritingAnotherUsersVaultLeavesAllFilesTheirs() throws {
        _ = try create()
        unsafe unlink(scratch.vault + ".lock")
        #expect(unsafe chown(scratch.vault, 65_534, 65_534) == 0)
        try put(try open(), "acme", Fake.token1)
        for name in ["", ".lock", ".prev"] {
            var status = stat()
            #expect(unsafe stat(scratch.vault + name, &status) == 0)
            #expect(status.st_uid == 65_534, "\(name)")
        }
    }

    @Test func aTooLargeBodyIsRefusedBeforeItIsRead() throws {
        _ = try create()
        #expect(unsafe truncate(scratch.vault, 600 * 1_048_576) == 0)
        #expect(status { _ = try open() } == .limit)
    }
}
