// GuardedArena.swift - the only memory that holds key material.
//
// One `sodium_malloc` per secret would exhaust the kernel's maps and mlock limits at a few
// thousand secrets, so all secrets share a few chunks of guarded pages, cut into slots. Chunks are
// never given back while the arena lives; slots are wiped when they are. No cryptography here.

import CSystem

#if canImport(Glibc)
    import Glibc
#endif

/// Slots of guarded memory in a few size classes.
package final class GuardedArena: Sendable {
    /// What one chunk adds; small enough for a 64 KiB mlock limit.
    package static let chunkBytes = 65_536
    /// The most guarded memory one process uses.
    package static let maximumBytes = 2 * 1_048_576
    /// Slot sizes, ascending. The largest must hold a passphrase and a padded credential.
    package static let sizes = [32, 64, 128, 256, 1024, 2048]
    /// The length of a key; whatever is longer is another secret.
    private static let keyBytes = 32
    /// A canary on either side of each slot.
    private static let canaryBytes = 8

    /// This process's arena.
    private static let perProcess = PerProcess<GuardedArena> { GuardedArena() }
    package static var shared: GuardedArena { perProcess.get() }

    /// One slot: where its bytes begin and which class it has.
    struct Slot: Sendable {
        let address: UInt
        let sizeClass: Int
        /// Taken for a key, whatever its class.
        var isKey = false
    }

    private struct Chunk {
        let address: UInt
        /// How much of it is cut into slots.
        var used = 0
        /// How many of its slots are taken.
        var taken = 0
        let isLocked: Bool
        let isUndumped: Bool
        let isWipedOnFork: Bool

        func holds(_ slot: UInt) -> Bool {
            slot >= address && slot - address < UInt(GuardedArena.chunkBytes)
        }
    }

    private struct State {
        var chunks: [Chunk] = []
        var free: [[UInt]] = GuardedArena.sizes.map { _ in [] }
        /// Slots whose canary was overwritten; they are never used again.
        var damaged = 0
        /// How many slots hold keys.
        var keys = 0
        /// The errno of the last chunk that the system did not give, 0 after one that it gave.
        var refusal: Int32 = 0
    }

    private let state = Lock(State())
    private let limit: Int
    /// Keys are held as long as tenants are, the secrets of requests for a moment: three quarters
    /// are for the former, so that the latter always have room.
    private let maxKeys: Int
    private let canary: UInt64
    /// The process that made this arena; a forked child must not touch its slots.
    private let generation = tvs_fork_generation()

    package init(limit: Int = GuardedArena.maximumBytes) {
        self.limit = limit
        maxKeys = limit / 4 * 3 / (Self.keyBytes + 2 * Self.canaryBytes)
        var generator = SystemRandomNumberGenerator()
        canary = generator.next()
    }

    deinit {
        guard generation == tvs_fork_generation() else { return }
        state.withLock { state in
            for chunk in state.chunks {
                unsafe tvs_guarded_unmap(
                    UnsafeMutableRawPointer(bitPattern: chunk.address), Self.chunkBytes)
            }
            state.chunks = []
        }
    }

    // MARK: - Slots

    /// Takes a zeroed slot of at least `count` bytes.
    func claim(_ count: Int) throws(Failure) -> Slot {
        guard let wanted = Self.sizes.firstIndex(where: { $0 >= count }) else {
            throw Failure(.limit, "a secret is too long for guarded memory")
        }
        let isKey = count <= Self.keyBytes
        let (slot, refusal): (Slot?, Int32) = state.withLock { state in
            state.refusal = 0
            guard !isKey || state.keys < maxKeys else { return (nil, 0) }
            var found =
                reuse(wanted, &state) ?? cut(wanted, &state) ?? recut(wanted, &state)
                ?? reuseLarger(wanted, &state)
            found?.isKey = isKey
            if let found { tally(found, 1, &state) }
            return (found, state.refusal)
        }
        guard let slot else {
            guard refusal == 0 else { throw Self.refused(refusal) }
            throw Failure(
                .limit,
                isKey
                    ? "guarded memory is used up: too many tenants or vaults are open at once"
                    : "guarded memory is used up: too many secrets are open at once")
        }
        return slot
    }

    /// Not too many secrets: the system gave no guarded pages.
    private static func refused(_ number: Int32) -> Failure {
        var failure = Failure(
            lacking: ENOMEM,
            "the system gave no guarded memory (\(FileError(number).name)): there is too little, "
                + "or mprotect() is not allowed here")
        failure.systemError = number
        return failure
    }

    /// Wipes a slot and gives it back.
    func release(_ slot: Slot) {
        guard generation == tvs_fork_generation() else { return }
        let size = Self.sizes[slot.sizeClass]
        guard let bytes = unsafe UnsafeMutableRawPointer(bitPattern: slot.address) else { return }
        let isIntact =
            unsafe bytes.loadUnaligned(fromByteOffset: -Self.canaryBytes, as: UInt64.self) == canary
            && (unsafe bytes.loadUnaligned(fromByteOffset: size, as: UInt64.self)) == canary
        unsafe tvs_wipe(bytes, size)
        state.withLock { state in
            if isIntact {
                tally(slot, -1, &state)
                state.free[slot.sizeClass].append(slot.address)
            } else {
                if slot.isKey { state.keys -= 1 }
                state.damaged += 1
            }
        }
    }

    private func tally(_ slot: Slot, _ change: Int, _ state: inout State) {
        if slot.isKey { state.keys += change }
        let holder = state.chunks.firstIndex { $0.holds(slot.address) }
        guard let holder else { return }
        state.chunks[holder].taken += change
    }

    private func reuse(_ sizeClass: Int, _ state: inout State) -> Slot? {
        guard let address = state.free[sizeClass].popLast() else { return nil }
        return Slot(address: address, sizeClass: sizeClass)
    }

    /// The smallest free slot that is larger than asked for, once no new one can be had.
    private func reuseLarger(_ sizeClass: Int, _ state: inout State) -> Slot? {
        for larger in sizeClass..<Self.sizes.count {
            if let slot = reuse(larger, &state) { return slot }
        }
        return nil
    }

    /// Takes back all slots of a chunk that has none taken, and cuts from it. Without this a burst
    /// of small secrets would leave no room for a larger one, for ever.
    private func recut(_ sizeClass: Int, _ state: inout State) -> Slot? {
        guard let empty = state.chunks.firstIndex(where: { $0.taken == 0 }) else { return nil }
        var chunk = state.chunks.remove(at: empty)
        for each in state.free.indices { state.free[each].removeAll(where: chunk.holds) }
        // The canaries between the old slots.
        unsafe tvs_wipe(UnsafeMutableRawPointer(bitPattern: chunk.address), chunk.used)
        chunk.used = 0
        state.chunks.append(chunk)
        return cut(sizeClass, &state)
    }

    /// Cuts a new slot from the newest chunk, which is made when there is no room.
    private func cut(_ sizeClass: Int, _ state: inout State) -> Slot? {
        let size = Self.sizes[sizeClass]
        let stride = size + 2 * Self.canaryBytes
        if (state.chunks.last.map { Self.chunkBytes - $0.used } ?? 0) < stride {
            guard grow(&state) else { return nil }
        }
        let last = state.chunks.count - 1
        let address =
            state.chunks[last].address + UInt(state.chunks[last].used + Self.canaryBytes)
        guard let bytes = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return nil }
        unsafe bytes.storeBytes(of: canary, toByteOffset: -Self.canaryBytes, as: UInt64.self)
        unsafe bytes.storeBytes(of: canary, toByteOffset: size, as: UInt64.self)
        state.chunks[last].used += stride
        return Slot(address: address, sizeClass: sizeClass)
    }

    private func grow(_ state: inout State) -> Bool {
        guard (state.chunks.count + 1) * Self.chunkBytes <= limit else { return false }
        var mapped = unsafe tvs_guarded()
        let answer = unsafe tvs_guarded_map(Self.chunkBytes, &mapped)
        guard answer == 0 else {
            state.refusal = -answer
            return false
        }
        let chunk = unsafe Chunk(
            address: UInt(bitPattern: mapped.data), isLocked: mapped.locked != 0,
            isUndumped: mapped.dontdump != 0, isWipedOnFork: mapped.wipeonfork != 0)
        state.chunks.append(chunk)
        return true
    }

    // MARK: - What was obtained

    /// How well this process's secrets are protected.
    struct Protection: Sendable, Equatable {
        var bytes = 0
        var lockedBytes = 0
        var isUndumped = false
        var isWipedOnFork = false
        var damagedSlots = 0
    }

    /// Makes the first chunk if there is none, so that the answer is a fact and not a hope.
    func protection() -> Protection {
        state.withLock { state in
            if state.chunks.isEmpty { _ = grow(&state) }
            return Protection(
                bytes: state.chunks.count * Self.chunkBytes,
                lockedBytes: state.chunks.count(where: \.isLocked) * Self.chunkBytes,
                isUndumped: !state.chunks.isEmpty && state.chunks.allSatisfy(\.isUndumped),
                isWipedOnFork: !state.chunks.isEmpty && state.chunks.allSatisfy(\.isWipedOnFork),
                damagedSlots: state.damaged)
        }
    }
}

/// What `tv_build_info` says about guarded memory.
package enum MemoryProtection {
    /// Writes one object with the protection that was really obtained.
    package static func describe(into writer: inout JSONWriter) {
        let protection = GuardedArena.shared.protection()
        writer.beginObject()
        writer.key("guarded_bytes")
        writer.int(protection.bytes)
        writer.key("locked_bytes")
        writer.int(protection.lockedBytes)
        writer.key("dontdump")
        writer.bool(protection.isUndumped)
        writer.key("wipeonfork")
        writer.bool(protection.isWipedOnFork)
        writer.key("damaged_slots")
        writer.int(protection.damagedSlots)
        writer.endObject()
    }
}
