// SchedulerSupport.swift - what the scheduler's tests share: a ledger in plain memory, and a scheduler
// on a clock that the test turns.

@testable import TraceVaultCore

/// µs.
let second: Int64 = 1_000_000

/// The seam of `BudgetLedger` in its simplest form; one thread only.
final class MemoryLedger: BudgetLedger, @unchecked Sendable {
    private struct Slot {
        var arrival: Int64 = 0
        var parked: Int64 = 0
        var policy = Quota.unlimited
        var policyNamedAt: Int64 = 0
        var gap: Int64 = 0
        var slowUntil: Int64 = 0
    }

    private var slots: [UInt64: Slot] = [:]
    /// Takes the next permit away between the look and the spending, as another process would.
    var stolen: Set<UInt64> = []

    func entry(_ key: UInt64, now: Int64) -> LedgerEntry { LedgerEntry(key: key, place: 0) }

    private func limits(_ slot: Slot, _ quota: Quota, _ now: Int64) -> Quota {
        let holds = now - slot.policyNamedAt < LedgerTime.policyHeld
        let quota = holds ? quota.tightened(by: slot.policy.aged(quota)) : quota
        guard slot.slowUntil > now, slot.gap > quota.intervalUs else { return quota }
        return Quota(intervalUs: slot.gap, toleranceUs: 0)
    }

    func permittedAt(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        let slot = slots[entry.key, default: Slot()]
        let paced = slot.arrival - limits(slot, quota, now).toleranceUs
        let later = max(slot.slowUntil, slot.arrival - quota.tightened(by: slot.policy).toleranceUs)
        let end = slot.policy == .unlimited ? 0 : slot.policyNamedAt + LedgerTime.policyHeld
        let last = max(slot.slowUntil, slot.arrival - quota.toleranceUs, end)
        return max(min(paced, later, last), slot.parked)
    }

