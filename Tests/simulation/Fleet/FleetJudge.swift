// FleetJudge.swift - the bound of docs/adr/032-one-quota-for-many-hosts.md, held against every request
// of one user, whichever host sent it.

import TraceVaultCore

/// Something that happened to the fleet, and how many requests more than the quota it may cost.
struct FleetFault {
    let from: Int64
    /// What it costs has been used by then.
    let until: Int64
    let costs: Int64
    let what: StaticString
}

struct FleetJudge {
    private let quota: Quota
    /// What drifting clocks cost: the server lends by its own.
    private static let drift: Int64 = 5000
    private static let slackUs: Int64 = 20_000

    init(_ quota: Quota) { self.quota = quota }

    /// Says which window held too many; nil: none.
    func judge(_ times: [Int64], _ faults: [FleetFault], windowUs: Int64, most: Int) -> String? {
        let sorted = times.sorted()
        return judgeQuiet(sorted, faults) ?? judgeWindows(sorted, faults, windowUs, most)
    }

    /// Every window of every length that no fault touches: what passes GCRA with interval and
    /// tolerance holds in all of them.
    private func judgeQuiet(_ times: [Int64], _ faults: [FleetFault]) -> String? {
        let interval = quota.intervalUs - quota.intervalUs / Self.drift
        let tolerance = quota.toleranceUs + Self.slackUs
        var arrival: Int64 = 0
        var next = 0
        for time in times {
            while next < faults.count, faults[next].until <= time { next += 1 }
            if next < faults.count, faults[next].from <= time {
                arrival = 0
                continue
            }
            if arrival > time + tolerance {
                return "\((arrival - time - tolerance) / interval + 1) too many at \(time)"
            }
            arrival = max(arrival, time) + interval
        }
        return nil
    }

    /// Every window of the quota's length, with what the faults in it may cost.
    private func judgeWindows(
        _ times: [Int64], _ faults: [FleetFault], _ windowUs: Int64, _ most: Int
    ) -> String? {
        var first = 0
        for (last, time) in times.enumerated() {
            while times[first] <= time - windowUs + Self.slackUs { first += 1 }
            let count = last - first + 1
            guard count > most else { continue }
            let begin = times[first]
            let extra = faults.reduce(Int64(0)) { sum, fault in
                fault.from < time && fault.until > begin ? sum + fault.costs : sum
            }
            if count > most + Int(extra) {
                return "\(count) in a window until \(time), \(most) and \(extra) are allowed"
            }
        }
        return nil
    }
}
