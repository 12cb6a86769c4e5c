// HostProcess+Tries.swift - how tries begin and what their ends mean; the promises about them.

import TraceVaultCore

extension HostProcess {
    func start(_ id: FetchID, _ world: World, _ now: Int64) {
        let place = Self.place(ofFetch: id)
        guard let fetch = fetch(id), !fetch.isFlying,
            let lane = ask(&scheduler, { $0.lane(of: id) }),
            ask(&scheduler, { $0.leader(of: id) }) != nil
        else { return world.watch.require(false, "tries begin and end in turn", "start of \(id)") }
        world.watch.log(now, "start", Int64(bitPattern: id), Int64(lane), Int64(fetch.tenant))
        let version = versionOf[Int(lane)]
        judgeTurn(of: fetch, user: world.versions[version].user, world, now)
        if !fetch.hasBegun { passes.waiting[seat(of: fetch, world)] -= 1 }
        fetches[place]?.hasBegun = true
        fetches[place]?.isFlying = true
        if fetch.lane != lane { fetches[place]?.wasDoubted = false }
        fetches[place]?.lane = lane
        fetches[place]?.isProbe = isProbing[Int(lane)]
        if isProbing[Int(lane)] { probesIn[Int(lane)] += 1 }
        flyingOf[fetch.tenant] += 1
        flyingIn[Int(lane)] += 1
        let limits = world.scenario
        let hasConnection =
            limits.maxConnections > 0 && (!limits.sharesConnections || version % 3 == 0)
        fetches[place]?.hasConnection = hasConnection
        if hasConnection { connectionsOf[fetch.tenant] += 1 }
        let connections = connectionsOf.reduce(0, +)
        world.watch.require(
            flyingOf.reduce(0, +) <= limits.maxInFlight && connections <= limits.maxConnections
                && (limits.maxInFlightPerTenant == 0
                    || flyingOf[fetch.tenant] <= limits.maxInFlightPerTenant),
            "never more under way than allowed", "\(flyingOf), connections \(connectionsOf)")
        // What was free when it went: as many as it has now, or more.
        world.watch.require(
            !hasConnection
                || connectionsOf[fetch.tenant] <= limits.maxConnections - connections + 1,
            "a tenant leaves connections to others", "\(connectionsOf)")
        // As the vault is now: a rotated credential is used at once.
        let newest = choose(fetch.question, world, now)
        let user = world.versions[newest].user
        let newLane = self.lane(newest, tenant: fetch.tenant, user: user, world, now: now)
        guard newLane == lane else {
            stop(id, world, now, "restart")
            fetches[place]?.wasDoubted = false
            return givingBack(version, world, now) { $0.restart(id, in: newLane, now: now) }
        }
        if world.isUnsent() {
            stop(id, world, now, "unsent")
            return givingBack(version, world, now) { $0.finished(id, .unsent, now: now) }
        }
        send(id, fetch.question, version, lane, world, now)
    }

    /// What was not sent costs nothing. (While the server asks for a slower pace, what that pace had
    /// added stays spent.)
    private func givingBack(
        _ version: Int, _ world: World, _ now: Int64, _ body: (inout Scheduler) -> Void
    ) {
        let user = world.versions[version].user
        passes.clear(user: user)
        let before = group(ofUser: user).map { group in
            (group, ask(&scheduler) { $0.state(of: group, now: now) })
        }
        body(&scheduler)
        guard let (group, state) = before, !world.scenario.tellsQuota, state.parkedUntil <= now
        else { return }
        let available = ask(&scheduler) { $0.state(of: group, now: now).available }
        world.watch.require(
            available == state.available + 1, "what was not sent costs no permit",
            "process \(number), user \(user): \(state.available) before, \(available) after")
    }

    func chooseAnew(_ id: FetchID, _ world: World, _ now: Int64) {
        guard let fetch = fetch(id) else {
            return world.watch.require(false, "only the living choose", "choose of \(id)")
        }
        world.watch.log(now, "choose", Int64(bitPattern: id))
        let newest = choose(fetch.question, world, now)
        let user = world.versions[newest].user
        let lane = lane(newest, tenant: fetch.tenant, user: user, world, now: now)
        fetches[Self.place(ofFetch: id)]?.wasDoubted = false
        scheduler.restart(id, in: lane, now: now)
    }

