// QuotaLender.swift - the thread of a shared quota: started and ended here. What it does is in
// LenderWork.swift.

import CSystem
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

package final class QuotaLender: Sendable {
    package let ledger: RedisLedger
    private let host: MappedLedger
    private let isEnding = Atomic<Bool>(false)
    private let thread = Lock<UInt?>(nil)

    private static let stack = 512 * 1024

    /// - Parameter addressKey: the group that stands for the host's address: its limit is not
    ///   shared.
    package init(
        _ host: MappedLedger, _ settings: RedisSettings, addressKey: UInt64, link: any RedisLink
    ) throws(Failure) {
        self.host = host
        ledger = RedisLedger(host, settings, addressKey: addressKey)
        let surroundings = LenderSurroundings(
            hostName: host.hostName, network: Self.network, now: { tvs_boot_us() },
            chance: { Int64.random(in: $0) }, isOver: { self.isOver },
            isHostLeaving: { host.isHostLeaving })
        let context = unsafe Unmanaged.passRetained(LenderWork(ledger, link, surroundings))
        var started: UInt = 0
        let answer = unsafe tvs_thread_start(lend, context.toOpaque(), Self.stack, &started)
        guard answer == 0 else {
            unsafe context.release()
            throw Failure(lacking: ENOMEM, "the system gave no thread for the shared quota")
        }
        host.lenders.add(1, ordering: .acquiringAndReleasing)
        let running = started
        thread.withLock { $0 = running }
    }

    /// Stands for this network namespace of this machine since it started; nil: it cannot be told.
    private static var network: UInt64? {
        var (high, low, number): (UInt64, UInt64, UInt64) = (0, 0, 0)
        guard unsafe tvs_boot_id(&high, &low) == 0, unsafe tvs_network_id(&number) == 0 else {
            return nil
        }
        return (high ^ low) &+ number &* 0x9E37_79B9_7F4A_7C15
    }

    var isOver: Bool { isEnding.load(ordering: .acquiring) }

    /// Ends the thread, which takes leave of Redis if that answers. A second call waits for the
    /// first.
    package func end() {
        if !isEnding.exchange(true, ordering: .acquiringAndReleasing) {
            host.lenders.subtract(1, ordering: .acquiringAndReleasing)
        }
        ledger.bell.ring()
        let held = tvs_fork_pause()
        defer { tvs_fork_resume(held) }
        thread.withLock { thread in
            guard let running = thread else { return }
            tvs_thread_join(running)
            thread = nil
        }
    }
}

private let lend: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    tvs_fork_unsafe_enter()
    let work = unsafe Unmanaged<LenderWork>.fromOpaque(context).takeRetainedValue()
    work.run()
    tvs_wipe_stack()
    tvs_fork_unsafe_leave()
}
