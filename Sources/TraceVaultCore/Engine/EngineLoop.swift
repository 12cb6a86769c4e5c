// EngineLoop.swift - the engine's one thread: runs the scheduler's actions over the transport and
// feeds their ends back. Nothing here is shared but the mailbox, the event queue and the figures.

import CSystem

/// Everything the thread owns. Made on the host's thread, then used by the engine's thread alone.
final class EngineLoop {
    private final class Running {
        let job: Job
        let dialogue: any Dialogue
        var tries = 0

        init(_ job: Job, _ dialogue: any Dialogue) {
            self.job = job
            self.dialogue = dialogue
        }
    }

    private var scheduler: Scheduler
    private let transport: CurlTransport
    private let mailbox: Mailbox
    private let events: EventQueue
    private let figures: Figures
    private let base: BaseURL
    private var counts = Counts()
    /// Answers of this round, handed over together at its end.
    private var answered: [Event] = []
    private var queued: [Event] = []
    private var running: [JobID: Running] = [:]
    private var tenants = Numbering()
    private var groups = Numbering()
    private var isOver = false

    init(
        scheduler: Scheduler, transport: CurlTransport, mailbox: Mailbox, events: EventQueue,
        figures: Figures, base: BaseURL
    ) {
        self.scheduler = scheduler
        self.transport = transport
        self.mailbox = mailbox
        self.events = events
        self.figures = figures
        self.base = base
    }

    /// The thread's life.
    func run() {
        while !isOver {
            tvs_fork_unsafe_enter()
            let moved = round()
            tvs_fork_unsafe_leave()
            if !moved { transport.wait(timeoutMs: pause()) }
        }
        events.close()
    }

    /// Everything there is to do now. True when there may be more to do at once.
    private func round() -> Bool {
        for command in mailbox.drain() { obey(command) }
        perform(scheduler.advance(now: tvs_monotonic_us()))
        let moved = !isOver && transport.move { id, reply in ended(id, reply) }
        publish()
        return moved || isOver
    }

    /// Hands this round's answers and figures over: few locks and wake-ups, however many answers.
    private func publish() {
        counts.queued = scheduler.queued
        counts.inFlight = scheduler.inFlight
        figures.publish(counts, answered)
        guard !answered.isEmpty else { return }
        mailbox.answered(answered)
        answered.removeAll(keepingCapacity: true)
        guard !queued.isEmpty else { return }
        events.add(queued)
        queued.removeAll(keepingCapacity: true)
    }

    /// How long to sleep when nothing happens: until the next timer, at most a minute.
    private func pause() -> Int32 {
        guard let wake = scheduler.nextWake else { return 60_000 }
        let ms = (wake - tvs_monotonic_us() + 999) / 1000
        return Int32(clamping: min(max(0, ms), 60_000))
    }

    private func obey(_ command: Command) {
        let now = tvs_monotonic_us()
        switch command {
        case .submit(let job):
            running[job.id] = Running(job, job.request.dialogue(base))
            let wait = job.request.waitMs
            let ticket = Ticket(
                id: job.id, tenant: tenants.number(of: job.tenant.name),
                group: groups.number(of: job.credential.budgetGroup), deadline: job.deadline,
                waitUntil: wait == 0 ? 0 : job.submittedAt + wait * 1000)
            perform(scheduler.submit(ticket, now: now))
        case .cancel(let id):
            perform(scheduler.cancel(id, as: .cancelled, now: now))
        case .shutdown:
            perform(scheduler.shutdown())
            isOver = true
        }
    }

    // MARK: - Actions

    private func perform(_ actions: [Action]) {
        var waiting = actions
        while !waiting.isEmpty {
            let batch = waiting
            waiting = []
            for action in batch {
                switch action {
                case .start(let id): waiting += start(id)
                case .abort(let id): transport.abort(id)
                case .answer(let id): answer(id)
                case .fail(let id, let status): fail(id, status)
                case .refuse(let id, let until): refuse(id, until: until)
                }
            }
        }
    }

    /// Begins a try; what goes wrong before the first byte ends the request.
    private func start(_ id: JobID) -> [Action] {
        guard let entry = running[id] else { return [] }
        entry.tries += 1
        do {
            try begin(entry.job, entry.dialogue)
            return []
        } catch {
            entry.dialogue.fail(error)
            return scheduler.finished(id, .unsent, now: tvs_monotonic_us())
        }
    }