    private func send(
        _ id: FetchID, _ question: Question, _ version: Int, _ lane: LaneID, _ world: World,
        _ now: Int64
    ) {
        let attempt = fetches[Self.place(ofFetch: id)]?.attempt ?? 0
        world.watch.require(
            restsUntil[Int(lane)] <= now, "who is not proven rests alone for a 429",
            "lane \(lane) until \(restsUntil[Int(lane)])")
        restsUntil[Int(lane)] = 0
        if !question.isCheck {
            let others = probesIn[Int(lane)] - 1
            world.watch.require(
                closedUntil[Int(lane)] <= now, "nothing is sent with a refused credential",
                "lane \(lane) until \(closedUntil[Int(lane)])")
            world.watch.require(
                !isProbing[Int(lane)] || others == 0, "one probe at a time", "\(others) others")
        }
        world.sentOf[fetches[Self.place(ofFetch: id)]?.tenant ?? 0] += 1
        world.watch.send(user: world.versions[version].user, now: now)
        world.watch.sendOfBurst(user: world.versions[version].user, world.scenario, now: now)
        if let service = world.serve(question, version) {
            world.agenda.add(
                .reply(process: number, life: life, fetch: id, attempt: attempt, service),
                at: world.now + service.delay)
        }
    }

    func receive(_ id: FetchID, _ attempt: Int, _ service: Service, _ world: World, now: Int64) {
        let place = Self.place(ofFetch: id)
        // Aborted meanwhile.
        guard let fetch = fetch(id), fetch.isFlying, fetch.attempt == attempt else { return }
        stop(id, world, now, "reply")
        let user = world.versions[versionOf[Int(fetch.lane)]].user
        let lane = fetch.lane
        defer { note(lane, user, service, world, now) }
        switch service.reply {
        case .final, .failed, .pending, .more, .later:
            // What began before the refusal proves nothing.
            if fetch.isProbe { open(fetch.lane) }
            if !isProbing[Int(lane)] { hasWorked[Int(lane)] = true }
            isProven[Int(lane)] = true
            world.proven.insert(versionOf[Int(lane)])
        case .refused, .busy, .limited: break
        }
        switch service.reply {
        case .final, .failed: scheduler.finished(id, .final, now: now)
        case .pending: scheduler.finished(id, .pending, now: now)
        case .more:
            fetches[place]?.question.pagesLeft -= 1
            scheduler.finished(id, .more, now: now)
        case .later(let afterMs):
            fetches[place]?.question.delays -= 1
            scheduler.finished(id, .later(afterMs: afterMs), now: now)
        case .busy(let afterMs): scheduler.finished(id, .retry(afterMs: afterMs), now: now)
        case .limited(let until, let isDate, let isWrong):
            world.watch.limited += 1
            var afterMs = until.map { max(0, $0 - world.now + (isDate ? wallError : 0)) / 1000 }
            // Whole seconds, rounded up.
            afterMs = isWrong ? 86_400_000 : afterMs.map { ($0 + 999) / 1000 * 1000 }
            // What asks for longer than is documented gets that at least.
            let rest = now + min(afterMs ?? 300_000, ServerQuota.documentedMs) * 1000
            if isProven[Int(lane)] {
                world.watch.park(user: user, until: rest)
            } else {
                restsUntil[Int(lane)] = max(restsUntil[Int(lane)], rest)
            }
            scheduler.finished(id, .rateLimited(afterMs: afterMs ?? 300_000), now: now)
        case .refused: refuse(id, fetch, world, now)
        }
    }

    private func note(
        _ lane: LaneID, _ user: Int, _ service: Service, _ world: World, _ now: Int64
    ) {
        guard world.scenario.tellsQuota else { return }
        var policies = [RatePolicy(requests: Int64(world.users[user].quota), seconds: 300)]
        if let burst = world.scenario.burst {
            policies.append(RatePolicy(requests: burst.requests, seconds: burst.ms / 1000))
        }
        if world.scenario.isStray, world.random.chance(0.001) {
            policies.append(RatePolicy(requests: 1, seconds: 86_400))
        }
        let left = RateRemaining(
            requests: Int64(service.remaining), seconds: (service.resetMs + 999) / 1000)
        if isProven[Int(lane)] { world.watch.name(user: user, now: now) }
        scheduler.note(
            lane, ServerQuota(policies, [left], sharePercent: world.scenario.sharePercent),
            now: now)
    }

