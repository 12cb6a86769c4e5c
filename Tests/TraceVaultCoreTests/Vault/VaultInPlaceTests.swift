// VaultInPlaceTests.swift - a vault file that is changed in its place, behind its beginning.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct VaultInPlaceTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    /// Writes into the file as it is.
    private func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = unsafe Glibc.open(scratch.vault, O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let count = unsafe bytes.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset))
        }
        try #require(count == bytes.count)
    }

    /// When anything about the file changed last, in ns.
    private func changed() throws -> Int {
        var status = stat()
        try #require(unsafe stat(scratch.vault, &status) == 0)
        return status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec
    }

    @Test(arguments: [(96, Status.damagedHeader), (2144, .damagedHeader), (4100, .damagedBody)])
    func whatIsDestroyedBehindTheBeginningIsMetAndMended(offset: Int, expected: Status) throws {
        try put(try create(), "acme", Fake.token1)
        let vault = try open()
        #expect(try !vault.refresh())
        let sound = try scratch.bytes()
        try overwrite([UInt8](repeating: 0xA5, count: 64), at: offset)
        for _ in 0..<2 { #expect(status { try vault.refresh() } == expected) }
        #expect(status { try put(vault, "acme", Fake.token2) } == expected)
        #expect(vault.following.trouble(nowMs: Vault.bootMs)?.failure.status == expected)
        try overwrite(Array(sound[offset..<offset + 64]), at: offset)
        #expect(try !vault.refresh())
        #expect(vault.following.trouble(nowMs: Vault.bootMs) == nil)
        try put(vault, "acme", Fake.token2)
    }

    @Test func aLookAfterVerifyingADamagedFileStillMeetsIt() throws {
        try put(try create(), "acme", Fake.token1)
        let vault = try open()
        try overwrite([0xA5, 0xA5], at: 4100)
        #expect(status { _ = try vault.verify() } == .damagedBody)
        #expect(status { try vault.refresh() } == .damagedBody)
    }

    /// A process looks at each of its vaults every second.
    @Test func anUnchangedFileIsReadByItsBeginningAlone() throws {
        try put(try create(), "acme", Fake.token1)
        let size = try scratch.bytes().count
        let read = Lock(0)
        let files = ChangingFiles(atRead: { count in read.withLock { $0 += count } })
        let vault = try Vault.open(
            in: try FileStore(path: scratch.vault, Fake.settings, files: files), unlock: unlock,
            settings: Fake.settings)
        func look() throws -> Int {
            read.withLock { $0 = 0 }
            #expect(try !vault.refresh())
            return read.withLock { $0 }
        }
        for _ in 0..<3 { #expect(try look() == Revision.prefixCount) }
        // Nothing of what it holds has changed: one look more closely, and no failure.
        let touches: [() -> Int32] = [
            { unsafe chmod(scratch.vault, 0o600) }, { unsafe utimes(scratch.vault, nil) },
        ]
        for touch in touches {
            let before = try changed()
            // A file system's clock goes in steps.
            while try changed() == before { #expect(touch() == 0) }
            #expect(try look() == size)
            #expect(try look() == Revision.prefixCount)
        }
        // The same bytes in another file.
        try scratch.write(try scratch.bytes())
        #expect(try look() == size)
        #expect(try look() == Revision.prefixCount)
        #expect(vault.following.trouble(nowMs: Vault.bootMs) == nil)
    }
}
