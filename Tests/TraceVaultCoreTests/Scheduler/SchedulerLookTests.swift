// SchedulerLookTests.swift - what waiting for a pending trace costs: the numbers of docs/limits.md.

import Testing

@testable import TraceVaultCore

@Suite struct SchedulerLookTests {
    @Test(arguments: [(30, 9), (180, 15)])
    func looksOfAWait(seconds: Int64, count: Int) {
        let rig = Rig()
        let end = seconds * second
        var starts = 0
        let fetch = rig.submit(rig.lane(), deadline: 1 << 50, waitUntil: end)
        var actions = rig.advance()
        while !actions.starts.isEmpty {
            starts += 1
            // An answer takes no time here.
            actions = rig.finish(fetch, .pending)
            if actions.isEmpty { actions = rig.next() }
        }
        #expect(starts == count && rig.isEmpty)
    }
}
