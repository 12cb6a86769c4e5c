// Handles.swift - every object C can name. A handle is a number in a pointer's clothes: it is
// looked up here and never dereferenced, so whatever a host hands in gives a status.
//
// 64 bits: index 22 | kind 4 | fork generation 6 | tag 32. The tag is the slot's generation under a
// random permutation of its own and the process's, so that no handle comes twice and one handle
// says nothing about the next: a changed or guessed number meets a live object once in 2^32 times.
// The six bits of the fork generation come again after 64 forks; the permutation does not.

import CSystem
import TraceVaultCore

/// The types of the header, in its order.
enum HandleKind: UInt64 {
    case error = 1
    case config, unlock, vault, edit, tenant, request, engine, result, document
}

/// A class whose objects C can hold.
protocol Handled: AnyObject, Sendable {
    static var handleKind: HandleKind { get }
}

final class Handles: Sendable {
    private struct Slot {
        var object: (any Handled)?
        var kind: HandleKind
        var generation: UInt32 = 0
        var tag: UInt32
    }

    private struct State {
        var slots: [Slot] = []
        var free: [Int] = []
    }

    private let state = Lock(State())
    private static let maxSlots = 1 << 22
    /// A slot gives so many handles. Few, so that most numbers are seen to be no tag of any.
    private static let maxGenerations: UInt32 = 1 << 20
    /// So many forks in a line have the same bits in a handle.
    private static let sameBits: UInt32 = 64

    /// The table of this process; a forked child starts with an empty one.
    private static let table = PerProcess { Handles() }
    private static let secret = UInt64.random(in: 0...UInt64.max)

    /// Begins a call: forks of other threads wait until it leaves.
    static func enter() { tvs_fork_unsafe_enter() }
    static func leave() { tvs_fork_unsafe_leave() }

    // MARK: - Numbers

    private static func encode(_ index: Int, _ tag: UInt32, _ kind: HandleKind) -> OpaquePointer? {
        let fork = UInt64(tvs_fork_generation() % sameBits)
        let bits = UInt64(index) | kind.rawValue << 22 | fork << 26 | UInt64(tag) << 32
        return unsafe OpaquePointer(bitPattern: UInt(bits))
    }

    /// Throws unless the number looks like a handle of this kind made in this process.
    private static func decode(
        _ handle: OpaquePointer?, _ kind: HandleKind
    ) throws(Failure) -> (index: Int, tag: UInt32) {
        let bits = UInt64(UInt(bitPattern: handle))
        let (index, tag) = (Int(bits & 0x3F_FFFF), UInt32(truncatingIfNeeded: bits >> 32))
        let here = tvs_fork_generation()
        guard (bits >> 22) & 0xF == kind.rawValue else { throw dead }
        // How many forks ago the number may have been made: none, or what the six bits say.
        let ago = (here &- UInt32(truncatingIfNeeded: bits >> 26)) % sameBits
        if ago == 0, generation(index, tag, here) < maxGenerations { return (index, tag) }
        guard wasMade(index, tag, here, ago) else { throw dead }
        throw Failure(.forked, "this handle was made before fork(); make a new one in this process")
    }

    /// Whether an ancestor of this process, `ago` or 64 more forks away and so on, made the tag.
    private static func wasMade(
        _ index: Int, _ tag: UInt32, _ here: UInt32, _ ago: UInt32
    ) -> Bool {
        var ago = ago == 0 ? sameBits : ago
        while ago < here {
            if generation(index, tag, here &- ago) < maxGenerations { return true }
            ago &+= sameBits
        }
        return false
    }

    /// A permutation of the generations, another one for each slot and each process in a line of
    /// forks: every step can be undone.
    private static func tag(_ index: Int, _ generation: UInt32) -> UInt32 {
        let key = Self.key(index, tvs_fork_generation())
        var tag = generation ^ UInt32(truncatingIfNeeded: key)
        tag = tag &* 0x85EB_CA6B
        tag ^= tag >> 13 ^ UInt32(truncatingIfNeeded: key >> 32)
        tag = tag &* 0xC2B2_AE35
        return tag ^ tag >> 16
    }

    /// The generation that a tag stands for in a process of the line: `tag` backwards.
    private static func generation(_ index: Int, _ tag: UInt32, _ fork: UInt32) -> UInt32 {
        let key = Self.key(index, fork)
        var word = tag ^ tag >> 16
        word = word &* 0x7ED1B41D ^ UInt32(truncatingIfNeeded: key >> 32)
        word ^= word >> 13 ^ word >> 26
        word = word &* 0xA5CB9243
        return word ^ UInt32(truncatingIfNeeded: key)
    }

    private static func key(_ index: Int, _ fork: UInt32) -> UInt64 {
        (secret ^ UInt64(index) ^ UInt64(fork) << 22) &* 0x9E37_79B9_7F4A_7C15
    }

    private static var dead: Failure {
        Failure(.handle, "not a live handle of this type: NULL, freed, foreign or of another type")
    }

    // MARK: - Objects

    /// Gives an object to C.
    static func add<Object: Handled>(_ object: Object) throws(Failure) -> OpaquePointer? {
        let place = table.get().state.withLock { state -> (Int, UInt32)? in
            if let index = state.free.popLast() {
                state.slots[index].object = object
                state.slots[index].kind = Object.handleKind
                return (index, state.slots[index].tag)
            }
            let index = state.slots.count
            guard index < maxSlots else { return nil }
            state.slots.append(Slot(object: object, kind: Object.handleKind, tag: tag(index, 0)))
            return (index, tag(index, 0))
        }
        guard let place else {
            throw Failure(.limit, "\(maxSlots) objects are alive; free some first")
        }
        return unsafe encode(place.0, place.1, Object.handleKind)
    }

    /// Finds the object behind a handle.
    static func get<Object: Handled>(
        _ handle: OpaquePointer?, as type: Object.Type = Object.self
    ) throws(Failure) -> Object {
        enter()
        defer { leave() }
        let (index, tag) = try unsafe decode(handle, Object.handleKind)
        let object = table.get().state.withLock { state -> (any Handled)? in
            guard index < state.slots.count, state.slots[index].tag == tag,
                state.slots[index].kind == Object.handleKind
            else { return nil }
            return state.slots[index].object
        }
        guard let object else { throw dead }
        // The slot's kind says which class it is, whatever the number claims.
        return unsafe unsafeDowncast(object, to: Object.self)
    }

    /// Takes the object back from C; nil when there is none.
    static func remove<Object: Handled>(
        _ handle: OpaquePointer?, as type: Object.Type
    ) -> Object? {
        guard let (index, tag) = try? unsafe decode(handle, Object.handleKind) else { return nil }
        let object = table.get().state.withLock { state -> (any Handled)? in
            guard index < state.slots.count, state.slots[index].tag == tag,
                state.slots[index].kind == Object.handleKind, let object = state.slots[index].object
            else { return nil }
            state.slots[index].object = nil
            // A slot whose generations are used up is never used again: no handle comes twice.
            if state.slots[index].generation < maxGenerations - 1 {
                state.slots[index].generation += 1
                state.slots[index].tag = Self.tag(index, state.slots[index].generation)
                state.free.append(index)
            }
            return object
        }
        return object.map { unsafe unsafeDowncast($0, to: Object.self) }
    }
}
