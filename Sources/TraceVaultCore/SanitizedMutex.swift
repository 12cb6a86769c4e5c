// SanitizedMutex.swift - Synchronization's Mutex over a lock that ThreadSanitizer can see.
//
// Swift's own Mutex sleeps in a futex inside the runtime, which is not instrumented, so that every
// contended lock would be reported as a race. Only `scripts/test-threads` builds this file's
// content; nothing else may come to depend on it.

#if TV_THREAD_SANITIZER
    import CSystem

    /// The part of `Synchronization.Mutex` that this package uses; it stands in for it by its name.
    @safe
    package struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
        private let lock: OpaquePointer
        private let value: UnsafeMutablePointer<Value>

        package init(_ initialValue: consuming sending Value) {
            unsafe lock = tvs_checked_lock_new()
            unsafe value = UnsafeMutablePointer<Value>.allocate(capacity: 1)
            unsafe value.initialize(to: initialValue)
        }

        deinit {
            unsafe value.deinitialize(count: 1)
            unsafe value.deallocate()
            unsafe tvs_checked_lock_free(lock)
        }

        package borrowing func withLock<Result: ~Copyable, E: Error>(
            _ body: (inout sending Value) throws(E) -> sending Result
        ) throws(E) -> sending Result {
            unsafe tvs_checked_lock_take(lock)
            defer { unsafe tvs_checked_lock_give(lock) }
            return try unsafe body(&value.pointee)
        }
    }
#endif
