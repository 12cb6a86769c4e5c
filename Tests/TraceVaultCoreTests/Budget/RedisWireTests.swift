// RedisWireTests.swift - what a Redis answers, in pieces of any size: read once, and for no longer
// than the limit, whatever keeps coming.

import Testing

@testable import TraceVaultCore

struct RedisWireTests {
    /// The replies of a text that comes in pieces of this size.
    private func replies(_ text: String, inPiecesOf size: Int) throws -> [RedisReply] {
        var reader = RedisReader()
        var found: [RedisReply] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            reader.add(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let reply = try reader.next() { found.append(reply) }
        }
        #expect(reader.waiting.bytes == 0)
        return found
    }

    @Test func repliesAreTheSameInPiecesOfAnySize() throws {
        let text =
            "+OK\r\n:-7\r\n$-1\r\n*-1\r\n$0\r\n\r\n$4\r\na\r\nb\r\n*0\r\n"
            + "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+y\r\n-MOVED 1 host:1\r\n*1\r\n*1\r\n:2\r\n"
        let meant: [RedisReply] = [
            .text("OK"), .number(-7), .none, .none, .text(""), .text("a\r\nb"), .list([]),
            .list([.number(1), .list([.text("x"), .none]), .text("y")]),
            .refused("MOVED 1 host:1"), .list([.list([.number(2)])]),
        ]
        for size in 1...text.utf8.count {
            #expect(try replies(text, inPiecesOf: size) == meant, "pieces of \(size)")
        }
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "\n", "+a\nb\r\n", ":x\r\n", "$65537\r\n", "$-2\r\n", "*65\r\n", "*-2\r\n",
        "*1\r\n*1\r\n*1\r\n:1\r\n",
    ])
    func whatIsNoReplyIsStrange(_ text: String) {
        for size in 1...text.utf8.count {
            let strange = failure { () throws(Failure) in
                var reader = RedisReader()
                var rest = Array(text.utf8)[...]
                while !rest.isEmpty {
                    reader.add(rest.prefix(size))
                    rest = rest.dropFirst(size)
                    _ = try reader.next()
                }
            }
            #expect(strange?.message == RedisReader.strange.message, "pieces of \(size)")
        }
    }

    @Test func whatWasReadIsNotReadAgain() throws {
        var reader = RedisReader()
        // A list of lists, which is never whole: what came of it does not wait.
        let list = "*64\r\n" + String(repeating: ":1\r\n", count: 64)
        for byte in ("*64\r\n" + list + list + "*64\r\n:1\r\n").utf8 {
            reader.add([byte])
            #expect(try reader.next() == nil)
            #expect(reader.waiting.bytes < 6)
        }
        // Nor is the end of a line looked for where it was looked for before.
        for count in 1...5000 {
            reader.add([UInt8(ascii: count == 1 ? "+" : "x")])
            #expect(try reader.next() == nil)
            #expect(reader.waiting.bytes == count)
            #expect(reader.waiting.withoutEnd == count)
        }
    }

    @Test func aReplyThatGoesOnAndOnHasNoRoom() throws {
        for endless in ["+", "*64\r\n*64\r\n$65536\r\n"] {
            var reader = RedisReader()
            reader.add(Array(endless.utf8)[...])
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 65_536)
            var pieces = 0
            while reader.hasRoom, pieces < 64 {
                reader.add(piece[...])
                // Of the texts in the lists as well.
                if endless != "+" { reader.add(Array("\r\n$65536\r\n".utf8)[...]) }
                #expect(try reader.next() == nil)
                pieces += 1
            }
            #expect(pieces <= 16)
        }
    }

    @Test(arguments: ["+", "$65536\r\n"])
    func whatKeepsComingIsLeftWhenAllIsOver(_ beginning: String) throws {
        let link = Dribble(beginning)
        let settings = try self.settings("redis://127.0.0.1:1")
        var asked = 0
        let talk = RedisTalk(link, settings) {
            asked += 1
            return asked > 20
        }
        let failure = failure { () throws(Failure) in
            try talk.open(settings.addresses[0])
        }
        #expect(failure?.status == .shutdown)
        #expect(link.pieces < 30)
    }

    @Test func aServerThatIsTrustedNoMoreOnceItIsConnectedToIsToldNothing() throws {
        let settings = try self.settings("rediss://127.0.0.1:1", hasLogin: true)
        let link = Answers([], isStillTrusted: false)
        let talk = RedisTalk(link, settings) { false }
        let failure = failure { () throws(Failure) in try talk.open(settings.addresses[0]) }
        #expect(failure?.status == .tls)
        #expect(!link.wasTold && !talk.isOpen)
    }

    /// Else the connection ends before the server has read who leaves.
    @Test(arguments: [false, true])
    func theAnswerToTheLeaveIsWaitedForAlsoBehindALogin(hasLogin: Bool) throws {
        let settings = try self.settings("redis://127.0.0.1:1", hasLogin: hasLogin)
        let run = "$47\r\nrun_id:" + String(repeating: "a", count: 40) + "\r\n"
        let script = "$40\r\n" + String(repeating: "b", count: 40) + "\r\n"
        let link = Answers(hasLogin ? ["+OK\r\n", run + script + script] : [run + script + script])
        let talk = RedisTalk(link, settings) { false }
        try talk.open(settings.addresses[0])
        #expect(link.waits == link.count)
        talk.leave(["1"], [])
        #expect(link.waits == link.count + 1)
    }

    private func settings(_ address: String, hasLogin: Bool = false) throws -> RedisSettings {
        let secrets = NamedSecrets()
        if hasLogin {
            try unsafe Fake.withSecret("password-not-real") {
                try unsafe secrets.set("redis.password", to: $0)
            }
        }
        var config = Config()
        try config.set(.redisAddresses, to: address)
        let read = try RedisSettings(config, secrets)
        return try #require(read)
    }
}

/// A server that gives one answer each time, and nothing any more behind the last one.
private final class Answers: RedisLink {
    private let answers: [[UInt8]]
    private(set) var waits = 0
    var count: Int { answers.count }

    let isStillTrusted: Bool
    private(set) var wasTold = false

    init(_ answers: [String], isStillTrusted: Bool = true) {
        self.answers = answers.map { Array($0.utf8) }
        self.isStillTrusted = isStillTrusted
    }

    func open(_ address: RedisAddress, until: LinkLimit) {}
    func send(_ bytes: UnsafeRawBufferPointer, until: LinkLimit) { wasTold = true }
    func close() {}

    func receive(
        _ room: UnsafeMutableRawBufferPointer, until: LinkLimit
    ) throws(Failure) -> Int {
        waits += 1
        guard waits <= answers.count else { throw LinkLimit.late }
        unsafe room.copyBytes(from: answers[waits - 1])
        return answers[waits - 1].count
    }
}

/// A server of which the next byte is always there already.
private final class Dribble: RedisLink {
    private let beginning: [UInt8]
    private(set) var pieces = 0

    init(_ beginning: String) { self.beginning = Array(beginning.utf8) }

    func open(_ address: RedisAddress, until: LinkLimit) {}
    func send(_ bytes: UnsafeRawBufferPointer, until: LinkLimit) {}
    func close() {}
    let isStillTrusted = true

    func receive(_ room: UnsafeMutableRawBufferPointer, until: LinkLimit) -> Int {
        unsafe room[0] = pieces < beginning.count ? beginning[pieces] : UInt8(ascii: "x")
        pieces += 1
        return 1
    }
}
