// HostProcess+Loop.swift - the loop of one process: requests in, tries out, replies in, answers out.

import TraceVaultCore

extension HostProcess {
    func submit(
        _ question: Question, _ priority: Priority, deadline: Int64, isPatient: Bool,
        waitUntil: Int64, _ world: World, now: Int64
    ) -> JobID {
        let id = nextJob()
        let account = world.accounts[question.account]
        jobs[Self.place(of: id)] = Job(
            id: id, tenant: account.tenant, account: question.account, question: question,
            deadline: deadline, isPatient: isPatient)
        world.watch.submitted += 1
        world.watch.log(now, "submit", Int64(bitPattern: id), Int64(account.tenant), deadline)
        let version = choose(question, world, now)
        let user = world.versions[version].user
        let lane = lane(version, tenant: account.tenant, user: user, world, now: now)
        let key = UInt64(version) << 40 | UInt64(question.message)
        var joining: FetchID?
        if !question.isCheck, let known = joinable[key],
            ask(&scheduler, { $0.lane(of: known) }) == lane
        {
            joining = known
        }
        let ticket = Ticket(
            id: id, priority: priority, deadline: deadline, isPatient: isPatient,
            waitUntil: waitUntil, isCheck: question.isCheck)
        let fetch = scheduler.submit(ticket, to: lane, joining: joining, now: now)
        if let fetch, fetch == joining {
            world.watch.joined += 1
            let wake = ask(&scheduler) { $0.sleepsUntil(fetch) }
            world.watch.require(
                wake.map { $0 < deadline } ?? true, "nobody joins what sleeps beyond its deadline",
                "job \(id) until \(deadline)")
        } else if let fetch {
            let place = Self.place(ofFetch: fetch)
            while fetches.count <= place { fetches.append(nil) }
            world.watch.require(fetches[place] == nil, "a fetch ends once", "\(fetch) over another")
            fetches[place] = Fetch(
                id: fetch, question: question, key: key, lane: lane, version: version,
                tenant: account.tenant)
            joinable[key] = fetch
            passes.wait(account.tenant * users + user)
        }
        return id
    }

    /// As the engine's loop chooses between the active and the retiring credential.
    func choose(_ question: Question, _ world: World, _ now: Int64) -> Int {
        let account = world.accounts[question.account]
        func isClosed(_ version: Int) -> Bool {
            let lane = lane(
                version, tenant: account.tenant, user: world.versions[version].user, world,
                now: now)
            return ask(&scheduler) { $0.closedUntil(lane) } > now
        }
        guard !question.isCheck, isClosed(account.active), let retiring = account.retiring,
            !isClosed(retiring)
        else { return account.active }
        return retiring
    }

    /// Lets time pass and does what the scheduler says.
    func round(_ world: World, now: Int64) {
        scheduler.advance(now: now)
        perform(world, now)
        let (next, queued, inFlight) = ask(&scheduler) { ($0.nextWake, $0.queued, $0.inFlight) }
        let wake = next.map { max($0, now) } ?? Int64.max
        world.watch.require(
            queued == 0 || wake < Int64.max || inFlight > 0,
            "what waits is woken", "process \(number): \(queued) queued, no timer")
        requirePermitsGo(world, wake, now)
        guard wake < wakeAt else { return }
        wakeAt = wake
        // Nobody runs at the very microsecond.
        let late =
            world.random.chance(0.01)
            ? world.random.seconds(0...0.2) : world.random.seconds(0...0.001)
        world.agenda.add(.wake(process: number, life: life, due: wake), at: wake + lag + late)
    }

    /// Who waits for a permit that nobody was promised has it at once. (Of what other processes give
    /// back it hears with its timer.)
    private func requirePermitsGo(_ world: World, _ wake: Int64, _ now: Int64) {
        let roundsHeldUp = ask(&scheduler) { $0.roundsHeldUp }
        world.watch.require(
            roundsHeldUp < 2, "nobody holds others up for more than two rounds",
            "process \(number): for \(roundsHeldUp)")
        guard world.scenario.processes == 1, wake > now + Scheduler.timerTickUs else { return }
        for user in 0..<users {
            guard let group = group(ofUser: user) else { continue }
            let state = ask(&scheduler) { $0.state(of: group, now: now) }
            world.watch.require(
                !state.isWaitedFor || state.promised > 0 || state.available == 0,
                "a permit that is there goes at once", "user \(user): \(state.available) there")
        }
    }

