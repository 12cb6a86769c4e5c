// VaultRollbackTests.swift - an open vault that has met a rekey never goes back behind it by
// itself, and whatever is not known to be one ends nothing for good.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct VaultRollbackTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    /// An open vault, the bytes that it knows, and those of its next generation under other keys.
    private struct World {
        let vault: Vault
        let acme: Tenant
        let known: [UInt8]
        let rekeyed: [UInt8]
    }

    private func world(maxStaleMs: Int64 = 900_000) throws -> World {
        var settings = Fake.settings
        settings.maxStaleMs = maxStaleMs
        try put(try create(), "acme", Fake.token1)
        let known = try scratch.bytes()
        let vault = try Vault.open(path: scratch.vault, unlock: unlock, settings: settings)
        let rekeyed = try later { try $0.rekey(try Fake.key(9)) }
        return World(
            vault: vault, acme: try vault.tenant(named: "acme"), known: known, rekeyed: rekeyed)
    }

    /// What others make of the file's bytes, one generation for each edit, elsewhere.
    private func later(_ edits: (Edit) throws -> Void...) throws -> [UInt8] {
        let store = MemoryStore()
        try store.create(ByteBuffer(try scratch.bytes()))
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        for edit in edits { try change(vault, edit) }
        return try store.read().array
    }

    private func look(_ world: World, at bytes: [UInt8]) throws -> Status? {
        try scratch.write(bytes)
        return status { try world.vault.refresh() }
    }

    @Test func theFileOfBeforeDoesNotUndoARekey() throws {
        let world = try world()
        #expect(try look(world, at: world.rekeyed) == .unlock)
        for _ in 0..<2 { #expect(try look(world, at: world.known) == .rollback) }
        #expect(status { _ = try world.vault.verify() } == .rollback)
        #expect(status { try put(world.vault, "acme", Fake.token2) } == .rollback)
        let trouble = try #require(world.vault.following.trouble(nowMs: Vault.bootMs))
        #expect(trouble.failure.status == .rollback)
        #expect(trouble.failure.message.contains("open it again"))
        // What came back may be meant: whoever opens it anew says so.
        world.vault.lock()
        try world.vault.unlock(unlock)
        #expect(try !world.vault.refresh())
        #expect(world.vault.following.trouble(nowMs: Vault.bootMs) == nil)
        #expect(try open().generation == 2)
    }

    @Test func nothingIsLentAnyMoreAfterTheFileOfBeforeWasPutBack() throws {
        let world = try world(maxStaleMs: 1)
        #expect(try look(world, at: world.rekeyed) == .unlock)
        try scratch.write(world.known)
        while world.vault.following.trouble(nowMs: Vault.bootMs)?.failure.status != .rollback {
            _ = try? world.acme.look()
            usleep(1000)
        }
        #expect(status { _ = try world.acme.header(nil) } == .stale)
    }

    /// Whoever has the secret of before may go on with the file of before.
    @Test func nothingThatOpensWithTheKeysOfBeforeARekeyIsFollowed() throws {
        let world = try world()
        let put = { (edit: Edit) in try edit.put("acme", Fake.account1, token: Fake.token2) }
        try scratch.write(world.known)
        let (next, later) = (try later(put), try later(put, put, put, put))
        #expect(try look(world, at: world.rekeyed) == .unlock)
        for bytes in [next, later] { #expect(try look(world, at: bytes) == .rollback) }
        // It may be meant: whoever unlocks it anew says so.
        try world.vault.unlock(unlock)
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
        #expect(try !world.vault.refresh())
    }

    @Test func theNewSecretTakesARekeyedStateUpInAVaultThatIsOpen() throws {
        let world = try world()
        #expect(try look(world, at: world.rekeyed) == .unlock)
        let next = try Vault.open(
            path: scratch.vault, unlock: try Fake.key(9), settings: Fake.settings)
        try change(next) { try $0.put("acme", Fake.account1, token: Fake.token2) }
        try world.vault.unlock(try Fake.key(9))
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
        #expect(world.vault.following.trouble(nowMs: Vault.bootMs) == nil)
        try change(next) { try $0.removeTenant("acme") }
        #expect(try world.vault.refresh())
        #expect(status { _ = try world.acme.header(nil) } == .notFound)
    }

    @Test func whoBeganWithTheOldKeysEndsNothingOfTheNewOnes() throws {
        let world = try world()
        let before = try world.vault.current()
        try scratch.write(world.rekeyed)
        try world.vault.unlock(try Fake.key(9))
        let next = try Vault.open(
            path: scratch.vault, unlock: try Fake.key(9), settings: Fake.settings)
        try put(next, "acme", Fake.token2)
        // As an edit that has waited for the other one.
        #expect(try world.vault.followed(before) === world.vault.current())
        for token in [Fake.token1, Fake.token2] {
            try put(world.vault, "acme", token)
            #expect(try !world.vault.refresh())
        }
        #expect(world.vault.following.trouble(nowMs: Vault.bootMs) == nil)
    }

    @Test func anUnlockWithTheOldSecretDoesNotForgetARekeyThatIsMetMeanwhile() throws {
        let world = try world()
        let store = OvertakenStore()
        try store.create(ByteBuffer(world.known))
        let vault = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        store.overtake(.read) {
            try? store.put(world.rekeyed)
            _ = try? vault.refresh()
        }
        #expect(status { try vault.unlock(unlock) } == .unlock)
        try store.put(world.known)
        #expect(status { try vault.refresh() } == .rollback)
    }

    @Test func whatWasRefusedIsForgottenOnceTheVaultIsFollowedAgain() throws {
        let world = try world()
        var damaged = world.known
        damaged[5000] ^= 1
        let steps: [([UInt8], Status, UInt8, [UInt8])] = [
            (damaged, .damagedBody, 0, world.known), (world.rekeyed, .unlock, 9, world.rekeyed),
        ]
        for (bytes, why, key, sound) in steps {
            try scratch.write(bytes)
            let look = try #require(world.vault.look())
            let found = try look.found()
            #expect(status { try world.vault.takeIn(found, of: look) } == why)
            #expect(world.vault.look()?.refused != nil)
            try scratch.write(sound)
            if key == 0 { try world.vault.refresh() } else { try world.vault.unlock(Fake.key(key)) }
            #expect(world.vault.look()?.refused == nil)
        }
    }

    @Test func theOldSecretDoesNotTakeUpARekeyedVaultThatIsOpen() throws {
        let world = try world()
        #expect(try look(world, at: world.rekeyed) == .unlock)
        #expect(status { try world.vault.unlock(unlock) } == .unlock)
        #expect(world.vault.following.trouble(nowMs: Vault.bootMs) != nil)
    }

    @Test func anEditBesideARekeyOfTheSameVaultGoesOnWithTheNewKeys() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        let before = try vault.current()
        try change(vault) { try $0.rekey(try Fake.key(3)) }
        // As a thread that had begun before: with the keys of then.
        #expect(try vault.followed(before) === vault.current())
        #expect(vault.following.trouble(nowMs: Vault.bootMs) == nil)
    }

    @Test func whatARekeyOfThisVaultIsStoringIsNoRekeyByOthers() throws {
        let world = try world()
        let held = try world.vault.current()
        let bytes = ByteBuffer(world.rekeyed)
        let revision = try Revision(of: bytes)
        world.vault.state.withLock { $0.coming = revision }
        #expect(try world.vault.opened(bytes, after: held) === held)
        #expect(world.vault.state.withLock { $0.rekeyed } == nil)
        world.vault.state.withLock { $0.coming = nil }
        #expect(status { _ = try world.vault.opened(bytes, after: held) } == .unlock)
    }

    /// Who copies a file over another one writes its beginning first, and may give up.
    @Test func theBeginningOfARekeyedFileIsNoRekey() throws {
        let world = try world()
        for count in [4096, 4128, world.rekeyed.count - 1] {
            let status = try look(world, at: Array(world.rekeyed[..<count]))
            #expect(status == .notVault || status == .unlock, "\(count)")
            #expect(try look(world, at: world.known) == nil, "\(count)")
        }
    }

    /// Headers that anybody can make without a key, or a fault of the disk.
    @Test func aDamagedOrAStrangeHeaderEndsNothingForGood() throws {
        let world = try world()
        var cases: [(String, [UInt8])] = []
        func add(
            _ name: String, _ bytes: [UInt8], rehashed: Bool, _ change: (inout [UInt8]) -> Void
        ) {
            var bytes = bytes
            change(&bytes)
            if rehashed { Fake.rehash(&bytes) }
            cases.append((name, bytes))
        }
        add("hash", world.rekeyed, rehashed: false) { $0[200] ^= 1 }
        add("half", world.rekeyed, rehashed: false) {
            $0.replaceSubrange(2048..<4096, with: world.known[2048..<4096])
        }
        add("own slots", world.known, rehashed: true) { $0[56] = 200 }
        add("same age", world.rekeyed, rehashed: true) { $0[56] = 2 }
        add("older", world.rekeyed, rehashed: true) { $0[56] = 1 }
        add("other vault", world.rekeyed, rehashed: true) { $0[24] ^= 1 }
        for (name, bytes) in cases {
            #expect(try look(world, at: bytes) != nil, "\(name)")
            #expect(try look(world, at: world.known) == nil, "\(name)")
        }
    }
}
