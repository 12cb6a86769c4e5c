// HostProcess.swift - one process of the host: a scheduler, and what the engine's loop does around it. What it
// is told and what follows is in HostProcess+Loop.swift.

import TraceVaultCore

/// Asks the scheduler where it lies: the property of a class would be copied for every question.
func ask<Answer>(
    _ scheduler: inout Scheduler, _ question: (borrowing Scheduler) -> Answer
) -> Answer {
    question(scheduler)
}

final class HostProcess {
    struct Job {
        let id: JobID
        let tenant: Int
        let account: Int
        let question: Question
        let deadline: Int64
        let isPatient: Bool
    }

    struct Fetch {
        let id: FetchID
        var question: Question
        let key: UInt64
        var lane: LaneID
        var version: Int
        var tenant: Int
        var attempt = 0
        var isFlying = false
        var hasConnection = false
        var hasBegun = false
        /// The try under way began while its lane was on probation.
        var isProbe = false
        /// Its credential was refused to it when that had worked before.
        var wasDoubted = false
    }

    let number: Int
    var life = 0
    var isUp = false
    var scheduler: Scheduler
    /// It reads the clock so much before it acts.
    var lag: Int64 = 0
    /// What a date in a reply is compared with is wrong by so much.
    var wallError: Int64 = 0
    var wakeAt = Int64.max

    /// By credential version.
    var laneOf: [LaneID?]
    var versionOf: [Int] = []
    private var tenantNumbers: [Int32?]
    private var groupNumbers: [Int32?]
    private(set) var seatNumbers: [Int32?]
    let users: Int

    /// By the low bits of their names.
    var jobs: [Job?] = []
    var freeJobs: [Int] = []
    private var serial: UInt64 = 0
    var fetches: [Fetch?] = []
    var joinable: [UInt64: FetchID] = [:]

    // What the watch compares with.
    var flyingOf: [Int]
    /// Tries that have a connection for themselves.
    var connectionsOf: [Int]
    var flyingIn: [Int] = []
    var closedUntil: [Int64] = []
    var isProbing: [Bool] = []
    /// By lane: tries under way that began on probation; whether the server took the credential and
    /// has not refused it for good since.
    var probesIn: [Int] = []
    var hasWorked: [Bool] = []
    /// By lane: whether the server has taken its credential, as this process knows; until when it rests.
    var isProven: [Bool] = []
    var restsUntil: [Int64] = []
    /// Stopped until then.
    var stoppedUntil: Int64 = 0
    var passes: Passes
    /// Users whose permits lay idle at the last look, and what was sent for each until then.
    var idle: [Int] = []
    var idleSent: [Int]

    init(_ number: Int, _ world: World) {
        self.number = number
        users = world.users.count
        let tenants = world.scenario.tenants
        scheduler = world.newScheduler()
        laneOf = []
        tenantNumbers = Array(repeating: nil, count: tenants)
        groupNumbers = Array(repeating: nil, count: users)
        seatNumbers = Array(repeating: nil, count: users * tenants)
        flyingOf = Array(repeating: 0, count: tenants)
        connectionsOf = flyingOf
        idleSent = Array(repeating: 0, count: world.users.count)
        passes = Passes(tenants: tenants, users: users)
    }

    /// A fresh process with the same number.
    func boot(_ world: World) {
        life += 1
        isUp = true
        scheduler = world.newScheduler()
        laneOf = []
        versionOf = []
        for place in tenantNumbers.indices { tenantNumbers[place] = nil }
        for place in groupNumbers.indices { groupNumbers[place] = nil }
        for place in seatNumbers.indices { seatNumbers[place] = nil }
        jobs = []
        freeJobs = []
        fetches = []
        joinable = [:]
        scheduler.note(sharesConnections: world.scenario.sharesConnections)
        flyingOf = Array(repeating: 0, count: flyingOf.count)
        connectionsOf = flyingOf
        flyingIn = []
        closedUntil = []
        isProbing = []
        probesIn = []
        hasWorked = []
        isProven = []
        restsUntil = []
        stoppedUntil = 0
        passes = Passes(tenants: flyingOf.count, users: users)
        wakeAt = Int64.max
        idle = []
        lag = world.scenario.isBulkDay ? 0 : world.random.seconds(0...0.002)
    }

