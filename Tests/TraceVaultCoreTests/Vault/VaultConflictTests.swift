// VaultConflictTests.swift - an edit that was judged on one state and is committed over another.

import Testing

@testable import TraceVaultCore

/// Two handles of one stored vault; the second one learns of the first one's commits only when it
/// commits itself.
private struct TwoWriters {
    let first: Vault
    let second: Vault

    init(_ body: (Edit) throws -> Void) throws {
        let store = MemoryStore()
        let unlock = try Fake.key()
        first = try Vault.create(in: store, unlock: unlock, settings: Fake.settings)
        try Self.change(first, body)
        second = try Vault.open(in: store, unlock: unlock, settings: Fake.settings)
    }

    static func change(_ vault: Vault, _ body: (Edit) throws -> Void) throws {
        let edit = vault.edit()
        try body(edit)
        try edit.commit()
    }

    /// What the late edit comes to when another writer commits in between.
    func late(
        _ late: (Edit) throws -> Void, after others: (Edit) throws -> Void
    ) throws -> Status? {
        let edit = second.edit()
        try late(edit)
        try Self.change(first, others)
        let found = status { try edit.commit() }
        try first.refresh()
        return found
    }

    /// All credentials, as "account token state", by looking into the stored vault itself.
    func stored() throws -> Set<String> {
        let snapshot = try first.current()
        var found: Set<String> = []
        for tenant in snapshot.tenants {
            let key = try snapshot.tenantKey(tenant)
            for entry in snapshot.accounts[tenant.accounts] {
                let metadata = ByteBuffer(limit: Metadata.maximumCount)
                let record = try snapshot.record(at: entry.offset)
                _ = try snapshot.openMetadata(record, into: metadata)
                let secret = try snapshot.openSecret(record, metadata: metadata, key: key)
                let token = unsafe secret.withUnsafeBytes { bytes in
                    unsafe String(
                        decoding: bytes[..<(Sealing.unpaddedCount(bytes) ?? 0)], as: UTF8.self)
                }
                found.insert("\(entry.account.text.suffix(4)) \(token) \(entry.state.name)")
            }
        }
        return found
    }
}

@Suite struct VaultConflictTests {
    private static let (x, y, z) = ("test-token-not-real-x", "test-token-not-real-y", "z-not-real")

    /// Y is active and X retiring.
    private let writers: TwoWriters

    init() throws {
        writers = try TwoWriters { edit in
            try edit.put("acme", Fake.account1, token: Self.x)
            try edit.retire(tenant: "acme", account: Fake.account1)
            try edit.put("acme", Fake.account1, token: Self.y)
        }
    }

    private static func rotate(_ edit: Edit) throws {
        try edit.retire(tenant: "acme", account: Fake.account1)
        try edit.put("acme", Fake.account1, token: z)
    }

    @Test func noStepHitsACredentialThatItsCallerNeverSaw() throws {
        let steps: [(String, (Edit) throws -> Void)] = [
            ("removeRetiring", { try $0.removeRetiring(tenant: "acme", account: Fake.account1) }),
            ("promote", { try $0.promote(tenant: "acme", account: Fake.account1) }),
            ("retire", { try $0.retire(tenant: "acme", account: Fake.account1) }),
            ("remove", { try $0.remove(tenant: "acme", account: Fake.account1) }),
            ("removeTenant", { try $0.removeTenant("acme") }),
            ("put", { try $0.put("acme", Fake.account1, token: "mine-not-real") }),
            (
                "set",
                {
                    try $0.set(
                        tenant: "acme", account: Fake.account1, name: "expires",
                        value: "2020-01-01T00:00:00Z")
                }
            ),
        ]
        for (name, step) in steps {
            let writers = try VaultConflictTests().writers
            #expect(try writers.late(step, after: Self.rotate) == .conflict, "\(name)")
            #expect(
                try writers.stored() == ["cdef \(Self.z) active", "cdef \(Self.y) retiring"],
                "\(name)")
            // The handle knows the newer state now, so that looking again helps.
            try TwoWriters.change(writers.second, step)
        }
    }

    @Test func twoPromotesThatNeverSawEachOtherDoNotCancelOut() throws {
        let promote: (Edit) throws -> Void = {
            try $0.promote(tenant: "acme", account: Fake.account1)
        }
        #expect(try writers.late(promote, after: promote) == .conflict)
        #expect(try writers.stored() == ["cdef \(Self.x) active", "cdef \(Self.y) retiring"])
    }

    @Test func aSecretThatWasPutIntoTheSameRecordIsAnotherCredential() throws {
        let found = try writers.late(
            { edit in
                try edit.set(
                    tenant: "acme", account: Fake.account1, name: "expires",
                    value: "2020-01-01T00:00:00Z")
            }, after: { try $0.put("acme", Fake.account1, token: Self.z) })
        #expect(found == .conflict)
    }

    @Test func whatIsPutAndTakenBackTakesNothingUnseenWithItAndLeavesNothingUnsaid() throws {
        for takeBack in [
            { try $0.remove(tenant: "acme", account: Fake.account2) },
            { try $0.removeTenant("acme") },
        ] as [(Edit) throws -> Void] {
            let writers = try VaultConflictTests().writers
            let found = try writers.late(
                { edit in
                    try edit.put("acme", Fake.account2, token: Self.x)
                    try takeBack(edit)
                }, after: { try $0.put("acme", Fake.account2, token: Self.z) })
            #expect(found == .conflict)
            #expect(try writers.stored().contains("3210 \(Self.z) active"))
        }
        let writers = try TwoWriters { try $0.put("globex", Fake.account1, token: Self.x) }
        let found = try writers.late(
            { edit in
                try edit.put("acme", Fake.account2, token: Self.x)
                try edit.removeTenant("acme")
            }, after: { try $0.put("acme", Fake.account2, token: Self.z) })
        #expect(found == .conflict)
    }

    @Test func changesOfOthersThatTakeNothingAwayAreKept() throws {
        let label: (Edit) throws -> Void = { edit in
            try edit.set(tenant: "acme", account: Fake.account1, name: "label", value: "theirs")
            try edit.put("acme", Fake.account2, token: Self.z)
        }
        let removal = try writers.late(
            { try $0.removeRetiring(tenant: "acme", account: Fake.account1) }, after: label)
        #expect(removal == nil)
        #expect(try writers.first.list().text.contains("theirs"))
        #expect(try writers.stored() == ["cdef \(Self.y) active", "3210 \(Self.z) active"])
        // What is gone already is what a removal wanted.
        let twice = try writers.late(
            { try $0.remove(tenant: "acme", account: Fake.account1) },
            after: { try $0.remove(tenant: "acme", account: Fake.account1) })
        #expect(twice == nil)
        let tenant = try writers.late(
            { try $0.removeTenant("acme") }, after: { try $0.removeTenant("acme") })
        #expect(tenant == nil)
    }
}

