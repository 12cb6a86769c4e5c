// EngineLoop.swift - the engine's one thread: takes commands, runs the scheduler's actions, sleeps
// until there is more. What a try is, is in EngineLoop+Tries.swift; how answers go out, in
// EngineLoop+Answers.swift.

import CSystem

/// Everything the thread owns. Made on the host's thread, then used by the engine's thread alone.
/// Shared are only the mailbox, the result queue and the last statistics.
final class EngineLoop {
    /// One fetch that has begun: its dialogue with the server.
    final class BegunFetch {
        let dialogue: any Dialogue
        /// Whoever asked first; the others ask the same with the same credential.
        let job: Job
        var tries = 0
        /// How many of them have ended.
        var ended = 0
        var startedAt: Int64 = 0
        /// How many of them in a row no reply came to, so that they went again at once.
        var unheard = 0
        /// What the last try was sent with, and its lane.
        var credential: Credential?
        var lane: LaneID?
        /// What the dialogue says now; nil when a later try may have changed it.
        var answer: Answer?
        /// What is kept of replies while it waits for another try.
        var kept: ReplyRoom.Place?
        /// True once a whole answer came that will not grow by itself.
        var isOver = false

        init(_ job: Job, _ dialogue: any Dialogue) {
            self.job = job
            self.dialogue = dialogue
        }
    }

    var scheduler: Scheduler
    let transport: CurlTransport
    let mailbox: Mailbox
    let results: ResultQueue
    let ledger: MappedLedger
    /// Nil: this host's quota is its own.
    let shared: RedisLedger?
    let settings: EngineSettings
    private let lastStats: LastStats
    var lanes: CredentialLanes
    var cache: TraceCache
    var sizes: ResultSizes
    /// By the low bits of a request's id.
    var jobs: [Job?] = []
    /// By the low bits of a fetch's id.
    var fetches: [BegunFetch?] = []
    /// Traces under way that another request may join, and the key of each by the fetch's low bits.
    var joinable: [UInt64: FetchID] = [:]
    var joinKeys: [UInt64] = []
    let searches: SearchRoom
    /// What fetches that wait for another try may keep of replies.
    let waiting: ReplyRoom
    /// Fetches with a try that has ended in this round.
    var tried: [FetchID] = []
    var hunts: [JobID: HuntUnderWay] = [:]
    /// Hunts that may have something to do, and those some of whose pages have no room.
    var moving: Set<JobID> = []
    var lacking: Set<JobID> = []
    var counts = Counts()
    var notices = ToldNotices()
    /// Answers of this round, handed over together at its end.
    var answered: [RequestResult] = []
    var queued: [RequestResult] = []
    private var isOver = false

    init(
        scheduler: Scheduler, transport: CurlTransport, mailbox: Mailbox, results: ResultQueue,
        ledger: MappedLedger, shared: RedisLedger?, originKey: UInt64, settings: EngineSettings,
        lastStats: LastStats
    ) {
        self.scheduler = scheduler
        self.transport = transport
        self.mailbox = mailbox
        self.results = results
        self.ledger = ledger
        self.shared = shared
        self.settings = settings
        self.lastStats = lastStats
        lanes = CredentialLanes(originKey: originKey)
        searches = SearchRoom(maxReplyBytes: settings.maxReplyBytes)
        waiting = ReplyRoom(settings.maxReplyBytes, always: 0)
        cache = TraceCache(maxBytes: settings.cacheBytes, maxAgeMs: settings.cacheAgeMs)
        sizes = ResultSizes(settings)
        transport.room.results = mailbox
        transport.isStillLent = { [weak self] id in self?.isStillLent(id) ?? false }
    }

    /// The thread's life.
    func run() {
        while !isOver {
            tvs_fork_unsafe_enter()
            let moved = round()
            tvs_fork_unsafe_leave()
            if !moved { transport.wait(timeoutMs: pause()) }
        }
        transport.wipeFreed()
        tvs_fork_unsafe_enter()
        lastStats.set(statistics())
        results.close()
        tvs_fork_unsafe_leave()
    }

    /// Everything there is to do now. True when there may be more to do at once.
    private func round() -> Bool {
        rouseHunts()
        // Before anything is read or written by number.
        if !transport.isIntact || !results.isIntact { endWithoutDescriptors() }
        let (commands, isAll) = mailbox.drain()
        for command in commands {
            obey(command)
            // Before the next one: places of what has ended are given anew.
            perform()
        }
        if !isOver {
            let now = tvs_boot_us()
            ledger.refresh(now: now)
            _ = advanceHunts()
            scheduler.advance(now: now)
            perform()
        }
        var moved = false
        if !isOver {
            moved = transport.move { id, reply in ended(id, reply) }
            if transport.hasHTTP2, !scheduler.sharesConnections {
                scheduler.note(sharesConnections: true)
                moved = true
            }
            if letKeptWait() { moved = true }
            // What ended makes room: the next go out in this round.
            if moved { scheduler.advance(now: tvs_boot_us()) }
            perform()
            keepLittle()
            perform()
        }
        rouseHunts()
        var huntsGoOn = advanceHunts()
        // What one gave back just now may be what another lacks.
        rouseHunts()
        if !moving.isEmpty { huntsGoOn = true }
        publish()
        if useRoomAgain() { moved = true }
        lookForNotices()
        return moved || isOver || huntsGoOn || !isAll
    }

    /// The host has closed descriptors of the engine: everything ends, and libcurl is left alone.
    private func endWithoutDescriptors() {
        transport.abandon()
        // Those who called meanwhile are answered in this round.
        _ = mailbox.close(because: Doorbell.lost)
    }

