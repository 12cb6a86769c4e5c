// Watch.swift - when something is looked at: read by everybody who uses it, without a lock.

import Synchronization

/// What is in use is looked at again and again; what nobody uses ever more seldom, and so is a
/// server that is down. A look tells the state at its beginning: the answer may have waited unread
/// while the process, or the host, was stopped. Values of the clock come from outside: ms on
/// CLOCK_BOOTTIME, which goes on while the host sleeps.
final class Watch: Sendable {
    private let everyMs: Int64
    /// A server's: it is looked at whether anybody uses it or not.
    let isRemote: Bool
    /// When a thread looks next, where none does.
    private let dueMs: Atomic<Int64>
    /// From when on whoever uses it has a look made first.
    private let overdueMs: Atomic<Int64>
    /// How long the threads rest before the next look.
    private let restMs: Atomic<Int64>
    private let stage = Atomic<UInt8>(Stage.resting.rawValue)
    /// When the last look began.
    private let beganMs: Atomic<Int64>
    /// When the look began that was the last to end.
    private let knownMs: Atomic<Int64>
    /// Looks that began no later do not count.
    private let expiredMs = Atomic<Int64>(.min)
    private let isUsed = Atomic<Bool>(true)
    private let usedMs: Atomic<Int64>
    /// The first use after a while without any.
    private let awokeMs: Atomic<Int64>

    /// How far a look has come.
    private enum Stage: UInt8 {
        /// None is under way.
        case resting
        /// The store has been asked. It may never answer.
        case asking
        /// Its answer is here: what it says is known as soon as it is read, which nothing holds up.
        case reading
    }

    /// A thread that is awake begins a look no later. A server's answer takes a while on top.
    private var graceMs: Int64 { Self.graceMs(isRemote) }
    private static func graceMs(_ isRemote: Bool) -> Int64 { isRemote ? 500 : 1000 }
    /// Without any use.
    private static let pauseMs: Int64 = 1000
    private static let longestIdleMs: Int64 = 60_000
    private static let longestDownMs: Int64 = 30_000
    /// As long a store is waited for.
    static let briefMs: Int64 = 200

    /// - Parameter isRemote: what is looked at is a server's. It is asked less often while it is
    ///   down. It is not asked less often while unused, because its answer may take longer than the
    ///   next user wants to wait.
    init(everyMs: Int64, isRemote: Bool = false, nowMs: Int64) {
        self.everyMs = everyMs
        self.isRemote = isRemote
        dueMs = Atomic(nowMs + everyMs)
        overdueMs = Atomic(nowMs + everyMs + Self.graceMs(isRemote))
        restMs = Atomic(everyMs)
        beganMs = Atomic(nowMs)
        knownMs = Atomic(nowMs)
        usedMs = Atomic(nowMs)
        awokeMs = Atomic(nowMs)
    }

    /// Notes a use. Whether a look is to be waited for first.
    func use(nowMs: Int64) -> Bool {
        if !isUsed.load(ordering: .relaxed) { isUsed.store(true, ordering: .relaxed) }
        let lastMs = usedMs.load(ordering: .relaxed)
        if lastMs != nowMs {
            if nowMs - lastMs >= Self.pauseMs { awokeMs.store(nowMs, ordering: .releasing) }
            usedMs.store(nowMs, ordering: .releasing)
        }
        return isOverdue(nowMs: nowMs)
    }

    /// Whether a look is overdue and worth waiting for: nobody used it for a while, the process or
    /// host was stopped, no thread looks, or much has come that must be read. A store that does not
    /// answer is not worth waiting for.
    func isOverdue(nowMs: Int64) -> Bool {
        guard isLate(nowMs: nowMs) else { return false }
        // When it began is written before it is asking.
        guard stage.load(ordering: .acquiring) == Stage.asking.rawValue else { return true }
        // It may have been stopped in the middle, together with all who use it.
        let asked = max(beganMs.load(ordering: .acquiring), awokeMs.load(ordering: .acquiring))
        return nowMs - asked < Self.briefMs
    }

    /// Whether what is known is too old.
    func isLate(nowMs: Int64) -> Bool { nowMs >= overdueMs.load(ordering: .acquiring) || isExpired }

    private var isExpired: Bool {
        knownMs.load(ordering: .acquiring) <= expiredMs.load(ordering: .acquiring)
    }

    /// Nil while somebody looks.
    var due: Int64? { isResting ? dueMs.load(ordering: .acquiring) : nil }

    private var isResting: Bool { stage.load(ordering: .acquiring) == Stage.resting.rawValue }

    var isReading: Bool { stage.load(ordering: .acquiring) == Stage.reading.rawValue }

    func begin(nowMs: Int64) {
        beganMs.store(nowMs, ordering: .releasing)
        stage.store(Stage.asking.rawValue, ordering: .releasing)
    }

    /// The store has answered with something new.
    func read() { stage.store(Stage.reading.rawValue, ordering: .releasing) }

    /// - Parameter hasFound: false when what is there could not be looked at.
    func end(nowMs: Int64, hasFound: Bool) {
        let wasUsed = isUsed.exchange(false, ordering: .acquiringAndReleasing)
        let isDown = isRemote && !hasFound
        let isIdle = !isRemote && !wasUsed
        let longest = isDown ? Self.longestDownMs : Self.longestIdleMs
        let doubled = min(2 * restMs.load(ordering: .relaxed), longest)
        let rest = isDown || isIdle ? max(everyMs, doubled) : everyMs
        restMs.store(rest, ordering: .relaxed)
        // Processes that met the same fault, or were started together, do not look together.
        let jittered = rest - Int64.random(in: 0...rest / 8)
        let began = beganMs.load(ordering: .acquiring)
        // Who uses it does not ask a server that is down more often either: it may have hung for
        // longer than the rest, which counts from its end.
        let overdue = (isDown ? nowMs + jittered : began + everyMs) + graceMs
        overdueMs.store(overdue, ordering: .releasing)
        knownMs.store(began, ordering: .releasing)
        // What could not be looked at for long is not tried again at once.
        let from = hasFound ? began : nowMs
        dueMs.store(isExpired ? nowMs : from + jittered, ordering: .releasing)
        stage.store(Stage.resting.rawValue, ordering: .releasing)
    }

    /// Somebody waits for a look.
    func hasten(nowMs: Int64) {
        guard let due, due > nowMs else { return }
        // Else a look has ended meanwhile.
        _ = dueMs.compareExchange(expected: due, desired: nowMs, ordering: .acquiringAndReleasing)
    }

    /// What is stored may be newer than what any look says that has begun: whoever uses it next has
    /// a look made.
    func expire(nowMs: Int64) { expiredMs.max(nowMs, ordering: .acquiringAndReleasing) }
}
