// VaultFollowingTests.swift - a vault that cannot be followed lends nothing any more after a while.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

@Suite struct FollowingTests {
    private let trouble = Failure(.io, "no such disk")
    private let following = Following(.random(), maxStaleMs: 900_000, nowMs: 0)

    private func answer(_ nowMs: Int64) -> Status? {
        status { try following.check(nowMs: nowMs) }
    }

    @Test func nothingIsLentOnceLooksHaveFailedForTooLong() throws {
        following.failed(trouble, following.begin(nowMs: 1000))
        following.failed(
            Failure(.unsafeFile, "others may read"), following.begin(nowMs: 500_000))
        #expect([899_999, 900_000].map(answer) == [nil, .stale])
        let told = try #require(following.trouble(nowMs: 901_000))
        #expect(told.failure.status == .unsafeFile)
        #expect(told.isStale)
        let failure = #expect(throws: Failure.self) { try following.check(nowMs: 901_000) }
        #expect(failure?.message.contains("others may read") == true)
        #expect(failure?.message.contains("since 20") == true)
        #expect(failure?.retriable == false)
        following.succeeded(following.begin(nowMs: 901_000))
        #expect(answer(901_000) == nil)
        following.failed(trouble, nowMs: 902_000)
        #expect([1_801_999, 1_802_000].map(answer) == [nil, .stale])
    }

    @Test func aLookThatNeverEndsIsNoBetterThanOneThatFails() {
        let look = following.begin(nowMs: 1000)
        #expect(following.trouble(nowMs: 2999) == nil)
        #expect(following.trouble(nowMs: 3000)?.isStale == false)
        #expect([900_999, 901_000].map(answer) == [nil, .stale])
        // It came back after all, with a failure: the time before counts.
        following.failed(trouble, look)
        #expect(answer(901_000) == .stale)
    }

    /// Of a vault that is unlocked with it: it counts from what the store told last, to whomever.
    @Test func aCopyInTheStoresPlaceIsAsOldAsTheStoresLastAnswer() throws {
        let away = Following.Away(failure: Failure(.transport, "nobody answers"), ageMs: 300_000)
        following.isAway(away, following.moment(nowMs: 1_000_000))
        #expect([1_599_999, 1_600_000].map(answer) == [nil, .stale])
        following.succeeded(following.moment(nowMs: 2_000_000))
        following.isAway(away, following.moment(nowMs: 2_100_000))
        #expect([2_899_999, 2_900_000].map(answer) == [nil, .stale])
    }

    /// The lookout looks as soon as the vault is open, which is before the unlock has come back.
    @Test func aNewerLookThatFailsMakesTheStoresLastAnswerNoYounger() {
        let away = Following.Away(failure: trouble, ageMs: 300_000)
        let unlock = following.moment(nowMs: 1_000_000)
        following.failed(trouble, following.begin(nowMs: 1_000_001))
        following.isAway(away, unlock)
        #expect([1_599_999, 1_600_000].map(answer) == [nil, .stale])
        // One that has found what the store has is news of its own.
        let another = following.moment(nowMs: 2_000_000)
        following.succeeded(following.begin(nowMs: 2_000_001))
        following.isAway(away, another)
        #expect(following.trouble(nowMs: 9_000_000) == nil)
    }

    /// Whoever refreshes the vault or commits looks as well, and looks end in any order.
    @Test func onlyTheNewestLookCounts() throws {
        let slow = following.begin(nowMs: 1000)
        following.succeeded(following.moment(nowMs: 600_000))
        // One hangs, but another one has come back since: it counts from there.
        #expect(following.trouble(nowMs: 601_999) == nil)
        #expect([1_499_999, 1_500_000].map(answer) == [nil, .stale])
        following.failed(trouble, slow)
        #expect(following.trouble(nowMs: 1_500_000) == nil)
        let late = following.begin(nowMs: 2_000_000)
        following.failed(Failure(.unlock, "rekeyed"), following.moment(nowMs: 2_100_000))
        following.succeeded(late)
        #expect(following.trouble(nowMs: 2_100_001)?.failure.status == .unlock)
        // Of a closed vault nobody hears any more, whatever a look brings that began before.
        let last = following.begin(nowMs: 3_000_000)
        following.failed(Following.closed, nowMs: 3_000_001)
        following.succeeded(last)
        #expect(answer(4_000_000) == .stale)
    }

