// SchedulerCost.swift - what a dispatch costs, and what a waiting request weighs, whatever waits besides.

import CSystem
import Glibc
import TraceVaultCore

/// A scheduler that is kept full: for each request that ends another one comes, of a tenant drawn at random.
struct FullScheduler {
    private var scheduler: Scheduler
    private var lanes: [LaneID] = []
    private var random = SplitMix64(seed: 11)
    private var now: Int64 = 1_000_000_000
    private var flying: [FetchID] = []
    private var freePlaces: [JobID] = []
    private var serial: JobID = 0
    private var started = 0
    private var answered = 0

    /// Every tenant has a credential and a quota of its own; none of them ever is in the way.
    init(tenants: Int, queued: Int) throws {
        let quota = Quota(requests: 1_000_000_000, windowMs: 1000, sharePercent: 90)
        scheduler = Scheduler(
            limits: .init(
                maxInFlight: 128, quota: quota, originQuota: quota,
                retry: RetryPolicy(maxAttempts: 3, baseMs: 500, maxDelayMs: 30_000)),
            ledger: try MappedLedger(.ofProcess, now: now), originKey: 7, seed: 1, now: now)
        for number in 0..<tenants {
            let seat = scheduler.addSeat(
                tenant: scheduler.addTenant(),
                group: scheduler.addGroup(UInt64(number + 100) &* 0x9E37_79B9_7F4A_7C15, now: now))
            lanes.append(scheduler.addLane(seat: seat))
        }
        for _ in 0..<queued { submit() }
        act()
    }

    private mutating func submit() {
        serial += 1
        let place = freePlaces.popLast() ?? serial
        let isUrgent = random.next() & 7 == 0
        let lane = lanes[Int(random.next() % UInt64(lanes.count))]
        _ = scheduler.submit(
            Ticket(
                id: serial << 20 | place, priority: isUrgent ? .interactive : .bulk,
                deadline: now + Int64.random(in: 3_600_000_000...7_200_000_000, using: &random)),
            to: lane, now: now)
    }

    private mutating func act() {
        scheduler.advance(now: now)
        while let action = scheduler.popAction() {
            switch action {
            case .start(let fetch):
                started += 1
                flying.append(fetch)
            case .answer(let id):
                answered += 1
                freePlaces.append(id & JobID(Ticket.maxJobs - 1))
            default: break
            }
        }
    }

    /// Submits, starts, finishes and answers so many; the CPU of each in ns.
    mutating func nsPerDispatch(_ count: Int) -> Double {
        let (before, first) = (Self.cpu(), answered)
        for _ in 0..<count {
            now += 2
            let place = Int(random.next() % UInt64(flying.count))
            let fetch = flying[place]
            flying[place] = flying[flying.count - 1]
            flying.removeLast()
            scheduler.finished(fetch, .final, now: now)
            submit()
            act()
        }
        return Double(Self.cpu() - before) / Double(answered - first)
    }

    private static func cpu() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Resident bytes of this process.
func residentBytes() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 128, file) != nil else { return 0 }
    let words = line.prefix { $0 != 0 }.split(separator: 32)
    guard words.count > 1 else { return 0 }
    let pages = words[1].reduce(0) { $0 * 10 + Int($1) - 48 }
    return pages * 4096
}

/// Small and large take turns, so that what else the machine does meets both.
func measureScheduler(_ rounds: Int) throws {
    let (largeCount, dispatches) = (1_000_000, 200_000)
    let before = residentBytes()
    var large = try FullScheduler(tenants: 10_000, queued: largeCount)
    let bytes = Double(residentBytes() - before) / Double(largeCount)
    var small = try FullScheduler(tenants: 10, queued: 1000)
    _ = small.nsPerDispatch(dispatches)
    _ = large.nsPerDispatch(dispatches)
    var (smallNs, largeNs, ratios) = ([Double](), [Double](), [Double]())
    for _ in 0..<rounds {
        smallNs.append(small.nsPerDispatch(dispatches))
        largeNs.append(large.nsPerDispatch(dispatches))
        ratios.append(largeNs[largeNs.count - 1] / smallNs[smallNs.count - 1])
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    print(
        "{\"growth\": \(median(ratios)), \"growth_min\": \(ratios.min() ?? 0), "
            + "\"growth_max\": \(ratios.max() ?? 0), \"small_ns\": \(median(smallNs)), "
            + "\"large_ns\": \(median(largeNs)), \"bytes\": \(bytes)}")
}
