// VaultFailureTests.swift - a disk that fails at any call harms no vault and leaves nothing behind.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

/// What is wrong with a disk: from which call on, how, and whether it stays so.
private struct Fault: Sendable {
    var call = Int.max
    /// An errno; 0 makes reads and writes short instead, one byte at a time.
    var number: Int32 = EIO
    var isSticky = false

    /// What it comes to.
    var status: Status {
        switch number {
        case EMFILE: .noDescriptors
        case ENOMEM: .noMemory
        default: .io
        }
    }
}

/// The real file system with calls that fail, counted over all calls.
private final class FailingFiles: FileSystem {
    private let real = SystemFiles()
    private struct Plan {
        var fault = Fault()
        var count = 0
        var isLying = false
        var open: Set<Int32> = []
        var locked: Set<Int32> = []
        var closedTwice = false
        var failedCall: String?
        var atLock: (@Sendable () -> Void)?
        var atLink: (@Sendable () -> Void)?
    }
    private let plan = Lock(Plan())

    func fail(_ fault: Fault) {
        plan.withLock { plan in
            plan.fault = fault
            plan.count = 0
            plan.failedCall = nil
        }
    }

    func fail(at call: Int, with number: Int32) { fail(Fault(call: call, number: number)) }

    /// From now on the disk keeps something else than what is written.
    func lie() { plan.withLock { $0.isLying = true } }

    /// What somebody else does before every lock, before every link.
    func meanwhile(
        atLock: (@Sendable () -> Void)? = nil, atLink: (@Sendable () -> Void)? = nil
    ) {
        plan.withLock { ($0.atLock, $0.atLink) = (atLock, atLink) }
    }

    /// How many calls there were since the plan was made.
    var count: Int { plan.withLock { $0.count } }

    /// Whether every descriptor was closed once and every lock given up before.
    var isTidy: Bool {
        plan.withLock { $0.open.isEmpty && $0.locked.isEmpty && !$0.closedTwice }
    }

    /// Which call it was that failed.
    var failedCall: String? { plan.withLock { $0.failedCall } }

    private func isDue(_ call: String) -> Int32? {
        plan.withLock { plan in
            plan.count += 1
            let fault = plan.fault
            let isNow = fault.isSticky ? plan.count >= fault.call : plan.count == fault.call
            if isNow { plan.failedCall = call }
            return isNow ? fault.number : nil
        }
    }

    private func failure(_ call: String = #function) -> Int32? {
        guard let number = isDue(String(call.prefix { $0 != "(" })), number != 0 else { return nil }
        return -number
    }

    private func opened(_ descriptor: Int32) -> Int32 {
        if descriptor >= 0 { plan.withLock { _ = $0.open.insert(descriptor) } }
        return descriptor
    }

    func isMounted(_ descriptor: Int32) -> Bool { real.isMounted(descriptor) }

