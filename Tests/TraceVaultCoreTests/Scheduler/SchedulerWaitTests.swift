// SchedulerWaitTests.swift - what a request waited for whose deadline came, and how long more of
// them take: the quota, this host's address, connections, credentials, the host.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerWaitTests {
    /// One request in ten seconds, and one at once.
    private let slow = Quota(intervalUs: 10 * second, toleranceUs: 0)

    /// What the only one waited for that fails until then.
    private func wait(_ rig: Rig, until time: Int64) -> Wait? {
        while let wake = rig.scheduler.nextWake, wake <= time { _ = rig.advance(to: wake) }
        _ = rig.advance(to: time)
        #expect(rig.waits.count == 1)
        return rig.waits.first
    }

    @Test func whatAnotherProcessSpendsMeanwhileIsTheQuota() {
        let ledger = MemoryLedger()
        let rig = Rig(quota: slow, ledger: ledger)
        let lane = rig.lane()
        rig.submit(lane)
        rig.submit(lane, deadline: 12 * second)
        _ = rig.advance()
        var entry = ledger.entry(Rig.key(ofGroup: 0), now: rig.now)
        // A little before it is this one's turn.
        #expect(ledger.spend(&entry, slow, now: 10 * second) == nil)
        guard case .permit(let time) = wait(rig, until: 13 * second) else {
            Issue.record("\(rig.waits)")
            return
        }
        #expect(time > 12 * second)
    }

    @Test func whoIsOvertakenAtTheAddressWaitedForTheAddress() {
        let rig = Rig(inFlight: 8, originQuota: slow)
        rig.submit(rig.lane(0, group: 0))
        _ = rig.advance()
        // Either could go at ten seconds, and one of them does.
        rig.submit(rig.lane(1, group: 1), deadline: 12 * second)
        rig.submit(rig.lane(2, group: 2), deadline: 12 * second)
        while let wake = rig.scheduler.nextWake, wake <= 13 * second { _ = rig.advance(to: wake) }
        _ = rig.advance(to: 13 * second)
        // The one that went has no answer yet.
        #expect(rig.waits.count == 2 && rig.waits.contains(.reply))
        let times = rig.waits.compactMap { if case .address(let time) = $0 { time } else { nil } }
        #expect(times.count == 1 && times.allSatisfy { $0 > 12 * second })
    }

    @Test func oneConnectionForTwoIsWaitedFor() {
        let rig = Rig(connections: 1)
        let lane = rig.lane(needsConnection: true)
        rig.submit(lane)
        rig.submit(rig.lane(1, group: 1, needsConnection: true), deadline: 2 * second)
        #expect(wait(rig, until: 3 * second) == .connection)
    }

    @Test func whoStandsBehindAProbeWaitedForTheCredential() {
        let rig = Rig()
        let lane = rig.lane()
        let refused = rig.submit(lane)
        _ = rig.advance()
        _ = rig.reject(refused, until: 20 * second)
        _ = rig.advance(to: 21 * second)
        rig.submit(lane)
        _ = rig.advance()
        rig.submit(lane, deadline: 23 * second)
        #expect(wait(rig, until: 24 * second) == .credential)
    }

    @Test func whoseHostTakesNothingWaitedForTheHost() {
        let rig = Rig()
        let lane = rig.lane()
        rig.scheduler.hold(tenant: rig.tenant(0), true)
        rig.submit(lane, deadline: 2 * second)
        #expect(wait(rig, until: 3 * second) == .host)
    }

    // MARK: - This host's address

    @Test func aDeadlineThatTheAddressCannotMeetIsRefusedAtOnce() {
        let rig = Rig(inFlight: 8, originQuota: slow)
        let lane = rig.lane()
        rig.submit(lane)
        _ = rig.advance()
        #expect(rig.submit(lane, deadline: 5 * second) == nil)
        guard case .refuse(2, let time)? = rig.said().first else {
            Issue.record("not refused")
            return
        }
        #expect(time > 5 * second && time <= 11 * second)
    }

    @Test func theForecastCountsWhatAllTenantsSendFromThisAddress() {
        let rig = Rig(inFlight: 8, originQuota: slow)
        let lane = rig.lane(0, group: 0)
        let before = rig.scheduler.forecast(lane, 6, now: rig.now)
        #expect(before.available == 1 && before.addressAvailable == 1)
        #expect(before.addressIntervalUs == slow.intervalUs && before.intervalUs == 0)
        #expect(before.lastAt >= 50 * second)
        // Two of another tenant take turns with them.
        let other = rig.lane(1, group: 1)
        for _ in 0..<3 { rig.submit(other, deadline: 1000 * second) }
        _ = rig.advance()
        let after = rig.scheduler.forecast(lane, 6, now: rig.now)
        #expect(after.available == 0)
        #expect(after.lastAt >= 80 * second)
    }
}