    /// The lane of a version of a credential, made if there is none.
    func lane(
        _ version: Int, tenant: Int, user: Int, _ world: World, now: Int64
    ) -> LaneID {
        // Every third credential is a global key, which travels over HTTP/1.1.
        let needsConnection = version % 3 == 0
        while laneOf.count <= version { laneOf.append(nil) }
        if let lane = laneOf[version] { return lane }
        let owner = tenantNumbers[tenant] ?? scheduler.addTenant()
        tenantNumbers[tenant] = owner
        let group = groupNumbers[user] ?? scheduler.addGroup(World.key(ofUser: user), now: now)
        groupNumbers[user] = group
        let place = tenant * users + user
        let seat = seatNumbers[place] ?? scheduler.addSeat(tenant: owner, group: group)
        seatNumbers[place] = seat
        let proof = world.scenario.provesItself ? World.key(ofProof: version) : nil
        let lane = scheduler.addLane(
            seat: seat, needsConnection: needsConnection, proof: proof, now: now)
        laneOf[version] = lane
        while versionOf.count <= Int(lane) {
            versionOf.append(-1)
            flyingIn.append(0)
            closedUntil.append(0)
            isProbing.append(false)
            probesIn.append(0)
            hasWorked.append(false)
            isProven.append(false)
            restsUntil.append(0)
        }
        versionOf[Int(lane)] = version
        flyingIn[Int(lane)] = 0
        closedUntil[Int(lane)] = 0
        isProbing[Int(lane)] = false
        probesIn[Int(lane)] = 0
        hasWorked[Int(lane)] = false
        isProven[Int(lane)] = proof == nil || world.proven.contains(version)
        restsUntil[Int(lane)] = 0
        return lane
    }

    /// Forgets lanes that nobody uses.
    func sweep(_ world: World, now: Int64) {
        for version in laneOf.indices {
            guard let lane = laneOf[version], ask(&scheduler, { $0.isIdle(lane, now: now) }) else {
                continue
            }
            let user = world.versions[version].user
            let tenant = world.tenantOfVersion[version]
            let gone = scheduler.removeLane(lane)
            laneOf[version] = nil
            versionOf[Int(lane)] = -1
            if gone.seat {
                seatNumbers[tenant * users + user] = nil
                passes.forget(tenant)
            }
            if gone.group { groupNumbers[user] = nil }
            if gone.tenant { tenantNumbers[tenant] = nil }
        }
    }

    /// Whether somebody who waits for a user's quota may have to wait for another reason.
    func isAnybodyHeld(_ world: World, _ user: Int) -> Bool {
        let free = world.scenario.maxInFlight - flyingOf.reduce(0, +)
        if free <= 0 || isProbing.contains(true) || restsUntil.contains(where: { $0 > 0 }) {
            return true
        }
        return flyingOf.indices.contains { isHeld($0, world) }
    }

    /// Whether a tenant has as much under way as it may.
    func isHeld(_ tenant: Int, _ world: World) -> Bool {
        let free = world.scenario.maxInFlight - flyingOf.reduce(0, +)
        let cap = world.scenario.maxInFlightPerTenant
        if flyingOf[tenant] >= 8 * free || (cap > 0 && flyingOf[tenant] >= cap) { return true }
        let connections = world.scenario.maxConnections
        return connections > 0
            && connectionsOf[tenant] >= connections - connectionsOf.reduce(0, +)
    }

    func group(ofUser user: Int) -> Int32? { groupNumbers[user] }

    func nextJob() -> JobID {
        serial += 1
        let place = freeJobs.popLast() ?? jobs.count
        if place == jobs.count { jobs.append(nil) }
        return serial << 20 | JobID(place)
    }

    static func place(of job: JobID) -> Int { Int(job & JobID(Ticket.maxJobs - 1)) }
    static func place(ofFetch fetch: FetchID) -> Int { Int(fetch & 0xFFFF_FFFF) }

    func fetch(_ id: FetchID) -> Fetch? {
        let place = Self.place(ofFetch: id)
        guard place < fetches.count, let fetch = fetches[place], fetch.id == id else { return nil }
        return fetch
    }
}

/// How often others went before somebody who waited all the time. A seat is a tenant's claim on one
/// user's quota; it counts as waiting while a request of it was never tried.
struct Passes {
    let tenants: Int
    let users: Int
    var waiting: [Int]
    /// By seat and tenant: dispatches from the same quota since the seat's last.
    var sameGroup: [Int]
    /// By seat and tenant: any dispatches since, while its own quota had a permit.
    var anyGroup: [Int]

    init(tenants: Int, users: Int) {
        self.tenants = tenants
        self.users = users
        waiting = Array(repeating: 0, count: tenants * users)
        sameGroup = Array(repeating: 0, count: tenants * users * tenants)
        anyGroup = sameGroup
    }

    mutating func wait(_ seat: Int) {
        if waiting[seat] == 0 { clear(seat) }
        waiting[seat] += 1
    }

    /// The tenant had its turn in the ring, at whichever of its seats: among them what is interactive
    /// comes first, and nobody else is to blame.
    mutating func clearRing(of tenant: Int) {
        for place in (tenant * users * tenants)..<((tenant + 1) * users * tenants) {
            anyGroup[place] = 0
        }
    }

    /// A permit of this user came back: those who wait for one learn of it with their timer.
    mutating func clear(user: Int) {
        for tenant in 0..<tenants { clear(tenant * users + user) }
    }

    /// Who is made anew begins anew: nobody remembers which turns it has had.
    mutating func forget(_ tenant: Int) {
        for seat in waiting.indices {
            sameGroup[seat * tenants + tenant] = 0
            anyGroup[seat * tenants + tenant] = 0
        }
    }

    mutating func clear(_ seat: Int) {
        for tenant in 0..<tenants {
            sameGroup[seat * tenants + tenant] = 0
            anyGroup[seat * tenants + tenant] = 0
        }
    }
}
