// HostPresence.swift - when a host is heard by the others of a shared quota, and whom it counted.

struct HostPresence {
    /// How a host stands with the others.
    enum HostState: String {
        case there
        /// It reaches Redis again, and uses its own part until the others do, too.
        case back
        case leaves
    }

    /// A host is heard so often at the least; it is missed, and forgotten, so long after.
    private static let longestPauseUs: Int64 = 7_500_000
    private static let missedUs: Int64 = 12_500_000
    private static let forgottenUs: Int64 = 300_000_000
    /// So soon after a count that was another one before: hosts start, and come back, together. One
    /// that knows an old count takes too large a part when it is alone.
    private static let leastPauseUs: Int64 = 500_000
    /// So long a host that was alone waits for the others: it finds Redis again within two
    /// seconds, but one that has nothing to ask only finds out when it is to be heard.
    private static let returnUs: Int64 = 10_000_000

    private let key: String
    private let name: String
    private var pauseUs = HostPresence.leastPauseUs
    private(set) var dueAt: Int64 = 0
    /// The most hosts that this server counted lately, and when; and its last count.
    private var most: (sharing: Int64, known: Int64, at: Int64) = (0, 0, 0)
    private var counted: Int64 = 0
    /// How many a host that was alone waits for, and how long.
    private var awaited: (hosts: Int64, until: Int64) = (0, 0)

    init(key: String, name: String) {
        self.key = key
        self.name = name
    }

    /// A server answers that did not before. Others, too, find it again now, with them `hosts`.
    mutating func begin(hosts: Int64, now: Int64) {
        pauseUs = Self.leastPauseUs
        dueAt = now
        most = (0, 0, now)
        awaited = (hosts, now + Self.returnUs)
    }

    // MARK: - Being heard

    func words(_ state: HostState) -> [String] { words + [state.rawValue] }

    /// What goes along with a question, whose asker is there.
    var words: [String] { [key, name, String(Self.missedUs), String(Self.forgottenUs)] }

    /// Whether to be heard along with a question, sooner than otherwise: that costs nothing.
    func goesAlong(now: Int64) -> Bool { now >= dueAt - pauseUs / 2 }

    /// To be heard at once.
    mutating func hurry(now: Int64) { dueAt = now }

    // MARK: - Counting

    /// What a server has counted when it heard this host.
    mutating func note(
        _ count: HostCount, _ standing: inout RedisLedger.Standing, now: Int64
    ) {
        let sharing = count.sharing
        let isOther = sharing != counted || count.known != standing.known
        counted = sharing
        // A server that was flushed counts anew: those who were there come again.
        if sharing >= most.sharing || count.known >= most.known
            || now - most.at >= Self.longestPauseUs
        {
            most = (sharing, count.known, now)
        }
        standing.there = most.sharing
        standing.known = count.known
        if count.known >= standing.most.hosts || now - standing.most.at >= RedisLedger.mostHeldUs {
            standing.most = (count.known, now)
        }
        let isSoon = isOther || standing.isAlone
        pauseUs = isSoon ? Self.leastPauseUs : min(Self.longestPauseUs, pauseUs * 2)
        dueAt = now + pauseUs
        if standing.isAlone, count.back >= awaited.hosts { awaited.until = now }
    }

    /// Whether a host that was alone still waits for others. Until they are all back each uses its
    /// own part, so that nothing is lost; who borrowed would have to leave theirs to them.
    func isWaiting(now: Int64) -> Bool { now < awaited.until }
}
