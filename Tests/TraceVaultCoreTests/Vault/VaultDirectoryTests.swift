// VaultDirectoryTests.swift - a vault whose directory is named through a link that leads elsewhere
// later, as a release or a volume is exchanged.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct VaultDirectoryTests: VaultOnDisk {
    /// Where the link leads first.
    let scratch: Scratch
    private let two: Scratch
    /// Holds nothing but the link.
    private let place: Scratch
    let unlock: UnlockSecret
    private var link: String { place.vault }
    private var path: String { link + "/soc.vault" }

    init() throws {
        (scratch, two, place) = (try Scratch(), try Scratch(), try Scratch())
        unlock = try Fake.key()
    }

    private static func lead(_ link: String, to directory: String) {
        unsafe unlink(link)
        #expect(unsafe symlink(directory, link) == 0)
    }

    private func open(_ path: String) throws -> Vault {
        try Vault.open(path: path, unlock: unlock, settings: Fake.settings)
    }

    /// A vault behind the link, and its copy in the other directory, which is one state ahead:
    /// there `globex` was removed.
    private func exchangeable() throws -> Vault {
        Self.lead(link, to: scratch.path)
        let vault = try Vault.create(path: path, unlock: unlock, settings: Fake.settings)
        try change(vault) {
            try $0.put("acme", Fake.account1, token: Fake.token1)
            try $0.put("globex", Fake.account2, token: Fake.token2)
        }
        try two.write(scratch.bytes())
        try change(open(two.vault)) { try $0.removeTenant("globex") }
        return vault
    }

    @Test func whatWasRemovedWhereTheLinkLeadsNowIsLentNoMore() throws {
        let vault = try exchangeable()
        let tenant = try vault.tenant(named: "globex")
        _ = try tenant.header(nil)
        Self.lead(link, to: two.path)
        #expect(try vault.refresh())
        #expect(status { _ = try tenant.header(nil) } == .notFound)
    }

    @Test func aLinkThatLeadsToNoVaultIsAVaultThatCannotBeFollowed() throws {
        let vault = try exchangeable()
        unsafe unlink(two.vault)
        Self.lead(link, to: two.path)
        #expect(status { _ = try vault.refresh() } == .noVault)
        unsafe unlink(link)
        #expect(status { _ = try vault.refresh() } == .io)
        Self.lead(link, to: scratch.path)
        #expect(try !vault.refresh())
    }

    @Test func anEditGoesWhereTheLinkLeadsNow() throws {
        let vault = try exchangeable()
        let old = try scratch.bytes()
        Self.lead(link, to: two.path)
        try change(vault) { try $0.put("hooli", Fake.account2, token: Fake.token2) }
        #expect(try scratch.bytes() == old)
        let newest = try open(two.vault)
        #expect(status { _ = try newest.tenant(named: "globex") } == .notFound)
        _ = try newest.tenant(named: "hooli")
    }

    /// Its lock is one of the directory that the link led to before, where nobody waits for it.
    @Test func anEditWhoseLinkLeadsElsewhereUnderItsLockChangesNothing() throws {
        _ = try exchangeable()
        let (before, after) = (try scratch.bytes(), try two.bytes())
        let (link, next) = (link, two.path)
        let files = ChangingFiles(afterLock: { place in
            if place == 0 { Self.lead(link, to: next) }
        })
        let vault = try Vault.open(
            in: try FileStore(path: path, Fake.settings, files: files), unlock: unlock,
            settings: Fake.settings)
        let edit = vault.edit()
        try edit.put("hooli", Fake.account2, token: Fake.token2)
        #expect(status { try edit.commit() } == .conflict)
        #expect(try scratch.bytes() == before)
        #expect(try two.bytes() == after)
        // Once it is made anew it goes where the link leads.
        try change(vault) { try $0.put("hooli", Fake.account2, token: Fake.token2) }
        #expect(try scratch.bytes() == before)
        _ = try open(two.vault).tenant(named: "hooli")
    }

    /// Root's would be in the way of whoever brings the vault there.
    @Test func anEditThatFindsNoVaultLeavesNoLock() throws {
        let vault = try exchangeable()
        for name in ["", ".lock", ".prev"] { unsafe unlink(two.vault + name) }
        Self.lead(link, to: two.path)
        #expect(
            status { try change(vault) { try $0.put("hooli", Fake.account2, token: Fake.token2) } }
                == .noVault)
        #expect(!two.exists(".lock"))
    }

    @Test func nothingIsReadForAWriteWithoutTheLockOfItsDirectory() throws {
        _ = try exchangeable()
        let store = try FileStore(path: path, Fake.settings)
        let lease = try store.leaseToBegin(timeoutMs: 0)
        defer { lease.release() }
        Self.lead(link, to: two.path)
        #expect(
            status { _ = try store.readBeside("", most: 8, isLocked: true) } == .conflict)
        #expect(try store.readBeside("", most: 8)?.count == 9)
    }

    @Test func nothingIsWrittenBesideAVaultWithoutTheLockOfItsDirectory() throws {
        _ = try exchangeable()
        let store = try FileStore(path: path, Fake.settings)
        #expect(status { try store.putBeside(".seen", ByteBuffer([1])) } == .conflict)
        let lease = try store.lease(timeoutMs: 0)
        Self.lead(link, to: two.path)
        #expect(status { try store.putBeside(".seen", ByteBuffer([1])) } == .conflict)
        Self.lead(link, to: scratch.path)
        try store.putBeside(".seen", ByteBuffer([1]))
        lease.release()
        #expect(status { try store.putBeside(".seen", ByteBuffer([1])) } == .conflict)
    }
}
