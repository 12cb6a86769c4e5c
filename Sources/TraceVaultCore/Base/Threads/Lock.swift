// Lock.swift - the one lock of this library: a value that one thread at a time may touch.
//
// Not Synchronization's Mutex: it writes the thread's id into the lock, and Swift asks for that id
// only once. In a forked child the thread has another one, and the first wait for such a lock ends
// the process (docs/adr/016-locks-across-fork.md).

package import CSystem
package import Synchronization

/// A value and the `pthread_mutex_t` that guards it, both in place: nothing is allocated.
@safe
package struct Lock<Value: ~Copyable>: ~Copyable {
    @usableFromInline package let mutex: _Cell<tvs_mutex>
    @usableFromInline package let value: _Cell<Value>

    @inlinable package init(_ initialValue: consuming sending Value) {
        unsafe mutex = _Cell(tvs_mutex_new())
        value = _Cell(initialValue)
    }

    /// Runs the body while no other thread does. The body must not take the same lock again.
    @inlinable package borrowing func withLock<Result: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
        unsafe tvs_mutex_take(mutex._address)
        defer { unsafe tvs_mutex_give(mutex._address) }
        return try unsafe body(&value._address.pointee)
    }
}

extension Lock: @unchecked Sendable where Value: ~Copyable {}
