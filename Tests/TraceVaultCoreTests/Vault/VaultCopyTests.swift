// VaultCopyTests.swift - a host starts from its copy while the store is away; nothing old that was
// put back, in the store or on the disk, is believed.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

/// A store on a server, which may be away, or be given an old object again.
private final class RemoteStore: Store {
    let isRemote = true
    let copy: StoreCopy?
    private let bytes: Lock<ByteBuffer?>
    private let failure = Lock<Failure?>(nil)

    init(_ bytes: ByteBuffer? = nil, copy: StoreCopy?) {
        self.copy = copy
        self.bytes = Lock(bytes)
    }

    /// Nil: it answers again.
    func fail(_ status: Status?) {
        failure.withLock { $0 = status.map { Failure($0, "the store says no") } }
    }

    func put(_ bytes: ByteBuffer) { self.bytes.withLock { $0 = bytes } }

    func read() throws(Failure) -> ByteBuffer {
        if let failure = failure.withLock({ $0 }) { throw failure }
        guard let bytes = bytes.withLock({ $0 }) else { throw Failure(.noVault, "nothing") }
        return bytes
    }

    func revision() throws(Failure) -> Revision { try Revision(of: read()) }

    func create(_ bytes: ByteBuffer) throws(Failure) { put(bytes) }

    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try MemoryStore().lease(timeoutMs: timeoutMs)
    }

    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        guard try revision() == expected else { return false }
        put(bytes)
        return true
    }
}

