// VaultLockTests.swift - locked vaults, vaults that others change, vaults that go back in time.

import Glibc
import Synchronization
import Testing

@testable import TraceVaultCore

@Suite struct VaultLockTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    private func filled() throws -> Vault {
        let vault = try create()
        try put(vault, Fake.token1)
        return vault
    }

    private func put(_ vault: Vault, _ token: String) throws { try put(vault, "acme", token) }

    @Test func aLockedVaultAndItsTenantsDoNothingUntilItIsUnlocked() throws {
        let vault = try filled()
        let tenant = try vault.tenant(named: "acme")
        let credential = try tenant.credential(account: nil)
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token2)
        vault.lock()
        vault.lock()
        for attempt in [
            { _ = try tenant.header(nil) }, { _ = try tenant.list() },
            { _ = try tenant.authorization(for: credential) }, { _ = try vault.list() },
            { _ = try vault.tenant(named: "acme") }, { _ = try vault.describe() },
            { _ = try vault.verify() }, { try vault.refresh() }, { try edit.commit() },
            { try put(vault, Fake.token2) },
            { try vault.export(tenant: nil, path: "x", unlock: unlock, settings: Fake.settings) },
        ] as [() throws -> Void] {
            #expect(status(attempt) == .locked)
        }
        #expect(vault.generation == 2)
        #expect(status { try vault.unlock(Fake.key(9)) } == .unlock)
        #expect(status { _ = try tenant.header(nil) } == .locked)
        try vault.unlock(unlock)
        #expect(try tenant.header(nil).hasSuffix(Fake.token1))
        #expect(status { try vault.unlock(Fake.key(9)) } == .unlock)
    }

    private func overtaken() throws -> (store: OvertakenStore, vault: Vault) {
        let store = OvertakenStore()
        let vault = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
        try put(vault, Fake.token1)
        return (store, vault)
    }

    /// The vault is locked and unlocked again while a call of its own does this step.
    private func lockAndUnlock(
        _ vault: Vault, at step: OvertakenStore.Step, of store: OvertakenStore
    ) {
        let unlock = unlock
        store.overtake(step) {
            vault.lock()
            try? vault.unlock(unlock)
        }
    }

    @Test func anUnlockThatIsOvertakenByAChangeDoesNotBringTheOldStateBack() throws {
        let (store, vault) = try overtaken()
        let unlock = unlock
        vault.lock()
        store.overtake(.read) {
            try? vault.unlock(unlock)
            let edit = vault.edit()
            try? edit.put("acme", Fake.account1, token: Fake.token2)
            try? edit.commit()
        }
        try vault.unlock(unlock)
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
        #expect(try vault.current().header.generation == vault.generation)
    }

    @Test func anUnlockThatBeganBeforeALockDoesNotUndoIt() throws {
        let (store, vault) = try overtaken()
        for isOpen in [true, false] {
            if !isOpen { vault.lock() }
            store.overtake(.read) { vault.lock() }
            #expect(status { try vault.unlock(unlock) } == .locked)
            #expect(status { _ = try vault.list() } == .locked)
            try vault.unlock(unlock)
        }
    }

    @Test func anEditThatWaitsEndsWithTheLockAlsoWhereTheVaultIsUnlockedAgain() throws {
        let (store, vault) = try overtaken()
        lockAndUnlock(vault, at: .lease, of: store)
        #expect(status { try put(vault, Fake.token2) } == .locked)
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        try put(vault, Fake.token2)
    }

    /// It was too late for the lock to end it.
    @Test(arguments: [false, true])
    func whatIsStoredWhileTheVaultIsLockedAndUnlockedIsKnown(isRekey: Bool) throws {
        let (store, vault) = try overtaken()
        lockAndUnlock(vault, at: .replace, of: store)
        try change(vault) { edit in
            if isRekey { try edit.rekey(try Fake.key(9)) } else { try edit.removeTenant("acme") }
        }
        #expect(try vault.current().header.revision == store.revision())
        #expect(try !vault.refresh())
        try put(vault, Fake.token2)
    }

    @Test func aTenantThatWasRemovedKeepsNoKeyNotEvenWhenTheVaultIsClosed() throws {
        var vault: Vault? = try filled()
        let tenant = try vault?.tenant(named: "acme")
        try vault.map { vault in
            try change(vault) { try $0.removeTenant("acme") }
        }
        #expect(status { _ = try tenant?.header(nil) } == .notFound)
        #expect(tenant?.holdsKey == false)
        vault = nil
        #expect(status { _ = try tenant?.header(nil) } == .notFound)
    }

    @Test func lockingWipesEveryKeyOfTheVault() throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        for number in 0..<20 {
            try edit.put("tenant-\(number)", Fake.account1, token: Fake.token1)
        }
        try edit.commit()
        let tenants = try (0..<20).map { try vault.tenant(named: "tenant-\($0)") }
        weak let keys = try vault.current().keys
        weak let epoch = try vault.current().epochs.values.first
        #expect(keys != nil && epoch != nil)
        vault.lock()
        #expect(keys == nil && epoch == nil)
        #expect(tenants.allSatisfy { !$0.holdsKey })
    }

    @Test func lockingEndsOpenEditsAndWipesWhatTheyHold() throws {
        let vault = try filled()
        let edit = vault.edit()
        try edit.put("acme", Fake.account1, token: Fake.token2)
        weak let root = try held(by: edit, of: vault)
        #expect(root != nil)
        vault.lock()
        #expect(root == nil)
        try vault.unlock(unlock)
        #expect(status { try edit.commit() } == .locked)
        #expect(status { try edit.put("acme", Fake.account1, token: Fake.token2) } == .locked)
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token1))
        #expect(status { try put(vault, Fake.token2) } == nil)
    }

    /// What an edit holds to add an unlock: the root key with it.
    private func held(by edit: Edit, of vault: Vault) throws -> AddedUnlock? {
        try edit.addUnlock(try Fake.key(9), known: unlock, label: "")
        let change = edit.state.withLock { $0.changes.unlocks.first }
        if case .add(let added)? = change { return added }
        return nil
    }

    @Test func aLockThatMeetsLookUpsAndCommitsLeavesNoKeyBehind() throws {
        let vault = try filled()
        let tenant = try vault.tenant(named: "acme")
        let isDone = Atomic<Bool>(false)
        let unlock = self.unlock
        try inParallel(4) { number in
            defer { if number == 3 { isDone.store(true, ordering: .releasing) } }
            while !isDone.load(ordering: .acquiring) {
                switch number {
                case 0:
                    let edit = vault.edit()
                    _ = try? edit.put("acme", Fake.account1, token: Fake.token2)
                    _ = try? edit.commit()
                case 1:
                    _ = try? vault.tenant(named: "acme")
                    _ = try? tenant.header(nil)
                case 2: _ = try? vault.refresh()
                default:
                    for _ in 0..<200 {
                        vault.lock()
                        #expect(vault.isLocked)
                        #expect(!tenant.holdsKey)
                        try vault.unlock(unlock)
                    }
                    return
                }
            }
        }
        vault.lock()
        #expect(!tenant.holdsKey)
        #expect(status { _ = try tenant.header(nil) } == .locked)
    }

    @Test func aChangeOfAnotherHandleIsPickedUpWithoutAsking() throws {
        let vault = try filled()
        let tenant = try vault.tenant(named: "acme")
        try put(try open(), Fake.token2)
        // A change between looking the credential up and opening it is a conflict: look again.
        while (try? tenant.header(nil))?.hasSuffix(Fake.token2) != true { usleep(10_000) }
        #expect(vault.generation == 3)
    }

    @Test func aLookThatFailsLeavesTheVaultInUseAndIsTold() throws {
        let vault = try filled()
        let tenant = try vault.tenant(named: "acme")
        let sound = try scratch.bytes()
        for (damage, expected) in [
            (Array("not a vault".utf8), Status.notVault), (Array(sound.dropLast()), .damagedBody),
        ] {
            var damage = damage
            // Another revision, so that the file is looked at.
            if damage.count > 100 { damage[40] ^= 1 }
            try scratch.write(damage)
            let found = status { try vault.refresh() }
            #expect(found == expected || found == .damagedHeader)
            while try !vault.describe().text.contains("refresh_error") { usleep(10_000) }
            #expect(try tenant.header(nil).hasSuffix(Fake.token1))
            try scratch.write(sound)
            try vault.refresh()
            #expect(try !vault.describe().text.contains("refresh_error"))
        }
    }

    @Test func anOpenVaultNeverGoesBack() throws {
        let vault = try filled()
        let older = try scratch.bytes()
        try put(vault, Fake.token2)
        let newer = try scratch.bytes()
        try scratch.write(older)
        #expect(status { try vault.refresh() } == .rollback)
        #expect(status { try put(vault, Fake.token1) } == .rollback)
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
        #expect(status { _ = try vault.verify() } == .rollback)
        vault.lock()
        #expect(status { try vault.unlock(unlock) } == .rollback)
        // A branch of the same age is as wrong as an older state.
        let branch = try open()
        try put(branch, Fake.token1)
        #expect(branch.generation == vault.generation)
        #expect(status { try vault.unlock(unlock) } == .rollback)
        try scratch.write(newer)
        try vault.unlock(unlock)
        #expect(try vault.tenant(named: "acme").header(nil).hasSuffix(Fake.token2))
    }

    @Test func aVaultBelowTheLeastGenerationIsNotOpened() throws {
        _ = try filled()
        for (least, expected) in [(2, nil), (3, .rollback)] as [(UInt64, Status?)] {
            var settings = Fake.settings
            settings.minGeneration = least
            let found = status {
                _ = try Vault.open(path: scratch.vault, unlock: unlock, settings: settings)
            }
            #expect(found == expected)
        }
    }

    @Test func anotherVaultInThisOnesPlaceIsNoticed() throws {
        let vault = try filled()
        _ = try Vault.create(
            path: scratch.vault + ".other", unlock: unlock, settings: Fake.settings)
        try scratch.write(try scratch.bytes(".other"))
        #expect(status { try vault.refresh() } == .conflict)
    }

    @Test func verifyOpensEverySecretOfTheStoredFile() throws {
        let vault = try filled()
        #expect(try vault.verify().text.contains("\"tenants\":1,\"credentials\":1,\"epochs\":1"))
        var bytes = try scratch.bytes()
        bytes[bytes.count - 40] ^= 1
        try scratch.write(bytes)
        #expect(status { _ = try vault.verify() } == .damagedBody)
    }
}
