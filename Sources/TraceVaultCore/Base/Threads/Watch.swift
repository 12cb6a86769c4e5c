// Watch.swift - when something is looked at: read by everybody who uses it, without a lock.

import Synchronization

/// What is in use is looked at again and again; what nobody uses ever more seldom, and so is what
/// cannot be looked at. Values of the clock come from outside: ms on CLOCK_BOOTTIME, which goes on
/// while the host sleeps.
final class Watch: Sendable {
    private let everyMs: Int64
    private let longestIdleMs: Int64
    private let longestFailingMs: Int64
    /// When a thread looks next, where none does.
    private let dueMs: Atomic<Int64>
    /// From when on whoever uses it has a look made first.
    private let overdueMs: Atomic<Int64>
    /// How long the threads rest before the next look.
    private let restMs: Atomic<Int64>
    private let stage = Atomic<UInt8>(Stage.resting.rawValue)
    /// When the last look began.
    private let beganMs = Atomic<Int64>(0)
    private let isUsed = Atomic<Bool>(true)
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
    private static let longestIdleMs: Int64 = 60_000
    private static let longestFailingMs: Int64 = 10_000
    private static let longestDownMs: Int64 = 30_000
    /// As long a store is waited for.
    static let briefMs: Int64 = 200

    /// - Parameter isRemote: what is looked at is a server's. It is asked less often while it is
    ///   down. It may need longer for an answer than its user waits, so it is not asked less often
    ///   while nobody uses it.
    init(everyMs: Int64, isRemote: Bool = false, nowMs: Int64) {
        self.everyMs = everyMs
        longestIdleMs = isRemote ? everyMs : Self.longestIdleMs
        longestFailingMs = isRemote ? Self.longestDownMs : Self.longestFailingMs
        dueMs = Atomic(nowMs + everyMs)
        overdueMs = Atomic(nowMs + everyMs + Self.graceMs)
        restMs = Atomic(everyMs)
    }

    /// Notes a use. Whether a look is to be waited for first.
    func use(nowMs: Int64) -> Bool {
        if !isUsed.load(ordering: .relaxed) { isUsed.store(true, ordering: .relaxed) }
        return isOverdue(nowMs: nowMs)
    }

    /// Whether a look should have ended long ago, and is worth waiting for: nobody has used it for
    /// a while, the process, or the whole host, was stopped, nobody is there to look, or what came
    /// is much to read. A store that does not answer is not.
    func isOverdue(nowMs: Int64) -> Bool {
        guard isLate(nowMs: nowMs) else { return false }
        // When it began is written before it is asking.
        return stage.load(ordering: .acquiring) != Stage.asking.rawValue
            || nowMs - beganMs.load(ordering: .acquiring) < Self.briefMs
    }

    func isLate(nowMs: Int64) -> Bool { nowMs >= overdueMs.load(ordering: .acquiring) }

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

    /// What was read for long is as old as its look when it is known: the next one counts from
    /// there.
    /// - Parameter hasFound: false when what is there could not be looked at.
    func end(nowMs: Int64, hasFound: Bool) {
        let wasUsed = isUsed.exchange(false, ordering: .acquiringAndReleasing)
        let longest = hasFound ? longestIdleMs : longestFailingMs
        let isPatient = !hasFound || !wasUsed
        let rest =
            isPatient ? max(everyMs, min(2 * restMs.load(ordering: .relaxed), longest)) : everyMs
        restMs.store(rest, ordering: .relaxed)
        // Processes that met the same fault, or were started together, do not look together.
        let jittered = rest - Int64.random(in: 0...rest / 8)
        let late = hasFound ? everyMs : jittered
        let known = isReading ? beganMs.load(ordering: .acquiring) : nowMs
        let isExpired = isExpired.exchange(false, ordering: .acquiringAndReleasing)
        overdueMs.store(isExpired ? nowMs : known + late + Self.graceMs, ordering: .releasing)
        dueMs.store(isExpired ? nowMs : known + jittered, ordering: .releasing)
        stage.store(Stage.resting.rawValue, ordering: .releasing)
    }

    /// Somebody waits for a look.
    func hasten(nowMs: Int64) {
        guard let due, due > nowMs else { return }
        // Else a look has ended meanwhile.
        _ = dueMs.compareExchange(expected: due, desired: nowMs, ordering: .acquiringAndReleasing)
    }

    /// What is stored may be newer than what is known: whoever uses it next has a look made.
    func expire(nowMs: Int64) {
        if isResting {
            overdueMs.store(nowMs, ordering: .releasing)
        } else {
            isExpired.store(true, ordering: .releasing)
        }
    }
}
