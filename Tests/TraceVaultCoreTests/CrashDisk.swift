// CrashDisk.swift - a directory in memory that knows what a power loss may leave of it.
//
// Contents become durable by fsync of their file, names by fsync of the directory. Until then any
// subset of the 512-byte blocks written, with any length up to the written one, and any subset of the
// names' changes may have reached the disk; one rename is one change. That is weaker than what ext4,
// XFS and btrfs promise.

import Glibc
import Synchronization

@testable import TraceVaultCore

final class CrashDisk: FileSystem {
    static let block = 512

    struct Inode {
        var durable: [UInt8] = []
        var content: [UInt8] = []
        var isSynced: Bool { durable == content }

        /// How many ways there are for what is not synced to be on the disk: a length, and which of
        /// the blocks below it hold what was written.
        var variantCount: Int {
            guard !isSynced else { return 1 }
            let blocks = (content.count + CrashDisk.block - 1) / CrashDisk.block
            return (1 << (blocks + 1)) - 1
        }

        /// One of them. Blocks that did not arrive are zero.
        func variant(_ number: Int) -> [UInt8] {
            guard !isSynced else { return content }
            // Numbers 2^k - 1 to 2^(k+1) - 2 are the subsets of the first k blocks.
            let blocks = (number + 1).bitWidth - 1 - (number + 1).leadingZeroBitCount
            let arrived = number + 1 - (1 << blocks)
            var bytes = [UInt8](repeating: 0, count: min(content.count, blocks * CrashDisk.block))
            for place in 0..<blocks where arrived & (1 << place) != 0 {
                let range =
                    place
                    * CrashDisk.block..<min(
                        bytes.count, (place + 1) * CrashDisk.block)
                bytes.replaceSubrange(range, with: content[range])
            }
            return bytes
        }
    }

    typealias Names = [String: Int]

    struct State {
        var inodes: [Int: Inode] = [:]
        var names: Names = [:]
        var durableNames: Names = [:]
        /// Changes of names since the last fsync of the directory: what each name means afterwards.
        var changes: [[String: Int?]] = []
        var open: [Int32: (inode: Int, offset: Int)] = [:]
        var next = 100
    }

    /// Which promises this disk breaks, to show that the simulation would notice.
    struct Lies: OptionSet {
        let rawValue: Int
        static let fileSync = Lies(rawValue: 1)
        static let directorySync = Lies(rawValue: 2)
    }

    private let state: Mutex<State>
    private let lies: Lies
    private let onStep: @Sendable (State) -> Void
    private static let directory: Int32 = 3

    init(_ state: State = State(), lies: Lies = [], onStep: @escaping @Sendable (State) -> Void) {
        self.state = Mutex(state)
        self.lies = lies
        self.onStep = onStep
    }

    /// A disk on which everything is durable.
    convenience init(files: [String: [UInt8]]) {
        var state = State()
        for (name, bytes) in files {
            state.inodes[state.next] = Inode(durable: bytes, content: bytes)
            state.names[name] = state.next
            state.next += 1
        }
        state.durableNames = state.names
        self.init(state) { _ in }
    }

    var now: State { state.withLock { $0 } }

    private func change<R>(_ body: (inout State) -> R) -> R {
        let (answer, after) = state.withLock { state in
            let answer = body(&state)
            return (answer, state)
        }
        onStep(after)
        return answer
    }

    // MARK: - Calls that change nothing on the disk

    func openDirectory(_: String) -> Int32 { Self.directory }

    func close(_ descriptor: Int32) { state.withLock { $0.open[descriptor] = nil } }

