// StoreExchange.swift - one request to an object store, on a thread of its own.
//
// libcurl and OpenSSL need more stack than a host's thread may have. Whoever asked waits for the
// thread, outside the gate of forks; s3.timeout_ms ends every exchange but one that looks at a
// file of authorities whose file system hangs.

import CSystem
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What carries exchanges; one at a time, each time by another thread.
@safe
final class StoreCarrier: @unchecked Sendable {
    fileprivate let transport: CurlTransport

    init(_ settings: TransportSettings) throws(Failure) {
        // A look of the lookout may be what asks: it would need another thread of the lookout.
        transport = try CurlTransport(settings, looksItself: true)
    }

    deinit {
        // What OpenSSL kept is gone already in a process that ends.
        if tvs_tls_is_over() != 0 { transport.abandon() }
    }
}

final class StoreExchange: Sendable {
    private let carrier: StoreCarrier
    private let request: HTTPRequest
    private let origin: String
    private let outcome = Lock<Result<HTTPReply, Failure>?>(nil)
    private let isStopped = Atomic<Bool>(false)

    private static let over = Failure(
        .shutdown, "the process is ending: the object store is not asked any more")
    private static let stack = 512 * 1024
    private static let longestWaitMs: Int32 = 1000

    init(_ request: HTTPRequest, to origin: Origin, by carrier: StoreCarrier) {
        self.carrier = carrier
        self.request = request
        self.origin = origin.text
    }

    /// Runs it and waits for its end.
    func run() throws(Failure) -> HTTPReply {
        let reply = try LiveCalls.run(stop: { self.stop() }) { () throws(Failure) in
            try carried()
        }
        guard let reply else { throw Self.over }
        return reply
    }

    private func carried() throws(Failure) -> HTTPReply {
        let context = unsafe Unmanaged.passRetained(self)
        var thread: UInt = 0
        let answer = unsafe tvs_thread_start(
            carryExchange, context.toOpaque(), Self.stack, &thread)
        guard answer == 0 else {
            unsafe context.release()
            throw Failure(lacking: ENOMEM, "the system gave no thread for the object store")
        }
        let held = tvs_fork_pause()
        tvs_thread_join(thread)
        tvs_fork_resume(held)
        guard let outcome = outcome.withLock({ $0 }) else {
            throw Failure(.other, "a request to the object store had no outcome")
        }
        return try outcome.get()
    }

    /// Ends it soon. Any thread.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        carrier.transport.wake()
    }

    /// The thread's life.
    fileprivate func carry() {
        tvs_fork_unsafe_enter()
        let result = Result { () throws(Failure) in try exchange() }
        outcome.withLock { $0 = result }
        carrier.transport.wipeFreed()
        tvs_wipe_stack()
        tvs_fork_unsafe_leave()
    }

    private func exchange() throws(Failure) -> HTTPReply {
        let transport = carrier.transport
        var ended: HTTPReply?
        let endMs = tvs_monotonic_ms() + Int64(request.timeoutMs)
        try transport.start(0, request, to: origin)
        while true {
            guard transport.isIntact else {
                transport.abandon()
                throw Failure(
                    .descriptorsLost,
                    "the host closed descriptors of a request to the object store")
            }
            let hasMoved = transport.move { _, reply in ended = reply }
            if let reply = ended {
                guard reply.isTakenBack else { return reply }
                // Other authorities are trusted since it began to connect: it begins anew.
                ended = nil
                var rest = request
                rest.timeoutMs = max(1, Int(clamping: endMs - tvs_monotonic_ms()))
                try transport.start(0, rest, to: origin)
            }
            guard !isStopped.load(ordering: .acquiring) else {
                transport.abort(0)
                throw Self.over
            }
            if hasMoved { continue }
            tvs_fork_unsafe_leave()
            transport.wait(timeoutMs: Self.longestWaitMs)
            tvs_fork_unsafe_enter()
        }
    }
}

private let carryExchange: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
    guard let context = unsafe context else { return }
    tvs_fork_unsafe_enter()
    let exchange = unsafe Unmanaged<StoreExchange>.fromOpaque(context).takeRetainedValue()
    tvs_fork_unsafe_leave()
    exchange.carry()
}
