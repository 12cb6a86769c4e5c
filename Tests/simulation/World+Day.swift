// World+Day.swift - the course of a day.

import TraceVaultCore

extension World {
    var end: Int64 { begin + scenario.length }

    func run() {
        plan()
        while watch.breach == nil, let (time, happening) = agenda.next() {
            now = max(now, time)
            happen(happening)
        }
        guard watch.breach == nil else { return }
        for process in processes where process.isUp { requireEmpty(process, "at the end") }
        watch.checkWindows(scenario)
    }

    private func plan() {
        for tenant in 0..<scenario.tenants {
            agenda.add(.arrival(tenant: tenant), at: begin + random.seconds(0...60))
        }
        for process in processes {
            agenda.add(.audit(process: process.number, life: process.life), at: begin + 1)
        }
        guard !scenario.isBulkDay else { return }
        let moment = {
            self.begin + Int64.random(in: 0..<self.scenario.length, using: &self.random)
        }
        for _ in 0..<scenario.bursts {
            let tenant = random.number(0...scenario.tenants - 1)
            agenda.add(
                .burst(
                    tenant: tenant,
                    count: [50, 400, 2500][random.number(0...2)] * (scenario.isBulkWork ? 4 : 1)),
                at: moment())
        }
        if scenario.hasPeople {
            for user in users.indices { agenda.add(.people(user: user), at: moment()) }
        }
        if scenario.hasContainers {
            for _ in 0..<random.number(1...6) { agenda.add(.containers, at: moment()) }
        }
        for _ in 0..<Int(4 * scenario.trouble) {
            agenda.add(.revoke(account: random.number(0...accounts.count - 1)), at: moment())
            agenda.add(.trouble(tenant: random.number(0...scenario.tenants - 1)), at: moment())
            agenda.add(.outage, at: moment())
            let process = random.number(0...scenario.processes - 1)
            switch random.number(0...3) {
            case 0: agenda.add(.crash(process: process), at: moment())
            case 1: agenda.add(.shutdown(process: process), at: moment())
            case 2: agenda.add(.pause(process: process), at: moment())
            default: agenda.add(.wallJump(process: process), at: moment())
            }
        }
    }

    private func happen(_ happening: Happening) {
        if isPutOff(happening) { return }
        switch happening {
        case .arrival(let tenant): arrive(tenant)
        case .burst(let tenant, let count):
            let process = processes[random.number(0...processes.count - 1)]
            guard process.isUp, now >= process.stoppedUntil else { return }
            // Without a deadline of its own: request.deadline_ms counts no waiting.
            let isPatient = scenario.isBulkWork || random.chance(0.4)
            let length = isPatient ? 120_000_000 : random.seconds(600...20_000)
            let priority: Priority = !isPatient && random.chance(0.3) ? .interactive : .bulk
            if scenario.isBulkWork { watch.bulk += count }
            for _ in 0..<count { request(tenant, process, priority, length, isPatient) }
            process.round(self, now: now - process.lag)
        case .wake(let number, let life, let due):
            let process = processes[number]
            // Another was set for an earlier time since.
            guard process.isUp, process.life == life, process.wakeAt == due else { return }
            process.wakeAt = Int64.max
            process.round(self, now: now - process.lag)
        case .reply(let number, let life, let fetch, let attempt, let reply):
            let process = processes[number]
            guard process.isUp, process.life == life else { return }
            process.receive(fetch, attempt, reply, self, now: now - process.lag)
            process.round(self, now: now - process.lag)
        case .cancel(let number, let life, let job):
            let process = processes[number]
            guard process.isUp, process.life == life else { return }
            watch.log(now, "cancel", Int64(bitPattern: job))
            process.scheduler.cancel(job)
            process.round(self, now: now - process.lag)
        case .audit(let number, let life): audit(processes[number], life)
        case .crash(let number), .shutdown(let number), .boot(let number), .wallJump(let number),
            .pause(let number):
            change(processes[number], happening)
        case .containers: startContainersAnew()
        case .people, .revoke, .restore, .trouble, .outage: disturb(happening)
        }
    }

    // MARK: - Traffic

    private func arrive(_ tenant: Int) {
        guard now < end else { return }
        let mean = scenario.meanGapUs / (tenant == 0 ? scenario.greed : 1)
        agenda.add(
            .arrival(tenant: tenant), at: now + Int64.random(in: 0...2 * mean, using: &random))
        let process = processes[random.number(0...processes.count - 1)]
        guard process.isUp, now >= process.stoppedUntil else { return }
        if scenario.isBulkDay {
            request(tenant, process, .bulk, 3_600_000_000)
        } else {
            for _ in 0..<random.number(1...3) {
                let isUrgent = random.chance(0.6)
                request(
                    tenant, process, isUrgent ? .interactive : .bulk,
                    random.seconds(isUrgent ? 0.5...120 : 60...7200))
            }
        }
        process.round(self, now: now - process.lag)
    }

    private func request(
        _ tenant: Int, _ process: HostProcess, _ priority: Priority, _ length: Int64,
        _ isPatient: Bool = false
    ) {
        let accounts = accountsOf[tenant]
        nextMessage += 1
        var question = Question(
            account: accounts[random.number(0...accounts.count - 1)], message: nextMessage)
        let deadline = now + length
        var waitUntil: Int64 = 0
        if !scenario.isBulkDay {
            // Somebody has asked for it before.
            if random.chance(0.1) {
                question = Question(
                    account: question.account,
                    message: max(1, nextMessage - random.number(1...20)))
            }
            question.isCheck = random.chance(0.01)
            if random.chance(0.2) { question.completeAt = now + random.seconds(0...90) }
            if random.chance(0.05) { question.pagesLeft = random.number(1...8) }
            if random.chance(0.03) { question.delays = random.number(1...3) }
            if random.chance(0.3) { waitUntil = now + random.seconds(1...60) }
        }
        let clock = now - process.lag
        let job = process.submit(
            question, priority, deadline: deadline, isPatient: isPatient, waitUntil: waitUntil,
            self, now: clock)
        process.perform(self, clock)
        if !scenario.isBulkDay, random.chance(0.02) {
            agenda.add(
                .cancel(process: process.number, life: process.life, job: job),
                at: now + random.seconds(0...30))
        }
    }