    /// Hands this round's answers over: few locks and wake-ups, however many answers.
    private func publish() {
        guard !answered.isEmpty else { return }
        for tenant in mailbox.answered(answered) { hold(tenant, true) }
        answered.removeAll(keepingCapacity: true)
        guard !queued.isEmpty else { return }
        results.add(queued)
        queued.removeAll(keepingCapacity: true)
    }

    /// How long to sleep when nothing happens: a minute, or until the next timer, at most a second
    /// of it: the clock of a wait stands still while the system is suspended.
    private func pause() -> Int32 {
        let look = tellsNotices ? notices.wake : nil
        let hunt = hunts.values.lazy.compactMap { $0.wake }.min()
        guard let wake = [scheduler.nextWake, look, hunt].compactMap({ $0 }).min() else {
            return 60_000
        }
        let ms = (wake - tvs_boot_us() + 999) / 1000
        return Int32(clamping: min(max(0, ms), 1000))
    }

    private func obey(_ command: Command) {
        switch command {
        case .submit(let job): admit(job, now: tvs_boot_us())
        case .hunt(let hunt): begin(hunt)
        case .huntOn(let id): goOn(hunt: id)
        case .cancel(let id):
            let why = Failure(.cancelled, "the host cancelled the hunt")
            if !endHunt(id, why) { scheduler.cancel(id) }
        case .goOn(let tenant): hold(tenant, false)
        case .describe(let waiter): waiter.answer(statistics())
        case .estimate(let asked, let waiter):
            waiter.answer(Result { () throws(Failure) in try estimate(asked) })
        case .lift(let asked, let waiter):
            waiter.answer(Result { () throws(Failure) in try lift(asked) })
        case .shutdown:
            endHunts()
            scheduler.shutdown()
            isOver = true
        }
    }

    // MARK: - Admission

    func admit(_ job: Job, now: Int64) {
        let place = Int(Scheduler.place(of: job.id))
        while jobs.count <= place { jobs.append(nil) }
        jobs[place] = job
        do {
            try enqueue(job, now)
        } catch {
            jobs[place] = nil
            deliver(job, Answer(failure: error, document: Document(raw: nil)))
        }
    }

    private func enqueue(_ job: Job, _ now: Int64) throws(Failure) {
        let (lane, credential) = try choose(for: job, try job.tenant.look(), now)
        notices.moved()
        tellResting(lane, job, isOwn: false, now)
        var hash: UInt64 = 0
        var joining: FetchID?
        if case .trace(let messageRef) = job.request.kind, !job.request.fresh {
            let key = TraceKey(
                credential, messageRef: messageRef, submission: job.request.submission)
            hash = key.hash
            if let document = cache.document(key, hash, now: now) {
                jobs[Int(Scheduler.place(of: job.id))] = nil
                return deliver(job, Answer(failure: nil, document: document))
            }
            joining = fetch(toJoin: hash, key, lane)
        }
        if joining == nil, isTakenBack(job, lane, now) {
            jobs[Int(Scheduler.place(of: job.id))] = nil
            return
        }
        let wait = job.request.waitMs
        let ticket = Ticket(
            id: job.id, priority: job.request.priority == .bulk ? .bulk : .interactive,
            deadline: job.deadline, isPatient: job.request.isPatient,
            waitUntil: wait == 0 ? 0 : job.submittedAt + wait * 1000,
            isCheck: job.request.resultKind == .check, tellsRest: job.errand != nil)
        guard let fetch = scheduler.submit(ticket, to: lane, joining: joining, now: now) else {
            return
        }
        job.fetch = fetch
        if fetch == joining {
            counts.joined += 1
            job.triesBefore = triesEnded(fetch)
        } else if hash != 0 {
            offer(fetch, hash)
        }
    }

    /// A living fetch of the same trace with the same credential.
    private func fetch(toJoin hash: UInt64, _ key: TraceKey, _ lane: LaneID) -> FetchID? {
        guard let known = joinable[hash], scheduler.lane(of: known) == lane,
            let leader = scheduler.leader(of: known),
            let job = jobs[Int(Scheduler.place(of: leader))],
            case .trace(let messageRef) = job.request.kind, messageRef == key.messageRef,
            job.request.submission == key.submission
        else { return nil }
        return known
    }

    private func offer(_ fetch: FetchID, _ hash: UInt64) {
        let place = Self.place(of: fetch)
        while joinKeys.count <= place { joinKeys.append(0) }
        joinKeys[place] = hash
        joinable[hash] = fetch
    }

    static func place(of fetch: FetchID) -> Int { Int(fetch & 0xFFFF_FFFF) }

    // MARK: - Actions

    private func perform() {
        while let action = scheduler.popAction() {
            switch action {
            case .start(let fetch): start(fetch)
            case .choose(let fetch): chooseAnew(fetch)
            case .abort(let fetch): giveUp(fetch)
            case .answer(let id): answer(id)
            case .waited(let id, let wait, let status): note(id, wait, status)
            case .fail(let id, let status): fail(id, status)
            case .refuse(let id, let until): refuse(id, until: until)
            case .rests(let id, let until): rests(id, until: until)
            case .end(let fetch): forget(fetch)
            }
        }
    }

    private func forget(_ fetch: FetchID) {
        let place = Self.place(of: fetch)
        if place < fetches.count { fetches[place] = nil }
        guard place < joinKeys.count, joinKeys[place] != 0 else { return }
        if joinable[joinKeys[place]] == fetch { joinable[joinKeys[place]] = nil }
        joinKeys[place] = 0
    }
}