    func spend(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64? {
        if stolen.remove(entry.key) != nil {
            while spend(&entry, quota, now: now) == nil {}
        }
        let time = permittedAt(&entry, quota, now: now)
        guard time <= now else { return time }
        var slot = slots[entry.key, default: Slot()]
        slot.arrival = max(slot.arrival, now) + limits(slot, quota, now).intervalUs
        slots[entry.key] = slot
        return nil
    }

    /// As when a pace that the server asked for has ended.
    func forget(_ key: UInt64) { slots[key] = nil }

    func refund(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) {
        slots[entry.key, default: Slot()].arrival -= quota.intervalUs
    }

    @discardableResult
    func park(_ entry: inout LedgerEntry, until time: Int64, now: Int64) -> Bool {
        slots[entry.key, default: Slot()].parked = max(
            slots[entry.key, default: Slot()].parked, time)
        return true
    }

    func lift(_ entry: inout LedgerEntry, now: Int64) {
        slots[entry.key, default: Slot()].parked = 0
        slots[entry.key, default: Slot()].slowUntil = 0
    }

    func pace(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> LedgerPace {
        var slot = slots[entry.key, default: Slot()]
        let isSlow = slot.slowUntil > now
        let (gap, until) = isSlow ? (slot.gap, slot.slowUntil) : (0, 0)
        slot.slowUntil = 0
        return LedgerPace(lasting: limits(slot, quota, now), gapUs: gap, until: until)
    }

    func setPolicy(_ entry: inout LedgerEntry, _ policy: Quota?, now: Int64) -> Bool {
        var slot = slots[entry.key, default: Slot()]
        defer { slots[entry.key] = slot }
        let before = slot.policy
        if let policy {
            (slot.policy, slot.policyNamedAt) = (policy, now)
        } else if now - slot.policyNamedAt >= LedgerTime.policyHeld {
            slot.policy = .unlimited
        }
        return slot.policy != before
    }

    func slow(_ entry: inout LedgerEntry, remaining: Int64, until time: Int64, now: Int64) {
        guard time > now else { return }
        guard remaining > 0 else {
            park(&entry, until: time, now: now)
            return
        }
        let gap = (time - now + remaining - 1) / remaining
        slots[entry.key, default: Slot()].gap = min(gap, LedgerTime.policyHeld)
        slots[entry.key, default: Slot()].slowUntil = min(time, now + LedgerTime.policyHeld)
    }

    func parkedUntil(_ entry: inout LedgerEntry, now: Int64) -> Int64 {
        slots[entry.key, default: Slot()].parked
    }

    func available(_ entry: inout LedgerEntry, _ quota: Quota, now: Int64) -> Int64 {
        let slot = slots[entry.key, default: Slot()]
        let limits = limits(slot, quota, now)
        let room = now + limits.toleranceUs - max(slot.arrival, now)
        guard slot.parked <= now, room >= 0 else { return 0 }
        return limits.intervalUs > 0 ? room / limits.intervalUs + 1 : Int64.max
    }
}

/// A scheduler, its clock and everything it has said.
final class Rig {
    var scheduler: Scheduler
    let ledger: any BudgetLedger
    var now: Int64 = 0
    private var nextJob: JobID = 0
    private var tenants: [Int: Int32] = [:]
    private var groups: [Int: Int32] = [:]
    private var seats: [Int: Int32] = [:]
    var ended: [FetchID] = []
    /// What requests waited for that failed at their deadline.
    var waits: [Wait] = []

    static let originKey: UInt64 = 9_999_999

    init(
        inFlight: Int = 2, perTenant: Int = 0, connections: Int = 0, streams: Int = 0,
        quota: Quota = .unlimited, originQuota: Quota = .unlimited, attempts: Int = 3,
        ledger: any BudgetLedger = MemoryLedger()
    ) {
        self.ledger = ledger
        scheduler = Scheduler(
            limits: .init(
                maxInFlight: inFlight, maxInFlightPerTenant: perTenant,
                maxConnections: connections, maxStreams: streams, quota: quota,
                originQuota: originQuota,
                retry: RetryPolicy(maxAttempts: attempts, baseMs: 1000, maxDelayMs: 8000)),
            ledger: ledger, originKey: Self.originKey, seed: 7, now: 0)
    }

    /// How late a timer for this time was.
    static func tick(_ now: Int64) -> Int64 { now % second }

    static func key(ofGroup group: Int) -> UInt64 { UInt64(1000 + group) }

    func group(_ number: Int) -> Int32 {
        let group = groups[number] ?? scheduler.addGroup(Self.key(ofGroup: number), now: now)
        groups[number] = group
        return group
    }

    func tenant(_ number: Int) -> Int32 {
        let tenant = tenants[number] ?? scheduler.addTenant()
        tenants[number] = tenant
        return tenant
    }

    /// A new lane of the tenant at the group.
    func lane(
        _ tenant: Int = 0, group: Int = 0, needsConnection: Bool = false, proof: UInt64? = nil
    ) -> LaneID {
        let owner = self.tenant(tenant)
        let key = tenant << 32 | group
        let seat = seats[key] ?? scheduler.addSeat(tenant: owner, group: self.group(group))
        seats[key] = seat
        return scheduler.addLane(
            seat: seat, needsConnection: needsConnection, proof: proof, now: now)
    }

    /// Forgets the numbers that went with a removed lane.
    func forget(_ tenant: Int, group: Int, _ gone: (seat: Bool, group: Bool, tenant: Bool)) {
        if gone.seat { seats[tenant << 32 | group] = nil }
        if gone.group { groups[group] = nil }
        if gone.tenant { tenants[tenant] = nil }
    }

    /// Submits a request; its id counts from 1.
    @discardableResult func submit(
        _ lane: LaneID, _ priority: Priority = .interactive, deadline: Int64 = 100 * second,
        isPatient: Bool = false, waitUntil: Int64 = 0, isCheck: Bool = false,
        tellsRest: Bool = false, joining: FetchID? = nil
    ) -> FetchID? {
        nextJob += 1
        return scheduler.submit(
            Ticket(
                id: nextJob, priority: priority, deadline: deadline, isPatient: isPatient,
                waitUntil: waitUntil, isCheck: isCheck, tellsRest: tellsRest), to: lane,
            joining: joining, now: now)
    }

    /// What the scheduler has said since; ends of fetches are kept in `ended`, waits in `waits`.
    func said() -> [Action] {
        var actions: [Action] = []
        while let action = scheduler.popAction() {
            switch action {
            case .end(let fetch): ended.append(fetch)
            case .waited(_, let wait, _): waits.append(wait)
            default: actions.append(action)
            }
        }
        return actions
    }

    /// Lets time pass to `time` and gives what was said.
    func advance(to time: Int64? = nil) -> [Action] {
        now = max(now, time ?? now)
        scheduler.advance(now: now)
        return said()
    }

    func finish(
        _ fetch: FetchID?, _ verdict: Verdict, proof: CredentialProof = .taken
    ) -> [Action] {
        scheduler.finished(fetch ?? 0, verdict, proof: proof, now: now)
        scheduler.advance(now: now)
        return said()
    }

    func reject(_ fetch: FetchID?, until: Int64, fallback: LaneID? = nil) -> [Action] {
        scheduler.reject(fetch ?? 0, until: until, fallback: fallback, now: now)
        scheduler.advance(now: now)
        return said()
    }

    /// Runs the clock forward until something is said.
    func next() -> [Action] {
        let present = advance()
        if !present.isEmpty { return present }
        while let wake = scheduler.nextWake {
            let actions = advance(to: wake)
            if !actions.isEmpty { return actions }
        }
        return []
    }

    /// Whether nothing is left: no request, no fetch, no timer but those of parked groups.
    var isEmpty: Bool {
        while let wake = scheduler.nextWake { _ = advance(to: wake) }
        return scheduler.alive == 0 && scheduler.inFlight == 0 && scheduler.queued == 0
            && scheduler.sleeping == 0
    }
}

extension [Action] {
    /// The fetches that were started.
    var starts: [FetchID] { compactMap { if case .start(let id) = $0 { id } else { nil } } }
}
