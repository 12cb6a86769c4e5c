// SanitizedMutex.swift - the core's stand-in for Synchronization's Mutex, under ThreadSanitizer.

#if TV_THREAD_SANITIZER
    @testable import TraceVaultCore

    typealias Mutex = TraceVaultCore.Mutex
#endif