    func openDirectory(_ path: [CChar]) -> Int32 {
        opened(failure() ?? real.openDirectory(path))
    }
    func open(_ directory: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        opened(failure() ?? real.open(directory, name, mode))
    }
    func close(_ descriptor: Int32) {
        plan.withLock { plan in
            if plan.open.remove(descriptor) == nil { plan.closedTwice = true }
            // Closing gives up an open-file-description lock as well.
            plan.locked.remove(descriptor)
        }
        real.close(descriptor)
    }
    func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        switch isDue("read") {
        case nil: unsafe real.read(descriptor, bytes)
        case 0?:
            unsafe real.read(
                descriptor, UnsafeMutableRawBufferPointer(rebasing: bytes[..<min(1, bytes.count)]))
        case let number?: Int(-number)
        }
    }
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        if plan.withLock({ $0.isLying }) {
            return unsafe Array(bytes.dropLast() + [0x55]).withUnsafeBytes {
                unsafe real.write(descriptor, $0)
            }
        }
        switch isDue("write") {
        // Short writes, always.
        case nil:
            return unsafe real.write(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, 3000)]))
        case 0?:
            return unsafe real.write(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, 1)]))
        case let number?: return Int(-number)
        }
    }
    func sync(_ descriptor: Int32) -> Int32 { failure() ?? real.sync(descriptor) }
    func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        if let number = failure() { return .failure(FileError(-number)) }
        return real.status(descriptor)
    }
    func status(_ directory: Int32, _ name: String) -> Result<FileStatus, FileError> {
        if let number = failure() { return .failure(FileError(-number)) }
        return real.status(directory, name)
    }
    func changeOwner(_ descriptor: Int32, _ owner: UInt32) -> Int32 {
        failure() ?? real.changeOwner(descriptor, owner)
    }
    func link(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        plan.withLock { $0.atLink }?()
        return failure() ?? real.link(directory, from, to)
    }
    func rename(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        failure() ?? real.rename(directory, from, to)
    }
    func unlink(_ directory: Int32, _ name: String) -> Int32 {
        failure() ?? real.unlink(directory, name)
    }
    func lock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        if place == 0 { plan.withLock { $0.atLock }?() }
        let answer = failure() ?? real.lock(descriptor, place)
        if answer == 0, place == 0 { plan.withLock { _ = $0.locked.insert(descriptor) } }
        return answer
    }
    func unlock(_ descriptor: Int32, _ place: Int32) -> Int32 {
        if place == 0 { plan.withLock { _ = $0.locked.remove(descriptor) } }
        return real.unlock(descriptor, place)
    }
}