    /// Sends the request with the credential that the vault has and that is valid now.
    private func begin(_ job: Job, _ dialogue: any Dialogue) throws(Failure) {
        let account = job.credential.accountID
        var credential = try job.tenant.credential(account: account)
        let authorization: SecretHeader
        do {
            authorization = try job.tenant.authorization(for: credential)
        } catch {
            // Replaced since it was looked up.
            guard error.status == .conflict else { throw error }
            credential = try job.tenant.credential(account: account)
            authorization = try job.tenant.authorization(for: credential)
        }
        let request = HTTPRequest(
            path: try dialogue.path(credential, authorization), authorization: authorization,
            email: credential.email,
            timeoutMs: Self.timeout(until: job.deadline))
        try transport.start(job.id, request, to: credential.origin)
    }

    /// A second later than the scheduler would end the request: only a belt.
    private static func timeout(until deadline: Int64) -> Int {
        Int(clamping: max(0, deadline - tvs_monotonic_us()) / 1000 + 1000)
    }

    private func ended(_ id: JobID, _ reply: HTTPReply) {
        guard let entry = running[id] else { return }
        let verdict = entry.dialogue.take(reply)
        counts.countTry(verdict)
        perform(scheduler.finished(id, verdict, now: tvs_monotonic_us()))
    }

    // MARK: - Answers

    private func answer(_ id: JobID) {
        guard let entry = running.removeValue(forKey: id) else { return }
        deliver(entry, answerNow(entry))
    }

    /// What the dialogue says as things are.
    private func answerNow(_ entry: Running) -> Answer {
        entry.dialogue.answer(
            TraceContext(
                tenant: entry.job.tenant.name, accountID: entry.job.credential.accountID,
                fetchedAtMs: tvs_wall_ms(), attempts: entry.tries))
    }

    private func fail(_ id: JobID, _ status: Status) {
        guard let entry = running.removeValue(forKey: id) else { return }
        var failure = Failure(status, Self.reason(status))
        let answer = answerNow(entry)
        // What came in time counts, such as the first pages of a search.
        if status == .deadline, answer.failure == nil { return deliver(entry, answer) }
        // The deadline's failure carries what the last try met: that is what to look into.
        if status == .deadline, entry.tries > 0, let last = answer.failure {
            failure.message += "; last try: " + last.message
            failure.httpStatus = last.httpStatus
            failure.codes = last.codes
            failure.cfRay = last.cfRay
            failure.retryAfterMs = last.retryAfterMs
        }
        failure.retriable = status == .deadline
        deliver(entry, failure, answer)
    }

    private func refuse(_ id: JobID, until: Int64) {
        guard let entry = running.removeValue(forKey: id) else { return }
        let answer = answerNow(entry)
        if answer.failure == nil { return deliver(entry, answer) }
        var failure = Failure(
            .rateLimited, "the request quota allows no try before the request's deadline")
        failure.retriable = true
        failure.retryAfterMs = (max(0, until - tvs_monotonic_us()) + 999) / 1000
        deliver(entry, failure, answer)
    }

    private static func reason(_ status: Status) -> String {
        switch status {
        case .cancelled: return "the host cancelled the request"
        case .deadline: return "no answer within the request's deadline"
        case .shutdown: return "the engine was shut down before the request was done"
        default: return "the request was ended"
        }
    }

    private func deliver(_ entry: Running, _ answer: Answer) {
        deliver(
            entry,
            Event(
                id: entry.job.id, tag: entry.job.tag, topic: entry.job.request.topic,
                failure: answer.failure, document: answer.document))
    }

    /// A failure of the engine's own; the last reply is in the view "raw", and nothing else is.
    private func deliver(_ entry: Running, _ failure: Failure, _ answer: Answer) {
        let raw = try? answer.document.view("raw")
        deliver(entry, Answer(failure: failure, document: Document(raw: raw)))
    }

    private func deliver(_ entry: Running, _ event: Event) {
        let tookUs = tvs_monotonic_us() - entry.job.submittedAt
        counts.slowestUs = max(counts.slowestUs, tookUs)
        answered.append(event)
        if let waiter = entry.job.waiter {
            waiter.answer(event)
        } else {
            queued.append(event)
        }
    }
}

/// Small numbers for names, in the order they first come up.
private struct Numbering {
    private var numbers: [String: Int] = [:]

    mutating func number(of name: String) -> Int {
        if let known = numbers[name] { return known }
        let fresh = numbers.count
        numbers[name] = fresh
        return fresh
    }
}
