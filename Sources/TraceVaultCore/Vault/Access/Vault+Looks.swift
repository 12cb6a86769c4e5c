// Vault+Looks.swift - how an open vault learns what others have stored.
//
// A look asks the store, which may hang. Callers that only use a vault take what the last look
// found: looks are made by threads of Lookout.swift. Who edits or refreshes it looks as it must.

import CSystem

/// A look at the store: what it needs of the vault, which may be locked or freed meanwhile.
struct Look {
    let store: any Store
    let following: Following
    /// What the vault had when the look began: a header and its sealed bytes.
    let known: VaultHeader
    let bytes: ByteBuffer
    /// What is not read again yet. Of a server's bytes the revision is not known before they came.
    var refused: RefusedBytes?

    /// What is stored now.
    func found() throws(Failure) -> FoundBytes {
        // Asked first: another process of this host may see more meanwhile.
        let seen = store.copy?.seen(of: known.vaultID)
        if let refused, !store.isRemote, try store.revision() == refused.revision {
            throw refused.failure
        }
        return FoundBytes(bytes: try store.newBytes(since: bytes), seen: seen)
    }
}

struct FoundBytes {
    /// Nil when they are the known ones.
    let bytes: ByteBuffer?
    /// The newest state that this host had seen before.
    let seen: SeenMark?
}

/// What the store had and could not be used. While it has the same bytes they are read again ever
/// more seldom: a large vault that was rekeyed would take a processor. Others are read at once. The
/// same may be mended in their place: who copies a vault over another one writes its beginning
/// first.
struct RefusedBytes: Sendable {
    let revision: Revision
    let failure: Failure
    private let pauseMs: Int64
    private let untilMs: Int64

    private static let longestMs: Int64 = 10_000

    /// - Parameter last: what was refused before.
    init(
        _ revision: Revision, _ failure: Failure, after last: RefusedBytes?, everyMs: Int64,
        nowMs: Int64
    ) {
        (self.revision, self.failure) = (revision, failure)
        let before = last?.revision == revision ? last?.pauseMs : nil
        pauseMs = max(everyMs, min(2 * (before ?? everyMs), Self.longestMs))
        untilMs = nowMs + pauseMs
    }

    /// Whether they are not worth another reading yet.
    func isFresh(nowMs: Int64) -> Bool { nowMs < untilMs }
}

extension Vault: Watched {
    /// The newest state known. Waits for no store: only a moment for a look that is overdue, and
    /// for what a store has answered to be read.
    func current() throws(Failure) -> Snapshot {
        if let watch, watch.use(nowMs: Self.bootMs), !lookout.hasten(watch) {
            following.failed(Self.unattended, nowMs: Self.bootMs)
        }
        guard let held = state.withLock({ $0.snapshot }) else { throw Self.locked }
        return held
    }

    private static let unattended: Failure = {
        var failure = Failure(
            .io,
            "nobody looks at the vault's file: every thread for that waits for another store, or "
                + "the system gave none")
        failure.retriable = true
        return failure
    }()

    /// Reads the store again if another writer changed it; whether it did.
    @discardableResult
    package func refresh() throws(Failure) -> Bool {
        guard let held = state.withLock({ $0.snapshot }) else { throw Self.locked }
        let askedMs = tvs_wall_ms()
        let newest = try followed(held)
        keepCopy(of: newest, answeredMs: askedMs)
        return newest !== held
    }

    /// The newest state of the store, which is current from then on.
    func followed(_ known: Snapshot) throws(Failure) -> Snapshot {
        var moment = following.moment(nowMs: Self.bootMs)
        do throws(Failure) {
            let newest = try onNewest(known) { (held) throws(Failure) in
                moment = following.moment(nowMs: Self.bootMs)
                let look = Look(
                    store: store, following: following, known: held.header, bytes: held.bytes)
                return try taken(try look.found(), after: held)
            }
            following.succeeded(moment)
            return newest
        } catch {
            // Nobody follows a vault that is locked.
            if error.status != .locked { following.failed(error, moment) }
            throw error
        }
    }

    /// Does what fails once more while another thread has made another state current meanwhile,
    /// perhaps with other keys.
    func onNewest(
        _ known: Snapshot, _ body: (Snapshot) throws(Failure) -> Snapshot
    ) throws(Failure) -> Snapshot {
        var held = known
        while true {
            do throws(Failure) {
                return try body(held)
            } catch {
                guard let now = state.withLock({ $0.snapshot }) else { throw Self.locked }
                guard now !== held else { throw error }
                held = now
            }
        }
    }

