// Scheduler.swift - who goes next. Pure: events with a time in, actions out. It never reads a
// clock, does no I/O and knows no credential, so a simulation can drive it through days.
//
// Waiting work lives in lanes, one for each pair of tenant and budget group, first in first out.
// Tenants take turns (one request each), and a tenant's lanes take turns within it. A lane whose
// group may not send yet leaves the turn and waits at the group; the group's timer lets as many
// lanes back as it has permits. So a dispatch costs the same with ten and a million waiting.

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

    /// A server that refuses and says "at once" is still not asked in a tight loop.
    private static let shortestParkUs: Int64 = 1_000_000

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

    package internal(set) var inFlight = 0
    package var queued: Int { jobs.count - inFlight }

    package init(limits: Limits, seed: UInt64) {
        self.limits = limits
        self.random = SplitMix64(seed: seed)
    }

    // MARK: - Events

    /// Takes a request in.
    package mutating func submit(_ ticket: Ticket, now: Int64) -> [Action] {
        guard ticket.deadline > now else { return [.fail(ticket.id, .deadline)] }
        if let permittedAt = groups[ticket.group]?.budget.permittedAt(limits.quota),
            permittedAt >= ticket.deadline
        {
            return [.refuse(ticket.id, until: permittedAt)]
        }
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
        case .unsent:
            groups[job.ticket.group]?.budget.refund(limits.quota)
            jobs[id] = nil
            actions.append(.answer(id))
        case .final, .more, .later, .rejected:
            jobs[id] = nil
            actions.append(.answer(id))
        case .pending:
            job.hasAnswer = true
            // An answer is not a failure: the tries of the next poll count anew.
            job.attempts = 0
            job.polls += 1
            let limit = min(job.ticket.waitUntil, job.ticket.deadline)
            // Ends the wait whatever later looks meet: silence, failures, a parked group.
            if job.polls == 1, job.ticket.waitUntil < job.ticket.deadline {
                timers.add(.deadline(id), at: limit)
            }
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
            let until = now + max(Self.us(afterMs), Self.shortestParkUs)
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

    /// How many timers are held, also those that mean nothing any more.
    package var timerCount: Int { timers.count }

    // MARK: - Time

    private mutating func settle(_ now: Int64) -> [Action] {
        while let timer = timers.popDue(at: now) { fire(timer, now) }
        dispatch(now)
        dropDeadTimers()
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

    /// Forgets the timers of ended requests once they outweigh the rest: a deadline may be a day
    /// away, so they would pile up. Amortised constant cost.
    private mutating func dropDeadTimers() {
        // A living request has at most three (deadline, end of the wait, wake), a group one.
        guard timers.count > 64, timers.count > 8 * jobs.count + 2 * groups.count else { return }
        let living = jobs
        timers.keep { timer in
            switch timer {
            case .deadline(let id), .wake(let id): living[id] != nil
            case .group: true
            }
        }
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

    /// Ends a request that may not be sent before its deadline.
    mutating func refuse(_ job: Job, until permittedAt: Int64) {
        let id = job.ticket.id
        jobs[id] = nil
        // An incomplete trace is a better answer than none.
        actions.append(job.hasAnswer ? .answer(id) : .refuse(id, until: permittedAt))
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
