// FleetHost.swift - one host of a simulated fleet: the library's scheduler, its ledger and the work of
// its lender, on a clock of the host's own.

import TraceVaultCore

final class FleetHost {
    let number: Int
    private(set) var life = 0
    private(set) var isUp = false
    /// What the others know it by; one that begins anew without its ledger has another.
    private var name: UInt64
    private let clock: FleetClock
    private let link: FleetLink
    private var scheduler: Scheduler
    private var ledger: RedisLedger
    private var lender: LenderWork

    private var lanes: [Int: LaneID] = [:]
    private var userOf: [Int] = []
    private var groups: [Int: Int32] = [:]
    /// By the low bits of their names: whose request, and whether another follows it.
    private var jobs: [(tenant: Int, isEndless: Bool)?] = []
    private var free: [Int] = []
    private var serial: UInt64 = 0

    /// When the timers, and the lender, are due; the lender waits for answers until `busyUntil`.
    private var wakeAt = Int64.max
    private var lendAt = Int64.max
    private var busyUntil: Int64 = 0
    private(set) var failed = 0

    init(_ number: Int, _ world: FleetWorld) throws {
        self.number = number
        name = UInt64(number)
        clock = FleetClock(
            offset: world.random.seconds(1000...9e6), drift: Int64(world.random.number(-100...100)))
        link = FleetLink(world, host: number)
        (scheduler, ledger, lender) = try Self.parts(name, number, world, clock, link)
    }

    private static func parts(
        _ name: UInt64, _ number: Int, _ world: FleetWorld, _ clock: FleetClock, _ link: FleetLink
    ) throws -> (Scheduler, RedisLedger, LenderWork) {
        let now = clock.read(world.now)
        let ledger = RedisLedger(
            try MappedLedger(.ofProcess, now: now), world.settings, addressKey: 1)
        let surroundings = LenderSurroundings(
            hostName: name, network: UInt64(number),
            now: { [unowned world, unowned link] in clock.read(world.now + link.elapsedUs) },
            chance: { [unowned world] in Int64.random(in: $0, using: &world.random) },
            isOver: { false }, isHostLeaving: { true })
        let scheduler = Scheduler(
            limits: world.limits, ledger: ledger, originKey: 1, seed: world.random.next(), now: now)
        return (scheduler, ledger, LenderWork(ledger, link, surroundings))
    }

    /// - Parameter isOther: whether its ledger is gone, so that it is another host to the others.
    func boot(isOther: Bool, _ world: FleetWorld) throws {
        if isOther { name += 1000 }
        (scheduler, ledger, lender) = try Self.parts(name, number, world, clock, link)
        link.close()
        lanes = [:]
        userOf = []
        groups = [:]
        jobs = []
        free = []
        (wakeAt, lendAt, busyUntil) = (Int64.max, Int64.max, 0)
        life += 1
        isUp = true
        scheduler.note(sharesConnections: true)
        lend(world, at: world.now)
    }

    /// kill -9: what it had borrowed is lost with it.
    func crash() { isUp = false }

    /// It is shut down, and says so if it can.
    func leave() {
        guard isUp else { return }
        link.begin()
        lender.leave()
        isUp = false
    }

    // MARK: - Requests

    func submit(_ tenant: Int, isEndless: Bool, _ world: FleetWorld) {
        let now = clock.read(world.now)
        let place = free.popLast() ?? jobs.count
        if place == jobs.count { jobs.append(nil) }
        jobs[place] = (tenant, isEndless)
        serial += 1
        let ticket = Ticket(
            id: serial << 20 | JobID(place), priority: .bulk, deadline: now + 120_000_000,
            isPatient: true)
        _ = scheduler.submit(ticket, to: lane(tenant, world, now), joining: nil, now: now)
    }

    private func lane(_ tenant: Int, _ world: FleetWorld, _ now: Int64) -> LaneID {
        if let known = lanes[tenant] { return known }
        let user = world.user(of: tenant)
        let group = groups[user] ?? scheduler.addGroup(World.key(ofUser: user), now: now)
        groups[user] = group
        let seat = scheduler.addSeat(tenant: scheduler.addTenant(), group: group)
        let lane = scheduler.addLane(seat: seat, needsConnection: false, proof: nil, now: now)
        lanes[tenant] = lane
        while userOf.count <= Int(lane) { userOf.append(-1) }
        userOf[Int(lane)] = user
        return lane
    }

    /// Lets time pass and does what the scheduler says.
    func round(_ world: FleetWorld) {
        let now = clock.read(world.now)
        scheduler.advance(now: now)
        while let action = scheduler.popAction() {
            switch action {
            case .start(let fetch):
                guard let lane = ask(&scheduler, { $0.lane(of: fetch) }) else { continue }
                world.send(self, fetch, user: userOf[Int(lane)])
            case .answer(let job): end(job, world, isGood: true)
            case .fail(let job, _): end(job, world, isGood: false)
            case .refuse(let job, _): end(job, world, isGood: false)
            case .choose, .abort, .waited, .rests, .end: break
            }
        }
        if ledger.isAsking { lend(world, at: world.now + world.latency() / 4) }
        guard let due = ask(&scheduler, { $0.nextWake }) else { return }
        let wake = max(world.now + 1, clock.moment(due))
        guard wake < wakeAt || wakeAt <= world.now else { return }
        wakeAt = wake
        world.agenda.add(.wake(process: number, life: life, due: wake), at: wake)
    }

    private func end(_ job: JobID, _ world: FleetWorld, isGood: Bool) {
        let place = HostProcess.place(of: job)
        guard let (tenant, isEndless) = jobs[place] else { return }
        jobs[place] = nil
        free.append(place)
        if !isGood { failed += 1 }
        if isEndless { submit(tenant, isEndless: true, world) }
    }

    /// A reply, with what its headers tell of the quota.
    func finished(_ fetch: FetchID, _ verdict: Verdict, _ said: ServerQuota, _ world: FleetWorld) {
        let now = clock.read(world.now)
        let lane = ask(&scheduler) { $0.lane(of: fetch) }
        scheduler.finished(fetch, verdict, now: now)
        if let lane { scheduler.note(lane, said, now: now) }
    }

    func wakes(at due: Int64) -> Bool { wakeAt == due }

    // MARK: - The lender

    private func lend(_ world: FleetWorld, at time: Int64) {
        let due = max(time, busyUntil, world.now)
        guard due < lendAt else { return }
        lendAt = due
        world.agenda.add(.lend(host: number, life: life, due: due), at: due)
    }

    /// A step of the lender's thread, if it is due.
    func lend(_ world: FleetWorld, due: Int64) {
        guard due == lendAt else { return }
        lendAt = Int64.max
        link.begin()
        let rest = lender.step(now: clock.read(world.now))
        busyUntil = world.now + link.elapsedUs
        lend(world, at: busyUntil + max(100, rest))
        if rest == 0 || ledger.isAsking { lend(world, at: busyUntil + 100) }
    }
}
