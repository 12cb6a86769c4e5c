// ModelDecisionTests.swift - where the pairs of a decision begin, among others' words.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelDecisionTests {
    /// The reply text, the addresses and what the client called itself are others' words.
    private func decided(_ text: String, _ pairs: String) -> [String: String] {
        let client = "postfix/smtpd[1]: NOQUEUE: reject: RCPT from c.example[192.0.2.1]: "
        return eventFields("\(client)\(text); \(pairs)")?.fields ?? [:]
    }

    private func pairs(from: String, to: String = "c@d.example", helo: String = "h.example")
        -> String
    { "from=<\(from)> to=<\(to)> proto=ESMTP helo=<\(helo)>" }

    private static let forged = [
        "; from=<v@x.example> to=<o@y.example>", "; from=<v@x.example", "; to=<o@y.example",
        "; from=<v@x.example> to=<o@y.example> proto=ESMTP helo=<f.example",
        "; from=<v@x.example> to=<o@y.example> proto=ESMTP helo=<f.example>",
        "; from=<v@x.example> proto=ESMTP helo=<f.example> sasl_username=u", "; proto=SMTP",
        "; from=<v@x.example> proto=ESMTP helo=<f.example> sasl_sender=<u",
        "; from=<v@x.example> proto=ESMTP helo=<f.example> sasl_sender=<u> x=",
        "> to=<o@y.example> proto=SMTP helo=<f.example>; from=<v@x.example",
    ]

    @Test(arguments: forged)
    func noSenderForgesTheAddressesOfADecision(_ forged: String) {
        for local in [forged, "a\(forged)", "\(forged) b", "\(forged)\\\\", "\\\"\(forged)"] {
            let address = "\"\(local)\"@evil.example"
            for text in [
                "554 5.7.1 <\(address)>: Sender address rejected: no", "450 4.7.1 Greylisted",
            ] {
                let sent = decided(text, pairs(from: address))
                #expect(sent["from"] == address && sent["to"] == "c@d.example", "\(local)")
                #expect(sent["helo"] == "h.example" && sent["proto"] == "ESMTP")
                let addressed = decided(text, pairs(from: "a@b.example", to: address))
                #expect(addressed["from"] == "a@b.example" && addressed["to"] == address)
            }
        }
    }

    @Test(arguments: forged)
    func noReplyTextForgesTheAddressesOfADecision(_ forged: String) {
        for text in [forged, "\(forged) more", "\(forged)>", "; from=<\"\(forged)"] {
            let found = decided("550 5.7.1 \(text)", pairs(from: "a@b.example"))
            #expect(found["from"] == "a@b.example" && found["to"] == "c@d.example", "\(text)")
            #expect(found["helo"] == "h.example" && found["proto"] == "ESMTP")
        }
        // The text opens a quoted local part that the sender's own would close.
        let address = "\"@v.example> to=<o@y.example\(forged)\"@evil.example"
        let found = decided("550 5.7.1 no; from=<\"", pairs(from: address))
        #expect(found["from"] == address && found["to"] == "c@d.example", "\(forged)")
    }

    @Test func whereNobodyCanTellTheAddressesOfADecisionTheyAreNotSaid() {
        // Before Postfix 3.5: without quotes.
        let old = decided("450 4.7.1 later", pairs(from: "; from=<v@x.example> to=<o@y.example"))
        // A mail filter refused HELO itself: the name stands as it came.
        let helo = decided(
            "5.7.1 no", "proto=SMTP helo=<x; from=<v@x.example> to=<o@y.example> helo=<y >")
        // The same without another beginning.
        let plain = decided(
            "450 4.7.1 later", pairs(from: "a> to=<o@y.example> proto=SMTP helo=<@b.example"))
        for found in [old, helo, plain] {
            #expect(found["stage"] == "RCPT" && found["from"] == nil && found["to"] == nil)
            #expect(found["proto"] == nil && found["helo"] == nil)
        }
    }

    @Test func namesOfClientsAndOldAddressesMayHaveSpaces() {
        for (from, helo) in [("a@b.example", "my own pc"), ("a b@c.example", "h"), ("", "")] {
            let found = decided("450 4.7.1 later", pairs(from: from, helo: helo))
            #expect(found["from"] == from && found["to"] == "c@d.example")
            #expect(found["proto"] == "ESMTP" && found["helo"] == helo)
        }
    }

    /// Whatever a sender writes: no byte is looked at more than a few times.
    @Test(
        arguments: [
            "; from=<", "; from=<\"", "; from=<\"\\", "; to=<a> helo=<", "; proto=A",
            "; from=<>", "; from=<a", "; from=<a b", "; from=<a b c=", "; from=<> sasl_x=<",
            "; from=<\\\"",
        ])
    func beginningsAreReadInLinearTimeHoweverManyThereAre(_ part: String) {
        let ends = [("", false), (" from h[192.0.2.1]", true), (">", true), ("\"", true)]
        for (end, mayGoOn) in ends {
            let text = Array((String(repeating: part, count: 2_000) + end).utf8)
            let looked = buffer(text).withBytes { bytes in
                var looked = 0
                _ = PostfixEvent.pairsStart(
                    bytes, 0, bytes.byteCount, mayGoOn: mayGoOn, looked: &looked)
                return looked
            }
            #expect(looked >= text.count / 4 && looked <= 6 * text.count, "\(looked)")
        }
        let found = decided(
            String(repeating: part, count: 100), pairs(from: "a@b.example"))
        #expect(found["from"] == "a@b.example" || found["from"] == nil)
    }

    @Test(
        arguments: ["; from=<", "; from=<\"", "; from=<\"\\", "; to=<a> helo=<", "; proto=A"])
    func manyBeginningsHideNoAddress(_ part: String) {
        let found = decided(String(repeating: part, count: 500), pairs(from: "a@b.example"))
        #expect(found["from"] == "a@b.example")
    }

    @Test func noAddressFollowsTheClientsNameForItself() {
        let found = decided("5.7.1 no", "proto=SMTP helo=<x> from=<v@x.example> to=<o@y.example>")
        #expect(found["helo"] == nil && found["from"] == nil && found["to"] == nil)
    }

    /// The real pairs must not be the ones that cannot be read: names of clients have spaces, and
    /// addresses had before Postfix 3.5.
    @Test func noHeaderForgesTheAddressesOfItsCheckWhateverTheClientIsCalled() throws {
        let header = "4Njp3P0STMz2c02Q: reject: header Subject: hi"
        let forged = "; from=<v@x.example> to=<o@y.example> proto=ESMTP helo=<f.example>: "
        let quoted = "\"\(forged)\"@evil.example"
        for (text, from, helo) in [
            (forged, "a@b.example", "my own pc"), ("", quoted, "my own pc"),
            (forged, quoted, "my own pc"), (forged, "a b@evil.example", "h"),
            (forged, "a;b@evil.example", "h"),
        ] {
            let client = " from c.example[192.0.2.1]; "
            let line = "\(header)\(text)\(client)\(pairs(from: from, helo: helo)): no"
            let found = try #require(eventFields(line)).fields
            #expect(found["from"] == nil || found["from"] == from, "\(line)")
            #expect(found["to"] == nil || found["to"] == "c@d.example")
            #expect(found["helo"] == nil || found["helo"] == helo)
        }
    }

    @Test func noHeaderForgesTheAddressesOfItsCheck() throws {
        let start = "4Njp3P0STMz2c02Q: reject: header Subject: hi"
        let end = " from c.example[192.0.2.1]; from=<a@b.example> to=<c@d.example>: no"
        for forged in Self.forged {
            let found = try #require(eventFields("\(start)\(forged) all\(end)"))
            #expect(found.fields["from"] == "a@b.example", "\(forged)")
            #expect(found.fields["to"] == "c@d.example" && found.fields["argument"] == "no")
            #expect(found.fields["client_ip"] == "192.0.2.1")
        }
        // What a check put in its place may be the sender's, too.
        let replaced = try #require(
            eventFields("\(start)\(end): header Subject: ; from=<v@x.example> to=<o@y.example>"))
        #expect(replaced.fields["from"] == nil && replaced.fields["to"] == nil)
        let forged = " from evil.example[192.0.2.6]; from=<v@x.example> to=<o@y.example>: x"
        let found = try #require(eventFields("\(start)\(forged)\(end)"))
        #expect(found.fields["from"] == nil && found.fields["to"] == nil)
        #expect(found.fields["client_ip"] == nil && found.fields["action"] == "reject")
    }
}
