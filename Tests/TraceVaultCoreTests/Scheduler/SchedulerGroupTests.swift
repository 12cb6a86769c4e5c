// SchedulerGroupTests.swift - budget groups: quotas, parkings, what the server says, the address's limit.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerGroupTests {
    private let slow = Quota(requests: 1, windowMs: 10_000, sharePercent: 100)

    private func ledgers() throws -> [any BudgetLedger] {
        [MemoryLedger(), try MappedLedger(.ofProcess, now: 0)]
    }

    @Test func a429ParksTheGroupAndNoOther() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, ledger: ledger)
            let first = rig.submit(rig.lane(0)) ?? 0
            _ = rig.advance()
            #expect(rig.finish(first, .rateLimited(afterMs: 30_000)) == [])
            let later = rig.submit(rig.lane(1)) ?? 0
            let other = rig.submit(rig.lane(1, group: 1)) ?? 0
            #expect(rig.advance() == [.start(other)])
            let started = rig.next().starts
            #expect(rig.now >= 30 * second && Set(started).isSubset(of: [first, later]))
            #expect(started.count + rig.next().starts.count == 2)
        }
    }

    @Test func aParkingAnswersAtOnceWhoCannotWaitSoLong() {
        let rig = Rig(inFlight: 1)
        let lane = rig.lane()
        let first = rig.submit(lane)
        let patient = rig.submit(lane, deadline: 90 * second)
        rig.submit(lane, .bulk, deadline: 20 * second)
        rig.submit(lane, deadline: 10 * second, joining: patient)
        _ = rig.advance()
        let until = 30 * second
        #expect(
            rig.finish(first, .rateLimited(afterMs: 30_000))
                == [.refuse(4, until: until), .refuse(3, until: until)])
        // And whoever comes now.
        #expect(rig.submit(lane, deadline: 29 * second) == nil)
        #expect(rig.said() == [.refuse(5, until: until)])
        #expect(rig.scheduler.alive == 2)
    }

    @Test func whatTheQuotaForbidsUntilAfterTheDeadlineIsRefusedAtOnce() throws {
        for ledger in try ledgers() {
            let rig = Rig(inFlight: 8, quota: slow, ledger: ledger)
            let lane = rig.lane()
            let first = rig.submit(lane)
            #expect(rig.advance() == [.start(first ?? 0)])
            #expect(rig.submit(lane, deadline: 5 * second) == nil)
            #expect(rig.said() == [.refuse(2, until: 10 * second)])
            #expect(rig.scheduler.queued == 0)
            let patient = rig.submit(lane) ?? 0
            #expect(rig.next() == [.start(patient)] && rig.now >= 10 * second)
        }
    }

    @Test func whatWasNeverSentCostsNoQuota() throws {
        for ledger in try ledgers() {
            let rig = Rig(
                inFlight: 1, quota: Quota(requests: 2, windowMs: 10_000, sharePercent: 100),
                ledger: ledger)
            let lane = rig.lane()
            for id in 1...50 as ClosedRange<JobID> {
                let fetch = rig.submit(lane) ?? 0
                #expect(rig.advance() == [.start(fetch)])
                #expect(rig.finish(fetch, .unsent) == [.answer(id)])
            }
        }
    }

    @Test func noWindowEverHoldsMoreThanTheQuota() throws {
        for ledger in try ledgers() {
            // 100 requests per 10 s; 1,000 waiting; every reply at once.
            let rig = Rig(
                inFlight: 64, quota: Quota(requests: 100, windowMs: 10_000, sharePercent: 100),
                ledger: ledger)
            let lanes = (0..<7).map { rig.lane($0) }
            for id in 0..<1000 { rig.submit(lanes[id % 7], .bulk, deadline: 1000 * second) }
            var starts: [Int64] = []
            var waiting = rig.advance().starts
            while !waiting.isEmpty || rig.scheduler.queued > 0 {
                starts += waiting.map { _ in rig.now }
                for fetch in waiting { rig.scheduler.finished(fetch, .final, now: rig.now) }
                waiting = rig.advance().starts
                if waiting.isEmpty { waiting = rig.next().starts }
            }
            #expect(starts.count == 1000)
            for index in 100..<starts.count {
                #expect(starts[index] - starts[index - 100] >= 10 * second)
            }
            // And the quota is used: 1,000 requests at 100 per 10 s take about 100 s, not 200.
            #expect(rig.now < 110 * second)
        }
    }

    @Test func seatsOfAGroupShareItsPermits() {
        let rig = Rig(inFlight: 64, quota: Quota(requests: 20, windowMs: 20_000, sharePercent: 100))
        let lanes = (0..<4).map { rig.lane($0) }
        var owner: [FetchID: Int] = [:]
        // One has a hundred times the demand of the others.
        for tenant in 0..<4 {
            for _ in 0..<(tenant == 0 ? 1000 : 10) {
                owner[rig.submit(lanes[tenant], .bulk, deadline: 1 << 50) ?? 0] = tenant
            }
        }
        var had = [Int](repeating: 0, count: 4)
        while had.reduce(0, +) < 40 {
            for fetch in rig.next().starts {
                had[owner[fetch] ?? 0] += 1
                rig.scheduler.finished(fetch, .final, now: rig.now)
            }
        }
        #expect(had.allSatisfy { (9...11).contains($0) }, "\(had)")
    }

    @Test func theBusiestGroupsAreTheFirstToLookAtHoweverManyThereAre() {
        let rig = Rig(inFlight: 1000, quota: slow)
        // In each but every tenth group so many wait as its number says; one more is under way.
        var lanes: [LaneID] = []
        for group in 0..<200 { lanes.append(rig.lane(group, group: group)) }
        for (group, lane) in lanes.enumerated() where group % 10 != 0 {
            for _ in 0...group { rig.submit(lane, deadline: 1 << 40) }
        }
        _ = rig.advance()
        #expect(rig.scheduler.groupCount == 200)
        let first = rig.scheduler.busiest(5, now: 0)
        #expect(first == [199, 198, 197, 196, 195].map { rig.group($0) })
        // A group that rests comes before one that merely works, and any of those before the idle.
        let parked = rig.submit(lanes[100], deadline: 30 * second) ?? 0
        _ = rig.advance()
        _ = rig.submit(lanes[110], deadline: 1 << 40)
        _ = rig.advance()
        _ = rig.finish(parked, .rateLimited(afterMs: 60_000))
        let all = rig.scheduler.busiest(1000, now: 0)
        #expect(Set(all).count == 200 && Array(all.prefix(5)) == first)
        #expect(Array(all[180..<182]) == [rig.group(100), rig.group(110)])
        // One that is gone is not listed.
        rig.forget(0, group: 0, rig.scheduler.removeLane(lanes[0]))
        #expect(rig.scheduler.groupCount == 199)
        #expect(!rig.scheduler.busiest(1000, now: 0).contains(all[182]))
    }

    @Test func theAddressHasALimitOfItsOwn() {
        let rig = Rig(
            inFlight: 500, originQuota: Quota(requests: 20, windowMs: 1000, sharePercent: 100))
        for tenant in 0..<50 { rig.submit(rig.lane(tenant, group: tenant)) }
        var starts = rig.advance().starts.map { _ in rig.now }
        #expect(!starts.isEmpty && starts.count < 20)
        while starts.count < 50, rig.scheduler.queued > 0 {
            starts += rig.next().starts.map { _ in rig.now }
        }
        #expect(starts.count == 50)
        for index in 20..<50 { #expect(starts[index] - starts[index - 20] >= second) }
    }

    @Test func permitsGoToThoseWhoWaitedForThemNotToWhoIsUrgent() {
        let rig = Rig(inFlight: 4, quota: Quota(requests: 40, windowMs: 40_000, sharePercent: 100))
        let (urgent, patient) = (rig.lane(0), rig.lane(1))
        var owner: [FetchID: Int] = [:]
        for _ in 0..<200 { owner[rig.submit(urgent, deadline: 1 << 50) ?? 0] = 0 }
        for _ in 0..<200 { owner[rig.submit(patient, .bulk, deadline: 1 << 50) ?? 0] = 1 }
        var had = [0, 0]
        // Now and then the process is late, and several permits have come together.
        for turn in 0..<200 where had[0] < 190 {
            if turn % 3 == 0 { rig.now += 2_500_000 }
            for fetch in rig.next().starts {
                had[owner[fetch] ?? 0] += 1
                rig.scheduler.finished(fetch, .final, now: rig.now)
            }
            #expect(abs(had[0] - had[1]) <= 4, "\(had)")
        }
        #expect(had[0] > 50)
    }

    @Test func whoIsForgottenTakesNobodyElseOutOfTheGroup() {
        let rig = Rig(inFlight: 8)
        let lanes = (0..<6).map { rig.lane($0) }
        for gone in [0, 5, 2] {
            rig.forget(gone, group: 0, rig.scheduler.removeLane(lanes[gone]))
        }
        let first = rig.submit(lanes[1]) ?? 0
        #expect(rig.advance() == [.start(first)])
        let back = rig.lane(0)
        for lane in [lanes[1], lanes[3], lanes[4], back] { rig.submit(lane, deadline: 9 * second) }
        // All that are left are told of the parking.
        let told = rig.finish(first, .rateLimited(afterMs: 30_000))
        let ids = told.compactMap { if case .refuse(let id, _) = $0 { id } else { nil } }
        #expect(ids.sorted() == [2, 3, 4, 5])
    }

    @Test func aPermitOfTheAddressThatAnotherProcessTookIsWaitedFor() {
        let ledger = MemoryLedger()
        let rig = Rig(
            inFlight: 8, quota: slow,
            originQuota: Quota(requests: 10, windowMs: 1000, sharePercent: 100), ledger: ledger)
        let fetch = rig.submit(rig.lane()) ?? 0
        // Between the scheduler's look and its spending.
        ledger.stolen = [Rig.originKey]
        #expect(rig.advance() == [])
        #expect(rig.next() == [.start(fetch)])
        // The group's permit was not lost by that.
        #expect(rig.now < second && rig.isEmptyAfter(fetch))
    }

    @Test func whoWaitsForAPermitIsNotOvertakenByWhoComes() {
        let ledger = MemoryLedger()
        let rig = Rig(inFlight: 8, quota: slow, ledger: ledger)
        var group = LedgerEntry(key: Rig.key(ofGroup: 0), place: 0)
        let (one, two) = (rig.lane(0), rig.lane(1))
        ledger.park(&group, until: 30 * second, now: 0)
        let first = rig.submit(one) ?? 0
        #expect(rig.advance() == [])
        ledger.forget(group.key)
        let later = rig.submit(two) ?? 0
        #expect(rig.next() == [.start(first)] && rig.now < second)
        #expect(rig.next() == [.start(later)] && rig.now >= 10 * second)
    }

    @Test func aPermitOfTheGroupThatAnotherProcessTookIsWaitedFor() {
        let ledger = MemoryLedger()
        let rig = Rig(inFlight: 8, quota: slow, ledger: ledger)
        let (one, two) = (rig.lane(0), rig.lane(1))
        let first = rig.submit(one) ?? 0
        ledger.stolen = [Rig.key(ofGroup: 0)]
        #expect(rig.advance() == [])
        let later = rig.submit(two) ?? 0
        #expect(rig.next() == [.start(first)] && rig.now >= 10 * second)
        #expect(rig.next() == [.start(later)] && rig.now >= 20 * second)
    }
}

extension Rig {
    func isEmptyAfter(_ fetch: FetchID) -> Bool {
        _ = finish(fetch, .final)
        return isEmpty
    }
}
