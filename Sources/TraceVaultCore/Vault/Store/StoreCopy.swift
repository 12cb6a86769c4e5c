// StoreCopy.swift - a sealed copy on this host's disk of a vault that a server keeps, so that the
// host can start while the server is away.
//
// Beside it lies a mark (SeenMark.swift) of the newest state that this host has seen. The mark is
// written first, and the copy counts only while it is exactly the state that the mark names: so an
// old copy is refused as an old object is. Processes of one host may share both.

import CSystem

package final class StoreCopy: Sendable {
    private struct State {
        /// What this process has written, or found written.
        var kept: SeenMark?
        /// Why the copy could not be written, or its mark is of no use, and when it was last tried.
        var trouble: Failure?
        var triedMs: Int64 = 0
    }

    private let file: FileStore
    private let maxStaleMs: Int64
    private let state = Lock(State())

    private static let suffix = ".seen"
    /// As long another process of this host that writes the copy is waited for.
    private static let patienceMs = 1000
    /// How often at most only the time of the store's last answer is written.
    private static let longestStepMs: Int64 = 30_000
    /// So long after a failure the copy is tried again.
    private static let retryMs: Int64 = 10_000

    package convenience init(path: String, _ settings: VaultSettings) throws(Failure) {
        try self.init(path: path, settings, files: SystemFiles())
    }

    package init(
        path: String, _ settings: VaultSettings, files: any FileSystem
    ) throws(Failure) {
        file = try Self.named { () throws(Failure) in
            try FileStore(path: path, settings, files: files)
        }
        maxStaleMs = settings.maxStaleMs
    }

    /// Why the copy is not as new as what is known; nil while it is.
    var trouble: Failure? { state.withLock { $0.trouble } }

    // MARK: - What was seen

    /// The newest state that this host has seen; nil where it has seen none.
    func seen() throws(Failure) -> SeenMark? {
        try Self.named { () throws(Failure) in try mark() }
    }

    /// The same for a vault that is open. A process that runs has seen a state itself, and keeps to
    /// that where the mark is damaged, cannot be read or is another vault's: that is told as the
    /// copy's trouble, and stops nobody.
    func seen(of vaultID: Identifier) -> SeenMark? {
        do throws(Failure) {
            let mark = try seen()
            if let mark, mark.vaultID != vaultID { throw SeenMark.ofAnotherVault }
            return mark
        } catch {
            // Without the time of a try: the upkeep of this look tries it again.
            state.withLock { if $0.trouble == nil { $0.trouble = error } }
            return nil
        }
    }

    private func mark(isLocked: Bool = false) throws(Failure) -> SeenMark? {
        let read = try file.readBeside(Self.suffix, most: SeenMark.count, isLocked: isLocked)
        guard let bytes = read else { return nil }
        guard let mark = bytes.withBytes({ SeenMark($0) }) else {
            throw Failure(
                .rollback,
                "its .seen is damaged, so nobody can tell whether an old object was put back: "
                    + "remove it if you know that none was")
        }
        return mark
    }

    /// Refuses to begin a new vault where the copy of another one is kept.
    func checkIsFree() throws(Failure) {
        try Self.named { () throws(Failure) in _ = try file.openOwnDirectory() }
        guard try seen() == nil else {
            throw Failure(
                .exists,
                "s3.copy_file holds the copy of another vault: name another file, or remove it and "
                    + "its .seen if that vault is not used any more")
        }
        try Self.named { () throws(Failure) in try checkIsOurs(nil, isLocked: false) }
    }

    /// Without a mark nobody knows whose the file is: what is no state of this vault is not ours to
    /// replace, be it a vault of this host or whatever somebody named by mistake.
    private func checkIsOurs(_ vaultID: Identifier?, isLocked: Bool) throws(Failure) {
        let read = try file.readBeside("", most: Revision.prefixCount, isLocked: isLocked)
        guard let found = read else { return }
        guard let vaultID, found.withBytes({ Revision.vaultID(from: $0) }) == vaultID else {
            throw Failure(
                .exists, "the file is there already and is no copy of this vault: name another one")
        }
    }

    // MARK: - In the store's place

    /// Whether a copy may stand in for a store that failed so: one that cannot be reached, or says
    /// that it cannot answer now. What refuses us, or has no vault, has answered.
    static func standsIn(for failure: Failure) -> Bool {
        [.transport, .server, .rateLimited, .proxy, .replyTruncated].contains(failure.status)
    }

    /// The sealed bytes of the newest state that was seen; who opens them must find that state.
    func read() throws(Failure) -> ByteBuffer {
        try Self.named { () throws(Failure) in try file.read() }
    }

    /// How long ago the store answered; fails when that is too long, or cannot be known.
    func age(of mark: SeenMark, nowMs: Int64, for away: Failure) throws(Failure) -> Int64 {
        let age = nowMs - mark.answeredMs
        guard maxStaleMs > 0 else { return max(0, age) }
        guard (0..<maxStaleMs).contains(age) else {
            var failure = Failure(
                .stale,
                (age < 0
                    ? "this host's clock was put back since the store last answered"
                    : "the store last answered longer ago than vault.max_stale_ms")
                    + ", so the copy of s3.copy_file is not used: " + away.message)
            failure.retriable = away.retriable
            throw failure
        }
        return age
    }

    // MARK: - Keeping it

    /// Keeps a state that the store has and whose keys are known, unless this host has seen a later
    /// one. Costs nothing while nothing is new. What fails is told until it is mended.
    func keep(_ bytes: ByteBuffer, _ header: VaultHeader, answeredMs: Int64) throws(Failure) {
        let mark = SeenMark(header, answeredMs: answeredMs)
        guard isDue(mark) else { return }
        do throws(Failure) {
            let kept = try Self.named { () throws(Failure) in try write(bytes, header, mark) }
            state.withLock { $0 = State(kept: kept) }
        } catch {
            state.withLock { $0 = State(trouble: error, triedMs: answeredMs) }
            throw error
        }
    }

    private func isDue(_ mark: SeenMark) -> Bool {
        let stepMs = min(Self.longestStepMs, maxStaleMs / 8)
        return state.withLock { state in
            guard state.trouble == nil else {
                return mark.answeredMs - state.triedMs >= Self.retryMs
            }
            guard let kept = state.kept, kept.vaultID == mark.vaultID,
                kept.revision == mark.revision
            else { return true }
            // Nothing but the time is another one; a clock that was ahead has been put right.
            let laterMs = mark.answeredMs - kept.answeredMs
            return maxStaleMs > 0 && (laterMs > stepMs || laterMs < -stepMs)
        }
    }

    /// What is kept now; nil where another process of this host has seen more.
    private func write(
        _ bytes: ByteBuffer, _ header: VaultHeader, _ mark: SeenMark
    ) throws(Failure) -> SeenMark? {
        let lease = try file.leaseToBegin(timeoutMs: Self.patienceMs)
        defer { lease.release() }
        let known = try self.mark(isLocked: true)
        var next = mark
        if let known {
            guard
                known.vaultID != mark.vaultID
                    || known.revision.generation <= mark.revision.generation
            else { return nil }
            try known.checkIsFollowed(by: header)
            // What lies in the future, this host's clock has written when it was wrong.
            if known.answeredMs <= tvs_wall_ms() {
                next.answeredMs = max(known.answeredMs, mark.answeredMs)
            }
        } else {
            try checkIsOurs(mark.vaultID, isLocked: true)
        }
        if known != next { try file.putBeside(Self.suffix, try next.bytes()) }
        if (try? file.revision()) != next.revision { try file.putBeside("", bytes) }
        return next
    }

    /// Says of which file a failure tells.
    private static func named<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        do throws(Failure) {
            return try body()
        } catch {
            var failure = error
            failure.message = "the copy of s3.copy_file: " + failure.message
            throw failure
        }
    }
}
