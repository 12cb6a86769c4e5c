// Doorbell.swift - wakes a thread that waits for a descriptor, which the host may close.

import CSystem

@safe
package final class Doorbell: @unchecked Sendable {
    /// In C memory: any thread rings.
    private let bell: UnsafeMutablePointer<tvs_doorbell>

    package init() throws(Failure) {
        var made = tvs_doorbell()
        let answer = unsafe tvs_doorbell_new(&made)
        guard answer == 0 else { throw Doorbell.lacking(answer) }
        unsafe bell = .allocate(capacity: 1)
        unsafe bell.initialize(to: made)
    }

    deinit {
        unsafe tvs_doorbell_free(bell)
        unsafe bell.deallocate()
    }

    /// Readable once it rang, until it is cleared.
    package var descriptor: Int32 { unsafe tvs_doorbell_fd(bell) }

    /// False once the host has closed it: then nothing here touches the number any more.
    package var isThere: Bool { unsafe tvs_doorbell_is_there(bell) }

    package func ring() { unsafe tvs_doorbell_ring(bell) }
    package func clear() { unsafe tvs_doorbell_clear(bell) }

    /// Why an engine got no descriptor, of a negative answer.
    static func lacking(_ answer: Int32) -> Failure {
        Failure(
            lacking: -answer,
            "no descriptor for the engine (\(FileError(-answer).name)): close some, or raise "
                + "RLIMIT_NOFILE")
    }

    /// What an engine ends with whose descriptors the host has closed.
    static let lost = Failure(
        .descriptorsLost,
        "the host closed descriptors of the engine, which has ended: make another one")
}
