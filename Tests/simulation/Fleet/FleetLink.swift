// FleetLink.swift - a host's connection to the simulated Redis: the library's own bytes, virtual time.

import TraceVaultCore

/// A clock that runs a little too fast or too slow, from where it happens to stand.
struct FleetClock {
    var offset: Int64
    /// Parts in a million.
    let drift: Int64

    func read(_ now: Int64) -> Int64 { offset + now + now * drift / 1_000_000 }
    /// When it shows this, or a moment later.
    func moment(_ shown: Int64) -> Int64 {
        let about = shown - offset
        return about - about * drift / 1_000_000 + 1
    }
}

final class FleetLink: RedisLink {
    private unowned let world: FleetWorld
    private let host: Int
    private var replies: [UInt8] = []
    /// How long the answers of this step of the lender have taken.
    private(set) var elapsedUs: Int64 = 0
    private var isOpen = false

    init(_ world: FleetWorld, host: Int) {
        (self.world, self.host) = (world, host)
    }

    func begin() { elapsedUs = 0 }

    func open(_: RedisAddress, until _: LinkLimit) throws(Failure) {
        close()
        try travel()
        isOpen = true
    }

    /// Its file of authorities is another one now and then.
    var isStillTrusted: Bool { !world.changesTrust() }

    func close() {
        replies = []
        isOpen = false
    }

    func send(_ bytes: UnsafeRawBufferPointer, until _: LinkLimit) throws(Failure) {
        guard isOpen else { throw LinkLimit.late }
        try travel()
        for words in unsafe Self.commands(Array(bytes)) { replies += world.answer(words) }
        // The server has done it, and nobody hears of that.
        if world.losesAnswer() {
            replies = []
            elapsedUs += 500_000
        }
        elapsedUs += world.latency()
    }

    func receive(_ room: UnsafeMutableRawBufferPointer, until _: LinkLimit) throws(Failure) -> Int {
        guard !replies.isEmpty else { throw LinkLimit.late }
        let count = min(room.count, replies.count)
        unsafe room.copyBytes(from: replies.prefix(count))
        replies.removeFirst(count)
        return count
    }

    private func travel() throws(Failure) {
        guard world.reaches(host) else {
            elapsedUs += 500_000
            throw LinkLimit.late
        }
        elapsedUs += world.latency()
    }

    /// RESP as the library writes it.
    private static func commands(_ bytes: [UInt8]) -> [[String]] {
        var (place, commands) = (0, [[String]]())
        func number() -> Int {
            var value = 0
            place += 1
            while place < bytes.count, bytes[place] != UInt8(ascii: "\r") {
                value = value * 10 + Int(bytes[place] - UInt8(ascii: "0"))
                place += 1
            }
            place += 2
            return value
        }
        while place < bytes.count {
            var words: [String] = []
            for _ in 0..<number() {
                let count = number()
                words.append(String(decoding: bytes[place..<(place + count)], as: UTF8.self))
                place += count + 2
            }
            commands.append(words)
        }
        return commands
    }
}