    func perform(_ world: World, _ now: Int64) {
        while let action = scheduler.popAction() {
            switch action {
            case .start(let id): start(id, world, now)
            case .choose(let id): chooseAnew(id, world, now)
            case .abort(let id): stop(id, world, now, "abort")
            case .answer(let id):
                world.watch.answered += 1
                end(id, world, now, "answer")
            case .waited(let id, _, _): world.watch.log(now, "waited", Int64(bitPattern: id))
            case .fail(let id, let status):
                world.watch.failed += 1
                world.watch.require(
                    world.scenario.trouble > 0 || status == .cancelled || status == .shutdown
                        || !isPatient(id),
                    "what only has to wait is not lost", "job \(id): \(status.name)")
                end(id, world, now, "fail", Int64(status.rawValue))
            case .refuse(let id, let until):
                world.watch.refused += 1
                let job = jobs[Self.place(of: id)]
                world.watch.require(
                    job.map { $0.deadline <= until && !$0.isPatient } == true,
                    "refused only what cannot wait",
                    "job \(id) until \(until)")
                end(id, world, now, "refuse", until)
            case .rests: break
            case .end(let id): forget(id, world, now)
            }
        }
    }

    private func isPatient(_ id: JobID) -> Bool {
        let place = Self.place(of: id)
        return place < jobs.count ? jobs[place]?.isPatient ?? false : false
    }

    private func end(
        _ id: JobID, _ world: World, _ now: Int64, _ how: StaticString, _ what: Int64 = 0
    ) {
        let place = Self.place(of: id)
        let job = place < jobs.count ? jobs[place] : nil
        world.watch.log(now, how, Int64(bitPattern: id), what)
        world.watch.require(
            job?.id == id, "exactly one outcome", "\(how) of job \(id), which has ended")
        guard let job, job.id == id else { return }
        jobs[place] = nil
        freeJobs.append(place)
        if job.isPatient { return }
        let due = max(job.deadline, stoppedUntil)
        world.watch.latestAnswer = max(world.watch.latestAnswer, world.now - due)
        world.watch.require(
            world.now <= due + 1_000_000, "no answer a second after the deadline",
            "job \(id): \(world.now - job.deadline) us")
    }

    /// A try is over, or never was.
    @discardableResult
    func stop(_ id: FetchID, _ world: World, _ now: Int64, _ how: StaticString) -> Bool {
        let place = Self.place(ofFetch: id)
        world.watch.log(now, how, Int64(bitPattern: id))
        guard let fetch = fetch(id), fetch.isFlying else {
            world.watch.require(false, "tries begin and end in turn", "\(how) of \(id)")
            return false
        }
        fetches[place]?.isFlying = false
        fetches[place]?.attempt += 1
        flyingOf[fetch.tenant] -= 1
        if fetch.hasConnection { connectionsOf[fetch.tenant] -= 1 }
        flyingIn[Int(fetch.lane)] -= 1
        if fetch.isProbe { probesIn[Int(fetch.lane)] -= 1 }
        return true
    }

    private func forget(_ id: FetchID, _ world: World, _ now: Int64) {
        world.watch.log(now, "end", Int64(bitPattern: id))
        guard let fetch = fetch(id) else {
            return world.watch.require(false, "a fetch ends once", "end of \(id)")
        }
        world.watch.require(!fetch.isFlying, "tries begin and end in turn", "end of flying \(id)")
        if !fetch.hasBegun { passes.waiting[seat(of: fetch, world)] -= 1 }
        if joinable[fetch.key] == id { joinable[fetch.key] = nil }
        fetches[Self.place(ofFetch: id)] = nil
    }

    /// The seat in which a fetch began to wait.
    func seat(of fetch: Fetch, _ world: World) -> Int {
        fetch.tenant * users + world.versions[fetch.version].user
    }
}
