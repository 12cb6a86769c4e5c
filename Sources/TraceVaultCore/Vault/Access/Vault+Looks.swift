// Vault+Looks.swift - how an open vault learns what others have stored.
//
// A look asks the store, which may hang. Callers that only use a vault take what the last look
// found: looks are made by threads of Lookout.swift. Who edits or refreshes it looks as it must.

import CSystem
import Synchronization

/// A look at the store: what it needs of the vault, which may be locked or freed meanwhile.
struct Look {
    let store: any Store
    let following: Following
    /// What the vault had when the look began.
    let known: VaultHeader

    /// The bytes that are stored now; nil when they are the known ones.
    func newBytes() throws(Failure) -> ByteBuffer? {
        try store.newBytes(since: known.revision)
    }
}

/// When a vault is looked at: read by everybody who uses it, without a lock.
final class Watch: Sendable {
    private let everyMs: Int64
    private let isRemote: Bool
    /// How many looks have failed since the last good one.
    private let failures = Atomic<Int>(0)
    /// When the next look is to begin, or the one that is under way was: ms on CLOCK_BOOTTIME,
    /// which goes on while the host sleeps.
    private let dueMs: Atomic<Int64>
    private let stage = Atomic<UInt8>(Stage.resting.rawValue)
    /// When the last look began.
    private let beganMs = Atomic<Int64>(0)
    /// The look that is under way may have begun too early.
    private let isExpired = Atomic<Bool>(false)

    /// How far a look has come.
    private enum Stage: UInt8 {
        /// None is under way.
        case resting
        /// The store has been asked. It may never answer.
        case asking
        /// Its answer is here: what it says is known as soon as it is read, which nothing holds up.
        case reading
    }

    /// A thread that is awake begins a look no later.
    private static let graceMs: Int64 = 1000
    /// As long a store is waited for.
    static let briefMs: Int64 = 200

    init(everyMs: Int64, isRemote: Bool = false, nowMs: Int64) {
        self.everyMs = everyMs
        self.isRemote = isRemote
        dueMs = Atomic(nowMs + everyMs)
    }

    private static let longestPauseMs: Int64 = 30_000

    /// The pause after a look. Hosts that began together do not ask a server together, and one
    /// that is down is asked less often.
    private var pauseMs: Int64 {
        guard isRemote else { return everyMs }
        let doublings = min(failures.load(ordering: .relaxed), 10)
        let pause = max(everyMs, min(everyMs << Int64(doublings), Self.longestPauseMs))
        return pause + Int64.random(in: 0...pause / 4)
    }

    /// Whether a look should have ended long ago, and is worth waiting for: the process, or the
    /// whole host, was stopped, nobody is there to look, or what came is much to read. A store that
    /// does not answer is not.
    func isOverdue(nowMs: Int64) -> Bool {
        guard isLate(nowMs: nowMs) else { return false }
        // When it began is written before it is asking.
        return stage.load(ordering: .acquiring) != Stage.asking.rawValue
            || nowMs - beganMs.load(ordering: .acquiring) < Self.briefMs
    }

    func isLate(nowMs: Int64) -> Bool {
        nowMs - dueMs.load(ordering: .acquiring) >= Self.graceMs
    }

    /// Nil while somebody looks.
    var due: Int64? {
        isResting ? dueMs.load(ordering: .acquiring) : nil
    }

    private var isResting: Bool { stage.load(ordering: .acquiring) == Stage.resting.rawValue }

    var isReading: Bool { stage.load(ordering: .acquiring) == Stage.reading.rawValue }

    func begin(nowMs: Int64) {
        beganMs.store(nowMs, ordering: .releasing)
        stage.store(Stage.asking.rawValue, ordering: .releasing)
    }

    /// The store has answered with something new.
    func read() { stage.store(Stage.reading.rawValue, ordering: .releasing) }

    /// What was read for long is as old as its look when it is known: the next one counts from
    /// there.
    func end(nowMs: Int64, hasFailed: Bool) {
        if hasFailed {
            failures.wrappingAdd(1, ordering: .relaxed)
        } else {
            failures.store(0, ordering: .relaxed)
        }
        let known = isReading ? beganMs.load(ordering: .acquiring) : nowMs
        let isExpired = isExpired.exchange(false, ordering: .acquiringAndReleasing)
        dueMs.store(isExpired ? nowMs - Self.graceMs : known + pauseMs, ordering: .releasing)
        stage.store(Stage.resting.rawValue, ordering: .releasing)
    }

