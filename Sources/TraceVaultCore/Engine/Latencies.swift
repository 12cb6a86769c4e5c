// Latencies.swift - how long things took, in few numbers: a histogram with four steps to each
// doubling, so that a percentile is at most a fifth too high, whatever the range.

struct Latencies: Sendable {
    private var counts = [Int64](repeating: 0, count: 4 * 40)
    private(set) var count: Int64 = 0
    private(set) var longestUs: Int64 = 0
    private var sumUs: Int64 = 0

    /// The bounds that monitoring is told, as doublings of 1 µs: 1.024 ms to 134 s.
    private static let told = 10...27

    mutating func add(us: Int64) {
        let time = UInt64(max(1, us))
        let doubling = 63 - time.leadingZeroBitCount
        let step = doubling >= 2 ? Int((time >> UInt64(doubling - 2)) & 3) : 0
        counts[min(4 * doubling + step, counts.count - 1)] += 1
        count += 1
        longestUs = max(longestUs, us)
        let (sum, isTooMuch) = sumUs.addingReportingOverflow(max(0, us))
        sumUs = isTooMuch ? Int64.max : sum
    }

    /// An upper bound of the time that so many per cent did not exceed, in µs.
    func us(percent: Int64) -> Int64 {
        guard count > 0 else { return 0 }
        var left = (count * percent + 99) / 100
        for (place, here) in counts.enumerated() {
            left -= here
            guard left <= 0 else { continue }
            let (doubling, step) = (Int64(place / 4), Int64(place % 4))
            let bound = doubling >= 2 ? (5 + step) << (doubling - 2) : 2 << doubling
            return min(bound, longestUs)
        }
        return longestUs
    }

    @_optimize(size) func describe(into writer: inout JSONWriter) {
        let members: [(StaticString, Int64)] = [
            ("count", count), ("p50_us", us(percent: 50)), ("p90_us", us(percent: 90)),
            ("p99_us", us(percent: 99)), ("max_us", longestUs), ("sum_us", sumUs),
        ]
        writer.beginObject()
        writer.numbers(members)
        writer.key("buckets")
        writer.beginArray()
        var (below, place) = (Int64(0), 0)
        for doubling in Self.told {
            while place < 4 * doubling {
                below += counts[place]
                place += 1
            }
            writer.beginObject()
            writer.numbers([("below_us", 1 << Int64(doubling)), ("count", below)])
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
