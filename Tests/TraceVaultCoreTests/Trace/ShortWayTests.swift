// ShortWayTests.swift - a short way writes what its plain twin writes.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ShortWayTests {
    private static let ways: [ShortWays] = [.head, .line, .event, .all]

    /// The document, or what was wrong with the reply.
    private func document(_ body: ByteBuffer, _ ways: ShortWays) -> String {
        do throws(Failure) {
            return text(try Trace.decode(body).view(TraceContext(), ways))
        } catch { return "\(error.status): \(error.message)" }
    }

    private func expectSame(_ body: [UInt8]) {
        let usual = document(buffer(body), .all)
        for way in Self.ways {
            let plain = document(buffer(body), ShortWays.all.subtracting(way))
            #expect(plain == usual, "\(way): \(String(decoding: body.prefix(500), as: UTF8.self))")
        }
    }

    private static func reply(_ messages: [String]) throws -> Data {
        let lines = messages.enumerated().map { number, message in
            [
                "lineno": number, "message": message,
                "logged_at": "2026-11-20T09:41:\(10 + number % 50).\(100 + number)Z",
            ] as [String: Any]
        }
        return try JSONSerialization.data(
            withJSONObject: ["success": true, "result": ["inbound": ["lines": lines]]],
            options: [.sortedKeys, .withoutEscapingSlashes])
    }

    @Test(arguments: Golden.names)
    func everyGoldenReplyIsWrittenAlikeEachWay(_ name: String) throws {
        expectSame(Array(try Golden.reply(name)))
    }

    @Test func everyKindOfLineIsWrittenAlikeEachWay() throws {
        expectSame(Array(try Self.reply(LineSeeds.all)))
        expectSame(Array(try Self.reply(LineSeeds.all.map { "\($0) \"é\\\u{1}" })))
    }

    @Test func whiteSpaceAnywhereIsNotCopiedByAnyWay() throws {
        let whole = Array(try Golden.reply("real_deferred_then_sent"))
        for place in whole.indices where #"{}[]:,""#.utf8.contains(whole[place]) {
            expectSame(whole[...place] + [0x20] + whole[(place + 1)...])
        }
    }

    @Test func aReplyThatWasChangedAnywhereIsReadAlikeEachWay() throws {
        var random = SystemRandomNumberGenerator()
        let whole = Array(try Golden.reply("real_deferred_then_sent"))
        let odd = Array(#"{}[]:,"\/0e-. tfn"#.utf8) + [0x80, 0xC3, 0x01]
        for _ in 0..<400 {
            var body = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<body.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: body[place] = odd[Int.random(in: 0..<odd.count, using: &random)]
                case 1: body.remove(at: place)
                default: body.insert(odd[Int.random(in: 0..<odd.count, using: &random)], at: place)
                }
            }
            expectSame(body)
        }
    }
}
