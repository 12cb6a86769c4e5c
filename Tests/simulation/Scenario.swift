// Scenario.swift - what kind of day a seed makes.

import TraceVaultCore

struct Scenario {
    static let day: Int64 = 86_400_000_000
    static let requestsPerWindow: Int64 = 1200

    var length = Scenario.day
    var processes = 1
    var tenants = 3
    var users = 2
    /// So many accounts have a user that others have too.
    var sharedAccounts = 0.5
    var maxInFlight = 32
    var maxInFlightPerTenant = 0
    var maxConnections = 0
    /// The server takes many requests on one connection.
    var sharesConnections = true
    var sharePercent: Int64 = 90
    var originPerSecond: Int64 = 0
    var attempts = 3
    /// Mean time between two requests of a tenant.
    var meanGapUs: Int64 = 120_000_000
    /// The first tenant asks so many times as often.
    var greed: Int64 = 1
    var tellsQuota = true
    /// A second policy beside the quota's: so many in so many ms. Named in the same list.
    var burst: (requests: Int64, ms: Int64)?
    /// Now and then a reply names a policy that would stop a group for a day.
    var isStray = false
    /// Groups are named by a vault's owner: a credential speaks for its group when it has been taken.
    var provesItself = false
    /// The ledger is a file, and the host's containers start anew.
    var hasContainers = false
    var tellsRetryAfter = 0
    var credentialRetryUs: Int64 = 300_000_000
    var bursts = 6
    var peopleGapUs: Int64 = 60_000_000
    /// How much may go wrong: 0 for the days that are measured.
    var trouble = 1.0
    /// The people's use reaches the quota now and then.
    var hasPeople = true
    var isBulkDay = false
    /// Days of bulk work with the settings that an engine has of itself: nothing is lost.
    var isBulkWork = false

    init() {}

    init(_ random: inout SplitMix64) {
        processes = random.number(1...5)
        tenants = random.number(2...16)
        users = random.number(1...6)
        sharedAccounts = [0, 0.5, 1][random.number(0...2)]
        maxInFlight = [4, 16, 64, 128][random.number(0...3)]
        maxInFlightPerTenant = [0, 0, 3, 16][random.number(0...3)]
        maxConnections = [0, 0, 4, 8][random.number(0...3)]
        sharesConnections = random.chance(0.7)
        originPerSecond = random.chance(0.7) ? 200 : 0
        attempts = random.number(1...6)
        meanGapUs = random.seconds(60...600)
        greed = random.chance(0.4) ? 100 : 1
        if greed > 1 { meanGapUs = meanGapUs * 5 }
        tellsQuota = random.chance(0.7)
        tellsRetryAfter = random.number(0...3)
        if random.chance(0.5) {
            burst = (Int64(random.number(10...60)), Int64(random.number(1...20)) * 1000)
        }
        isStray = random.chance(0.3)
        provesItself = random.chance(0.5)
        hasContainers = random.chance(0.2)
        credentialRetryUs = random.seconds(20...900)
        bursts = random.number(1...8)
        hasPeople = random.chance(0.6)
        peopleGapUs = random.seconds(5...120)
        trouble = random.chance(0.2) ? 0 : Double(random.number(1...20)) / 10
        isBulkWork = random.chance(0.05)
        if isBulkWork { becomeDefault() }
    }

    private mutating func becomeDefault() {
        maxInFlight = 128
        maxInFlightPerTenant = 0
        maxConnections = 8
        originPerSecond = 200
        attempts = 6
        trouble = 0
    }

    var limits: Scheduler.Limits {
        Scheduler.Limits(
            maxInFlight: maxInFlight, maxInFlightPerTenant: maxInFlightPerTenant,
            maxConnections: maxConnections, quota: quota,
            originQuota: Quota(
                requests: originPerSecond, windowMs: 1000, sharePercent: sharePercent),
            retry: RetryPolicy(maxAttempts: attempts, baseMs: 500, maxDelayMs: 30_000))
    }

    var quota: Quota {
        Quota(requests: Self.requestsPerWindow, windowMs: 300_000, sharePercent: sharePercent)
    }

    /// What may be sent in any window, of one user and of the address.
    var most: Int { Int(Self.requestsPerWindow * sharePercent / 100) }
    var mostOfAddress: Int { Int(originPerSecond * sharePercent / 100) }
}
