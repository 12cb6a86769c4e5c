// ModelLineTests.swift - the short ways for usual lines say what the long ways say.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelLineTests {
    /// The event's fields without the instance, and the texts they stand for.
    private func event(_ message: [UInt8]) -> [String]? {
        buffer(message).withBytes { bytes in
            guard let event = PostfixEvent(bytes) else { return nil }
            var found = [event.kind.text]
            for index in 0..<event.count {
                let field = event.field(at: index)
                if field.name == .instance { continue }
                let value = String(decoding: message[field.range], as: UTF8.self)
                found.append("\(field.name.text)=\(value)")
            }
            return found
        }
    }

    /// Every beginning of the line, so that each part is near the end once.
    private func expectSame(_ rest: String) {
        let bytes = Array(rest.utf8)
        for count in 0...bytes.count {
            let usual = event(Array("postfix/".utf8) + bytes[..<count])
            let other = event(Array("mail/".utf8) + bytes[..<count])
            #expect(usual == other, "\(rest.prefix(count))")
        }
    }

    @Test(
        arguments: [
            "smtp[118240]: 4Njp3Q1n8zz2c0B7: to=<a@x.example>, relay=mx.x.example[2001:db8::1]:25,"
                + " conn_use=2, delay=3.4, delays=0.06/0.01/1.2/2.1, dsn=2.0.0, status=sent (250 ok"
                + " queued as 0F5383D)",
            "smtp[1]: 4Njp3Q1n8zz2c0B7: to=<a@x.example>, relay=none, delay=00.5, delays=1/2/3,"
                + " delays=1./2/3/4, dsn=4.4.1, status=deferred (timed out)",
            "qmgr[911]: 4Njp3P0STMz2c02Q: from=<a@x.example>, size=007, nrcpt=2 (queue active)",
            "smtpd[42]: disconnect from unknown[192.0.2.1] ehlo=1 rcpt=0/1 quit=1 commands=2/3",
            "smtp[7]: connect to a.example[private/lmtp]:123456789012345678: Connection refused",
            "smtp[012]: 4Njp3Q1n8zz2c0B7: to=<a@x.example>, relay=none, status=sent (ok)",
            "anvil[99]: statistics: max connection rate 1/60s",
        ])
    func aLineIsReadAlikeAtEachLengthWhateverStandsBeforeIt(_ rest: String) { expectSame(rest) }

    @Test(
        arguments: [
            ("0", "0"), ("3.4", "3.4"), ("0.05", "0.05"), ("00.5", "0.5"), ("007", "7"),
            ("123456789012345", "123456789012345"), ("1234567890123456", nil), ("1.", nil),
            (".5", nil), ("1.2.3", nil), ("1e5", nil), ("-1", nil), ("", nil), ("1 ", nil),
        ] as [(String, String?)])
    func onlyAJSONNumberIsADelay(_ text: String, _ number: String?) throws {
        for rest in ["", ", dsn=2.0.0, status=sent (250 2.0.0 words behind it)"] {
            let line = "4Njp3Q1n8zz2c0B7: to=<a@x.example>, delay=\(text)\(rest), status=sent"
            let found = try #require(event(Array(line.utf8)))
            #expect(found.first { $0.hasPrefix("delay_s=") } == number.map { "delay_s=\($0)" })
        }
    }

    @Test func whatLooksLikeAQueueIDIsJudgedAlikeInEachPlace() {
        var random = SystemRandomNumberGenerator()
        // Few vowels, so that long ids come up; those of digits and A to F are short ones.
        let letters = Array("0123456789BCDFzzzzzzzbcdfghjkGHA")
        for _ in 0..<2000 {
            let id = (0..<Int.random(in: 4...40, using: &random)).map { _ in
                letters[Int.random(in: 0..<letters.count, using: &random)]
            }
            for name in ["qmgr", "cleanup-of-mail", "a-name-too-long-for-one-look"] {
                let line = "\(name)[17]: \(String(id)): removed"
                #expect(
                    event(Array("postfix/\(line)".utf8)) == event(Array("mail/\(line)".utf8)),
                    "\(line)")
            }
        }
    }

    /// The document of a reply whose lines are written as given.
    private func document(_ lines: [String]) throws -> String {
        let body =
            #"{"success":true,"result":{"inbound":{"lines":["# + lines.joined(separator: ",")
            + #"],"pending":false},"outbound":null}}"#
        return text(try Trace.decode(buffer(body)).view(TraceContext()))
    }

    @Test(
        arguments: [
            "09:41:10Z", "09:41:59.5Z", "09:41:60Z", "09:41:61Z", "09:41:6aZ", "09:41:10.Z",
            "09:41:10.1234567890123456Z", "09:41:1Z", "09:4110.000Z", "09:41:10+00:00", "09:42:1:Z",
        ],
        [
            #"a"#, #""#, #"a \"b\" \\ \n"#, #"a \/ b"#, #"\u0041"#, #"\ud83d\ude00"#, "é\u{2028}",
            #"postfix/qmgr[911]: 4Njp3P0STMz2c02Q: removed"#,
            #"postfix/smtp[9]: 4Njp3P0STMz2c02Q: to=<\"a\"@x.example>, relay=b, status=sent (\"\/\")"#,
        ])
    func whiteSpaceBetweenMembersChangesNothing(_ clock: String, _ message: String) throws {
        let first = #"{"lineno":1,"logged_at":"2026-11-20T09:41:09Z","message":"first"}"#
        for number in ["2", "-2", "12345678901234567890", "2.5", "\"2\""] {
            let members = [
                #""lineno":\#(number)"#, #""logged_at":"2026-11-20T\#(clock)""#,
                #""message":"\#(message)""#,
            ]
            let compact = "{" + members.joined(separator: ",") + "}"
            let wide = "{ " + members.joined(separator: " , ") + " }"
            #expect(try document([first, compact]) == document([first, wide]))
        }
    }

    /// A line in one piece is compared, one with white space in it is read.
    @Test func everyByteOfASecondIsLookedAt() throws {
        let first = #"{"lineno":1,"logged_at":"2026-11-20T09:41:09.000Z","message":"first"}"#
        for clock in [":10.123Z", ":59.999Z"] {
            for place in 0..<clock.utf8.count {
                for byte in UInt8(0x20)...0x7E where byte != 0x22 && byte != 0x5C {
                    var second = Array(clock.utf8)
                    second[place] = byte
                    let time = "2026-11-20T09:41" + String(decoding: second, as: UTF8.self)
                    let compact = #"{"lineno":2,"logged_at":"\#(time)","message":"-"}"#
                    let wide = #"{"lineno":2,"logged_at": "\#(time)","message":"-"}"#
                    #expect(try document([first, compact]) == document([first, wide]), "\(time)")
                }
            }
        }
    }

    @Test func theFirstAndTheLastTimeAreFoundInAnyOrder() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let times = (0..<12).map { _ in
                let (hour, second) = (
                    Int.random(in: 10...11, using: &random), Int.random(in: 10...12, using: &random)
                )
                return
                    "2026-11-20T\(hour):00:\(second).\(Int.random(in: 100...999, using: &random))Z"
            }
            let written = try document(
                times.enumerated().map { number, time in
                    #"{"lineno":\#(number),"logged_at":"\#(time)","message":"-"}"#
                })
            #expect(written.contains(#""first_at":"\#(times.min() ?? "")""#))
            #expect(written.contains(#""last_at":"\#(times.max() ?? "")""#))
        }
    }
}
