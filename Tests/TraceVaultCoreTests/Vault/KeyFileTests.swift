// KeyFileTests.swift - key files that change while they are read, or that hold no key.

import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct KeyFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func write(_ bytes: [UInt8]) throws { try scratch.write(bytes, mode: 0o400) }

    private static let random: [UInt8] = (0..<40).map { UInt8($0 * 37 & 0xFF) }

    private func key() throws { _ = try KeyFile.key(path: scratch.vault) }

    @Test func aFileThatIsCutOrGrowsWhileItIsReadIsNoKey() throws {
        for length in [0, 20, 39, 41, 80] {
            try write(Self.random)
            let path = scratch.vault
            let files = ChangingFiles {
                unsafe chmod(path, 0o600)
                #expect(unsafe truncate(path, off_t(length)) == 0)
            }
            let failure = #expect(throws: Failure.self) {
                _ = try KeyFile.key(path: path, files: files)
            }
            #expect(failure?.status == .io, "\(length)")
            #expect(failure?.retriable == true)
            #expect(failure?.message.contains("changed") == true)
        }
        try write(Self.random)
        _ = try KeyFile.key(path: scratch.vault, files: ChangingFiles {})
    }

    @Test func aFewCharactersAgainAndAgainAreNoKey() throws {
        for text in [
            String(repeating: "a", count: 32), String(repeating: "abcde", count: 100),
        ] {
            try write(Array(text.utf8))
            #expect(status { try key() } == .argument, "\(text.prefix(8))")
        }
        try write([UInt8](repeating: 0, count: 65_536))
        #expect(status { try key() } == .argument)
        for text in ["0123456789abcdef0123456789abcdef", "40 dice: 1 2 3 4 5 6 3 1 4 2 6 5 1 3"] {
            try write(Array(text.utf8))
            #expect(status { try key() } == nil, "\(text)")
        }
    }

    /// One rule for keys, wherever they come from.
    @Test func bytesThatAreTheSameAgainAndAgainAreNoRawKeyEither() {
        func status(_ bytes: [UInt8]) -> Status? {
            TraceVaultCoreTests.status {
                _ = try unsafe bytes.withUnsafeBytes { try unsafe UnlockSecret(key: $0) }
            }
        }
        for kinds: UInt8 in 1...5 {
            #expect(status((0..<32).map { $0 % kinds }) == .argument, "\(kinds)")
        }
        #expect(status((0..<32).map { $0 % 6 }) == nil)
        #expect(status(Array(Self.random.prefix(32))) == nil)
        let failure = #expect(throws: Failure.self) {
            _ = try unsafe [UInt8](repeating: 9, count: 32).withUnsafeBytes {
                try unsafe UnlockSecret(key: $0)
            }
        }
        #expect(failure?.message.contains("again and again") == true)
    }

    @Test func aKeyFileWithASecondNameIsRefused() throws {
        try write(Self.random)
        #expect(unsafe link(scratch.vault, scratch.vault + ".other") == 0)
        #expect(status { try key() } == .unsafeFile)
        unsafe unlink(scratch.vault + ".other")
        #expect(status { try key() } == nil)
    }
}
