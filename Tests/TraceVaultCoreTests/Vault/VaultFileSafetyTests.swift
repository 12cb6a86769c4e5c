// VaultFileSafetyTests.swift - names beside the vault that others took, files that were cut or
// made huge, times between two seconds.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

@Suite struct VaultFileSafetyTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private static let stranger: uid_t = 65_534

    private func make(_ suffix: String, _ bytes: [UInt8] = [], owner: uid_t = geteuid()) {
        unsafe unlink(scratch.vault + suffix)
        let descriptor = unsafe Glibc.open(scratch.vault + suffix, O_CREAT | O_WRONLY, 0o600)
        unsafe _ = bytes.withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        #expect(owner == geteuid() || fchown(descriptor, owner, owner) == 0)
        Glibc.close(descriptor)
    }

    private func owner(_ suffix: String) -> uid_t {
        var status = stat()
        #expect(unsafe lstat(scratch.vault + suffix, &status) == 0)
        return status.st_uid
    }

    /// An edit that meets the damage changes nothing; this one comes behind its look.
    @Test func aFileThatWasDamagedTakesNoGoodCopysPlace() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        try put(vault, "acme", Fake.token2)
        let (good, sound) = (try scratch.bytes(".prev"), ByteBuffer(try scratch.bytes()))
        let elsewhere = MemoryStore()
        try elsewhere.create(sound)
        try put(
            try Vault.open(in: elsewhere, unlock: unlock, settings: Fake.settings), "globex",
            Fake.token1)
        // As long as before, and with the same first bytes.
        var damaged = sound.array
        damaged[damaged.count - 100] ^= 1
        try scratch.write(damaged)
        let store = try FileStore(path: scratch.vault, Fake.settings)
        let lease = try store.lease(timeoutMs: 0)
        #expect(
            try store.replace(
                try elsewhere.read(), ifRevision: Revision(of: sound), keeping: sound))
        lease.release()
        #expect(try scratch.bytes(".prev") == good)
        // What was written is whole, and the next copy is one of it.
        let whole = try scratch.bytes()
        try vault.refresh()
        try put(vault, "globex", Fake.token2)
        #expect(try scratch.bytes(".prev") == whole)
        #expect(try open().tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
    }

    // MARK: - Names that somebody else took

    @Test(arguments: [".prev", ".prev.new"])
    func whatIsNotTheVaultsIsNeitherReplacedNorRemoved(suffix: String) throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        let key = Array("a key of forty-two bytes that is no vault.".utf8)
        make(suffix, key)
        #expect(status { try put(vault, "acme", Fake.token2) } == .unsafeFile)
        #expect(try scratch.bytes(suffix) == key)
        #expect(try open().tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
    }

    /// What a crash left of a writer's file: a part, or zeros.
    @Test(arguments: [[], [UInt8](repeating: 0, count: 600), [0x89, 0x54, 0x56]])
    func whatACrashLeftIsReplaced(bytes: [UInt8]) throws {
        let vault = try create()
        make(".new", bytes)
        try put(vault, "acme", Fake.token1)
        #expect(try open().tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func rootGivesNoFileAwayThatItDidNotMake() throws {
        _ = try create()
        #expect(unsafe chown(scratch.vault, Self.stranger, Self.stranger) == 0)
        // Renamed to this name by the directory's owner: any file of root's.
        for content in [[], Array("a file of root's".utf8)] {
            make(".lock", content)
            #expect(status { try put(try open(), "acme", Fake.token1) } == .unsafeFile)
            #expect(owner(".lock") == 0)
        }
        unsafe unlink(scratch.vault + ".lock")
        try put(try open(), "acme", Fake.token1)
        #expect(owner(".lock") == Self.stranger)
    }

    @Test func aLockThatIsNotEmptyOrHasASecondNameIsRefused() throws {
        let vault = try create()
        make(".lock", [1])
        #expect(status { try put(vault, "acme", Fake.token1) } == .unsafeFile)
        make(".lock")
        #expect(unsafe link(scratch.vault + ".lock", scratch.vault + ".other") == 0)
        #expect(status { try put(vault, "acme", Fake.token1) } == .unsafeFile)
        unsafe unlink(scratch.vault + ".other")
        #expect(status { try put(vault, "acme", Fake.token1) } == nil)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func anothersFileBesideTheVaultIsNamedAndStays() throws {
        let vault = try create()
        let before = try scratch.bytes()
        for name in [".lock", ".new", ".prev", ".prev.new"] {
            make(name, owner: Self.stranger)
            let failure = #expect(throws: Failure.self) { try put(vault, "acme", Fake.token1) }
            #expect(failure?.status == .unsafeFile, "\(name)")
            #expect(failure?.message.contains(name) == true)
            #expect(owner(name) == Self.stranger)
            #expect(try scratch.bytes() == before)
            unsafe unlink(scratch.vault + name)
        }
        try put(vault, "acme", Fake.token1)
    }

    @Test func noVaultIsMadeWhereAnybodyCanTakeTheNamesBesideIt() throws {
        unsafe chmod(scratch.path, 0o1777)
        #expect(status { _ = try create() } == .unsafeFile)
        #expect(!scratch.exists("") && !scratch.exists(".lock"))
        unsafe chmod(scratch.path, 0o700)
        let vault = try create()
        unsafe chmod(scratch.path, 0o1777)
        #expect(status { try put(vault, "acme", Fake.token1) } == nil)
        #expect(
            status {
                try vault.export(
                    tenant: nil, path: scratch.vault + ".other", unlock: unlock,
                    settings: Fake.settings)
            } == .unsafeFile)
    }

    // MARK: - Files that were cut or made huge

    @Test func aCutVaultIsNoticedAndNeverBecomesThePreviousGeneration() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        let previous = try scratch.bytes(".prev")
        let whole = try scratch.bytes()
        for count in [whole.count - 1, 4128, 4127, 96, 95, 64] {
            try scratch.write(Array(whole[..<count]))
            let wanted: Status = count >= 4128 ? .damagedBody : .notVault
            #expect(status { try vault.refresh() } == wanted, "\(count)")
            #expect(status { try put(vault, "acme", Fake.token2) } == wanted, "\(count)")
            #expect(try scratch.bytes(".prev") == previous, "\(count)")
        }
        try scratch.write(whole + [0])
        #expect(status { try vault.refresh() } == .damagedBody)
        try scratch.write(whole)
        #expect(status { try put(vault, "acme", Fake.token2) } == nil)
        #expect(try scratch.bytes(".prev") == whole)
    }

    @Test func aVaultOfExactlyTheLargestSizeIsNotTooLarge() throws {
        _ = try create()
        #expect(unsafe truncate(scratch.vault, off_t(VaultLayout.maximumCount)) == 0)
        #expect(status { _ = try open() } == .damagedBody)
        #expect(unsafe truncate(scratch.vault, off_t(VaultLayout.maximumCount) + 1) == 0)
        #expect(status { _ = try open() } == .limit)
    }

    @Test func aBodyThatDoesNotFitItsHeaderIsNotRead() throws {
        _ = try create()
        let store = try FileStore(path: scratch.vault, Fake.settings)
        #expect(unsafe truncate(scratch.vault, 512 * 1_048_576) == 0)
        #expect(try store.read().count < 8192)
        #expect(unsafe truncate(scratch.vault, 4200) == 0)
        #expect(try store.read().count < 4200)
        #expect(status { _ = try open() } == .damagedBody)
    }

    @Test func noRoomForWhatIsReadIsNotTheEndOfTheFile() throws {
        _ = try create()
        let store = try FileStore(path: scratch.vault, Fake.settings)
        let directory = try store.openDirectory()
        let file = try store.openVault(directory)
        #expect(
            status { _ = try store.fill(ByteBuffer(limit: 95), from: file, upTo: 96) }
                == .noMemory)
    }

    // MARK: - Settings and values

    @Test func boundsBetweenTwoSecondsAreKeptOrRoundedTheSafeWay() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        for (name, text, kept) in [
            ("not_before", "2999-01-01T00:00:00.9Z", "2999-01-01T00:00:00.900Z"),
            ("not_before", "2999-01-01T00:00:00.9000001Z", "2999-01-01T00:00:00.901Z"),
            ("not_before", "2999-12-31T23:59:59.9991Z", "3000-01-01T00:00:00.000Z"),
            ("not_before", "2999-01-01T00:00:00.0010000Z", "2999-01-01T00:00:00.001Z"),
            ("expires", "2999-01-01T00:00:00.9Z", "2999-01-01T00:00:00.900Z"),
            ("expires", "2999-01-01T00:00:00.0019999Z", "2999-01-01T00:00:00.001Z"),
        ] {
            try change(vault) {
                try $0.set(tenant: "acme", account: Fake.account1, name: name, value: text)
            }
            #expect(try vault.list().text.contains("\"\(name)\":\"\(kept)\""), "\(text)")
        }
    }

    @Test func everyWholeNumberOfKiBIsAPassphrasesCost() throws {
        var settings = Fake.settings
        settings.kdfMemoryKiB = 19_457
        let phrase = try Fake.passphrase()
        _ = try Vault.create(path: scratch.vault, unlock: phrase, settings: settings)
        _ = try Vault.open(path: scratch.vault, unlock: phrase, settings: settings)
    }

    @Test func writersInMemoryStandInLineAndNoneFails() throws {
        var settings = Fake.settings
        settings.lockTimeoutMs = 0
        let vault = try Vault.create(path: "", unlock: unlock, settings: settings)
        let failures = Atomic<Int>(0)
        try inParallel(4) { number in
            for round in 0..<30 {
                let edit = vault.edit()
                do {
                    try edit.put("tenant-\(number)", Fake.account1, token: Fake.token1)
                    try edit.set(
                        tenant: "tenant-\(number)", account: Fake.account1, name: "label",
                        value: "\(round)")
                    try edit.commit()
                } catch { failures.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(vault.generation == 121)
    }

    @Test func aWriterInMemoryThatStandsInLineEndsWhenItIsCancelled() throws {
        let store = MemoryStore()
        let first = try store.lease(timeoutMs: 0)
        var asked = 0
        let failed = status {
            let second = try store.lease(timeoutMs: 0) {
                asked += 1
                return asked > 3
            }
            second.release()
        }
        #expect(failed == .cancelled)
        first.release()
    }

    /// Whoever owns the folder may exchange the file for a moment, but owns no vault by that.
    @Test(.enabled(if: geteuid() == 0))
    func theNewVaultsOwnerIsThatOfTheFileThatWasCompared() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        let bytes = try scratch.bytes()
        let path = scratch.vault
        // Below 1 while the lock is taken.
        let looks = Atomic<Int>(-1_000_000)
        let store = try FileStore(
            path: path, Fake.settings,
            files: ChangingFiles {
                // The first two are at the directory.
                if looks.wrappingAdd(1, ordering: .relaxed).newValue == 3 {
                    _ = unsafe rename(path + ".away", path)
                }
            })
        let buffer = ByteBuffer(limit: bytes.count)
        _ = unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
        let revision = try Revision(of: buffer)
        let lease = try store.lease(timeoutMs: 0)
        defer { lease.release() }
        #expect(unsafe rename(path, path + ".away") == 0)
        make("", owner: Self.stranger)
        looks.store(0, ordering: .relaxed)
        let isReplaced = try? store.replace(buffer, ifRevision: revision, keeping: nil)
        #expect(isReplaced != true)
        #expect(owner("") == geteuid())
    }
}
