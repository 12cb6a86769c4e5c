// VaultMemoryTests.swift - guarded memory: wiped, bounded, honest about its protection.

import Testing

@testable import TraceVaultCore

@Suite struct VaultMemoryTests {
    @Test func aSlotIsWipedWhenItsSecretGoes() throws {
        let arena = GuardedArena()
        var address: UInt = 0
        func hold() throws {
            try unsafe Fake.withSecret(Fake.token1) {
                let secret = try unsafe SecretBytes(copying: $0, in: arena)
                unsafe secret.withUnsafeBytes {
                    address = UInt(bitPattern: $0.baseAddress)
                    #expect(unsafe $0.elementsEqual(Fake.token1.utf8))
                }
            }
        }
        try hold()
        let bytes = unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: address), count: 32)
        #expect(unsafe bytes.allSatisfy { $0 == 0 })
        #expect(arena.protection().damagedSlots == 0)
    }

    @Test func guardedMemoryGrowsToItsLimitAndSaysSo() throws {
        let arena = GuardedArena(limit: 2 * GuardedArena.chunkBytes)
        var slots: [GuardedArena.Slot] = []
        let outcome = status {
            while true { slots.append(try arena.claim(32)) }
        }
        #expect(outcome == .limit)
        // Keys take three quarters; the rest is for the secrets of requests.
        #expect(slots.count == GuardedArena.chunkBytes * 3 / 2 / 48)
        var secrets: [GuardedArena.Slot] = []
        let ending = status {
            while true { secrets.append(try arena.claim(64)) }
        }
        #expect(ending == .limit && secrets.count >= GuardedArena.chunkBytes / 2 / 80 - 2)
        for slot in secrets { arena.release(slot) }
        #expect(Set(slots.map(\.address)).count == slots.count)
        for slot in slots { arena.release(slot) }
        #expect(status { _ = try arena.claim(1) } == nil)
        #expect(status { _ = try arena.claim(4096) } == .limit)
    }

    @Test func aTenantHeldManyTimesTakesNoMoreThanOneHeldOnce() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try edit.put("greedy", Fake.account1, token: Fake.token1)
        try edit.put("modest", Fake.account2, token: Fake.token2)
        try edit.commit()
        let held = try (0..<50_000).map { _ in try vault.tenant(named: "greedy") }
        #expect(held.allSatisfy { $0 === held[0] })
        #expect(try vault.tenant(named: "modest").header(nil).hasSuffix(Fake.token2))
    }

    @Test func aBurstOfSmallSecretsLeavesRoomForLargerOnesAfterwards() throws {
        let arena = GuardedArena(limit: 2 * GuardedArena.chunkBytes)
        var slots: [GuardedArena.Slot] = []
        for size in [32, 64] {
            #expect(status { while true { slots.append(try arena.claim(size)) } } == .limit)
        }
        // One chunk stays in use by a single slot; the other one is cut anew.
        let kept = slots.removeFirst()
        for slot in slots { arena.release(slot) }
        var large: [GuardedArena.Slot] = []
        #expect(status { while true { large.append(try arena.claim(2048)) } } == .limit)
        #expect(large.count == GuardedArena.chunkBytes / (2048 + 16))
        #expect(!large.contains { $0.address == kept.address })
        #expect(Set(large.map(\.address)).count == large.count)
        for slot in large {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: UnsafeRawPointer(bitPattern: slot.address), count: 2048)
            #expect(unsafe bytes.allSatisfy { $0 == 0 })
        }
        #expect(status { _ = try arena.claim(32) } == nil)
        #expect(arena.protection().damagedSlots == 0)
    }

    @Test func aSlotWhoseNeighbourWasOverwrittenIsNeverUsedAgain() throws {
        let arena = GuardedArena()
        let slot = try arena.claim(32)
        let end = unsafe UnsafeMutableRawPointer(bitPattern: slot.address + 32)
        unsafe end?.storeBytes(of: 0, as: UInt64.self)
        arena.release(slot)
        #expect(arena.protection().damagedSlots == 1)
        #expect(try arena.claim(32).address != slot.address)
    }

    @Test func theProtectionThatWasObtainedIsReported() {
        var writer = JSONWriter(into: ByteBuffer(limit: 1024))
        MemoryProtection.describe(into: &writer)
        let text = writer.buffer.text
        #expect(text.contains("\"dontdump\":true,\"wipeonfork\":true,\"damaged_slots\":0}"))
        #expect(!text.contains("\"guarded_bytes\":0"))
    }

    @Test func anUnlockSecretMustHaveItsLength() throws {
        #expect(status { _ = try Fake.passphrase("") } == .argument)
        let longest = String(repeating: "x", count: 1024)
        #expect(status { _ = try Fake.passphrase(longest + "x") } == .argument)
        #expect(status { _ = try Fake.passphrase(longest) } == nil)
        for count in [0, 31, 33] {
            #expect(
                status {
                    try unsafe [UInt8](repeating: 1, count: count).withUnsafeBytes {
                        _ = try unsafe UnlockSecret(key: $0)
                    }
                } == .argument)
        }
    }
}
