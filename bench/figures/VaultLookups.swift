// VaultLookups.swift - finding records and lending secrets, call by call.

import CSystem
import Glibc
import TraceVaultCore

/// The p50 and the p99 of single calls, in µs, less what reading the clock costs.
struct Times {
    private var took: [UInt64] = []

    mutating func note(_ body: () throws -> Void) rethrows {
        let started = Self.nanoseconds()
        try body()
        took.append(Self.nanoseconds() &- started)
    }

    /// The quantile in µs.
    func us(_ quantile: Double) -> Double {
        guard !took.isEmpty else { return .nan }
        let sorted = took.sorted()
        let place = min(sorted.count - 1, Int(Double(sorted.count) * quantile))
        return Double(sorted[place] - min(sorted[place], Self.clockCost)) / 1000
    }

    /// Welch's t of two series: beyond ±4.5 they differ, whatever the noise. Outliers (the machine's
    /// other work) are cut at the p99 of both.
    static func welch(_ one: Times, _ other: Times) -> Double {
        func moments(_ times: Times) -> (mean: Double, error: Double) {
            let sorted = times.took.sorted()
            let kept = sorted[..<(sorted.count * 99 / 100)].map { Double($0) }
            let count = Double(kept.count)
            let mean = kept.reduce(0.0, +) / count
            let squares = kept.reduce(0.0) { sum, each in sum + (each - mean) * (each - mean) }
            return (mean, squares / (count - 1) / count)
        }
        let (a, b) = (moments(one), moments(other))
        return (a.mean - b.mean) / (a.error + b.error).squareRoot()
    }

    private static func nanoseconds() -> UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
    }

    private static let clockCost: UInt64 = {
        (0..<1000).map { _ in
            let started = nanoseconds()
            return nanoseconds() &- started
        }.sorted()[500]
    }()
}

func hex(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 32 - digits.utf8.count) + digits
}

/// Looks up and lends every credential once, in an order that no cache likes.
func lookup(_ path: String) throws {
    let unlock = try unsafe (7..<UInt8(39)).map { $0 }.withUnsafeBytes {
        try unsafe UnlockSecret(key: $0)
    }
    let vault = try Vault.open(path: path, unlock: unlock, settings: VaultSettings())
    let perTenant = 200
    let count = 100_000
    let tenants = try (0..<count / perTenant).map { number in
        let digits = String(number)
        return try vault.tenant(
            named: "tenant-" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
    }
    var (find, lend) = (Times(), Times())
    var lent = 0
    for step in 0..<count {
        let number = step * 7919 % count
        let tenant = tenants[number / perTenant]
        let account = hex(2 * number)
        var credential: Credential?
        try find.note { credential = try tenant.look().credential(account: account) }
        guard let credential else { continue }
        try lend.note { try unsafe tenant.look().lend(credential) { lent += $0.count } }
    }
    // Another tenant's account and one that nobody has: the answers must not differ, in time either.
    var (foreign, unknown) = (Times(), Times())
    for step in 0..<count {
        let tenant = tenants[step % tenants.count]
        let number = 2 * ((step + perTenant) * 7919 % count)
        // Both texts anew and by chance: memory that was used longer ago is slower.
        let isLast = Bool.random()
        let first = hex(isLast ? number + 1 : number)
        let second = hex(isLast ? number : number + 1)
        let (other, nobody) = isLast ? (second, first) : (first, second)
        // Who comes first is left to chance: the second finds the tenant's index in the cache.
        if Bool.random() {
            foreign.note { _ = try? tenant.look().credential(account: other) }
            unknown.note { _ = try? tenant.look().credential(account: nobody) }
        } else {
            unknown.note { _ = try? tenant.look().credential(account: nobody) }
            foreign.note { _ = try? tenant.look().credential(account: other) }
        }
    }
    print(
        "{\"foreign_p50_us\": \(foreign.us(0.5)), \"unknown_p50_us\": \(unknown.us(0.5)), "
            + "\"foreign_t\": \(Times.welch(foreign, unknown)), \"lookup_p50_us\": \(find.us(0.5)), \"lookup_p99_us\": \(find.us(0.99)), "
            + "\"lend_p50_us\": \(lend.us(0.5)), \"lend_p99_us\": \(lend.us(0.99)), "
            + "\"lent_bytes\": \(lent)}")
}
