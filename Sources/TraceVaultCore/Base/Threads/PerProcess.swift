// PerProcess.swift - library-wide state that a forked child must not inherit.
//
// A child gets a fresh value on first use; the parent's is left alone for ever, because its locks
// may have been held by threads that do not exist in the child.

import CSystem
import Synchronization

/// One value per process: made on first use, made anew in a forked child.
package final class PerProcess<Value: AnyObject & Sendable>: Sendable {
    private final class Entry: Sendable {
        let generation: UInt32
        let value: Value
        init(_ generation: UInt32, _ value: Value) {
            self.generation = generation
            self.value = value
        }
    }

    /// The retained address of the newest entry, 0 before the first.
    private let current = Atomic<UInt>(0)
    private let make: @Sendable () -> Value

    package init(_ make: @escaping @Sendable () -> Value) {
        self.make = make
    }

    /// This process's value. Safe from any thread; threads that race agree on one value.
    package func get() -> Value {
        let generation = tvs_fork_generation()
        while true {
            let seen = current.load(ordering: .acquiring)
            if let value = Self.value(at: seen, generation) { return value }
            let fresh = unsafe Unmanaged.passRetained(Entry(generation, make()))
            let address = UInt(bitPattern: unsafe fresh.toOpaque())
            let (won, _) = current.compareExchange(
                expected: seen, desired: address, ordering: .acquiringAndReleasing)
            if won { return unsafe fresh.takeUnretainedValue().value }
            unsafe fresh.release()
        }
    }

    /// Entries are never released, so none is counted for a look at it.
    private static func value(at address: UInt, _ generation: UInt32) -> Value? {
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged<Entry>.fromOpaque(pointer)._withUnsafeGuaranteedRef { entry in
            entry.generation == generation ? entry.value : nil
        }
    }
}