    // MARK: - Disturbances

    private func disturb(_ happening: Happening) {
        switch happening {
        case .people(let user):
            guard now < end else { return }
            let count = random.chance(0.02) ? random.number(500...1500) : random.number(1...12)
            for _ in 0..<count {
                if users[user].take(at: now, byPeople: true) != .taken { break }
            }
            agenda.add(
                .people(user: user),
                at: now + Int64.random(in: 0...2 * scenario.peopleGapUs, using: &random))
        case .revoke(let account):
            versions[accounts[account].active].isRevoked = true
            if let retiring = accounts[account].retiring, random.chance(0.3) {
                versions[retiring].isRevoked = true
            }
            agenda.add(.restore(account: account), at: now + random.seconds(10...7200))
        case .restore(let account):
            let old = accounts[account].active
            if random.chance(0.5) {
                // Another token is put in; the old one is kept for a while, or not.
                let user = versions[old].user
                accounts[account].active = addVersion(accounts[account].tenant, user)
                accounts[account].retiring = random.chance(0.5) ? old : nil
            } else {
                versions[old].isRevoked = false
            }
        case .trouble(let tenant):
            let until = now + random.seconds(30...1800)
            if random.chance(0.5) { hangsUntil[tenant] = until } else { slowUntil[tenant] = until }
        default: outageUntil = now + random.seconds(5...900)
        }
    }

    private func change(_ process: HostProcess, _ happening: Happening) {
        switch happening {
        case .boot:
            guard !process.isUp else { return }
            process.boot(self)
            agenda.add(.audit(process: process.number, life: process.life), at: now + 1)
        case .wallJump:
            process.wallError = random.seconds(-8000...8000)
        case .pause where process.isUp:
            watch.log(now, "pause", Int64(process.number))
            process.stoppedUntil = now + random.seconds(0.2...400)
        case .crash where process.isUp:
            // What was under way is with the server and counts there; nobody hears of it.
            watch.crashes += 1
            watch.log(now, "crash", Int64(process.number))
            process.isUp = false
            agenda.add(.boot(process: process.number), at: now + random.seconds(0.1...600))
        case .shutdown where process.isUp:
            watch.log(now, "shutdown", Int64(process.number))
            process.scheduler.shutdown()
            process.perform(self, now - process.lag)
            requireEmpty(process, "after its shutdown")
            process.isUp = false
            agenda.add(.boot(process: process.number), at: now + random.seconds(0.1...600))
        default: break
        }
    }

    /// What happens to a process that is stopped happens when it goes on.
    private func isPutOff(_ happening: Happening) -> Bool {
        let number: Int
        switch happening {
        case .wake(let process, _, _), .reply(let process, _, _, _, _),
            .cancel(let process, _, _), .audit(let process, _), .shutdown(let process):
            number = process
        default: return false
        }
        let until = processes[number].stoppedUntil
        guard now < until, processes[number].isUp else { return false }
        agenda.add(happening, at: until)
        return true
    }

    /// Nobody has the file open any more: a real container's processes end with it.
    private func startContainersAnew() {
        for process in processes { change(process, .crash(process: process.number)) }
        openLedgerAnew()
    }

    // MARK: - Looking inside

    private func requireEmpty(_ process: HostProcess, _ when: String) {
        let scheduler = process.scheduler
        watch.require(
            process.jobs.allSatisfy { $0 == nil }, "exactly one outcome",
            "requests without one in process \(process.number) \(when)")
        watch.require(
            scheduler.alive == 0 && scheduler.inFlight == 0 && scheduler.sleeping == 0
                && scheduler.queued == 0 && process.fetches.allSatisfy { $0 == nil },
            "nothing is left behind",
            "process \(process.number) \(when): \(scheduler.alive) requests, "
                + "\(scheduler.inFlight) under way, \(scheduler.sleeping) asleep")
    }

    /// Twenty seconds apart: a quota with a permit and with somebody waiting, and nothing was sent. (A pace
    /// that the server asked for ends up to a burst, 16 s, before who waits for it hears of that.)
    private func audit(_ process: HostProcess, _ life: Int) {
        guard process.isUp, process.life == life, now < end else { return }
        let isSecond = !process.idle.isEmpty
        let clock = now - process.lag
        var idle: [Int] = []
        for user in users.indices {
            guard let group = process.group(ofUser: user) else { continue }
            let state = ask(&process.scheduler) { $0.state(of: group, now: clock) }
            let isIdle =
                state.queued > 0 && state.available > 0 && state.permittedAt < clock - 19_000_000
                && !process.isAnybodyHeld(self, user)
            guard isIdle else { continue }
            idle.append(user)
            watch.require(
                !isSecond || !process.idle.contains(user)
                    || process.idleSent[user] != watch.sent(of: user),
                "no permit lies idle while somebody waits",
                "process \(process.number), user \(user): \(state.queued) queued")
        }
        process.idle = isSecond ? [] : idle
        for user in users.indices { process.idleSent[user] = watch.sent(of: user) }
        if idle.isEmpty { process.sweep(self, now: clock) }
        agenda.add(
            .audit(process: process.number, life: life),
            at: now + (process.idle.isEmpty ? random.seconds(20...400) : 20_000_000))
    }
}
