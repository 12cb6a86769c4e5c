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

    @Test func aFiltersWordIsFoundWhereverItBeginsAndNowhereElse() throws {
        for count in 1..<40 {
            let before = String(repeating: count % 2 == 0 ? "x" : "7", count: count)
            for (word, state) in [
                (" discarded", "accepted_by_filter"), (",DISCARD", "accepted_by_filter"),
                ("discarded", "sent"),
            ] {
                let reply = "250 " + before + word
                let line = delivery(Self.first, "a@x", "sent", reply, relay: Self.filter)
                #expect(try told(["1 " + line]).recipients == ["a@x": state], "\(reply)")
            }
        }
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
        ("172.16.0.1", true), ("172.31.255.9", true), ("::ffff:172.20.0.1", true),
        ("192.168.7.1", true), ("fd00::7", true),
        ("100.63.0.1", false), ("100.128.0.1", false), ("::ffff:192.0.2.1", false),
        ("172.15.0.1", false), ("172.32.0.1", false), ("172.160.0.1", false),
        ("192.169.0.1", false),
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

    @Test func whoWaitsAtAHopThatRemovedTheMessageHasAnEndThatIsNotTold() throws {
        let lines = [
            "1 " + delivery(Self.first, "a@x", "deferred"), "2 qmgr[1]: \(Self.first): removed",
        ]
        let report = "2 bounce[1]: \(Self.first): sender non-delivery notification: 0F5383B"
        for order in [lines, lines.reversed()] {
            let lost = try told(order)
            #expect(lost.state == "unknown" && lost.warnings == ["recipients_unaccounted"])
            let bounced = try told(order + [report])
            #expect(bounced.state == "bounced" && bounced.warnings == ["recipients_unaccounted"])
        }
        #expect(try told([lines[0]]).state == "deferred")
    }

    static let holds =
        "1 smtpd[1]: NOQUEUE: hold: RCPT from h[192.0.2.1]: <a@x>: wait; from=<s@x> to=<a@x> "
        + "proto=ESMTP helo=<h>"

    @Test func aHoldBeforeTheQueueIsOneOfTheHopThatFollows() throws {
        let came = "1 " + came(Self.first, "h[192.0.2.1]")
        let before = [Self.holds, came]
        for before in [before, before.reversed()] {
            #expect(try told(before).recipients == ["a@x": "held"])
            let deleted = try told(before + ["4 postsuper[1]: \(Self.first): removed"])
            #expect(deleted.recipients == ["a@x": "deleted"] && deleted.state == "deleted")
            let released = try told(
                before + [
                    "1 postsuper[1]: \(Self.first): released from hold",
                    "1 " + delivery(Self.first, "a@x", "sent"),
                ])
            #expect(released.recipients == ["a@x": "sent"] && released.warnings.isEmpty)
        }
        // Another client's hop, and one that began before.
        let others = [
            "1 " + self.came(Self.first, "h[192.0.2.2]"),
            "0 " + self.came(Self.first, "h[192.0.2.1]"),
        ]
        for other in others {
            let found = try told([Self.holds, other, "1 " + delivery(Self.first, "a@x", "sent")])
            #expect(found.recipients == ["a@x": "held"])
        }
    }

    @Test func aFilterThatChangedAnAddressAndWasRefusedHasNotDelivered() throws {
        let refused = Self.refusedBack.replacing("a@x", with: "b@x")
        let lines = ["1 " + handed(Self.first), "2 " + refused]
        for lines in [lines, lines.reversed()] {
            let found = try told(lines)
            #expect(found.recipients == ["a@x": "accepted_by_filter", "b@x": "rejected"])
            #expect(found.warnings == ["outcomes_not_linked"])
        }
        let outside = lines[1].replacing("localhost[127.0.0.1]", with: "h[192.0.2.1]")
        #expect(try told([lines[0], outside]).recipients["a@x"] == "sent")
    }

    @Test(arguments: [
        ("proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 0F5383B;", "queued"),
        ("hangup: RCPT from h[192.0.2.1]: <a@x>: no;", "refused_for_now"),
        ("redirect: RCPT from h[192.0.2.1]: <a@x>: to b@x;", "expanded"),
    ])
    func whoIsOnlyToldOfInADecisionIsListed(text: String, state: String) throws {
        let line = "1 smtpd[1]: NOQUEUE: \(text) from=<s@x> to=<a@x> proto=ESMTP helo=<h>"
        #expect(try told([line]).recipients == ["a@x": state])
        let sent = try told([line, "3 " + delivery("0F5383B", "a@x", "sent")])
        #expect(sent.recipients == ["a@x": state == "refused_for_now" ? state : "sent"])
    }

    @Test func whoWasRedirectedDoesNotStandForARecipientWhoIsMissing() throws {
        let found = try told([
            "1 smtpd[1]: \(Self.first): redirect: RCPT from h[192.0.2.1]: <a@x>: to b@x; "
                + "from=<s@x> to=<a@x> proto=ESMTP helo=<h>",
            "2 " + taken(Self.first, 2), "3 " + delivery(Self.first, "b@x", "sent"),
        ])
        #expect(found.state == "incomplete" && found.recipients["a@x"] == "expanded")
    }

    /// The first hop's host is ahead of the others: its lines come last.
    @Test func noHopIsBehindOneThatHandedNothingOn() throws {
        let (first, filter) = ("0A5383B", Self.filter)
        let lines = [
            "1 " + delivery("0B5383B", "a@x", "sent", "250 Ok", relay: filter),
            "2 smtpd[1]: 0C5383B: client=localhost[127.0.0.1], orig_queue_id=0B5383B",
            "2 cleanup[1]: 0C5383B: message-id=<m@x>",
            "3 " + delivery("0C5383B", "archive@x", "deferred", "450 busy"),
            "4 postsuper[1]: 0C5383B: removed",
            "8 pickup[1]: \(first): uid=0 from=<s@x>", "8 cleanup[1]: \(first): message-id=<m@x>",
            "9 " + delivery(first, "a@x", "sent", "250 Ok", relay: filter),
        ]
        for lines in [lines, lines.reversed()] {
            let found = try told(lines)
            #expect(found.recipients["a@x"] == "accepted_by_filter")
        }
    }

    @Test func aPublicAddressThatADeliveryWentToIsNoClientOfAnEarlierTry() throws {
        let refused =
            "1 smtpd[1]: NOQUEUE: reject: RCPT from flt[192.0.2.77]: 554 5.7.1 <a@x>: no; "
            + "from=<s@x> to=<a@x> proto=ESMTP helo=<h>"
        let handed = delivery(
            Self.late, "a@x", "sent", "250 Ok", relay: "flt[192.0.2.77]:25")
        let lines = [refused, "5 " + came(Self.late, "h[192.0.2.1]"), "6 " + handed]
        for lines in [lines, lines.reversed()] {
            #expect(try told(lines).recipients == ["a@x": "rejected"])
        }
        let elsewhere = lines.map {
            $0.replacing("relay=flt[192.0.2.77]", with: "relay=mx[192.0.2.78]")
        }
        #expect(try told(elsewhere).recipients == ["a@x": "sent"])
    }

    @Test func aProbesAnswerCountsOnlyForWhoHasNoOtherOutcome() throws {
        let probe = "1 " + delivery(Self.second, "a@x", "undeliverable", "550 no")
        #expect(try told([probe]).recipients == ["a@x": "undeliverable"])
        let sent = try told([probe, "2 " + delivery(Self.first, "a@x", "sent")])
        #expect(sent.recipients == ["a@x": "sent"] && sent.warnings.isEmpty)
    }

    @Test func theFirstHopIsTheOneThatTheOutsideHandedTheMessageTo() throws {
        let lines = [
            "1 " + came(Self.first, "flt[10.0.0.7]"), "1 " + named(Self.first),
            "3 " + came(Self.third, "h[192.0.2.1]"), "3 " + named(Self.third),
        ]
        #expect(try told(lines).summary["client_ip"] as? String == "192.0.2.1")
    }

    @Test func aClientThatSpokeNoSMTPHasItsAddress() {
        let found = eventFields(
            "postfix/smtpd[1]: warning: unknown[192.0.2.1] sent non-SMTP command: GET /]: x")
        #expect(found?.fields["client_ip"] == "192.0.2.1")
    }
}