@Suite struct VaultCopyTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret
    private let store: RemoteStore
    private let away = Away()

    private final class Away: Sendable {
        private let lock = Lock<Status?>(nil)
        var status: Status? { lock.withLock { $0 } }
        func set(_ status: Status?) { lock.withLock { $0 = status } }
    }

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
        store = RemoteStore(copy: try StoreCopy(path: scratch.vault, Fake.settings))
        try put(try Vault.create(in: store, unlock: unlock, settings: Fake.settings), 1)
    }

    private func put(_ vault: Vault, _ number: Int) throws {
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: "test-token-not-real-\(number)")
        try edit.commit()
    }

    /// The host is started again: nothing is known but what is on its disk.
    private func restarted(maxStaleMs: Int64 = 900_000, bytes: ByteBuffer? = nil) throws -> Vault {
        var settings = Fake.settings
        settings.maxStaleMs = maxStaleMs
        settings.refreshMs = 1
        let copy = try StoreCopy(path: scratch.vault, settings)
        let again = RemoteStore(try bytes ?? stored(), copy: copy)
        again.fail(away.status)
        return try Vault.open(in: again, unlock: unlock, settings: settings, lookout: Lookout())
    }

    private func stored() throws -> ByteBuffer { try store.read() }

    /// How the store fails for a host that starts; nil: not at all.
    private func fail(_ status: Status?) { away.set(status) }

    private func token(_ vault: Vault) throws -> String {
        try vault.tenant(named: "acme").header(nil)
    }

    private func refusal(_ body: () throws -> Void) -> Status? { status(body) }

    // MARK: - While the store is away

    @Test(arguments: [Status.transport, .server, .rateLimited, .proxy, .replyTruncated])
    func aHostStartsFromItsCopyWhileTheStoreIsAway(why: Status) throws {
        fail(why)
        let vault = try restarted()
        #expect(try token(vault).hasSuffix("-1"))
        let told = try vault.describe().text
        #expect(told.contains("\"status\":\"\(why.name)\"") && told.contains("\"stale\":false"))
        // Nothing is changed that only the store may change.
        #expect(refusal { try put(vault, 2) } == why)
        let again = try #require(vault.store as? RemoteStore)
        again.fail(nil)
        try put(vault, 2)
        #expect(try token(vault).hasSuffix("-2"))
        #expect(try !vault.describe().text.contains("refresh_error"))
        #expect(try scratch.bytes() == again.read().array)
    }

    @Test(arguments: [Status.forbidden, .noVault, .redirect, .tls, .notVault, .noMemory])
    func whatRefusesUsHasAnswered(why: Status) throws {
        fail(why)
        #expect(refusal { _ = try restarted() } == why)
    }

    @Test func aLockedVaultIsUnlockedFromTheCopy() throws {
        let vault = try restarted()
        vault.lock()
        try #require(vault.store as? RemoteStore).fail(.transport)
        try vault.unlock(unlock)
        #expect(try token(vault).hasSuffix("-1"))
        #expect(try vault.describe().text.contains("refresh_error"))
        #expect(refusal { try vault.unlock(Fake.key(9)) } == .unlock)
    }

    @Test func withoutACopyTheStoresFailureIsTheAnswer() throws {
        unsafe unlink(scratch.vault)
        fail(.transport)
        #expect(refusal { _ = try restarted() } == .transport)
        unsafe unlink(scratch.vault + ".seen")
        #expect(refusal { _ = try restarted() } == .transport)
    }

    // MARK: - Nothing old is believed

    @Test func anOldObjectIsRefusedAlsoAfterARestart() throws {
        let old = try stored()
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        try put(vault, 2)
        try put(vault, 3)
        _ = try restarted()
        let failure = #expect(throws: Failure.self) { _ = try restarted(bytes: old) }
        #expect(failure?.status == .rollback)
        #expect(failure?.message.contains("generation 2") == true)
        // Nothing of the refused one was kept.
        #expect(try scratch.bytes() == stored().array)
        _ = try restarted()
    }

    /// A look of a process that runs judges by what another one of its host has seen.
    @Test func anOldObjectIsRefusedByWhatAnotherProcessOfTheHostHasSeen() throws {
        let old = try stored()
        let early = try restarted()
        let other = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        try put(other, 2)
        let middle = try stored()
        try put(other, 3)
        let shown = try #require(early.store as? RemoteStore)
        for bytes in [old, middle] {
            shown.put(bytes)
            #expect(refusal { try early.refresh() } == .rollback)
            #expect(refusal { try put(early, 4) } == .rollback)
            #expect(try token(early).hasSuffix("-1"))
            #expect(try shown.read().array == bytes.array)
        }
        shown.put(try stored())
        try early.refresh()
        #expect(try token(early).hasSuffix("-3"))
    }

    /// It was too late for the lock to end the call.
    @Test func whatACallFindsOrStoresWhileTheVaultIsLockedIsSeenByItsHost() throws {
        let apart = try Scratch()
        let copy = try StoreCopy(path: apart.vault, Fake.settings)
        let store = OvertakenStore(copy: copy)
        let vault = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
        store.overtake(.replace) { vault.lock() }
        try put(vault, 1)
        #expect(vault.isLocked)
        #expect(try copy.seen()?.revision == store.revision())
        #expect(try apart.bytes() == store.read().array)
        try vault.unlock(unlock)
        let elsewhere = RemoteStore(try store.read(), copy: nil)
        try put(
            try Vault.open(
                in: elsewhere, unlock: unlock, settings: Fake.settings, lookout: Lookout()), 2)
        try store.put(elsewhere.read().array)
        store.overtake(.read) { vault.lock() }
        _ = try? vault.refresh()
        #expect(vault.isLocked)
        #expect(try copy.seen()?.revision.generation == vault.generation)
    }

    @Test func anotherObjectOfTheSameAgeIsRefused() throws {
        let apart = RemoteStore(try stored(), copy: nil)
        try put(try Vault.open(in: apart, unlock: unlock, settings: Fake.settings), 8)
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        try put(vault, 2)
        #expect(refusal { _ = try restarted(bytes: apart.read()) } == .rollback)
    }

    @Test func anotherVaultIsRefusedAndNoneIsBegunThere() throws {
        let other = RemoteStore(copy: nil)
        _ = try Vault.create(in: other, unlock: unlock, settings: Fake.settings)
        #expect(refusal { _ = try restarted(bytes: other.read()) } == .conflict)
        let second = RemoteStore(copy: store.copy)
        #expect(
            refusal { _ = try Vault.create(in: second, unlock: unlock, settings: Fake.settings) }
                == .exists)
        #expect(refusal { _ = try second.read() } == .noVault)
    }

    /// An administrator who names a file of his own by mistake does not lose it.
    @Test func aFileThatIsNoCopyOfThisVaultIsNeverReplaced() throws {
        let other = RemoteStore(copy: nil)
        _ = try Vault.create(in: other, unlock: unlock, settings: Fake.settings)
        for bytes in [Array("my notes\n".utf8), [], try other.read().array] {
            unsafe unlink(scratch.vault + ".seen")
            try scratch.write(bytes)
            #expect(refusal { _ = try restarted() } == .exists)
            let begun = RemoteStore(copy: store.copy)
            #expect(
                refusal { _ = try Vault.create(in: begun, unlock: unlock, settings: Fake.settings) }
                    == .exists)
            #expect(refusal { _ = try begun.read() } == .noVault)
            #expect(try scratch.bytes() == bytes && !scratch.exists(".seen"))
        }
        // A copy whose mark was removed is one all the same.
        try scratch.write(stored().array)
        _ = try restarted()
        #expect(scratch.exists(".seen"))
    }

    /// What a rekey took away opens nothing here either, once the host has looked.
    @Test func aRekeyOnAnotherHostIsFollowedWithTheNewUnlock() throws {
        let other = try Vault.open(
            in: RemoteSide(store), unlock: unlock, settings: Fake.settings, lookout: Lookout())
        try change(other) { try $0.rekey(try Fake.key(9)) }
        #expect(refusal { _ = try restarted() } == .unlock)
        let copy = try StoreCopy(path: scratch.vault, Fake.settings)
        let again = RemoteStore(try stored(), copy: copy)
        let vault = try Vault.open(in: again, unlock: Fake.key(9), settings: Fake.settings)
        #expect(try token(vault).hasSuffix("-1"))
        #expect(try scratch.bytes() == stored().array)
    }

    @Test func anOldCopyIsRefused() throws {
        let old = try scratch.bytes()
        try put(try Vault.open(in: store, unlock: unlock, settings: Fake.settings), 2)
        try scratch.write(old)
        fail(.transport)
        #expect(refusal { _ = try restarted() } == .rollback)
        // The store mends it.
        fail(nil)
        #expect(try token(restarted()).hasSuffix("-2"))
        fail(.transport)
        #expect(try token(restarted()).hasSuffix("-2"))
    }

    @Test func aDamagedCopyOrMarkIsNotBelieved() throws {
        var bytes = try scratch.bytes()
        bytes[5000] ^= 1
        try scratch.write(bytes)
        fail(.transport)
        #expect(refusal { _ = try restarted() } == .damagedBody)
        fail(nil)
        let mark = unsafe Glibc.open(scratch.vault + ".seen", O_WRONLY)
        _ = unsafe pwrite(mark, "x", 1, 40)
        close(mark)
        #expect(refusal { _ = try restarted() } == .rollback)
        unsafe unlink(scratch.vault + ".seen")
        _ = try restarted()
        #expect(scratch.exists(".seen"))
    }

    @Test func aProcessThatRunsTellsADamagedMarkAndWritesItAnewOnceItIsRemoved() throws {
        let copy = try #require(store.copy)
        let held = try Snapshot.open(try stored(), with: unlock)
        let mark = unsafe Glibc.open(scratch.vault + ".seen", O_WRONLY)
        _ = unsafe pwrite(mark, "x", 1, 40)
        close(mark)
        #expect(copy.seen(of: held.header.vaultID) == nil)
        #expect(copy.trouble?.status == .rollback)
        let nowMs = tvs_wall_ms()
        #expect(refusal { try copy.keep(held.bytes, held.header, answeredMs: nowMs) } == .rollback)
        unsafe unlink(scratch.vault + ".seen")
        try copy.keep(held.bytes, held.header, answeredMs: nowMs + 9_999)
        #expect(!scratch.exists(".seen"))
        try copy.keep(held.bytes, held.header, answeredMs: nowMs + 10_000)
        #expect(copy.trouble == nil)
        #expect(copy.seen(of: held.header.vaultID)?.revision == held.header.revision)
    }

    // MARK: - How long it is good for

    /// Writes the mark as if the store had last answered then.
    private func answered(agoMs: Int64) throws {
        unsafe unlink(scratch.vault + ".seen")
        let snapshot = try Snapshot.open(try stored(), with: unlock)
        try StoreCopy(path: scratch.vault, Fake.settings).keep(
            snapshot.bytes, snapshot.header, answeredMs: tvs_wall_ms() - agoMs)
    }

    @Test func stalenessCountsFromWhenTheStoreLastAnswered() throws {
        fail(.transport)
        try answered(agoMs: 600_000)
        let vault = try restarted()
        let told = try #require(vault.following.trouble(nowMs: Vault.bootMs))
        #expect((599_000...700_000).contains(tvs_wall_ms() - told.sinceMs))
        #expect(status { try vault.following.check(nowMs: Vault.bootMs) } == nil)
        #expect(status { try vault.following.check(nowMs: Vault.bootMs + 300_001) } == .stale)
        try answered(agoMs: 900_001)
        #expect(refusal { _ = try restarted() } == .stale)
        // For ever, where the host says so.
        _ = try restarted(maxStaleMs: 0)
        // A clock that was put back proves nothing.
        try answered(agoMs: -60_000)
        #expect(refusal { _ = try restarted() } == .stale)
    }

    /// It was put right since; the store's next answer counts.
    @Test func aClockThatWasAheadDoesNotShutTheCopyOutForEver() throws {
        try answered(agoMs: -86_400_000)
        fail(.transport)
        #expect(refusal { _ = try restarted() } == .stale)
        fail(nil)
        _ = try restarted()
        fail(.transport)
        _ = try restarted()
    }

    @Test func anAnswerWithNothingNewMakesTheCopyGoodForLonger() throws {
        try answered(agoMs: 600_000)
        _ = try restarted()
        fail(.transport)
        let told = try #require(restarted().following.trouble(nowMs: Vault.bootMs))
        #expect(tvs_wall_ms() - told.sinceMs < 300_000)
    }

    // MARK: - How it is kept

    @Test func theCopyIsTheSealedBytesAndOpenToNobodyElse() throws {
        #expect(try scratch.bytes() == stored().array)
        for name in [scratch.vault, scratch.vault + ".seen"] {
            var found = stat()
            #expect(unsafe stat(name, &found) == 0)
            #expect(found.st_mode & 0o777 == 0o600)
        }
        #expect(!scratch.exists(".new") && !scratch.exists(".prev"))
    }

    @Test func aLookKeepsWhatItFinds() throws {
        let vault = try restarted()
        let other = try #require(vault.store as? RemoteStore)
        try put(
            try Vault.open(
                in: RemoteSide(other), unlock: unlock, settings: Fake.settings, lookout: Lookout()),
            2)
        while try scratch.bytes() != other.read().array {
            _ = vault.generation
            usleep(1000)
        }
        #expect(vault.generation == 3)
    }

    /// Another process of the same host that knows less takes nothing back.
    @Test func theNewestStateOfAllProcessesIsKept() throws {
        let late = try Snapshot.open(try stored(), with: unlock)
        try put(try Vault.open(in: store, unlock: unlock, settings: Fake.settings), 2)
        let other = try StoreCopy(path: scratch.vault, Fake.settings)
        try other.keep(late.bytes, late.header, answeredMs: tvs_wall_ms())
        #expect(try scratch.bytes() == stored().array)
        #expect(try other.seen()?.revision.generation == 3)
    }

    @Test func aCopyThatCannotBeKeptHoldsUpNoEditAndIsTold() throws {
        let vault = try restarted()
        unsafe chmod(scratch.path, 0o777)
        defer { unsafe chmod(scratch.path, 0o700) }
        try put(vault, 2)
        #expect(try token(vault).hasSuffix("-2"))
        #expect(
            try vault.describe().text.contains("\"copy_error\":{\"status\":\"TV_E_UNSAFE_FILE\""))
        #expect(refusal { _ = try restarted() } == .unsafeFile)
    }
}

/// The same store as another host sees it, which keeps no copy here.
private final class RemoteSide: Store {
    private let real: RemoteStore

    init(_ real: RemoteStore) { self.real = real }

    func read() throws(Failure) -> ByteBuffer { try real.read() }
    func revision() throws(Failure) -> Revision { try real.revision() }
    func create(_ bytes: ByteBuffer) throws(Failure) { try real.create(bytes) }
    func lease(timeoutMs: Int) throws(Failure) -> any StoreLease {
        try real.lease(timeoutMs: timeoutMs)
    }
    func replace(
        _ bytes: ByteBuffer, ifRevision expected: Revision, keeping previous: ByteBuffer?
    ) throws(Failure) -> Bool {
        try real.replace(bytes, ifRevision: expected, keeping: previous)
    }
}