@Suite struct VaultFailureTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private static let numbers = [
        EIO, ENOSPC, EDQUOT, EINTR, EMFILE, ENOMEM, EROFS, EACCES, 0,
    ]

    /// Runs `body` with a fault at the first call, at the second, and so on, until none is met; it
    /// answers how many calls there were.
    private func atEveryCall(
        of what: String, _ body: (FailingFiles, Fault) throws -> Int
    ) throws {
        var cases = 0
        for number in Self.numbers {
            // Nothing is interrupted for ever: such calls are repeated until they are not.
            for isSticky in number == EINTR ? [false] : [false, true] {
                // The calls that short reads and writes add have no end: look at the first ones.
                for call in 1..<80 {
                    let files = FailingFiles()
                    let fault = Fault(call: call, number: number, isSticky: isSticky)
                    let calls = try body(files, fault)
                    #expect(files.isTidy, "\(what), \(fault)")
                    cases += 1
                    if calls < call { break }
                }
            }
        }
        print("I/O errors: \(cases) cases of \(what)")
    }

    @Test func aFailureAtAnyCallOfACommitLeavesTheOldVaultOrSaysThatItIsNot() throws {
        try put(try create(), "acme", Fake.token1)
        for forgets in [false, true] {
            try atEveryCall(of: forgets ? "a commit that forgets" : "a commit") { files, fault in
                let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
                let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
                let before = (bytes: try scratch.bytes(), generation: vault.generation)
                let edit = vault.edit()
                try edit.put("acme", Fake.account1, token: Fake.token2)
                if forgets { try edit.rekey(unlock) }
                files.fail(fault)
                let failure = failure { () throws(Failure) in try edit.commit() }
                let calls = files.count
                files.fail(at: .max, with: 0)
                let found = failure?.status
                if found == nil || found == .durabilityUnknown {
                    #expect(try open().generation == before.generation + 1, "\(fault)")
                    #expect(try open().tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
                    if found == nil, forgets {
                        #expect(!scratch.exists(".prev") && !scratch.exists(".prev.new"))
                    }
                } else {
                    #expect(found == fault.status || found == .busy, "\(fault)")
                    #expect(try scratch.bytes() == before.bytes, "\(fault)")
                    if !fault.isSticky { #expect(!scratch.exists(".new"), "\(fault)") }
                    if found == fault.status {
                        #expect(failure?.message.contains("unchanged") == true, "\(fault)")
                    }
                }
                if found != nil {
                    // Where the new vault is in place and opens with the known keys, it is seen.
                    let isSeen = found == .durabilityUnknown && !forgets
                    #expect(vault.generation == before.generation + (isSeen ? 1 : 0), "\(fault)")
                    #expect(try vault.tenant(named: "acme").credential(account: nil).version > 0)
                }
                // A failed sync leaves the store refusing; anything else leaves it fit for work.
                let next = status { try put(vault, "acme", Fake.token2) }
                let isPoisoned = store.isPoisoned.load(ordering: .relaxed)
                if found == .durabilityUnknown, forgets {
                    // The new keys are in place, and this handle does not have them.
                    #expect(next == .unlock, "\(fault)")
                } else {
                    #expect(next == (isPoisoned ? .io : nil), "\(fault)")
                }
                try put(try open(), "acme", Fake.token1)
                return calls
            }
        }
    }

    @Test func aFailureAtAnyCallOfOpeningIsSaidAndHarmsNothing() throws {
        try put(try create(), "acme", Fake.token1)
        let before = try scratch.bytes()
        try atEveryCall(of: "opening and refreshing") { files, fault in
            let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
            files.fail(fault)
            let found = status {
                let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
                try vault.refresh()
                _ = try vault.verify()
            }
            #expect(found == nil || found == fault.status, "\(fault)")
            #expect(try scratch.bytes() == before)
            return files.count
        }
    }

    @Test func aFailedCreationLeavesNothingButItsLock() throws {
        try atEveryCall(of: "creating") { files, fault in
            let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
            files.fail(fault)
            let found = status {
                _ = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
            }
            let isThere = found == nil || found == .durabilityUnknown
            #expect(isThere || found == fault.status || found == .busy, "\(fault)")
            #expect(scratch.exists("") == isThere, "\(fault)")
            if isThere { try put(try open(), "acme", Fake.token1) }
            if !fault.isSticky { #expect(!scratch.exists(".new"), "\(fault)") }
            for name in ["", ".prev", ".new"] { unsafe unlink(scratch.vault + name) }
            return files.count
        }
    }

    @Test func aLockOnAFileThatWasRemovedMeanwhileKeepsNobodyAway() throws {
        _ = try create()
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        let path = scratch.vault + ".lock"
        files.meanwhile(atLock: { [weak files] in
            files?.meanwhile()
            unsafe unlink(path)
        })
        let lease = try store.lease(timeoutMs: 1000)
        let other = try FileStore(path: scratch.vault, Fake.settings)
        #expect(status { _ = try other.lease(timeoutMs: 0) } == .busy)
        lease.release()
    }

    @Test func aLockFileThatIsRemovedAgainAndAgainMakesAWriterGiveUp() throws {
        _ = try create()
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        let path = scratch.vault + ".lock"
        files.meanwhile(atLock: { unsafe unlink(path) })
        #expect(status { _ = try store.lease(timeoutMs: 20) } == .busy)
        #expect(files.isTidy)
    }

    @Test func aWriterWithoutTheLockDoesNotGetItsHalfOfAFileNamed() throws {
        try put(try create(), "acme", Fake.token1)
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        let before = try scratch.bytes()
        let path = scratch.vault + ".new"
        files.meanwhile(atLink: {
            unsafe unlink(path)
            Glibc.close(unsafe Glibc.open(path, O_CREAT | O_WRONLY, 0o600))
        })
        #expect(status { try put(vault, "acme", Fake.token2) } == .conflict)
        #expect(try scratch.bytes() == before)
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

    @Test func anInterruptedReadWriteOrLockIsRepeated() throws {
        try put(try create(), "acme", Fake.token1)
        let files = FailingFiles()
        let store = try FileStore(path: scratch.vault, Fake.settings, files: files)
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        var repeated: [String: Int] = [:]
        for call in 1..<200 {
            files.fail(at: call, with: EINTR)
            let found = status { try put(vault, "acme", Fake.token2) }
            guard let failed = files.failedCall else { break }
            guard ["read", "write", "lock"].contains(failed) else {
                // fsync among them, which is never tried again.
                if failed == "sync" { break }
                continue
            }
            #expect(found == nil, "\(failed), call \(call)")
            repeated[failed, default: 0] += 1
        }
        #expect(Set(repeated.keys) == ["read", "write", "lock"])
    }
}
