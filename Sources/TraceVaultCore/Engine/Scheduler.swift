// Scheduler.swift - who goes next. Pure: events with a time in, actions out. It never reads a
// clock, does no I/O and knows no credential, so a simulation can drive it through days.
//
// Waiting work lives in lanes, one for each pair of tenant and budget group, first in first out.
// Tenants take turns (one request each), and a tenant's lanes take turns within it. A lane whose
// group may not send yet leaves the turn and waits at the group; the group's timer lets as many
// lanes back as it has permits. So a dispatch costs the same with ten and a million waiting.

/// The caller's name for a request; never used twice.
package typealias JobID = UInt64

/// What the scheduler must know about a request. Times are µs on one monotonic clock.
package struct Ticket: Sendable {
    package let id: JobID
    /// Small numbers that the caller gave to the tenant and to the budget group.
    package let tenant: Int
    package let group: Int
    /// When the request must be answered.
    package let deadline: Int64
    /// Until when a trace that is still pending is asked for again; 0: take the first answer.
    package let waitUntil: Int64

    package init(id: JobID, tenant: Int, group: Int, deadline: Int64, waitUntil: Int64) {
        self.id = id
        self.tenant = tenant
        self.group = group
        self.deadline = deadline
        self.waitUntil = waitUntil
    }
}

/// How one try ended.
package enum Verdict: Sendable {
    /// An answer, or a failure that no second try would mend.
    case final
    /// An answer that is still growing.
    case pending
    /// A failure that may pass; the floor is the server's Retry-After.
    case retry(afterMs: Int64?)
    /// HTTP 429: the whole group must wait so long.
    case rateLimited(afterMs: Int64)
}

/// What the caller must do now.
package enum Action: Sendable, Equatable {
    /// Begin a try. Exactly one `finished` must follow, unless an `abort` comes first.
    case start(JobID)
    /// Drop the try that is under way; no `finished` may follow.
    case abort(JobID)
    /// Answer the request with what its last try brought.
    case answer(JobID)
    /// Answer the request with a failure of the scheduler's own.
    case fail(JobID, Status)
}