    private func open(_ lane: LaneID) {
        closedUntil[Int(lane)] = 0
        isProbing[Int(lane)] = false
    }

    private func refuse(_ id: FetchID, _ fetch: Fetch, _ world: World, _ now: Int64) {
        world.watch.rejected += 1
        let account = world.accounts[fetch.question.account]
        let version = versionOf[Int(fetch.lane)]
        var fallback: LaneID?
        if let other = version == account.active ? account.retiring : account.active,
            other != version
        {
            fallback = lane(
                other, tenant: fetch.tenant, user: world.versions[other].user, world, now: now)
            world.watch.fallbacks += 1
        }
        let until = now + world.scenario.credentialRetryUs
        let lane = Int(fetch.lane)
        if hasWorked[lane], !fetch.isProbe, !fetch.wasDoubted {
            // It may be a stray one: asked about once more.
            world.watch.doubted += 1
            fetches[Self.place(ofFetch: id)]?.wasDoubted = true
            isProbing[lane] = true
            return scheduler.reject(id, until: until, fallback: fallback, now: now)
        }
        hasWorked[lane] = false
        closedUntil[Int(fetch.lane)] = max(closedUntil[Int(fetch.lane)], until)
        isProbing[Int(fetch.lane)] = true
        if world.scenario.provesItself { isProven[Int(fetch.lane)] = false }
        scheduler.reject(id, until: until, fallback: fallback, now: now)
    }

    // MARK: - Turns

    /// While somebody waits, nobody else may go more often than the queues allow: first at the quota,
    /// then in the ring of tenants.
    private func judgeTurn(of fetch: Fetch, user: Int, _ world: World, _ now: Int64) {
        let tenants = passes.tenants
        let own = fetch.tenant * users + user
        passes.clear(own)
        passes.clearRing(of: fetch.tenant)
        for tenant in 0..<tenants where tenant != fetch.tenant {
            let isHeld = isHeld(tenant, world)
            for other in 0..<users {
                let seat = tenant * users + other
                guard passes.waiting[seat] > 0 else { continue }
                if isHeld || world.isTroubled(seat, self) {
                    passes.clear(seat)
                    continue
                }
                let isInRing = isInRing(seat)
                let place = seat * tenants + fetch.tenant
                if other == user && !isInRing { passes.sameGroup[place] += 1 }
                if isInRing || hasIdlePermit(other, now) {
                    passes.anyGroup[place] += 1
                } else {
                    passes.anyGroup[place] = 0
                }
                judge(passes.sameGroup[place], passes.anyGroup[place], world) {
                    "user \(other) of tenant \(tenant) by tenant \(fetch.tenant) for user \(user)"
                }
            }
        }
    }

    private func judge(
        _ atQuota: Int, _ inRing: Int, _ world: World, _ who: () -> String
    ) {
        world.watch.mostPassed = max(world.watch.mostPassed, atQuota)
        world.watch.mostPassedInRing = max(world.watch.mostPassedInRing, inRing)
        world.watch.require(
            atQuota <= World.mostPasses, "nobody is passed beyond its share at a quota", who())
        world.watch.require(
            inRing <= World.mostPasses, "nobody is passed beyond its share in the ring", who())
    }

    /// Whether a seat waits for its tenant's turn, not for its quota. Among a tenant's seats those
    /// with something interactive come first; no other tenant is to blame.
    private func isInRing(_ seat: Int) -> Bool {
        guard let number = seatNumbers[seat] else { return false }
        return ask(&scheduler) { $0.isInRing(number) }
    }

    /// Whether a quota has had a permit for nobody for longer than timers are late.
    private func hasIdlePermit(_ user: Int, _ now: Int64) -> Bool {
        guard let group = group(ofUser: user) else { return false }
        let state = ask(&scheduler) { $0.state(of: group, now: now - Scheduler.timerTickUs) }
        return state.available > Int64(state.promised)
    }
}
