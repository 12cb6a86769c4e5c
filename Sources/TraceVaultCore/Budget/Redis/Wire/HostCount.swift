// HostCount.swift - how many hosts share a quota, as Redis has counted them.

/// Hosts, as Redis counts them.
struct HostCount {
    /// Heard lately, and borrowing.
    let there: Int64
    /// All that may come back.
    let known: Int64
    /// Heard lately, also those that still use their own parts.
    let back: Int64

    private static let most: Int64 = 100_000

    /// Three numbers of an answer, as outside data; nil: it is something else.
    init?(_ numbers: ArraySlice<Int64>) {
        guard numbers.count == 3 else { return nil }
        let counts = numbers.map { min(max(0, $0), Self.most) }
        (there, known, back) = (counts[0], max(1, counts[1]), counts[2])
    }

    /// Those that share the quota from now on: where all are back, all do.
    var sharing: Int64 { max(1, back >= known ? back : there) }
}
