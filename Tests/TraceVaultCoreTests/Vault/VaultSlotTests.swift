// VaultSlotTests.swift - unlock slots come and go, without a byte of the body changing.

import Testing

@testable import TraceVaultCore

@Suite struct VaultSlotTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private func add(_ vault: Vault, _ byte: UInt8, label: String = "") throws {
        let edit = vault.edit()
        try edit.addUnlock(try Fake.key(byte), known: unlock, label: label)
        try edit.commit()
    }

    private func remove(_ vault: Vault, _ index: Int) throws {
        let edit = vault.edit()
        try edit.removeUnlock(slot: index)
        try edit.commit()
    }

    private func opens(_ byte: UInt8) throws -> Status? {
        let key = try Fake.key(byte)
        return status {
            _ = try Vault.open(path: scratch.vault, unlock: key, settings: Fake.settings)
        }
    }

    @Test func eachSlotOpensTheVaultAndTheBodyStaysByteForByte() throws {
        let vault = try create()
        try put(vault, "acme", Fake.token1)
        let body = try scratch.bytes().dropFirst(4096).dropLast(32)
        let edit = vault.edit()
        try edit.addUnlock(try Fake.passphrase(), known: unlock, label: "break glass")
        try edit.addUnlock(try Fake.key(8), known: unlock, label: "")
        try edit.commit()
        let bytes = try scratch.bytes()
        #expect(bytes.dropFirst(4096).dropLast(32) == body)
        #expect(bytes[82] == 3)
        #expect(bytes[(96 + 256 + 152)...].starts(with: "break glass\0".utf8))
        for secret in [unlock, try Fake.passphrase(), try Fake.key(8)] {
            let opened = try Vault.open(
                path: scratch.vault, unlock: secret, settings: Fake.settings)
            #expect(try opened.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        }
    }

    @Test func aNewSlotAsksForTheVaultsPassphraseCost() throws {
        let vault = try create()
        let edit = vault.edit()
        try edit.addUnlock(try Fake.passphrase(), known: unlock, label: "")
        try edit.commit()
        let slot = Array(try scratch.bytes()[352...])
        #expect(Array(slot[4..<16]) == [2, 0, 0, 0, 0, 0, 0x30, 1, 0, 0, 0, 0])
    }

    @Test func eightSlotsAreInUseAtMostAndAGapIsFilledFirst() throws {
        let vault = try create()
        for byte in UInt8(20)...26 { try add(vault, byte) }
        #expect(status { try add(vault, 27) } == .limit)
        try remove(vault, 3)
        #expect(try scratch.bytes()[864..<1120].allSatisfy { $0 == 0 })
        #expect(try opens(22) == .unlock)
        #expect(try opens(26) == nil)
        try add(vault, 27)
        #expect(try opens(27) == nil)
        #expect(try scratch.bytes()[864] == 2)
        #expect(status { try add(vault, 28) } == .limit)
    }

    @Test func aRemovedSlotOpensNeitherTheVaultNorItsPreviousGeneration() throws {
        let vault = try create()
        try add(vault, 8)
        #expect(scratch.exists(".prev"))
        try remove(vault, 0)
        #expect(!scratch.exists(".prev"))
        #expect(try opens(7) == .unlock)
        #expect(try opens(8) == nil)
        try put(vault, "acme", Fake.token1)
        let previous = try ByteBuffer(scratch.bytes(".prev"))
        #expect(status { _ = try Snapshot.open(previous, with: unlock) } == .unlock)
    }

    @Test func theLastSlotAndOneThatIsNotInUseCannotBeRemoved() throws {
        let vault = try create()
        #expect(status { try remove(vault, 0) } == .argument)
        #expect(status { try remove(vault, 1) } == .notFound)
        for index in [-1, 8, .max, .min] {
            #expect(status { try remove(vault, index) } == .notFound)
        }
        let edit = vault.edit()
        try edit.addUnlock(try Fake.key(8), known: unlock, label: "")
        try edit.removeUnlock(slot: 0)
        #expect(status { try edit.removeUnlock(slot: 0) } == .notFound)
        try edit.commit()
        #expect(try opens(8) == nil)
    }

    @Test func whatDoesNotOpenTheVaultAddsNothing() throws {
        let vault = try create()
        for wrong in [try Fake.key(9), try Fake.passphrase()] {
            let edit = vault.edit()
            #expect(
                status { try edit.addUnlock(try Fake.key(8), known: wrong, label: "") }
                    == .unlock)
            try edit.commit()
        }
        #expect(vault.generation == 1)
    }

    @Test func labelsHaveBounds() throws {
        let vault = try create()
        let longest = String(repeating: "é", count: 20)
        for label in [longest + "x", "two\nlines", "\u{7F}", "\u{85}", "a\0b"] {
            #expect(status { try add(vault, 8, label: label) } == .argument)
        }
        try add(vault, 8, label: longest)
        #expect(try scratch.bytes()[504..<544].elementsEqual(longest.utf8))
    }

    @Test func aSlotThatAnotherWriterChangedIsAConflictAndNothingIsWritten() throws {
        let vault = try create()
        try add(vault, 8)
        let edit = vault.edit()
        try edit.removeUnlock(slot: 1)
        let other = try open()
        try remove(other, 1)
        try add(other, 9)
        #expect(status { try edit.commit() } == .conflict)
        #expect(try opens(9) == nil)
    }

    @Test func twoWritersDoNotRemoveEachOthersLastSlot() throws {
        let vault = try create()
        try add(vault, 8)
        let (one, two) = (vault.edit(), try open().edit())
        try one.removeUnlock(slot: 0)
        try two.removeUnlock(slot: 1)
        try one.commit()
        #expect(status { try two.commit() } == .argument)
        #expect(try opens(8) == nil)
    }

    @Test func slotsAddedByTwoWritersGetTheirOwnPlaces() throws {
        let vault = try create()
        let (one, two) = (vault.edit(), try open().edit())
        try one.addUnlock(try Fake.key(8), known: unlock, label: "")
        try two.addUnlock(try Fake.key(9), known: unlock, label: "")
        try one.commit()
        try two.commit()
        for byte in UInt8(7)...9 { #expect(try opens(byte) == nil) }
    }
}
