// Following.swift - whether an open vault still learns of its store's changes; since when not, why.
//
// Whoever cannot follow a vault does not know which credentials were removed from it: after
// `vault.max_stale_ms` nothing of it is lent any more. Shared by the vault and its tenants, who may
// outlive it; holds no key. Values of the clock come from outside: ms on CLOCK_BOOTTIME, which goes
// on while the host sleeps.

import CSystem

final class Following: Sendable {
    /// What keeps a vault from being followed.
    struct Trouble: Sendable {
        let vaultID: Identifier
        let failure: Failure
        /// ms since 1970.
        let sinceMs: Int64
        let isStale: Bool
    }

    /// When a look began: what was done to the store before then, it has seen.
    struct Moment: Sendable {
        let bootMs: Int64
        var wallMs = tvs_wall_ms()
        /// Looks are numbered as they begin; they end in any order, as each may hang.
        let number: UInt64
    }

    /// A vault that was opened from a copy, because its store was away.
    struct Away {
        let failure: Failure
        /// How long ago the store answered.
        let ageMs: Int64
    }

    fileprivate struct State {
        var failure: Failure?
        /// Since when it cannot be followed.
        var failed: Moment?
        /// The beginning of the lookout's look that is under way.
        var looking: Moment?
        /// The beginning of the last look that found what the store has; at first, the opening.
        var good: Moment
        /// The newest look that has ended, in whatever way: what an older one says is out of date.
        var newest: UInt64 = 0
        /// The last look that began.
        var begun: UInt64 = 0
    }

    /// This opening of a vault, in this process alone: nothing that a file can choose.
    let opened = Identifier.random()
    let vaultID: Identifier
    /// 0: for ever.
    private let maxStaleMs: Int64
    private let state: Lock<State>

    /// A look takes no longer unless something is wrong.
    private static let longLookMs: Int64 = 2000

    init(_ vaultID: Identifier, maxStaleMs: Int64, nowMs: Int64, away: Away? = nil) {
        self.vaultID = vaultID
        self.maxStaleMs = maxStaleMs
        guard let away else {
            state = Lock(State(good: Moment(bootMs: nowMs, number: 0)))
            return
        }
        // Nothing was seen since the store last answered: it counts from there.
        let answer = Moment(
            bootMs: nowMs - away.ageMs, wallMs: tvs_wall_ms() - away.ageMs, number: 0)
        state = Lock(State(failure: away.failure, failed: answer, good: answer))
    }

    /// When the last look began that found what the store has, in ms since 1970; nil while looks
    /// fail.
    var answeredMs: Int64? { state.withLock { $0.failure == nil ? $0.good.wallMs : nil } }

    /// A look begins, in a call of the host's.
    func moment(nowMs: Int64) -> Moment { state.withLock { $0.begin(nowMs) } }

    /// The lookout's look begins; one that never ends is no better than one that fails.
    func begin(nowMs: Int64) -> Moment {
        state.withLock { state in
            let look = state.begin(nowMs)
            state.looking = look
            return look
        }
    }

    /// A look that began then has found what the store has.
    func succeeded(_ look: Moment) {
        state.withLock { state in
            guard state.end(look) else { return }
            state.good = look
            (state.failure, state.failed) = (nil, nil)
        }
    }

    /// A look that began then failed. What passes by itself counts from the first look that met it.
    /// If somebody changed the file, that may have happened at any time since the last good look,
    /// even if this process did not look for hours. So the time counts from that look.
    func failed(_ failure: Failure, _ look: Moment) {
        state.withLock { state in
            guard state.end(look) else { return }
            state.failed = Self.mayPass(failure) ? state.failed ?? look : state.good
            state.failure = failure
        }
    }

    /// A look that began then found the store away, and a copy in its place: nothing was seen since
    /// the store last answered, whoever of this host it answered. A newer look that has failed
    /// meanwhile began later than that, so it counts from there as well.
    func isAway(_ away: Away, _ look: Moment) {
        state.withLock { state in
            let isNews = state.end(look)
            guard isNews || state.failure != nil else { return }
            let answer = Moment(
                bootMs: look.bootMs - away.ageMs, wallMs: look.wallMs - away.ageMs,
                number: look.number)
            if state.good.bootMs < answer.bootMs { state.good = answer }
            if isNews { (state.failure, state.failed) = (away.failure, state.good) }
            if let failed = state.failed, state.good.bootMs < failed.bootMs {
                state.failed = state.good
            }
        }
    }

    /// No look can be made from now on.
    func failed(_ failure: Failure, nowMs: Int64) { failed(failure, moment(nowMs: nowMs)) }

    /// Throws `.stale` when the vault could not be followed for too long.
    func check(nowMs: Int64) throws(Failure) {
        guard let trouble = trouble(nowMs: nowMs), trouble.isStale else { return }
        let since = Timestamp.text(milliseconds: trouble.sinceMs) ?? "long ago"
        var failure = Failure(
            .stale,
            "nothing is lent: since \(since) the vault cannot be followed: "
                + trouble.failure.message)
        failure.retriable = Self.retriable.contains(trouble.failure.status)
        throw failure
    }

    /// Nil while every look finds what the store has.
    func trouble(nowMs: Int64) -> Trouble? {
        let (failure, since) = state.withLock { state in
            (state.failure, state.failed ?? state.hanging)
        }
        guard let since else { return nil }
        let lastedMs = max(0, nowMs - since.bootMs)
        guard failure != nil || lastedMs >= Self.longLookMs else { return nil }
        return Trouble(
            vaultID: vaultID, failure: failure ?? Self.hanging, sinceMs: since.wallMs,
            isStale: maxStaleMs > 0 && lastedMs >= maxStaleMs)
    }

    private static let retriable: [Status] = [.io, .noMemory, .transport, .server, .rateLimited]
    private static let passing: [Status] =
        retriable + [.noDescriptors, .busy, .handle, .proxy, .replyTruncated]

    /// Whether the same bytes may be read without this failure next time.
    static func mayPass(_ failure: Failure) -> Bool { passing.contains(failure.status) }

    private static let hanging = Failure(.io, "a look at the stored vault does not come back")
    static let closed = Failure(
        .handle, "the vault was closed while its tenants are in use: keep it open for them")
}

extension Following.State {
    fileprivate mutating func begin(_ nowMs: Int64) -> Following.Moment {
        begun += 1
        return Following.Moment(bootMs: nowMs, number: begun)
    }

    /// A look is over; whether what it says is news.
    fileprivate mutating func end(_ look: Following.Moment) -> Bool {
        if looking?.number == look.number { looking = nil }
        guard look.number > newest else { return false }
        newest = look.number
        return true
    }

    /// Since when nothing has been heard while a look is under way: another one may have come back
    /// meanwhile.
    fileprivate var hanging: Following.Moment? {
        looking.map { $0.bootMs < good.bootMs ? good : $0 }
    }
}
