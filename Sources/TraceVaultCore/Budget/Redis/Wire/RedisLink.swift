// RedisLink.swift - a connection that carries bytes to a Redis and back: the seam to the transport.

/// One connection at a time. One thread uses it, inside the gate of forks; it waits outside.
package protocol RedisLink: AnyObject {
    /// Connects, ending what was there before.
    func open(_ address: RedisAddress, until: LinkLimit) throws(Failure)
    func send(_ bytes: UnsafeRawBufferPointer, until: LinkLimit) throws(Failure)
    /// At least one byte of what comes, at most the room there is.
    func receive(_ room: UnsafeMutableRawBufferPointer, until: LinkLimit) throws(Failure) -> Int
    func close()
    /// False where what its server was trusted by holds no more: nothing more is to be said to it.
    var isStillTrusted: Bool { get }
}

/// How long something may take: until a moment of CLOCK_MONOTONIC, or until somebody ends it all.
package struct LinkLimit {
    package let endMs: Int64
    package let isOver: () -> Bool

    package static let late = Failure(.transport, "it did not answer in time")
    package static let ended = Failure(.shutdown, "the engine is shut down")

    /// How long the next wait may be: short, so that the end of all is noticed.
    package func restMs(nowMs: Int64) throws(Failure) -> Int32 {
        guard !isOver() else { throw Self.ended }
        guard nowMs < endMs else { throw Self.late }
        return Int32(clamping: min(endMs - nowMs, 50))
    }
}
