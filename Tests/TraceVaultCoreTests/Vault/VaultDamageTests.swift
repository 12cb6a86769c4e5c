// VaultDamageTests.swift - what is not a sound vault is refused, each kind with its own status.
//
// Files are crafted from a sound one; `reseal` repairs the hashes behind a change with the real
// keys, so that the check under test is the one that answers.

import Testing

@testable import TraceVaultCore

@Suite struct VaultDamageTests {
    private let sound: [UInt8]
    private let unlock: UnlockSecret
    private let keys: VaultKeys

    init() throws {
        unlock = try Fake.key()
        let store = MemoryStore()
        _ = try Fake.twoTenants(in: store, unlock)
        sound = try store.read().array
        keys = try Snapshot.open(ByteBuffer(sound), with: unlock).keys
    }

    // MARK: - Crafting

    private func opening(_ bytes: [UInt8], _ unlock: UnlockSecret? = nil) -> Status? {
        status { _ = try Snapshot.open(ByteBuffer(bytes), with: unlock ?? self.unlock) }
    }

    private func hash(_ bytes: ArraySlice<UInt8>, _ key: borrowing SecretBytes) throws -> [UInt8] {
        let hash = try unsafe Array(bytes).withUnsafeBytes { bytes in
            Array(try unsafe Sealing.derive(key, bytes).withUnsafeBytes { unsafe Array($0) })
        }
        return hash
    }