    /// A process that asks once an hour: the vault was removed, or rekeyed, at an unknown time.
    @Test func whatWasDoneToTheFileCountsFromTheLastGoodLook() throws {
        following.succeeded(following.begin(nowMs: 1000))
        following.failed(Failure(.noVault, "no such file"), following.begin(nowMs: 3_600_000))
        #expect(answer(3_600_000) == .stale)
        following.succeeded(following.begin(nowMs: 3_600_001))
        following.failed(trouble, following.begin(nowMs: 7_200_000))
        #expect([8_099_999, 8_100_000].map(answer) == [nil, .stale])
        // Also when looks could not be made for a while before.
        following.succeeded(following.begin(nowMs: 8_000_000))
        following.failed(trouble, following.begin(nowMs: 8_500_000))
        #expect(answer(8_900_000) == nil)
        following.failed(Failure(.unlock, "rekeyed"), following.begin(nowMs: 8_899_999))
        #expect([8_899_999, 8_900_000].map(answer) == [nil, .stale])
        // What passes does not make it younger again.
        following.failed(trouble, following.begin(nowMs: 8_899_999))
        #expect(answer(8_900_000) == .stale)
        // One that was opened and never looked at again.
        let opened = Following(.random(), maxStaleMs: 900_000, nowMs: 5000)
        opened.failed(Failure(.unlock, "rekeyed"), nowMs: 905_000)
        #expect(status { try opened.check(nowMs: 905_000) } == .stale)
    }

    @Test func zeroMeansForEver() {
        let patient = Following(.random(), maxStaleMs: 0, nowMs: 0)
        patient.failed(trouble, nowMs: 0)
        #expect(status { try patient.check(nowMs: Int64.max) } == nil)
        #expect(patient.trouble(nowMs: 1)?.isStale == false)
    }
}

@Suite struct VaultFollowingTests: VaultOnDisk {
    let scratch: Scratch
    let unlock: UnlockSecret

    init() throws {
        scratch = try Scratch()
        unlock = try Fake.key()
    }

    /// A vault file in use that may be out of sight for a moment only.
    private func impatient() throws -> (vault: Vault, acme: Tenant) {
        var settings = Fake.settings
        settings.maxStaleMs = 1
        try put(try create(), "acme", Fake.token1)
        let vault = try Vault.open(path: scratch.vault, unlock: unlock, settings: settings)
        return (vault, try vault.tenant(named: "acme"))
    }

    private func waitFor(_ holds: () throws -> Bool) rethrows {
        while try !holds() { usleep(5_000) }
    }

    /// What happens to a vault file, and which status tells of it.
    private var happenings: [(Status, (VaultFollowingTests) throws -> Void)] {
        [
            (.unsafeFile, { unsafe chmod($0.scratch.vault, 0o644) }),
            (.noVault, { unsafe unlink($0.scratch.vault) }),
            (
                .unsafeFile,
                {
                    unsafe unlink($0.scratch.vault)
                    unsafe mkdir($0.scratch.vault, 0o700)
                }
            ),
            (.notVault, { try $0.scratch.write(Array("not a vault".utf8)) }),
            (
                .conflict,
                {
                    unsafe unlink($0.scratch.vault)
                    try $0.put(try $0.create(), "acme", Fake.token2)
                }
            ),
            (
                .unlock,
                { world in
                    try world.change(try world.open()) { try $0.rekey(try Fake.key(9)) }
                }
            ),
            (
                .rollback,
                { world in
                    let old = try world.scratch.bytes(".prev")
                    try world.scratch.write(old)
                }
            ),
        ]
    }

