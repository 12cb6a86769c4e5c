// HostPresence.swift - when a host is heard by the others of a shared quota, and whom it counted.

struct HostPresence {
    /// How a host stands with the others.
    enum HostState: String {
        case there
        /// It reaches Redis again, and uses its own part until the others do, too.
        case returns
        /// As it returned, some moments later.
        case back
        case leaves
    }

    /// A host is heard so often at the least; it is missed, and forgotten, so long after.
    private static let longestPauseUs: Int64 = 7_500_000
    private static let missedUs: Int64 = 12_500_000
    private static let forgottenUs: Int64 = 300_000_000
    /// So long after this host was last heard others may not leave its part to it: until it is
    /// missed, and they have counted again.
    static let unnoticedUs = missedUs + longestPauseUs
    /// So soon after a count that was another one before: hosts start, and come back, together. One
    /// that knows an old count takes too large a part when it is alone.
    private static let leastPauseUs: Int64 = 500_000

    private let key: String
    private let name: String
    private let network: String
    private var pauseUs = HostPresence.leastPauseUs
    private(set) var dueAt: Int64 = 0
    /// What the server counted last. One that has forgotten the hosts is told of it.
    private var last: HostCount?

    /// - Parameter network: names the network that the host reaches Redis from.
    init(key: String, name: String, network: String) {
        self.key = key
        self.name = name
        self.network = network
    }

    // MARK: - Being heard

    func words(_ state: HostState) -> [String] {
        said(borrowing: state == .there ? last?.there ?? 0 : 0) + [state.rawValue]
    }

    /// What goes along with a question, whose asker is there.
    var words: [String] { said(borrowing: last?.there ?? 0) }

    private func said(borrowing: Int64) -> [String] {
        let numbers = [last?.since ?? 0, last?.known ?? 0, borrowing]
        return [key, name, String(Self.missedUs), String(Self.forgottenUs), network]
            + numbers.map { String($0) }
    }

    /// Whether to be heard along with a question, sooner than otherwise: that costs nothing.
    func goesAlong(now: Int64) -> Bool { now >= dueAt - pauseUs / 2 }

    /// To be heard at once.
    mutating func hurry(now: Int64) { dueAt = now }

    // MARK: - Counting

    /// What a server has counted when it heard this host.
    mutating func note(
        _ count: HostCount, _ standing: inout RedisLedger.Standing, now: Int64
    ) {
        let isOther = count.there != standing.there || count.known != standing.known
        last = count
        standing.there = count.there
        standing.known = count.known
        let isSoon = isOther || standing.isAlone
        pauseUs = isSoon ? Self.leastPauseUs : min(Self.longestPauseUs, pauseUs * 2)
        dueAt = now + pauseUs
    }

    /// Whether a host that was alone still waits for others. Until they are all back each uses its
    /// own part, so that nothing is lost; who borrowed would have to leave theirs to them.
    var isWaiting: Bool { last?.isWaiting ?? false }
}
