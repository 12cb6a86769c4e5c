// LedgerFixtures.swift - what the ledger's tests share: a directory, a file in it, chance, a judge.

import CSystem
import Glibc
import Testing

@testable import TraceVaultCore

/// A directory with one ledger in it, gone with the object.
final class LedgerScratch {
    let directory: String
    var path: String { directory + "/budget.ledger" }
    var place: LedgerPlace { .path(path) }

    init() throws {
        // On disk: /tmp may be a file system that a ledger refuses.
        var template = Array("/var/tmp/tracevault-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure(.io, "no scratch directory") }
        let bytes = template.dropLast().map(UInt8.init(bitPattern:))
        directory = String(decoding: bytes, as: UTF8.self)
    }

    deinit {
        for name in ["", ".old", ".link"] { unsafe unlink(path + name) }
        unsafe rmdir(directory)
    }

    func open(now: Int64) throws -> MappedLedger { try MappedLedger(place, now: now) }

    /// Writes little-endian words at a place in the file.
    func patch(_ offset: Int, _ words: [UInt64]) {
        let descriptor = unsafe Glibc.open(path, O_RDWR)
        let count = unsafe words.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, offset)
        }
        #expect(count == words.count * 8)
        close(descriptor)
    }

    func word(_ offset: Int) -> UInt64 {
        let descriptor = unsafe Glibc.open(path, O_RDONLY)
        defer { close(descriptor) }
        var word: UInt64 = 0
        let count = unsafe withUnsafeMutableBytes(of: &word) {
            unsafe pread(descriptor, $0.baseAddress, 8, offset)
        }
        #expect(count == 8)
        return word
    }

    /// Where a group's slot is in the file; nil when it has none.
    func offset(of key: UInt64) -> Int? {
        for step in 0..<LedgerTable.reach {
            let index = (LedgerTable.home(key) + step) & (LedgerTable.slotCount - 1)
            let offset = LedgerTable.headerCount + index * LedgerSlot.byteCount
            if word(offset) == key { return offset }
        }
        return nil
    }

    func make(_ bytes: [UInt8], mode: mode_t = 0o600) {
        let descriptor = unsafe Glibc.open(path, O_CREAT | O_WRONLY | O_TRUNC, mode)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
        #expect(count == bytes.count)
        fchmod(descriptor, mode)
        close(descriptor)
    }
}

/// SplitMix64: the same numbers for the same seed everywhere.
struct LedgerChance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// By how many requests the worst window of any length exceeds what a quota allows; <= 0: none does.
func worstExcess(_ times: [Int64], _ quota: Quota) -> Int64 {
    let times = times.sorted()
    var worst = Int64.min
    for first in times.indices {
        for last in first..<times.count {
            let window = times[last] - times[first]
            let allowed = (window + quota.toleranceUs) / quota.intervalUs + 1
            worst = max(worst, Int64(last - first + 1) - allowed)
        }
    }
    return worst
}

/// How many requests come too early, as a limiter that sees all of them in order would say. 0 exactly
/// when no window exceeds the quota.
func violations(_ times: [Int64], _ quota: Quota) -> Int {
    var arrival = Int64.min
    var count = 0
    for time in times.sorted() {
        if arrival > time + quota.toleranceUs { count += 1 }
        arrival = max(arrival, time) + quota.intervalUs
    }
    return count
}