    /// Repairs what stands behind a change: `mac` the header's MAC, `body` the body's.
    private func reseal(_ bytes: inout [UInt8], mac: Bool, body: Bool) throws {
        if mac { bytes.replaceSubrange(4032..<4064, with: try hash(bytes[..<4032], keys.header)) }
        Fake.rehash(&bytes)
        guard body else { return }
        let fileID = ByteBuffer(bytes).withBytes { $0.identifier(at: 40) }
        let key = try keys.body(of: try #require(fileID))
        let end = bytes.count - 32
        bytes.replaceSubrange(end..., with: try hash(bytes[..<end], key))
    }

    private func changed(
        mac: Bool = true, body: Bool = true, _ change: (inout [UInt8]) -> Void
    ) throws -> [UInt8] {
        var bytes = sound
        change(&bytes)
        try reseal(&bytes, mac: mac, body: body)
        return bytes
    }

    // MARK: - One status for each kind

    @Test func aSoundVaultOpensAndResealingChangesNothing() throws {
        #expect(opening(sound) == nil)
        #expect(try changed { _ in } == sound)
    }

    @Test func whatIsNotAVaultIsSaidToBeNone() throws {
        for bytes in [[], Array("hello".utf8), [UInt8](repeating: 0, count: 10_000)] {
            #expect(opening(bytes) == .notVault)
        }
        var text = sound
        text[4] = 0x0A  // what a text-mode transfer does to CR LF
        #expect(opening(text) == .notVault)
    }

    @Test func aNewerVersionIsSaidToBeNewer() throws {
        #expect(opening(try changed { $0[8] = 3 }) == .vaultVersion)
        #expect(opening(try changed { $0[12] = 1 }) == .vaultVersion)
        #expect(opening(try changed { $0[80] = 2 }) == .vaultVersion)
        #expect(opening(try changed { $0[81] = 2 }) == .vaultVersion)
        // A newer minor version and optional flags are readable.
        #expect(opening(try changed { $0[10] = 9 }) == nil)
        #expect(opening(try changed { $0[16] = 1 }) == nil)
    }

    @Test func aDamagedHeaderIsSaidToBeDamaged() throws {
        var flipped = sound
        flipped[30] ^= 1
        #expect(opening(flipped) == .damagedHeader)
        #expect(opening(try changed { $0[82] = 0 }) == .damagedHeader)
        #expect(opening(try changed { $0[82] = 9 }) == .damagedHeader)
        #expect(opening(try changed { $0[83] = 1 }) == .damagedHeader)
        #expect(opening(try changed { $0[20] = 1 }) == .damagedHeader)
        #expect(opening(try changed { $0[3000] = 1 }) == .damagedHeader)
        #expect(opening(try changed { $0[96] = 77 }) == .damagedHeader)
        #expect(opening(try changed { $0[96 + 256] = 1 }) == .damagedHeader)
    }

    private static func store(
        _ value: UInt64, at start: Int, count: Int, _ bytes: inout [UInt8]
    ) {
        for place in 0..<count {
            bytes[start + place] = UInt8(truncatingIfNeeded: value >> (8 * place))
        }
    }

    /// The sound file with its slot turned into a passphrase slot of this cost.
    private func slot(passes: UInt32, memory: UInt64, lanes: UInt8 = 1) throws -> [UInt8] {
        try changed { bytes in
            bytes[96] = 1
            Self.store(UInt64(passes), at: 100, count: 4, &bytes)
            Self.store(memory, at: 104, count: 8, &bytes)
            bytes[112] = lanes
        }
    }

    @Test func anAbsurdOrWeakCostIsRefusedBeforeAnythingIsAllocated() throws {
        let phrase = try Fake.passphrase()
        let mib: UInt64 = 1_048_576
        for bytes in [
            try slot(passes: 3, memory: 4_398_046_511_104), try slot(passes: 3, memory: .max),
            try slot(passes: 11, memory: 64 * mib), try slot(passes: .max, memory: 64 * mib),
            try slot(passes: 3, memory: 64 * mib, lanes: 4),
            try slot(passes: 5, memory: 1024 * mib),
            try slot(passes: 3, memory: 64 * mib + 1),
        ] {
            #expect(opening(bytes, phrase) == .kdfBounds)
        }
        for bytes in [
            try slot(passes: 1, memory: 64 * mib), try slot(passes: 2, memory: 19 * mib - 1024),
            try slot(passes: 3, memory: 0),
        ] {
            #expect(opening(bytes, phrase) == .weakKDF)
            // Also when another kind of secret is tried: the answer does not depend on it.
            #expect(opening(bytes) == .weakKDF)
        }
    }

    @Test func aDamagedSlotIsSaidBeforeAnAbsurdCostOfAnother() throws {
        var bytes = try slot(passes: .max, memory: .max)
        bytes[82] = 2
        bytes[96 + 256] = 77
        try reseal(&bytes, mac: true, body: true)
        #expect(opening(bytes) == .damagedHeader)
    }

    @Test func aWrongKeyAndAForgedSlotAnswerAlike() throws {
        #expect(opening(sound, try Fake.key(8)) == .unlock)
        #expect(opening(sound, try Fake.passphrase()) == .unlock)
        // salt, commitment, nonce, wrapped key
        for place in [128, 144, 176, 200, 247] {
            #expect(opening(try changed { $0[place] ^= 1 }) == .unlock)
        }
    }

    @Test func anAlteredHeaderIsSaidToBeAltered() throws {
        // generation, record count, times, epoch, a slot's label
        for place in [56, 84, 72, 88, 2144, 96 + 152] {
            #expect(opening(try changed(mac: false) { $0[place] ^= 1 }) == .headerMAC)
        }
    }

    @Test func aDamagedBodyIsSaidToBeDamaged() throws {
        #expect(opening(try changed(body: false) { $0[5000] ^= 1 }) == .damagedBody)
        #expect(opening(sound + [0]) == .damagedBody)
        #expect(opening(try changed { $0[64] ^= 1 }) == .damagedBody)
        #expect(opening(try changed { $0[84] ^= 1 }) == .damagedBody)
        #expect(opening(try changed { $0[2144] ^= 2 }) == .damagedBody)
        // A record's type, reserved byte, lengths.
        for (place, byte) in [(4096, 0), (4096, 9), (4097, 1), (4100, 1), (4104, 0), (4107, 0xFF)] {
            #expect(opening(try changed { $0[place] = UInt8(byte) }) == .damagedBody)
        }
    }

    @Test func aRecordThatDoesNotOpenIsSaidSo() throws {
        let epochCount = VaultRecord.headCount + 48
        let tenant = 4096 + epochCount
        // The epoch key's nonce and secret, the first tenant's version, epoch and metadata.
        for place in [4096 + 64, 4096 + 88, tenant + 32, tenant + 12, tenant + 40, tenant + 90] {
            #expect(opening(try changed { $0[place] ^= 1 }) == .recordAuth)
        }
    }

    @Test func recordsOutOfOrderOrTwiceAreRefused() throws {
        let start = 4096
        let count = VaultRecord.headCount + 48
        var doubled = sound
        doubled.insert(contentsOf: sound[start..<start + count], at: start)
        Self.store(UInt64(doubled.count - 4128), at: 64, count: 8, &doubled)
        doubled[84] += 1
        try reseal(&doubled, mac: true, body: true)
        #expect(opening(doubled) == .damagedBody)
    }

    // MARK: - Many

    @Test func everyTruncationIsRefused() {
        for count in 0..<sound.count {
            let found = opening(Array(sound[..<count]))
            #expect(found == (count < 4128 ? .notVault : .damagedBody), "cut at \(count)")
        }
    }

    @Test func oneFlippedBitAnywhereIsRefused() {
        for place in sound.indices {
            var bytes = sound
            bytes[place] ^= 1 << UInt8(place % 8)
            let found = opening(bytes)
            let expected: Set<Status> =
                switch place {
                case 0..<8: [.notVault]
                case 8..<10, 12..<16: [.vaultVersion]
                case 4096...: [.damagedBody]
                default: [.damagedHeader]
                }
            #expect(found.map(expected.contains) == true, "bit flipped in byte \(place)")
        }
    }

    @Test func aRecordOfAnotherVaultDoesNotOpen() throws {
        let other = MemoryStore()
        _ = try Vault.create(in: other, unlock: try Fake.key(9), settings: Fake.settings)
        let foreign = try other.read().array
        let count = VaultRecord.headCount + 48
        let spliced = try changed {
            $0.replaceSubrange(4096..<4096 + count, with: foreign[4096..<4096 + count])
        }
        #expect(opening(spliced) == .recordAuth)
    }

    @Test func everyMessageIsOneHelpfulLine() throws {
        var flipped = sound
        flipped[30] ^= 1
        let failure = #expect(throws: Failure.self) {
            try Snapshot.open(ByteBuffer(flipped), with: unlock)
        }
        let message = try #require(failure?.message)
        #expect(!message.contains("\n") && message.contains("restore"))
    }
}
