// BulkDay.swift - what `make bench` measures: a day in which every queue is full.

import TraceVaultCore

/// Eight processes on one ledger and one quota; twenty tenants that all want a little more than their
/// share, and one that wants a hundred times as much as each.
func measureBudget() throws {
    var scenario = Scenario()
    scenario.isBulkDay = true
    scenario.processes = 8
    scenario.tenants = 21
    scenario.users = 1
    scenario.sharedAccounts = 1
    scenario.maxInFlight = 64
    scenario.originPerSecond = 200
    scenario.meanGapUs = 4_900_000
    scenario.greed = 100
    scenario.hasPeople = false
    scenario.trouble = 0
    let world = try World(seed: 1, isLogging: false, scenario: scenario)
    world.run()
    if let breach = world.watch.breach {
        print("simulation: broken: \(breach.promise): \(breach.detail)")
    }
    let windows = Double(world.now - world.begin) / Double(CloudUser.windowUs)
    let share = Double(scenario.most) * windows
    let equals = world.sentOf[1...].map { Double($0) }
    let (sum, squares) = equals.reduce((0.0, 0.0)) { ($0.0 + $1, $0.1 + $1 * $1) }
    print(
        "{\"utilisation\": \(Double(world.watch.sent) / share), \"rejections\": \(world.watch.limited), "
            + "\"fairness\": \(sum * sum / (Double(equals.count) * squares)), "
            + "\"greedy_share\": \(Double(world.sentOf[0]) * Double(equals.count) / sum), "
            + "\"sent\": \(world.watch.sent), \"submitted\": \(world.watch.submitted)}")
}
