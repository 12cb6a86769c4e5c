// HostCount.swift - how many hosts share a quota, as Redis has counted them.

/// Hosts, as Redis counts them.
struct HostCount {
    /// Those that share the quota from now on.
    let there: Int64
    /// All that may come back.
    let known: Int64
    /// Whether those that were alone still wait for others. All hosts go by this: those that wait,
    /// and those that borrow.
    let isWaiting: Bool
    /// Names the server's count: one that was flushed since has another.
    let since: Int64

    private static let most: Int64 = 100_000

    /// Four numbers of an answer, as outside data; nil: it is something else.
    init?(_ numbers: ArraySlice<Int64>) {
        let numbers = Array(numbers)
        guard numbers.count == 4 else { return nil }
        there = min(max(1, numbers[0]), Self.most)
        known = min(max(1, numbers[1]), Self.most)
        isWaiting = numbers[2] == 1
        since = numbers[3]
    }
}