    /// What came from the store: `held`, or a later state of the same vault, which is current then.
    private func taken(_ found: FoundBytes, after held: Snapshot) throws(Failure) -> Snapshot {
        let stored = try opened(found.bytes ?? held.bytes, after: held)
        try found.seen?.checkIsFollowed(by: stored.header)
        state.withLock { $0.publish(stored, over: held) }
        return stored
    }

    /// Opens what the store has: the bytes of `held`, or of a later state of the same vault.
    func opened(_ bytes: ByteBuffer, after held: Snapshot) throws(Failure) -> Snapshot {
        let stored: Snapshot
        do throws(Failure) {
            stored = try bytes === held.bytes ? held : Snapshot(bytes, keysOf: held)
        } catch {
            guard error.status == .unlock, let met = try? Revision(of: bytes), met.isWhole else {
                throw error
            }
            guard state.withLock({ $0.meet(rekeyed: met, keysOf: held) }) else { throw error }
            return held
        }
        if !bytes.isSame(as: held.bytes) { try stored.checkFollows(held.header) }
        try state.withLock { (state) throws(Failure) in try state.checkIsNotEnded(stored) }
        return stored
    }

    // MARK: - Looks of the lookout

    /// Holds neither the vault nor a key while it waits for the store: who frees or locks the vault
    /// meanwhile has wiped them.
    func errand() -> ((_ hasCome: () -> Void) -> Bool)? {
        guard let look = look() else { return nil }
        return { [weak self] hasCome in
            let moment = look.following.begin(nowMs: Self.bootMs)
            do throws(Failure) {
                let found = try look.found()
                if found.bytes != nil { hasCome() }
                try self?.takeIn(found, of: look)
                look.following.succeeded(moment)
                return true
            } catch {
                look.following.failed(error, moment)
                return false
            }
        }
    }

    /// Keeps the copy of what is known, once nobody waits for the look any more.
    func upkeep() -> (() -> Void)? {
        guard let copy = store.copy, let answeredMs = following.answeredMs,
            let held = state.withLock({ $0.snapshot })
        else { return nil }
        let (bytes, header) = (held.bytes, held.header)
        // What fails is kept with the copy, and told from there.
        return { try? copy.keep(bytes, header, answeredMs: answeredMs) }
    }

    /// Keeps the copy of what a call of the host's has found or stored, also where the vault was
    /// locked meanwhile: this host has seen it.
    func keepCopy(of stored: Snapshot, answeredMs: Int64) {
        try? store.copy?.keep(stored.bytes, stored.header, answeredMs: answeredMs)
    }

    /// Nil while the vault is locked: then nobody uses it.
    func look() -> Look? {
        let (held, refused) = state.withLock { ($0.snapshot, $0.refused) }
        guard let held else { return nil }
        let isFresh = refused?.isFresh(nowMs: Self.bootMs) == true
        return Look(
            store: store, following: following, known: held.header, bytes: held.bytes,
            refused: isFresh ? refused : nil)
    }

    /// Takes in what a look has found.
    func takeIn(_ found: FoundBytes, of look: Look) throws(Failure) {
        // Nobody uses it once it is locked: whoever unlocks it reads anew.
        guard let held = state.withLock({ $0.snapshot }) else { return }
        guard held.header.revision == look.known.revision else {
            // Changed meanwhile by this process, and perhaps by another one after that: what is not
            // taken in must not count as looked at.
            if let bytes = found.bytes, (try? Revision(of: bytes)) != held.header.revision {
                watch?.expire(nowMs: Self.bootMs)
            }
            return
        }
        do throws(Failure) {
            _ = try taken(found, after: held)
        } catch {
            guard refuse(found.bytes, error, inPlaceOf: held) else {
                watch?.expire(nowMs: Self.bootMs)
                return
            }
            throw error
        }
    }

    /// False when this process has changed the vault meanwhile: then it is no failure.
    private func refuse(
        _ bytes: ByteBuffer?, _ failure: Failure, inPlaceOf held: Snapshot
    ) -> Bool {
        let revision = Following.mayPass(failure) ? nil : bytes.flatMap { try? Revision(of: $0) }
        return state.withLock { state in
            let refused = revision.map {
                RefusedBytes(
                    $0, failure, after: state.refused, everyMs: settings.refreshMs,
                    nowMs: Self.bootMs)
            }
            return state.refuse(refused, inPlaceOf: held)
        }
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

    /// Why bytes that came in this state's place do not open with its keys. Their header is whole,
    /// by its hash, which needs no key: what is half-written or damaged is told before.
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
