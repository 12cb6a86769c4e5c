import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelPostfixTests {
    @Test func everyNameAndKindHasATextOfItsOwn() {
        let names = PostfixEvent.Name.allCases.map(\.text)
        let kinds = PostfixEvent.Kind.allCases.map(\.text)
        #expect(Set(names).count == names.count && Set(kinds).count == kinds.count)
        #expect(names.count < 128)
        for text in names + kinds {
            #expect(
                text.count >= 2
                    && text.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) }, "\(text)")
        }
        #expect(PostfixEvent.Name.queueID.text == "queue_id" && !PostfixEvent.Name.queueID.isNumber)
        #expect(PostfixEvent.Name.delay.text == "delay_s" && PostfixEvent.Name.delay.isNumber)
        #expect(PostfixEvent.Name.commandsAccepted.text == "commands_accepted")
        #expect(PostfixEvent.Name.commandsAccepted.isNumber)
        #expect(PostfixEvent.Kind.daemon.text == "daemon")
    }

    @Test func aDeliveryIsReadToItsLastField() throws {
        let event = try #require(
            eventFields(
                #"postfix-out/relay/smtp[70412]: 4Njp3P0STMz2c02Q: to=<"a>, relay=b"@x.example>, "#
                    + "orig_to=<c@x.example>, relay=mx.x.example[2001:db8::25]:25, conn_use=3, "
                    + "delay=3661, delays=3600/0.02/1.1/60, tls=dane/!requiretls:nocertmatch, "
                    + "dsn=4.2.0, status=deferred (host mx.x.example[2001:db8::25] said: 450-4.2.0 "
                    + "<x>: (busy), 450 4.2.0 later (in reply to RCPT TO command)) 148"))
        #expect(event.kind == "delivery")
        let expected = [
            "instance": "postfix-out", "service": "relay", "process": "smtp", "pid": "70412",
            "queue_id": "4Njp3P0STMz2c02Q", "to": #""a>, relay=b"@x.example"#,
            "orig_to": "c@x.example", "relay": "mx.x.example[2001:db8::25]:25",
            "relay_host": "mx.x.example", "relay_ip": "2001:db8::25", "relay_port": "25",
            "conn_use": "3", "delay_s": "3661", "delay_before_qmgr_s": "3600",
            "delay_in_qmgr_s": "0.02", "delay_conn_setup_s": "1.1", "delay_transmission_s": "60",
            "tls_policy": "dane/!requiretls:nocertmatch", "tls_level": "dane",
            "requiretls": "requiretls", "requiretls_downgrade": "nocertmatch", "dsn": "4.2.0",
            "status": "deferred", "reply_code": "450", "reply_dsn": "4.2.0", "stage": "RCPT TO",
            "reply": "host mx.x.example[2001:db8::25] said: 450-4.2.0 <x>: (busy), 450 4.2.0 later "
                + "(in reply to RCPT TO command)",
        ]
        #expect(event.fields == expected)
    }

    @Test(
        arguments: [
            ("250 2.0.0 Ok: queued as 4Njp3Q1n8zz2c0B7", "queued_as", "4Njp3Q1n8zz2c0B7"),
            ("250 2.0.0 Ok: 5021 bytes queued as 0F5383D", "queued_as", "0F5383D"),
            (
                "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as DF66E940333",
                "queued_as", "DF66E940333"
            ),
            ("250 Ok queued as 1a2b-3c.d_4", "queued_as", "1a2b-3c.d_4"),
            ("forwarded as 0F5383D", "queued_as", "0F5383D"),
            (
                "250 2.6.0 <a@b> [InternalId=46192382509321, Hostname=x] \"Queued mail for delivery\"",
                "exchange_internal_id", "46192382509321"
            ),
            (
                "250 2.0.0 OK  1763632285 d2e1a72fcca58-7c3ed37b8a1si100b3a.1 - gsmtp", "google_id",
                "d2e1a72fcca58-7c3ed37b8a1si100b3a.1"
            ),
        ])
    func theNextServersIDIsFound(_ reply: String, _ name: String, _ id: String) throws {
        let line = "7EE668039: to=<a@b.example>, relay=x[192.0.2.1]:25, delay=1, dsn=2.0.0, status="
        let sent = try #require(eventFields("\(line)sent (\(reply))"))
        #expect(sent.fields[name] == id && sent.fields["reply"] == reply)
        // Only of a message that was taken over.
        let deferred = try #require(eventFields("\(line)deferred (\(reply))"))
        #expect(deferred.fields[name] == nil)
    }

    @Test(
        arguments: [
            "", " ", "removed", "Message removed by an administrator", "Quarantined: removed",
            "Notification: removed", "moved to Junk", "released from quarantine", "postfix",
            "postfix/", "postfix/smtp[1]", "postfix/smtp[1]: ", "4Njp3P0STMz2c02Q: ", "NOQUEUE: ",
            "7EE668039: to=<a@b.example>", "7EE668039: to=<a@b.example>, relay=none, delay=1",
            "Nov 23 04:33:50 mx1 opendkim[12]: 7EE668039: removed", "from: a to: b", "warning",
            "https://example.com/: removed", "<22>", "<22>1 ", "<22>1 - - postfix/smtp",
        ])
    func whatIsNoLineOfPostfixIsNoEvent(_ message: String) { #expect(eventFields(message) == nil) }

    /// Found by the fuzzer: the counters went on for ever at the space that had been cut off.
    @Test func spacesAtTheEndAreNoPartOfTheLine() throws {
        let line = "disconnect from a.example[192.0.2.1] ehlo=1 trc="
        for space in ["", " ", "\n", " \r\n\u{0} "] {
            let event = try #require(eventFields(line + space))
            #expect(event.fields["cmd_ehlo"] == "1" && event.fields.count == 3)
        }
    }

    @Test(arguments: ["1.5", "0.0", "007.5", "1e3", "-1", "+1", "1234567890123456"])
    func aCountIsAWholeNumberOrNotSaid(_ text: String) throws {
        let delivery = try #require(
            eventFields(
                "postfix/smtp[1]: A1B2C3D4: to=<a@b>, relay=none, conn_use=\(text), delay=1.5, "
                    + "delays=0.5/0/0/1, dsn=2.0.0, status=sent (ok)"))
        #expect(delivery.fields["conn_use"] == nil && delivery.fields["delay_s"] == "1.5")
        let counters = try #require(
            eventFields(
                "disconnect from a[192.0.2.1] ehlo=\(text) mail=1/\(text) rcpt=\(text)/2 quit=1")
        )
        #expect(
            counters.fields == [
                "client_host": "a", "client_ip": "192.0.2.1", "cmd_mail_accepted": "1",
                "cmd_rcpt": "2", "cmd_quit": "1",
            ])
        let line =
            "<22>1 2026-11-20T09:00:00Z mx postfix/smtpd \(text) - - connect from a[192.0.2.1]"
        #expect(try #require(eventFields(line)).fields["pid"] == nil)
    }

    @Test func aPortHasAtMostFiveDigits() throws {
        let port = try #require(
            eventFields(
                "A1B2C3D4: to=<a@b>, relay=x[192.0.2.1]:4294967297, delay=1, status=sent (ok)"))
        #expect(port.fields["relay_port"] == nil && port.fields["relay_ip"] == "192.0.2.1")
    }

    // MARK: - Any bytes

    /// What is wrong with the event of a message, whatever the message is; nil when nothing is.
    private func fault(_ message: [UInt8]) -> String? {
        buffer(message).withBytes { bytes in
            guard let event = PostfixEvent(bytes) else { return nil }
            var names: Set<UInt8> = []
            let isText = String(validating: message, as: UTF8.self) != nil
            for index in 0..<event.count {
                let field = event.field(at: index)
                let (start, end) = (field.range.lowerBound, field.range.upperBound)
                guard names.insert(field.name.rawValue).inserted else { return "a name twice" }
                guard end <= message.count else { return "\(field.name) ends behind the line" }
                guard event[field.name] == field.range else { return "\(field.name) is elsewhere" }
                // No field begins or ends within a character.
                for place in [start, end] where isText && place < message.count {
                    if message[place] & 0xC0 == 0x80 { return "\(field.name) cuts a character" }
                }
                guard field.name.isNumber else { continue }
                let number = String(decoding: message[start..<end], as: UTF8.self)
                let isShort = !number.hasPrefix("0") || number == "0" || number.hasPrefix("0.")
                guard Double(number) != nil, isShort else { return "\(field.name) is \(number)" }
                if !field.name.text.hasSuffix("_s"), Int64(number) == nil {
                    return "\(field.name) is \(number), no count"
                }
            }
            return event.count <= PostfixEvent.maxFields ? nil : "too many fields"
        }
    }

    private func check(_ message: [UInt8]) {
        if let fault = fault(message) {
            Issue.record("\(fault): \(String(decoding: message, as: UTF8.self))")
        }
    }

    @Test func anyLineCutAnywhereIsReadWithoutHarm() {
        #expect(LineSeeds.all.count > 100)
        for seed in LineSeeds.all {
            let bytes = Array(seed.utf8)
            for end in stride(from: 0, through: bytes.count, by: 2) { check(Array(bytes[..<end])) }
            for start in 0..<min(bytes.count, 30) { check(Array(bytes[start...])) }
        }
    }

    @Test func anyChangedLineIsReadWithoutHarm() {
        var random = SystemRandomNumberGenerator()
        let odd = Array("<>[]():;,=/\"\\ \n\u{0}\u{7F}éz09A-".utf8) + [0x80, 0xC3, 0xFF]
        for seed in LineSeeds.all {
            for _ in 0..<20 {
                var bytes = Array(seed.utf8)
                for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[place] = odd[Int.random(in: 0..<odd.count, using: &random)]
                    case 1: bytes.remove(at: place)
                    default:
                        bytes.insert(odd[Int.random(in: 0..<odd.count, using: &random)], at: place)
                    }
                }
                check(bytes)
            }
        }
    }

    @Test func noFieldCutsACharacterWhereverItStands() {
        let lines =
            LineSeeds.all + [
                "A1B2C3D4: sender notification failed to a@b.example: no",
                "A1B2C3D4: milter-reject: END-OF-MESSAGE from c[192.0.2.1]: no; from=<a@b.example>",
            ]
        for line in lines {
            let bytes = Array(line.utf8)
            for place in bytes.indices {
                check(bytes[..<place] + Array("é".utf8) + bytes[(place + 1)...])
                check(bytes[..<place] + Array("☃".utf8) + bytes[place...])
            }
        }
    }

    @Test func eachMessageComesBackWordForWordBesideItsEvent() throws {
        for seed in LineSeeds.all {
            let message = seed.trimmingCharacters(in: .controlCharacters) + " \"é\\\u{1}"
            let body = try JSONSerialization.data(withJSONObject: [
                "success": true, "result": ["inbound": ["lines": [["message": message]]]],
            ])
            let document = try Trace.decode(buffer(body)).view(TraceContext())
            #expect(try firstMessage(document) == message)
        }
    }
}
