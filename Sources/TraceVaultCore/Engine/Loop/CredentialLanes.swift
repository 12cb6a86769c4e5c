// CredentialLanes.swift - which of the scheduler's numbers stands for which tenant, budget group
// and credential. The scheduler knows numbers only; names and credentials end here.

struct CredentialLanes {
    /// One credential of one opened vault, and whose quota it spends. Not the record's version:
    /// another label, or the same secret stored again, is no other credential.
    private struct Key: Hashable {
        let tenant: TenantKey
        let identity: CredentialIdentity
        let budgetGroup: String
        /// A key's; a token with the same bytes is another credential.
        let email: String?

        init(_ credential: Credential) {
            tenant = credential.key
            identity = credential.identity
            budgetGroup = credential.budgetGroup
            email = credential.email
        }
    }

    private struct KnownLane {
        var credential: Credential
        let groupKey: UInt64
        let group: Int32
        let seatKey: UInt64
        var usedAt: Int64
    }

    /// By lane; nil where a lane was forgotten.
    private var lanes: [KnownLane?] = []
    private var numbers: [Key: LaneID] = [:]
    /// By group: one of its lanes.
    private var known: [LaneID] = []
    private var tenants: [TenantKey: Int32] = [:]
    /// The vaults whose credentials are in use, by their opening.
    private var vaults: [Identifier: Following] = [:]
    private var groups: [UInt64: Int32] = [:]
    /// By tenant and group.
    private var seats: [UInt64: Int32] = [:]
    private var sweepAt = 2048
    /// How often numbers of lanes and groups were given back, to be used again.
    private(set) var sweeps = 0
    /// A user's quota at one server is not the one at another.
    private let originKey: UInt64

    /// So long a lane is kept that nobody uses, in µs.
    private static let keptUs: Int64 = 600_000_000

    init(originKey: UInt64) { self.originKey = originKey }

    var count: Int { numbers.count }

    /// The credential whose requests stand in a lane.
    func credential(of lane: LaneID) -> Credential? {
        lanes.indices.contains(Int(lane)) ? lanes[Int(lane)]?.credential : nil
    }

    /// The lane of a credential, made if there is none.
    mutating func lane(
        of credential: Credential, _ look: TenantIndex, in scheduler: inout Scheduler, now: Int64
    ) throws(Failure) -> LaneID {
        if let lane = numbers[Key(credential)] {
            // The newest object: the next look finds it by identity.
            lanes[Int(lane)]?.credential = credential
            lanes[Int(lane)]?.usedAt = now
            return lane
        }
        let keys = try look.budgetKeys(of: credential)
        let groupKey = keys.group ^ originKey
        sweep(&scheduler, now)
        let tenantNumber = tenants[look.tenant] ?? scheduler.addTenant()
        tenants[look.tenant] = tenantNumber
        vaults[look.tenant.opened] = look.following
        let group = groups[groupKey] ?? scheduler.addGroup(groupKey, now: now)
        groups[groupKey] = group
        let seatKey =
            UInt64(UInt32(bitPattern: tenantNumber)) << 32 | UInt64(UInt32(bitPattern: group))
        let seat = seats[seatKey] ?? scheduler.addSeat(tenant: tenantNumber, group: group)
        seats[seatKey] = seat
        let lane = scheduler.addLane(
            seat: seat, needsConnection: credential.email != nil,
            proof: keys.proof.map { $0 ^ originKey }, now: now)
        while lanes.count <= Int(lane) { lanes.append(nil) }
        lanes[Int(lane)] = KnownLane(
            credential: credential, groupKey: groupKey, group: group, seatKey: seatKey,
            usedAt: now)
        numbers[Key(credential)] = lane
        while known.count <= Int(group) { known.append(lane) }
        known[Int(group)] = lane
        return lane
    }

    /// A tenant's number, if it has one.
    func number(of tenant: TenantKey) -> Int32? { tenants[tenant] }

    /// The name of a budget group that somebody uses, for statistics.
    func name(of group: Int32) -> String {
        guard known.indices.contains(Int(group)) else { return "" }
        return credential(of: known[Int(group)])?.budgetGroup ?? ""
    }

    /// The vaults in use.
    var followings: some Sequence<Following> { vaults.values }

    /// What keeps vaults in use from being followed, at most so many, for statistics.
    func troubles(_ count: Int, nowMs: Int64) -> [Following.Trouble] {
        Array(vaults.values.lazy.compactMap { $0.trouble(nowMs: nowMs) }.prefix(count))
    }

    /// Forgets what nobody uses, now and then: credentials are rotated, tenants leave.
    private mutating func sweep(_ scheduler: inout Scheduler, _ now: Int64) {
        guard numbers.count >= sweepAt else { return }
        for (place, lane) in lanes.enumerated() {
            let number = LaneID(clamping: place)
            guard let lane, now - lane.usedAt > Self.keptUs, scheduler.isIdle(number, now: now)
            else { continue }
            let gone = scheduler.removeLane(number)
            numbers[Key(lane.credential)] = nil
            lanes[place] = nil
            if gone.seat { seats[lane.seatKey] = nil }
            if gone.group { groups[lane.groupKey] = nil }
            if gone.tenant { tenants[lane.credential.key] = nil }
        }
        let opened = Set(tenants.keys.map(\.opened))
        vaults = vaults.filter { opened.contains($0.key) }
        for (place, lane) in lanes.enumerated() {
            if let lane { known[Int(lane.group)] = LaneID(clamping: place) }
        }
        sweepAt = max(2048, numbers.count * 2)
        sweeps += 1
    }
}
