// CrashStates.swift - what a power loss may leave of a CrashDisk, every state once.
//
// Of a file that is not synced: any length from the durable one up to the written one, in blocks of
// 512 bytes, and any subset of its blocks; those that did not arrive hold what was durable there,
// or zeros. Of names that are not synced: any subset of their changes, in any order of arrival.

import Glibc

@testable import TraceVaultCore

/// How one file may be found: its length, and which of its blocks arrived.
struct TornFile: Hashable {
    let count: Int
    let arrived: UInt64
}

extension CrashDisk.Inode {
    static let block = 512
    private static let blocksOfPage = 8

    private func range(_ block: Int, upTo count: Int) -> Range<Int> {
        block * Self.block..<max(block * Self.block, min(count, (block + 1) * Self.block))
    }

    /// The blocks that differ from what is there without them. Only these count: whether a block of
    /// zeros arrived makes no other state.
    private var differing: UInt64 {
        let padding = [UInt8](repeating: 0, count: max(0, content.count - durable.count))
        let without = durable + padding
        return (0..<min(64, (content.count + Self.block - 1) / Self.block)).reduce(0) {
            mask, block in
            let range = range(block, upTo: content.count)
            let isSame = content[range] == without[range]
            return isSame ? mask : mask | 1 << UInt64(block)
        }
    }

    /// Every length that may be found, and the blocks below it that may have arrived.
    private var cuts: [(count: Int, mask: UInt64)] {
        let between = (0...content.count / Self.block).map { $0 * Self.block }
        let lengths =
            [durable.count] + between.filter { durable.count < $0 && $0 < content.count }
            + (durable.count < content.count ? [content.count] : [])
        let differing = differing
        return lengths.map { count in
            let blocks = (count + Self.block - 1) / Self.block
            return (count, blocks < 64 ? differing & ((1 << UInt64(blocks)) - 1) : differing)
        }
    }

    /// All the ways to find this file, or `limit` of them when there are more: every subset of
    /// 4 KiB pages, every cut through them, then subsets of blocks by chance.
    func torn(limit: Int, _ random: inout SplitMix64) -> [TornFile] {
        guard !isSynced else { return [TornFile(count: durable.count, arrived: 0)] }
        let cuts = cuts
        let total = cuts.reduce(0) { $0 + (1 << min(40, $1.mask.nonzeroBitCount)) }
        guard total <= limit else { return some(of: cuts, limit: limit, &random) }
        var found: [TornFile] = []
        found.reserveCapacity(total)
        for (count, mask) in cuts {
            var subset: UInt64 = 0
            repeat {
                found.append(TornFile(count: count, arrived: subset))
                subset = (subset &- mask) & mask
            } while subset != 0
        }
        return found
    }

    private func some(
        of cuts: [(count: Int, mask: UInt64)], limit: Int, _ random: inout SplitMix64
    ) -> [TornFile] {
        var seen: Set<TornFile> = []
        // The whole file first, and nothing of it; then coarse to fine.
        let heads = (0..<64).map { (UInt64(1) << UInt64($0)) - 1 }
        let pages = (0..<UInt64(1 << 8)).map { Self.blocks(of: $0) }
        for arrived in [UInt64.max, 0] + pages + heads + heads.map({ ~$0 }) {
            guard seen.count < limit else { break }
            for (count, mask) in cuts.reversed() {
                seen.insert(TornFile(count: count, arrived: arrived & mask))
            }
        }
        while seen.count < limit, let (count, mask) = cuts.randomElement(using: &random) {
            seen.insert(TornFile(count: count, arrived: random.next() & mask))
        }
        // In an order that a seed brings back.
        return seen.sorted { ($0.count, $0.arrived) < ($1.count, $1.arrived) }
    }

    /// The blocks of a subset of the eight first pages.
    private static func blocks(of pages: UInt64) -> UInt64 {
        (0..<8).reduce(0) { $0 | ((pages >> $1 & 1) * 0xFF) << ($1 * UInt64(blocksOfPage)) }
    }