    /// What is stored may be newer than what is known: whoever uses the vault next has a look made.
    func expire(nowMs: Int64) {
        if !isResting {
            isExpired.store(true, ordering: .releasing)
        } else {
            dueMs.store(nowMs - Self.graceMs, ordering: .releasing)
        }
    }
}

extension Vault {
    /// The newest state known. Waits for no store: only a moment for a look that is overdue, and
    /// for what a store has answered to be read.
    func current() throws(Failure) -> Snapshot {
        if let watch, watch.isOverdue(nowMs: Self.bootMs) { lookout.hasten(watch, following) }
        guard let held = state.withLock({ $0.snapshot }) else { throw Self.locked }
        return held
    }

    /// Reads the store again if another writer changed it; whether it did.
    @discardableResult
    package func refresh() throws(Failure) -> Bool {
        guard let held = state.withLock({ $0.snapshot }) else { throw Self.locked }
        return try followed(held) !== held
    }

    /// The newest state of the store, published.
    func followed(_ held: Snapshot) throws(Failure) -> Snapshot {
        let moment = following.moment(nowMs: Self.bootMs)
        do throws(Failure) {
            let look = Look(store: store, following: following, known: held.header)
            let newest = try newest(try look.newBytes(), after: held)
            following.succeeded(moment)
            state.withLock { $0.publish(newest) }
            return newest
        } catch {
            following.failed(error, moment)
            throw error
        }
    }

    /// What came from the store: `held`, or a later state of the same vault.
    private func newest(
        _ bytes: ByteBuffer?, after held: Snapshot
    ) throws(Failure) -> Snapshot {
        guard let bytes else { return held }
        let next = try Snapshot(bytes, keysOf: held)
        if next.header.revision != held.header.revision { try next.checkFollows(held.header) }
        return next
    }

    // MARK: - Looks of the lookout

    /// Nil while the vault is locked: then nobody uses it.
    func look() -> Look? {
        guard let held = state.withLock({ $0.snapshot }) else { return nil }
        return Look(store: store, following: following, known: held.header)
    }

    /// Takes in what a look has found.
    func takeIn(_ bytes: ByteBuffer?, of look: Look) throws(Failure) {
        // Changed or locked meanwhile: whoever did that knows more.
        guard let bytes, let held = state.withLock({ $0.snapshot }),
            held.header.revision == look.known.revision
        else { return }
        let newest = try newest(bytes, after: held)
        state.withLock { $0.publish(newest) }
    }
}

extension Snapshot {
    /// Refuses to go back: to an older state, or to another one of the same age.
    func checkFollows(_ known: VaultHeader) throws(Failure) {
        guard header.vaultID == known.vaultID else { throw Self.replaced }
        guard header.generation > known.generation else {
            throw Failure(
                .rollback,
                "the vault's file is older than what was read from it before: an old copy was "
                    + "put back; close the vault and open it again if that is meant")
        }
    }

    /// Opens what came in a known state's place with that one's keys.
    convenience init(_ bytes: ByteBuffer, keysOf known: Snapshot) throws(Failure) {
        do throws(Failure) {
            try self.init(bytes, known.keys)
        } catch {
            guard error.status == .headerMAC else { throw error }
            throw known.reason(error, for: bytes)
        }
    }

    /// Why bytes that came in this state's place do not open with its keys.
    private func reason(_ failure: Failure, for later: ByteBuffer) -> Failure {
        later.withBytes { later in
            guard later.identifier(at: 24) == header.vaultID else { return Self.replaced }
            let isSame = bytes.withBytes {
                $0.extracting(VaultLayout.slots).isSame(as: later.extracting(VaultLayout.slots))
            }
            if isSame { return failure }
            return Failure(
                .unlock, "the vault was rekeyed: open it again with its new unlock secret")
        }
    }

    private static let replaced = Failure(
        .conflict, "another vault was put in this one's place: close it and open it again")
}
