// CrashDisk.swift - a directory in memory that knows what of it is durable.
//
// Contents become durable by fsync of their file, names by fsync of the directory, nothing
// otherwise: weaker than what ext4, XFS and btrfs promise. One rename is one change. What a power
// loss may leave of all this is in CrashStates.swift.

import Glibc

@testable import TraceVaultCore

final class CrashDisk: FileSystem {
    struct Inode {
        /// What is on the disk for sure, and what programs see.
        var durable: [UInt8] = []
        var content: [UInt8] = []
        var isSynced = false
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

    /// How this disk, or a store that was written carelessly, breaks its promises: to show that the
    /// simulation notices.
    enum Lie: CaseIterable {
        /// fsync of a file, of the directory, does nothing.
        case fileSync
        case directorySync
        /// What a file's fsync promised comes true only with the directory's: after the rename.
        case lateSync
        /// The new file shares the old one's place.
        case inPlace
        /// A rename takes the old file away first.
        case brokenRename
        /// What is written is not what is kept, and reading it back shows the cache.
        case garbled
        /// Names once removed come back.
        case keptNames
    }

    private let state: Lock<State>
    private let lie: Lie?
    private let onStep: @Sendable (State) -> Void
    private static let directory: Int32 = 3

    init(
        _ files: [String: [UInt8]] = [:], lie: Lie? = nil,
        onStep: @escaping @Sendable (State) -> Void
    ) {
        var state = State()
        for (name, bytes) in files {
            state.inodes[state.next] = Inode(durable: bytes, content: bytes, isSynced: true)
            state.names[name] = state.next
            state.next += 1
        }
        state.durableNames = state.names
        self.state = Lock(state)
        self.lie = lie
        self.onStep = onStep
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

    func openDirectory(_: [CChar]) -> Int32 { Self.directory }

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

    /// Nothing here is changed in its place.
    private static func stamp(_ number: Int, _ inode: Inode?) -> FileStamp {
        FileStamp(
            identity: FileIdentity(device: 1, inode: UInt64(number)),
            size: UInt64(inode?.content.count ?? 0), modifiedNs: 0, changedNs: 0)
    }

    func status(_ descriptor: Int32) -> Result<FileStatus, FileError> {
        state.withLock { state in
            let number = state.open[descriptor]?.inode
            let inode = number.flatMap { state.inodes[$0] }
            return .success(
                FileStatus(
                    stamp: Self.stamp(number ?? 0, inode), owner: geteuid(),
                    mode: descriptor == Self.directory ? 0o700 : 0o600,
                    isRegular: descriptor != Self.directory,
                    links: UInt64(state.names.values.count { $0 == number })))
        }
    }

    func status(_: Int32, _ name: String) -> Result<FileStatus, FileError> {
        state.withLock { state in
            guard let number = state.names[name] else { return .failure(FileError(ENOENT)) }
            return .success(
                FileStatus(
                    stamp: Self.stamp(number, state.inodes[number]), owner: geteuid(),
                    mode: 0o600, isRegular: true,
                    links: UInt64(state.names.values.count { $0 == number })))
        }
    }

    func isMounted(_: Int32) -> Bool { false }
    func changeOwner(_: Int32, _: UInt32) -> Int32 { 0 }
    func lock(_: Int32, _: Int32) -> Int32 { 0 }
    func unlock(_: Int32, _: Int32) -> Int32 { 0 }

    // MARK: - Calls that do

    func open(_: Int32, _ name: String, _ mode: OpenMode) -> Int32 {
        if mode != .new {
            return state.withLock { state in
                guard let inode = state.names[name] else { return -ENOENT }
                return Self.descriptor(of: inode, in: &state)
            }
        }
        return change { state in
            guard state.names[name] == nil else { return -EEXIST }
            let inode: Int
            if lie == .inPlace, mode == .new, let old = state.names["soc.vault"] {
                inode = old
            } else {
                inode = state.next
                state.next += 1
                state.inodes[inode] = Inode()
            }
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
            guard let place = state.open[descriptor], var inode = state.inodes[place.inode] else {
                return -Int(EBADF)
            }
            let end = min(inode.content.count, place.offset + piece.count)
            inode.content.replaceSubrange(place.offset..<end, with: piece)
            inode.isSynced = false
            state.inodes[place.inode] = inode
            state.open[descriptor]?.offset += piece.count
            return piece.count
        }
    }

    func sync(_ descriptor: Int32) -> Int32 {
        change { state in
            if descriptor == Self.directory {
                if lie == .lateSync { for inode in state.inodes.keys { sync(inode, &state) } }
                guard lie != .directorySync else { return 0 }
                let kept = lie == .keptNames ? state.changes.filter(\.isRemoval) : []
                let before = state.durableNames
                state.durableNames = state.names
                state.changes = kept
                for name in kept.flatMap(\.keys) where state.names[name] == nil {
                    state.durableNames[name] = before[name]
                }
            } else if let place = state.open[descriptor], lie != .fileSync, lie != .lateSync {
                sync(place.inode, &state)
            }
            return 0
        }
    }

    private func sync(_ inode: Int, _ state: inout State) {
        guard var file = state.inodes[inode] else { return }
        file.durable = file.content
        file.isSynced = true
        if lie == .garbled, file.durable.count > 5000 { file.durable[5000] ^= 0x10 }
        state.inodes[inode] = file
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
            // As POSIX wants it: two names of one file stay.
            guard state.names[to] != inode else { return 0 }
            if lie == .brokenRename { Self.set([to: nil], in: &state) }
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

extension [String: Int?] {
    fileprivate var isRemoval: Bool { values.allSatisfy { $0 == nil } }
}
