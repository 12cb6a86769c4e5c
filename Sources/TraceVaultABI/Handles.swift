// Handles.swift - every object C can name. A handle is a number in a pointer's clothes: it is
// looked up here and never dereferenced, so whatever a host hands in gives a status.
//
// 64 bits: index 24 | slot generation 20 | kind 4 | fork generation 8 | cookie 8.

import CSystem
import Synchronization
import TraceVaultCore

/// The types of the header, in its order.
enum Kind: UInt64 {
    case error = 1
    case config, unlock, vault, edit, tenant, request, engine, event, document
}

/// A class whose objects C can hold.
protocol Handled: AnyObject, Sendable {
    static var kind: Kind { get }
}

final class Handles: Sendable {
    private struct Slot {
        var object: (any Handled)?
        var kind: Kind
        var generation: UInt64 = 1
    }

    private struct State {
        var slots: [Slot] = []
        var free: [Int] = []
    }

    private let state = Mutex(State())
    private static let maxSlots = 1 << 22
    private static let generationMask: UInt64 = 0xF_FFFF

    /// The table of this process; a forked child starts with an empty one.
    private static let table = PerProcess { Handles() }
    /// Tells numbers that were never handles; the same on both sides of a fork.
    private static let cookie = UInt64.random(in: 1...255)

    // MARK: - Numbers

    private static func encode(_ index: Int, _ generation: UInt64, _ kind: Kind) -> OpaquePointer? {
        let fork = UInt64(tvs_fork_generation() & 0xFF)
        let bits =
            UInt64(index) | generation << 24 | kind.rawValue << 44 | fork << 48 | cookie << 56
        return unsafe OpaquePointer(bitPattern: UInt(bits))
    }

    /// Throws unless the number is a handle of this kind made in this process.
    private static func decode(
        _ handle: OpaquePointer?, _ kind: Kind
    ) throws(Failure) -> (index: Int, generation: UInt64) {
        let bits = UInt64(UInt(bitPattern: handle))
        guard bits >> 56 == cookie, (bits >> 44) & 0xF == kind.rawValue else { throw dead }
        guard (bits >> 48) & 0xFF == UInt64(tvs_fork_generation() & 0xFF) else {
            throw Failure(
                .forked, "this handle was made before fork(); make a new one in this process")
        }
        return (Int(bits & 0xFF_FFFF), (bits >> 24) & generationMask)
    }

    private static var dead: Failure {
        Failure(.handle, "not a live handle of this type: NULL, freed, foreign or of another type")
    }

    // MARK: - Objects

    /// Gives an object to C.
    static func add<Object: Handled>(_ object: Object) throws(Failure) -> OpaquePointer? {
        let place = table.get().state.withLock { state -> (Int, UInt64)? in
            if let index = state.free.popLast() {
                state.slots[index].object = object
                state.slots[index].kind = Object.kind
                return (index, state.slots[index].generation)
            }
            guard state.slots.count < maxSlots else { return nil }
            state.slots.append(Slot(object: object, kind: Object.kind))
            return (state.slots.count - 1, 1)
        }
        guard let place else {
            throw Failure(.limit, "\(maxSlots) objects are alive; free some first")
        }
        return unsafe encode(place.0, place.1, Object.kind)
    }

    /// Finds the object behind a handle.
    static func get<Object: Handled>(
        _ handle: OpaquePointer?, as type: Object.Type = Object.self
    ) throws(Failure) -> Object {
        let (index, generation) = try unsafe decode(handle, Object.kind)
        let object = table.get().state.withLock { state -> (any Handled)? in
            guard index < state.slots.count, state.slots[index].generation == generation,
                state.slots[index].kind == Object.kind
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
        guard let (index, generation) = try? unsafe decode(handle, Object.kind) else { return nil }
        let object = table.get().state.withLock { state -> (any Handled)? in
            guard index < state.slots.count, state.slots[index].generation == generation,
                state.slots[index].kind == Object.kind, let object = state.slots[index].object
            else { return nil }
            state.slots[index].object = nil
            // A slot whose generations are used up is never used again: no handle comes twice.
            if generation < generationMask {
                state.slots[index].generation = generation + 1
                state.free.append(index)
            }
            return object
        }
        return object.map { unsafe unsafeDowncast($0, to: Object.self) }
    }
}
