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

    @Test func onlyALaterStateThanTheRekeyedOneIsFollowed() throws {
        let world = try world()
        let put = { (edit: Edit) in try edit.put("acme", Fake.account1, token: Fake.token2) }
        let (between, next, after) = (try later(put), try later(put, put), try later(put, put, put))
        try scratch.write(next)
        let rekeyed = try later { try $0.rekey(try Fake.key(9)) }
        #expect(try look(world, at: rekeyed) == .unlock)
        #expect(try look(world, at: between) == .rollback)
        // The rekeyed state's own generation is no later one.
        #expect(try look(world, at: after) == .rollback)
        try scratch.write(after)
        let latest = try later(put)
        #expect(try look(world, at: latest) == nil)
        #expect(try world.acme.header(nil).hasSuffix(Fake.token2))
        #expect(world.vault.following.trouble(nowMs: Vault.bootMs) == nil)
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
            if rehashed { bytes.replaceSubrange(4064..<4096, with: plainHash(bytes[..<4064])) }
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

    private func plainHash(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 32)
        unsafe Array(bytes).withUnsafeBytes { bytes in
            unsafe hash.withUnsafeMutableBytes {
                _ = unsafe Sealing.hash(bytes, key: nil, into: $0)
            }
        }
        return hash
    }

    /// Who rekeys may look at his own state before he knows that it is stored.
    @Test func aRekeyOfOnesOwnIsFollowed() throws {
        let world = try world()
        let before = try world.vault.current()
        try change(world.vault) { try $0.rekey(try Fake.key(3)) }
        let own = try world.vault.current()
        var state = VaultState(before)
        state.meet(rekeyed: own.header.revision)
        #expect(status { try state.checkFollowsRekey(before.header) } == .rollback)
        state.publish(own)
        #expect(status { try state.checkFollowsRekey(own.header) } == nil)
        #expect(try !world.vault.refresh())
        try put(world.vault, "acme", Fake.token2)
        #expect(world.vault.generation == 4)
    }
}
