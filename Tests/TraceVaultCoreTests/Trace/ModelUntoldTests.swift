// ModelUntoldTests.swift - a message of which some end is not told by a recipient's own line is
// never `sent` as a whole.

import Testing
import TraceVaultCore

extension ModelStoryTests {
    @Test(arguments: [
        ("250 2.7.0 BLOCKED (20A9E5F5B1C2D3)", "accepted_by_filter"),
        ("250 2.5.0 Ok, id=01155-06, BOUNCE", "accepted_by_filter"),
        ("250 2.5.0 Ok, bounced", "accepted_by_filter"),
        ("250 2.0.0 Ok, moved to quarantine", "accepted_by_filter"),
        ("250 2.0.0 Ok action=quarantine", "accepted_by_filter"),
        ("250 2.0.0 Ok, not blocked", "sent"), ("250 2.0.0 Ok blocked=no", "sent"),
        ("250 2.0.0 Ok bounce.x.example", "sent"), ("250 2.0.0 Ok bounce-17", "sent"),
        ("250 2.0.0 Ok blocked@x.example", "sent"), ("250 2.0.0 Ok quarantine: 0, spam", "sent"),
        ("250 2.0.0 Ok, bounce, queued as 7F5383A", "sent"), ("250 Ok unblocked", "sent"),
    ])
    func whatAFilterSaysThatItBlockedIsNotDelivered(reply: String, state: String) throws {
        let line = delivery(Self.first, "a@x", "sent", reply, relay: Self.filter)
        #expect(try told(["1 " + line]).recipients == ["a@x": state])
    }

    @Test func whileMoreIsToComeOnlyTheOutboundSideSaysThatAllOfItWasSent() throws {
        let lines = [" " + taken(Self.first), " " + delivery(Self.first, "a@x", "sent")]
        let found = try told(lines, isPending: true)
        #expect(found.state == "incomplete" && found.recipients == ["a@x": "sent"])
        #expect(try told([], lines, isPending: true).state == "sent")
        #expect(try told(lines).state == "sent")
    }

    @Test(arguments: [
        ("100.64.0.1", true), ("100.127.255.9", true), ("169.254.1.1", true),
        ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", true), ("fe80::1", true), ("::1", true),
        ("100.63.0.1", false), ("100.128.0.1", false), ("::ffff:192.0.2.1", false),
    ])
    func anAddressThatNobodyOutsideReachesIsAFilters(ip: String, isInside: Bool) throws {
        let handed = " " + delivery(Self.first, "a@x", "sent", relay: "flt[\(ip)]:10024")
        let found = try told([handed], isPending: true)
        #expect(found.recipients == ["a@x": isInside ? "accepted_by_filter" : "sent"])
    }

    @Test(arguments: [
        "bounce[1]: ID: sender non-delivery notification: 0F5383B",
        "qmgr[1]: ID: from=<s@x>, status=expired, returned to sender",
        "postsuper[1]: ID: placed on hold", "postsuper[1]: ID: removed",
        "cleanup[1]: ID: milter-discard: END-OF-MESSAGE from h[192.0.2.1]: no; from=<s@x>",
    ])
    func anEndThatNoRecipientIsKnownToHaveHadIsNotForgotten(line: String) throws {
        let lines = [
            "1 " + delivery(Self.first, "a@x", "sent"),
            "2 " + line.replacing("ID", with: Self.first),
        ]
        for lines in [lines, lines.reversed()] {
            let found = try told(lines)
            #expect(found.state == "incomplete" && found.recipients == ["a@x": "sent"])
        }
        // Here it is known who had it.
        let bounced = "1 " + delivery(Self.first, "b@x", "bounced", "550 no")
        #expect(try told([lines[1], bounced]).state != "incomplete")
    }

    @Test func aReportOfASuccessIsNoFailure() throws {
        let lines = [
            "1 " + delivery(Self.first, "a@x", "sent"),
            "2 bounce[1]: \(Self.first): sender delivery status notification: 0F5383B",
        ]
        #expect(try told(lines).state == "sent")
    }

    @Test func aRefusalOfTheWholeMessageThatNamesNobodyIsNotForgotten() throws {
        let refused =
            "3 smtpd[1]: \(Self.first): reject: DATA from h[192.0.2.1]: 554 5.7.1 <DATA>: no; "
            + "from=<s@x> proto=ESMTP helo=<h>"
        let greylisted =
            "1 smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.1]: 450 4.2.0 <c@x>: later; "
            + "from=<s@x> to=<c@x> proto=ESMTP helo=<h>"
        let came = "2 " + came(Self.first, "h[192.0.2.1]")
        #expect(try told([greylisted, came, refused]).state == "incomplete")
        let sent = "5 " + delivery(Self.second, "a@x", "sent")
        #expect(try told([came, refused, sent]).state == "incomplete")
        #expect(
            try told([refused.replacing(Self.first, with: "NOQUEUE"), sent]).state == "incomplete")
        // It went on at the same hop.
        let later = ["4 " + taken(Self.first), "5 " + delivery(Self.first, "a@x", "sent")]
        #expect(try told([came, refused] + later).state == "sent")
        let unnamed =
            "1 smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.1]: 550 5.1.1 no; from=<s@x> "
            + "proto=ESMTP helo=<h>"
        let held = [
            "2 " + delivery(Self.first, "a@x", "deferred"),
            "3 postsuper[1]: \(Self.first): placed on hold",
        ]
        #expect(try told([unnamed] + held).state == "incomplete")
    }

    @Test func aRecipientBeyondTheMostThatAreListedIsNotForgotten() throws {
        let sent = (1...1000).map { " " + delivery(Self.first, "a\($0)@x", "sent") }
        let bounced = " " + delivery(Self.first, "b@x", "bounced", "550 no")
        #expect(try told(sent + [bounced]).state == "incomplete")
        #expect(try told(sent).state == "sent")
    }

    @Test func recipientsOfWhomNothingIsKnownAreWarnedAboutAlsoWhereOutcomesDiffer() throws {
        let lines = [
            "2 " + delivery(Self.first, "a@x", "sent"),
            "2 " + delivery(Self.first, "b@x", "deferred"),
        ]
        let found = try told(["1 " + taken(Self.first, 5)] + lines)
        #expect(found.state == "mixed" && found.warnings == ["recipients_unaccounted"])
        #expect(try told(["1 " + taken(Self.first, 2)] + lines).warnings.isEmpty)
        // Nobody is listed yet, so nobody is missing.
        #expect(try told(["1 " + taken(Self.first, 5)]).warnings.isEmpty)
    }
}