@Suite struct VaultConflictModelTests {
    private static let accounts = (0..<3).map { HexText.of(0) + HexText.of($0) }

    /// Takes some random steps; tells which accounts were removed.
    @discardableResult
    private static func steps(_ edit: Edit, _ count: Int, _ name: String) -> Set<String> {
        var removed: Set<String> = []
        for number in 0..<count {
            let account = accounts.randomElement() ?? accounts[0]
            let result = Result {
                switch Int.random(in: 0..<7) {
                case 0, 1: try edit.put("acme", account, token: "\(name)-\(number)-not-real")
                case 2: try edit.retire(tenant: "acme", account: account)
                case 3: try edit.promote(tenant: "acme", account: account)
                case 4: try edit.removeRetiring(tenant: "acme", account: account)
                case 5:
                    try edit.remove(tenant: "acme", account: account)
                    removed.insert(String(account.suffix(4)))
                default:
                    try edit.set(
                        tenant: "acme", account: account, name: "label", value: "\(number)")
                }
            }
            if case .failure(let failure) = result {
                #expect((failure as? Failure)?.status == .notFound)
            }
        }
        return removed
    }

    /// Every token of every edit is another one, so tokens tell credentials apart.
    @Test func whatAnEditTakesAwayItsCallerHadSeen() throws {
        var (committed, conflicts) = (0, 0)
        for round in 0..<400 {
            let seed = Int.random(in: 0...4)
            let writers = try TwoWriters { edit in
                try edit.put("acme", Self.accounts[0], token: "first-not-real")
                Self.steps(edit, seed, "seed")
            }
            let seen = try writers.stored()
            let edit = writers.second.edit()
            let removed = Self.steps(edit, Int.random(in: 1...4), "late")
            try TwoWriters.change(writers.first) {
                Self.steps($0, Int.random(in: 0...3), "other")
            }
            let before = try writers.stored()
            let answer = status { try edit.commit() }
            try writers.first.refresh()
            let after = try writers.stored()
            if answer == .conflict {
                conflicts += 1
                #expect(after == before, "round \(round)")
                #expect(seen != before, "round \(round): nobody else changed anything")
            } else {
                committed += 1
                #expect(answer == nil, "round \(round)")
                // What went, or changed its place, stood there when the edit was judged, and what
                // came is the edit's own or the same credential in another place.
                for credential in before.subtracting(after) where !seen.contains(credential) {
                    // A removal names the account: it takes what was seen in either place.
                    let words = credential.split(separator: " ")
                    let wasSeen = seen.contains { $0.contains(" \(words[1]) ") }
                    let wasMeant = removed.contains(String(words[0])) && wasSeen
                    #expect(wasMeant, "round \(round): \(credential) went")
                }
                for credential in after.subtracting(before) {
                    let token = credential.split(separator: " ")[1]
                    let isOwn = token.hasPrefix("late")
                    let isMoved = seen.contains { $0.contains(" \(token) ") }
                    #expect(isOwn || isMoved, "round \(round): \(credential) came")
                }
            }
        }
        // Both must have come often, or nothing was tried.
        #expect(committed > 50 && conflicts > 50)
    }
}
