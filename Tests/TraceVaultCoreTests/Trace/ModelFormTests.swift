// ModelFormTests.swift - times in other forms, times that are none, texts that are not UTF-8.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelFormTests {
    private func document(_ lines: [String], ref: String? = nil) throws -> [String: Any] {
        let lines = lines.joined(separator: ",")
        let body = #"{"success":true,"result":{"inbound":{"lines":[\#(lines)]},"outbound":{}}}"#
        let view = try Trace.decode(buffer(body)).view(TraceContext(messageRef: ref))
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text(view).utf8)) as? [String: Any])
    }

    private func times(_ values: [String], ref: String? = nil) throws -> ([String?], [String]) {
        let found = try document(
            values.map { #"{"logged_at":\#($0),"message":"m"}"# }, ref: ref)
        let lines = ((found["inbound"] as? [String: Any])?["lines"] as? [[String: Any]]) ?? []
        let codes = (found["warnings"] as? [[String: Any]] ?? []).compactMap {
            $0["code"] as? String
        }
        return (lines.map { $0["at"] as? String }, codes)
    }

    @Test(
        arguments: [
            ("1767607200", "2026-01-05T10:00:00Z"), (#""1767607200""#, "2026-01-05T10:00:00Z"),
            ("1767607200123", "2026-01-05T10:00:00.123Z"),
            (#""1767607200123456""#, "2026-01-05T10:00:00.123456Z"),
            ("1767607200.5", "2026-01-05T10:00:00.5Z"),
            (#""Mon, 05 Jan 2026 11:00:00 +0100""#, "2026-01-05T10:00:00Z"),
            (#""5 Jan 2026 10:00 GMT""#, "2026-01-05T10:00:00Z"),
            (#""2026-01-05 10:00:00 +0000 UTC""#, "2026-01-05T10:00:00Z"),
            (#""2026-01-05 08:00:00.25 -0200 -02 m=+0.1""#, "2026-01-05T10:00:00.25Z"),
        ])
    func otherFormsOfTimesAreRead(written: String, at: String) throws {
        let (times, codes) = try times([written])
        #expect(times == [at] && codes.isEmpty)
    }

    @Test func noTimeIsMadeOfWhatIsNone() throws {
        for written in [
            "true", #""soon""#, "-5", "1e9", #""12345678901234567890123""#,
            #""32 Jan 2026 10:00:00 Z""#,
            #""5 Foo 2026 10:00:00 Z""#, #""2026-01-05 10:00:00 later""#, #""""#, #""1767607200.""#,
        ] {
            let (times, codes) = try times([written])
            #expect(times == [nil] && codes == ["time_unreadable"], "\(written)")
        }
    }

    @Test func aTimeThatCannotBeIsUnknown() throws {
        let real = #""2026-01-05T10:00:00Z""#
        for written in [#""0001-01-01T00:00:00Z""#, #""1970-01-01T00:00:00Z""#, "0"] {
            let (found, codes) = try times([written, real])
            #expect(found == [nil, "2026-01-05T10:00:00Z"] && codes == ["time_implausible"])
        }
        // Far from all others; with two of them, from the queue id's own.
        let (far, codes) = try times([
            #""2016-01-01T00:00:00Z""#, real, real, #""2062-01-01T00:00:00Z""#,
        ])
        #expect(far == [nil, "2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z", nil])
        #expect(codes == ["time_implausible"])
        let old = #""2014-07-01T10:00:00Z""#
        #expect(try times([real, old]).0 == ["2026-01-05T10:00:00Z", "2014-07-01T10:00:00Z"])
        let summary = try #require(
            try document([
                #"{"logged_at":"0001-01-01T00:00:00Z","message":"a"}"#,
                #"{"logged_at":\#(real),"message":"b"}"#,
            ])["summary"] as? [String: Any])
        #expect(summary["first_at"] as? String == "2026-01-05T10:00:00Z")
    }

    @Test func withoutAReferenceTheFirstLongQueueIDSaysWhichTimesCannotBe() throws {
        func first(_ time: String) throws -> String? {
            let removed = "postfix/qmgr[1]: 4Njp3P0STMz2c02Q: removed"
            let summary = try document([
                #"{"logged_at":"\#(time)","message":"\#(removed)"}"#,
                #"{"logged_at":"2022-12-30T01:44:50Z","message":"-"}"#,
            ])["summary"]
            return (summary as? [String: Any])?["first_at"] as? String
        }
        // The id is of 2022-12-30.
        #expect(try first("2014-07-01T10:00:00Z") == "2022-12-30T01:44:50Z")
        #expect(try first("2022-12-30T01:44:49Z") == "2022-12-30T01:44:49Z")
    }

    private func reply(_ before: String, _ bytes: [UInt8], _ after: String) -> ByteBuffer {
        buffer(Array(before.utf8) + bytes + Array(after.utf8))
    }

    @Test func aTextThatIsNotUTF8CostsItsOwnBytes() throws {
        let before = #"{"success":true,"result":{"inbound":{"lines":[{"message":"a"#
        for (bytes, expected) in [
            ([0xFF], "a\u{FFFD}b"), ([0xC3], "a\u{FFFD}b"), ([0xE2, 0x82], "a\u{FFFD}b"),
            ([0xED, 0xA0, 0x80], "a\u{FFFD}\u{FFFD}\u{FFFD}b"),
            ([0xC3, 0xA9, 0x80], "aé\u{FFFD}b"),
        ] as [([UInt8], String)] {
            let view = try Trace.decode(reply(before, bytes, #"b"}]}}}"#)).view(TraceContext())
            #expect(try firstMessage(view) == expected)
            #expect(text(view).contains(#""code":"invalid_utf8""#))
        }
    }

    @Test func theWarningSaysWhereTheFirstTextIsThatIsNotUTF8() throws {
        let before = #"{"success":true,"result":{"inbound":{"lines":[{"a~/b":["x"],"message":"é"}"#
        for (between, path) in [
            (#",{"lineno":1,"message":"a"#, "/result/inbound/lines/1/message"),
            (#",{"a~/b":["x","a"#, "/result/inbound/lines/1/a~0~1b/1"),
        ] {
            let end = path.hasSuffix("message") ? #"b"}]}}}"# : #"b"]}]}}}"#
            let view = try Trace.decode(reply(before + between, [0xFF, 0x41, 0xFE], end))
                .view(TraceContext())
            #expect(
                text(view).contains(#"{"code":"invalid_utf8","count":2,"path":"\#(path)"}"#))
        }
    }

    @Test func whatIsNotUTF8OutsideOfTextsIsRefused() {
        for (before, after) in [
            (#"{"success":true,"res"#, #"ult":{}}"#), (#"{"success":true,"#, #""result":{}}"#),
            (#"{"success":true,"result":{"inbound":{"lines":[{"message":"a\"#, #"b"}]}}}"#),
        ] {
            #expect(throws: Failure.self) { try Trace.decode(self.reply(before, [0xFF], after)) }
        }
    }
}