    @Test func whateverKeepsAVaultFromBeingFollowedEndsItsLending() throws {
        for (expected, happen) in happenings {
            let world = try VaultFollowingTests()
            let (vault, acme) = try world.impatient()
            #expect(try acme.header(nil).hasSuffix(Fake.token1))
            let sound = try world.scratch.bytes()
            try happen(world)
            waitFor { status { _ = try acme.header(nil) } == .stale }
            let failure = #expect(throws: Failure.self) { try acme.look() }
            let told = try vault.describe().text
            #expect(told.contains("\"status\":\"\(expected.name)\""), "\(told)")
            #expect(told.contains("\"stale\":true"))
            #expect(told.contains("\"since\":\"20"))
            #expect(failure?.message.contains("cannot be followed") == true)
            #expect(status { try world.export(vault) } == .stale)
            // Names and labels are no secrets, and tell what to look for.
            #expect(try acme.list().text.contains(Fake.account1))
            unsafe rmdir(world.scratch.vault)
            try world.scratch.write(sound)
            // What is mended is in use again by itself; a rekey is not undone so.
            if expected == .unlock { continue }
            waitFor { status { _ = try acme.header(nil) } == nil }
            #expect(try !vault.describe().text.contains("refresh_error"))
        }
    }

    private func export(_ vault: Vault) throws {
        try vault.export(
            tenant: nil, path: scratch.vault + ".other", unlock: unlock, settings: Fake.settings)
    }

    /// Nobody looks while a vault is locked; whoever unlocks it reads what its store has.
    @Test func anUnlockIsAGoodLook() throws {
        let vault = try create()
        vault.lock()
        usleep(20_000)
        let unlockedMs = tvs_wall_ms()
        try vault.unlock(unlock)
        vault.following.failed(Failure(.noVault, "no such file"), nowMs: Vault.bootMs)
        let told = try #require(vault.following.trouble(nowMs: Vault.bootMs))
        #expect(told.sinceMs >= unlockedMs)
    }

    @Test func tenantsOfAClosedVaultGoOnForAsLongAndNoLonger() throws {
        var world: (vault: Vault, acme: Tenant)? = try impatient()
        let acme = try #require(world?.acme)
        world = nil
        waitFor { status { _ = try acme.header(nil) } == .stale }
        let failure = #expect(throws: Failure.self) { try acme.look() }
        #expect(failure?.message.contains("closed") == true)
        #expect(try acme.list().text.contains(Fake.account1))
    }

    @Test func aVaultInMemoryIsNeverStale() throws {
        var settings = Fake.settings
        settings.maxStaleMs = 1
        var vault: Vault? = try Vault.create(path: "", unlock: unlock, settings: settings)
        try vault.map { try put($0, "acme", Fake.token1) }
        let acme = try vault?.tenant(named: "acme")
        vault = nil
        usleep(5_000)
        #expect(try acme?.header(nil).hasSuffix(Fake.token1) == true)
    }
}

@Suite struct VaultOpeningTests {
    @Test func nothingInAFileMakesTwoOpenedVaultsOne() throws {
        let store = MemoryStore()
        let unlock = try Fake.key()
        let first = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
        let edit = first.edit()
        try edit.put("acme", Fake.account1, token: Fake.token1)
        try edit.commit()
        // The same bytes, so the same names, record ids, versions and fingerprints.
        let second = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
        let (own, other) = (
            try first.tenant(named: "acme"), try second.tenant(named: "acme")
        )
        let (mine, theirs) = (
            try own.credential(account: nil), try other.credential(account: nil)
        )
        #expect(mine.identity == theirs.identity && mine.version == theirs.version)
        #expect(own.key != other.key && mine.key != theirs.key)
        let messageRef = MessageRef("4X1abc")
        let (key, foreign) = (
            TraceKey(mine, messageRef: messageRef, submission: nil),
            TraceKey(theirs, messageRef: messageRef, submission: nil)
        )
        #expect(key != foreign && key.hash != foreign.hash)
        #expect(status { _ = try own.authorization(for: theirs) } == .notFound)
        #expect(try TenantName("caf\u{E9}") != TenantName("cafe\u{301}"))
    }
}