    func content(of torn: TornFile) -> [UInt8] {
        guard !isSynced else { return durable }
        var bytes = Array(durable.prefix(torn.count))
        bytes += [UInt8](repeating: 0, count: torn.count - bytes.count)
        for block in 0..<64 where torn.arrived >> UInt64(block) & 1 != 0 {
            let range = range(block, upTo: torn.count)
            bytes.replaceSubrange(range, with: content[range])
        }
        return bytes
    }
}

/// What a file may hold. An array is hashed and compared byte by byte where it is not optimised, and
/// this is done a hundred thousand times.
struct CrashContent: Hashable {
    let bytes: [UInt8]

    func hash(into hasher: inout Hasher) {
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    static func == (_ one: Self, _ other: Self) -> Bool {
        guard one.bytes.count == other.bytes.count else { return false }
        return unsafe one.bytes.withUnsafeBytes { one in
            unsafe other.bytes.withUnsafeBytes { other in
                guard let first = one.baseAddress, let second = other.baseAddress
                else { return true }
                return unsafe memcmp(first, second, one.count) == 0
            }
        }
    }
}

/// The states in which one step can leave the disk.
struct CrashStates {
    let disk: CrashDisk.State
    /// Every directory that may be found.
    let names: [CrashDisk.Names]
    private let torn: [Int: [TornFile]]

    init(_ disk: CrashDisk.State, limit: Int, _ random: inout SplitMix64) {
        self.disk = disk
        var seen: Set<CrashDisk.Names> = []
        var found: [CrashDisk.Names] = []
        for chosen in 0..<(1 << disk.changes.count) {
            var names = disk.durableNames
            for (place, change) in disk.changes.enumerated() where chosen & (1 << place) != 0 {
                for (name, inode) in change { names[name] = inode }
            }
            if seen.insert(names).inserted { found.append(names) }
        }
        names = found
        torn = Set(found.flatMap(\.values)).sorted().reduce(into: [:]) { torn, inode in
            torn[inode] = disk.inodes[inode]?.torn(limit: limit, &random)
        }
    }

    func torn(_ inode: Int) -> [TornFile] { torn[inode] ?? [] }

    /// How many states differ in at least one byte or name. Two files of zeros look the same, so
    /// they count under one inode only, where two directories have the same names.
    var count: Int {
        var first: [Set<String>: CrashDisk.Names] = [:]
        return names.reduce(0) { sum, names in
            let known = first[Set(names.keys), default: names]
            first[Set(names.keys)] = known
            let inodes = Set(names.filter { known[$0.key] == $0.value }.values)
            return sum
                + Set(names.values).reduce(1) { product, inode in
                    product * torn(inode).count { inodes.contains(inode) || $0.arrived != 0 }
                }
        }
    }

    /// Every state, written out.
    var all: [[String: [UInt8]]] {
        names.flatMap { names in
            Set(names.values).sorted().reduce([[:]]) { chosen, inode in
                let contents = torn(inode).compactMap { disk.inodes[inode]?.content(of: $0) }
                return chosen.flatMap { chosen in
                    contents.map { chosen.merging([inode: $0]) { first, _ in first } }
                }
            }.map { chosen in names.compactMapValues { chosen[$0] } }
        }
    }

    /// The contents of a file in this state of the directory, all that may be found.
    func contents(_ name: String, _ names: CrashDisk.Names) -> [CrashContent?] {
        guard let inode = names[name], let file = disk.inodes[inode] else { return [nil] }
        return torn(inode).map { CrashContent(bytes: file.content(of: $0)) }
    }

    /// One whole disk with these names, contents by chance.
    func files(_ names: CrashDisk.Names, _ random: inout SplitMix64) -> [String: [UInt8]] {
        var chosen: [Int: [UInt8]] = [:]
        for inode in Set(names.values).sorted() {
            chosen[inode] = torn(inode).randomElement(using: &random).flatMap {
                disk.inodes[inode]?.content(of: $0)
            }
        }
        return names.compactMapValues { chosen[$0] }
    }
}
