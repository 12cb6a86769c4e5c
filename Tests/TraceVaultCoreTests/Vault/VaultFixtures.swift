// VaultFixtures.swift - what the vault's tests share: cheap settings, fake secrets, scratch files.

import Glibc
import Testing

@testable import TraceVaultCore

enum Fake {
    static let account1 = "0123456789abcdef0123456789abcdef"
    static let account2 = "fedcba9876543210fedcba9876543210"
    static let token1 = "test-token-not-real-acme-01"
    static let token2 = "test-token-not-real-globex-02"
    static let key1 = "test-key-not-real-0123456789abcdef012"

    /// The cheapest settings that readers accept.
    static var settings: VaultSettings {
        var settings = VaultSettings()
        settings.kdfMemoryKiB = 19_456
        settings.kdfPasses = 2
        settings.lockTimeoutMs = 2_000
        return settings
    }

    static func passphrase(_ text: String = "correct horse") throws -> UnlockSecret {
        try unsafe withSecret(text) { try unsafe UnlockSecret(passphrase: $0) }
    }

    /// Those that count up from a byte.
    static func keyBytes(_ byte: UInt8) -> [UInt8] { (0..<32).map { byte &+ $0 } }

    static func key(_ byte: UInt8 = 7) throws -> UnlockSecret {
        try unsafe keyBytes(byte).withUnsafeBytes {
            try unsafe UnlockSecret(key: $0)
        }
    }

    static func withSecret<R>(
        _ text: String, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        try unsafe Array(text.utf8).withUnsafeBytes { try unsafe body($0) }
    }

    /// A vault with a token of acme's and a key of globex's.
    static func twoTenants(in store: any Store, _ unlock: UnlockSecret) throws -> Vault {
        let vault = try Vault.create(in: store, unlock: unlock, settings: settings)
        let edit = vault.edit()
        try edit.put("acme", account1, token: token1)
        try edit.put("globex", account2, email: "soc@example.com", key: key1)
        try edit.commit()
        return vault
    }

    /// Puts the header's hash right behind a change, which needs no key.
    static func rehash(_ vault: inout [UInt8]) {
        var hash = [UInt8](repeating: 0, count: Sealing.hashCount)
        unsafe Array(vault[..<4064]).withUnsafeBytes { head in
            unsafe hash.withUnsafeMutableBytes {
                _ = unsafe Sealing.hash(head, key: nil, into: $0)
            }
        }
        vault.replaceSubrange(4064..<4096, with: hash)
    }

    static func memoryVault() throws -> Vault {
        try Vault.create(path: "", unlock: try key(), settings: settings)
    }
}

extension Edit {
    func put(
        _ tenant: String, _ account: String, token: String, origin: String? = nil
    ) throws {
        try unsafe Fake.withSecret(token) {
            try unsafe putToken(tenant: tenant, account: account, token: $0)
        }
        if let origin { try set(tenant: tenant, account: account, name: "origin", value: origin) }
    }

    func put(_ tenant: String, _ account: String, email: String, key: String) throws {
        try unsafe Fake.withSecret(key) {
            try unsafe putKey(tenant: tenant, account: account, email: email, key: $0)
        }
    }
}

extension Tenant {
    func credential(account: String?) throws -> Credential {
        try look().credential(account: account)
    }

    func authorization(for credential: Credential) throws -> SecretHeader {
        try look().authorization(for: credential)
    }

    /// The secret header line; only tests turn a secret into text.
    func header(_ account: String?) throws -> String {
        let look = try look()
        let header = try look.authorization(for: look.credential(account: account))
        return unsafe header.cString.map { unsafe String(cString: $0) } ?? ""
    }
}

extension ByteBuffer {
    convenience init(_ bytes: [UInt8]) {
        self.init(limit: bytes.count + 1)
        unsafe bytes.withUnsafeBytes { _ = unsafe append($0) }
    }

    var array: [UInt8] { withBytes { span in unsafe span.withUnsafeBytes { unsafe Array($0) } } }
    var text: String { String(decoding: array, as: UTF8.self) }
}

/// Which status a call fails with; nil when it succeeds.
func status(_ body: () throws -> Void) -> Status? {
    do {
        try body()
        return nil
    } catch { return (error as? Failure)?.status }
}

/// A directory of its own, gone with the object.
final class Scratch {
    let path: String
    var vault: String { path + "/soc.vault" }

    init() throws {
        var template = Array("/tmp/tracevault-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure(.io, "no scratch directory") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for file in ["", ".other", ".all"] {
            for name in ["", ".lock", ".prev", ".new", ".prev.new", ".seen"] {
                unsafe unlink(vault + file + name)
            }
        }
        unsafe rmdir(path)
    }

    func bytes(_ suffix: String = "") throws -> [UInt8] {
        let descriptor = unsafe open(vault + suffix, O_RDONLY)
        guard descriptor >= 0 else { throw Failure(.io, "no such file") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1_048_576)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe read(descriptor, $0.baseAddress, $0.count)
        }
        return Array(bytes[..<count])
    }

    func write(_ bytes: [UInt8], mode: mode_t = 0o600) throws {
        unsafe unlink(vault)
        let descriptor = unsafe open(vault, O_CREAT | O_WRONLY | O_TRUNC, mode)
        guard descriptor >= 0 else { throw Failure(.io, "cannot write") }
        defer { close(descriptor) }
        fchmod(descriptor, mode)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        guard count == bytes.count else { throw Failure(.io, "cannot write") }
    }

    func exists(_ suffix: String) -> Bool { unsafe access(vault + suffix, F_OK) == 0 }
}

/// A suite about one vault file, opened by one secret.
protocol VaultOnDisk {
    var scratch: Scratch { get }
    var unlock: UnlockSecret { get }
}

extension VaultOnDisk {
    func change(_ vault: Vault, _ body: (Edit) throws -> Void) throws {
        let edit = vault.edit()
        try body(edit)
        try edit.commit()
    }

    func create() throws -> Vault {
        try Vault.create(path: scratch.vault, unlock: unlock, settings: Fake.settings)
    }

    func open() throws -> Vault {
        try Vault.open(path: scratch.vault, unlock: unlock, settings: Fake.settings)
    }

    func put(_ vault: Vault, _ tenant: String, _ token: String) throws {
        let edit = vault.edit()
        try edit.put(tenant, Fake.account1, token: token)
        try edit.commit()
    }
}