package struct Scheduler: Sendable {
    package struct Limits: Sendable {
        package var maxInFlight: Int
        package var quota: Quota
        package var retry: RetryPolicy

        package init(maxInFlight: Int, quota: Quota, retry: RetryPolicy) {
            self.maxInFlight = maxInFlight
            self.quota = quota
            self.retry = retry
        }
    }

    enum Phase: Sendable { case queued, flying, sleeping }

    struct Job: Sendable {
        let ticket: Ticket
        var phase = Phase.queued
        var attempts = 0
        var polls = 0
        /// True when a try has brought an incomplete trace that can still be the answer.
        var hasAnswer = false
    }

    struct LaneKey: Hashable, Sendable {
        let tenant: Int
        let group: Int
    }

    struct Lane: Sendable {
        var waiting = Queue<JobID>()
        /// True while the lane stands in its tenant's turn or at its group.
        var isPlaced = false
    }

    struct Group: Sendable {
        var budget = Budget()
        var lanes = Queue<LaneKey>()
        var hasTimer = false
    }

    enum Timer: Sendable {
        case deadline(JobID)
        case wake(JobID)
        case group(Int)
    }

    let limits: Limits
    var jobs: [JobID: Job] = [:]
    var lanes: [LaneKey: Lane] = [:]
    var groups: [Int: Group] = [:]
    /// Lanes of each tenant that may be looked at, and the tenants that have any, in turn.
    var turns: [Int: Queue<LaneKey>] = [:]
    var ring = Queue<Int>()
    var timers = TimerHeap<Timer>()
    var random: SplitMix64
    var actions: [Action] = []

    package private(set) var inFlight = 0
    package var queued: Int { jobs.count - inFlight }

    package init(limits: Limits, seed: UInt64) {
        self.limits = limits
        self.random = SplitMix64(seed: seed)
    }

    // MARK: - Events

    /// Takes a request in.
    package mutating func submit(_ ticket: Ticket, now: Int64) -> [Action] {
        guard ticket.deadline > now else { return [.fail(ticket.id, .deadline)] }
        jobs[ticket.id] = Job(ticket: ticket)
        timers.add(.deadline(ticket.id), at: ticket.deadline)
        enqueue(ticket, inFront: false)
        return settle(now)
    }

    /// Notes how a try ended.
    package mutating func finished(_ id: JobID, _ verdict: Verdict, now: Int64) -> [Action] {
        guard var job = jobs[id], job.phase == .flying else { return [] }
        inFlight -= 1
        job.phase = .sleeping
        switch verdict {
        case .final:
            jobs[id] = nil
            actions.append(.answer(id))
        case .pending:
            job.hasAnswer = true
            // An answer is not a failure: the tries of the next poll count anew.
            job.attempts = 0
            job.polls += 1
            let limit = min(job.ticket.waitUntil, job.ticket.deadline)
            let delay = Self.pollDelay(job.polls, remaining: limit - now)
            sleep(job, until: now + delay, limit: limit)
        case .retry(let afterMs):
            let delay = limits.retry.delayMs(
                attempts: job.attempts, retryAfterMs: afterMs, random: &random)
            if job.attempts >= limits.retry.maxAttempts {
                jobs[id] = nil
                actions.append(.answer(id))
            } else {
                sleep(job, until: now + Self.us(delay), limit: job.ticket.deadline)
            }
        case .rateLimited(let afterMs):
            let until = now + Self.us(afterMs)
            groups[job.ticket.group, default: Group()].budget.park(until: until)
            // The group's parking is the wait; a try that was refused for everybody's sake does
            // not use up this request's own tries.
            job.attempts -= 1
            sleep(job, until: until, limit: job.ticket.deadline)
        }
        return settle(now)
    }

    /// Ends a request early. True when it was known.
    package mutating func cancel(_ id: JobID, as status: Status, now: Int64) -> [Action] {
        drop(id, as: status)
        return settle(now)
    }

    /// Lets time pass.
    package mutating func advance(now: Int64) -> [Action] { settle(now) }

    /// Ends everything.
    package mutating func shutdown() -> [Action] {
        for id in jobs.keys.sorted() { drop(id, as: .shutdown) }
        return takeActions()
    }

    /// When `advance` must be called at the latest; nil when nothing is timed.
    package var nextWake: Int64? { timers.nextTime }

    package func attempts(of id: JobID) -> Int { jobs[id]?.attempts ?? 0 }

    // MARK: - Turns

    private mutating func settle(_ now: Int64) -> [Action] {
        while let timer = timers.popDue(at: now) { fire(timer, now) }
        dispatch(now)
        return takeActions()
    }

    private mutating func takeActions() -> [Action] {
        let taken = actions
        actions = []
        return taken
    }

    private mutating func fire(_ timer: Timer, _ now: Int64) {
        switch timer {
        case .deadline(let id):
            guard let job = jobs[id] else { return }
            if job.hasAnswer {
                // An incomplete trace is a better answer than none.
                if job.phase == .flying { abort(id) }
                jobs[id] = nil
                actions.append(.answer(id))
            } else {
                drop(id, as: .deadline)
            }
        case .wake(let id):
            guard var job = jobs[id], job.phase == .sleeping else { return }
            job.phase = .queued
            jobs[id] = job
            enqueue(job.ticket, inFront: true)
        case .group(let number):
            groups[number]?.hasTimer = false
            release(number, now)
        }
    }

    private mutating func dispatch(_ now: Int64) {
        while inFlight < limits.maxInFlight, let tenant = ring.popFirst() {
            guard let key = turns[tenant]?.popFirst() else {
                turns[tenant] = nil
                continue
            }
            let stays = dispatchOne(of: key, now)
            if stays { turns[tenant]?.append(key) }
            if turns[tenant]?.isEmpty ?? true {
                turns[tenant] = nil
            } else {
                ring.append(tenant)
            }
        }
    }

    /// Starts the lane's first request if its group permits. True when the lane keeps its turn.
    private mutating func dispatchOne(of key: LaneKey, _ now: Int64) -> Bool {
        while let id = lanes[key]?.waiting.first {
            guard var job = jobs[id], job.phase == .queued else {
                _ = lanes[key]?.waiting.popFirst()  // cancelled or timed out while it waited
                continue
            }
            let permittedAt = groups[key.group, default: Group()].budget.permittedAt(limits.quota)
            guard permittedAt <= now else {
                groups[key.group, default: Group()].lanes.append(key)
                setTimer(of: key.group, at: permittedAt)
                return false
            }
            groups[key.group, default: Group()].budget.spend(limits.quota, at: now)
            _ = lanes[key]?.waiting.popFirst()
            job.phase = .flying
            job.attempts += 1
            jobs[id] = job
            inFlight += 1
            actions.append(.start(id))
            break
        }
        if lanes[key]?.waiting.isEmpty ?? true {
            lanes[key] = nil
            return false
        }
        return true
    }

    /// Lets lanes of a group back into their tenants' turns: one for each permit there is now.
    private mutating func release(_ number: Int, _ now: Int64) {
        guard var group = groups[number] else { return }
        var trial = group.budget
        while trial.permittedAt(limits.quota) <= now, let key = group.lanes.popFirst() {
            trial.spend(limits.quota, at: now)
            takeTurn(key)
        }
        groups[number] = group
        if !group.lanes.isEmpty { setTimer(of: number, at: trial.permittedAt(limits.quota)) }
    }

    private mutating func setTimer(of group: Int, at time: Int64) {
        guard groups[group]?.hasTimer == false else { return }
        groups[group]?.hasTimer = true
        timers.add(.group(group), at: time)
    }

    private mutating func enqueue(_ ticket: Ticket, inFront: Bool) {
        let key = LaneKey(tenant: ticket.tenant, group: ticket.group)
        if inFront {
            lanes[key, default: Lane()].waiting.prepend(ticket.id)
        } else {
            lanes[key, default: Lane()].waiting.append(ticket.id)
        }
        if lanes[key]?.isPlaced == false {
            lanes[key]?.isPlaced = true
            takeTurn(key)
        }
    }

    private mutating func takeTurn(_ key: LaneKey) {
        if turns[key.tenant] == nil { ring.append(key.tenant) }
        turns[key.tenant, default: Queue()].append(key)
    }

    // MARK: - Ends and waits

    /// Sleeps until `time`, or answers at once when that would be too late.
    private mutating func sleep(_ job: Job, until time: Int64, limit: Int64) {
        let id = job.ticket.id
        guard time < min(limit, job.ticket.deadline) else {
            jobs[id] = nil
            actions.append(.answer(id))
            return
        }
        jobs[id] = job
        timers.add(.wake(id), at: time)
    }

    private mutating func drop(_ id: JobID, as status: Status) {
        guard let job = jobs[id] else { return }
        if job.phase == .flying { abort(id) }
        jobs[id] = nil
        actions.append(.fail(id, status))
    }

    private mutating func abort(_ id: JobID) {
        inFlight -= 1
        actions.append(.abort(id))
    }

    /// Between two looks at a pending trace, in µs: 1 s, doubling to 30 s, but never so long that
    /// the last look comes long before the wait is over.
    private static func pollDelay(_ polls: Int, remaining: Int64) -> Int64 {
        let backoff = min(Int64(30_000_000), 1_000_000 << Int64(min(max(0, polls - 1), 5)))
        return max(1_000_000, min(backoff, remaining / 2))
    }

    /// Milliseconds from outside as µs, bounded to a day over the longest deadline.
    private static func us(_ ms: Int64) -> Int64 { min(max(0, ms), 172_800_000) * 1000 }
}