    func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        state.withLock { state in
            guard let place = state.open[descriptor], let inode = state.inodes[place.inode] else {
                return -Int(EBADF)
            }
            let piece = inode.content.dropFirst(place.offset).prefix(bytes.count)
            unsafe bytes.copyBytes(from: piece)
            state.open[descriptor]?.offset += piece.count
            return piece.count
        }
    }

    func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        state.withLock { state in
            let number = state.open[descriptor]?.inode
            let inode = number.flatMap { state.inodes[$0] }
            return .success(
                FileStatus(
                    size: UInt64(inode?.content.count ?? 0), owner: geteuid(),
                    mode: descriptor == Self.directory ? 0o700 : 0o600,
                    isRegular: descriptor != Self.directory,
                    hasName: state.names.values.contains { $0 == number }))
        }
    }

    func changeOwner(_: Int32, _: UInt32) -> Int32 { 0 }
    func lock(_: Int32) -> Int32 { 0 }
    func unlock(_: Int32) -> Int32 { 0 }

    // MARK: - Calls that do

    func open(_: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        if mode == .read || (mode == .lock && state.withLock({ $0.names[name] != nil })) {
            return state.withLock { state in
                guard let inode = state.names[name] else { return -ENOENT }
                return Self.descriptor(of: inode, in: &state)
            }
        }
        return change { state in
            guard state.names[name] == nil else { return -EEXIST }
            let inode = state.next
            state.inodes[inode] = Inode()
            Self.set([name: inode], in: &state)
            return Self.descriptor(of: inode, in: &state)
        }
    }

    private static func descriptor(of inode: Int, in state: inout State) -> Int32 {
        state.next += 1
        let descriptor = Int32(state.next)
        state.open[descriptor] = (inode, 0)
        return descriptor
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        // Short writes, so that a crash comes in the middle too.
        let piece = unsafe Array(bytes.prefix(1800))
        return change { state in
            guard let place = state.open[descriptor] else { return -Int(EBADF) }
            state.inodes[place.inode]?.content += piece
            state.open[descriptor]?.offset += piece.count
            return piece.count
        }
    }

    func sync(_ descriptor: Int32) -> Int32 {
        change { state in
            if descriptor == Self.directory {
                guard !lies.contains(.directorySync) else { return 0 }
                state.durableNames = state.names
                state.changes = []
            } else if let place = state.open[descriptor], var inode = state.inodes[place.inode] {
                guard !lies.contains(.fileSync) else { return 0 }
                inode.durable = inode.content
                state.inodes[place.inode] = inode
            }
            return 0
        }
    }

    func link(_: Int32, _ from: String, _ to: String) -> Int32 {
        change { state in
            guard let inode = state.names[from] else { return -ENOENT }
            guard state.names[to] == nil else { return -EEXIST }
            Self.set([to: inode], in: &state)
            return 0
        }
    }

    func rename(_: Int32, _ from: String, _ to: String) -> Int32 {
        change { state in
            guard let inode = state.names[from] else { return -ENOENT }
            Self.set([to: inode, from: nil], in: &state)
            return 0
        }
    }

    func unlink(_: Int32, _ name: String) -> Int32 {
        change { state in
            guard state.names[name] != nil else { return -ENOENT }
            Self.set([name: nil], in: &state)
            return 0
        }
    }

    private static func set(_ change: [String: Int?], in state: inout State) {
        for (name, inode) in change { state.names[name] = inode }
        state.changes.append(change)
    }
}

extension CrashDisk.State {
    /// Every directory that a power loss may leave now.
    var survivingNames: Set<CrashDisk.Names> {
        var found: Set<CrashDisk.Names> = []
        for chosen in 0..<(1 << changes.count) {
            var names = durableNames
            for (place, change) in changes.enumerated() where chosen & (1 << place) != 0 {
                for (name, inode) in change { names[name] = inode }
            }
            found.insert(names)
        }
        return found
    }

    /// How many states of the disk there are with these names, over all unsynced contents.
    func variantCount(of names: CrashDisk.Names) -> Int {
        Set(names.values).reduce(1) { $0 * (inodes[$1]?.variantCount ?? 1) }
    }

    /// One of them: which variant each content is in.
    func variants(_ number: Int, of names: CrashDisk.Names) -> [Int: Int] {
        var rest = number
        var chosen: [Int: Int] = [:]
        for inode in Set(names.values).sorted() {
            let count = inodes[inode]?.variantCount ?? 1
            chosen[inode] = rest % count
            rest /= count
        }
        return chosen
    }
}
