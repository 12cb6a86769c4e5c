// ModelRecipientTests.swift - recipients that aliases and filters make of others, and copies that
// are thrown away.

import Foundation
import Testing
import TraceVaultCore

extension ModelStoryTests {
    private func local(_ to: String, _ reply: String, origTo: String = "") -> String {
        let origTo = origTo.isEmpty ? "" : "orig_to=<\(origTo)>, "
        return " "
            + delivery(Self.first, to, "sent", reply, relay: "local", origTo: origTo)
            .replacing("smtp[1]", with: "local[1]")
    }

    private var toMailbox: String { "delivered to mailbox" }

    @Test func allThatALocalAliasBecameIsOneOfTheHopsRecipients() throws {
        let alias = [
            local("b@x", toMailbox, origTo: "team@x"), local("c@x", toMailbox, origTo: "Team@x"),
        ]
        let hop = " " + taken(Self.first, 2)
        #expect(try told([hop] + alias).state == "incomplete")
        #expect(try told([hop] + alias + [local("d@x", toMailbox)]).state == "sent")
        // A part of it is delivered here, a part goes on.
        let forwarded = local("team@x", "forwarded as \(Self.second)")
        #expect(try told([hop, alias[0], forwarded]).state == "incomplete")
        // Aliases of cleanup(8) are recipients of their own.
        let others = ["b@x", "c@x"].map {
            " " + delivery(Self.first, $0, "sent", origTo: "orig_to=<team@x>, ")
        }
        #expect(try told([hop] + others).state == "sent")
    }

    /// The filter changed an address, or kept a copy and added another recipient: no line tells.
    @Test func noRecipientOfAHopBehindAFilterStandsForOneWhomItDoesNotHave() throws {
        let handed =
            "1 "
            + delivery(
                Self.first, "a@x", "sent", "250 Ok: queued as \(Self.second)", relay: Self.filter)
        let behind = [
            "1 " + taken(Self.second), "2 " + delivery(Self.second, "c@z", "bounced", "550 no"),
        ]
        for lines in [[handed] + behind, behind + [handed]] {
            let found = try told(lines)
            #expect(found.recipients == ["a@x": "accepted_by_filter", "c@z": "bounced"])
            #expect(found.state == "mixed" && found.warnings == ["outcomes_not_linked"])
        }
        // Linked by nothing but the Message-ID.
        let unnamed =
            "1 "
            + delivery(Self.first, "a@x", "sent", "250 2.5.0 OK (20A9E5F5)", relay: Self.filter)
        let names = ["0 " + named(Self.first), "1 " + named(Self.second)]
        let found = try told(names + [unnamed] + behind)
        #expect(found.recipients == ["a@x": "accepted_by_filter", "c@z": "bounced"])
    }

    private static let keeping = [
        ("250 Ok: queued as \(second)", ""),
        ("250 2.5.0 OK (20A9E5F5)", ", orig_queue_id=\(first)"),
        ("250 2.5.0 OK (20A9E5F5)", "message-id"), ("250 Ok", ""),
    ]

    @Test(arguments: keeping)
    func aFilterThatKeepsACopyAndAddsAnArchiveHasNotDeliveredIt(
        reply: String, link: String
    ) throws {
        let orig = link == "message-id" ? "" : link
        let isNamed = link == "message-id"
        // Also when the clock of the filter's host is behind.
        for (there, end) in [("5", "6"), ("0", "1")] {
            let lines =
                ["2 " + came(Self.first, "h[192.0.2.1]")]
                + (isNamed ? ["2 " + named(Self.first)] : []) + ["2 " + taken(Self.first, 2)]
                + ["a@x", "b@x"].map {
                    "3 " + delivery(Self.first, $0, "sent", reply, relay: Self.filter)
                } + ["\(there) " + came(Self.second, "localhost[127.0.0.1]\(orig)")]
                + (isNamed ? ["\(there) " + named(Self.second)] : [])
                + ["\(there) " + taken(Self.second, 2)]
                + ["b@x", "archive@z"].map { "\(end) " + delivery(Self.second, $0, "sent") }
                + ["\(end) qmgr[1]: \(Self.second): removed"]
            for lines in [lines, lines.reversed()] {
                let found = try told(lines)
                #expect(
                    found.recipients == [
                        "a@x": "accepted_by_filter", "b@x": "sent", "archive@z": "sent",
                    ], "\(lines)")
                #expect(found.state == "mixed" && found.warnings == ["outcomes_not_linked"])
            }
            let alone = lines.filter { !$0.contains("b@x") }
            #expect(try told(alone).recipients["a@x"] == "accepted_by_filter", "\(alone)")
        }
    }

    @Test func aMessageThatItsSenderHandedOverTwiceIsNotWithAFilter() throws {
        let mailbox = "mail[10.1.2.3]:25"
        let lines = [(Self.first, "a@x"), (Self.second, "b@x")].flatMap { id, to in
            [
                "1 " + came(id, "h[192.0.2.1]"), "1 " + named(id), "1 " + taken(id),
                "2 " + delivery(id, to, "sent", relay: mailbox), "2 qmgr[1]: \(id): removed",
            ]
        }
        let found = try told(lines)
        #expect(found.recipients == ["a@x": "sent", "b@x": "sent"] && found.warnings.isEmpty)
    }

    @Test func aCopyThatLeftThePlaceOfTheFilterIsSentThoughNothingLinksTheHops() throws {
        let lines =
            ["0 " + came("0F5383A", "h[192.0.2.1]")]
            + ["a@x", "b@x"].map {
                "0 " + delivery("0F5383A", $0, "sent", "250 Ok", relay: Self.filter)
            }
            + [("0F5383B", "a@x"), ("0F5383C", "b@x")].flatMap { id, to in
                ["0 " + came(id, "localhost[127.0.0.1]"), "0 " + delivery(id, to, "sent")]
            }
        #expect(try told(lines).recipients == ["a@x": "sent", "b@x": "sent"])
    }

    @Test func aRecipientThatTheHopBehindTheFilterDoesNotHaveWasTakenByTheFilter() throws {
        let reply = "250 Ok: queued as \(Self.second)"
        let handed = ["a@x", "b@x"].map {
            "1 " + delivery(Self.first, $0, "sent", reply, relay: Self.filter)
        }
        let behind = ["1 " + taken(Self.second), "2 " + delivery(Self.second, "b@x", "sent")]
        let found = try told(["0 " + taken(Self.first, 2)] + handed + behind)
        #expect(found.recipients == ["a@x": "accepted_by_filter", "b@x": "sent"])
        #expect(found.state == "mixed")
    }

    @Test func caseIsFoldedInASCIIAndAnotherSpellingIsNoBetterOutcome() throws {
        let handed =
            "1 "
            + delivery(
                Self.first, "Ü@x", "sent", "250 Ok: queued as \(Self.second)", relay: Self.filter)
        let found = try told([
            handed, "1 " + taken(Self.second),
            "2 " + delivery(Self.second, "ü@x", "bounced", "550 no"),
        ])
        #expect(found.recipients == ["Ü@x": "accepted_by_filter", "ü@x": "bounced"])
        #expect(found.state == "mixed")
    }

    @Test func whatGoesToTheNullDeviceIsDiscarded() throws {
        #expect(try told([local("a@x", "delivered to file: /dev/null")]).state == "discarded")
        #expect(try told([local("a@x", "delivered to file: /dev/null2")]).state == "sent")
        let virtual = local("a@x", "delivered to file: /dev/null")
            .replacing("local", with: "virtual")
        #expect(try told([virtual]).state == "discarded")
        let elsewhere = " " + delivery(Self.first, "a@x", "sent", "delivered to file: /dev/null")
        #expect(try told([elsewhere]).state == "sent")
    }

    @Test func whatAFilterBeforeTheQueueThrewAwayIsWithTheFilter() throws {
        let line =
            " smtpd[1]: NOQUEUE: proxy-accept: END-OF-MESSAGE: 250 2.7.0 Ok, discarded, id=1-2 - "
            + "INFECTED: Eicar; from=<s@x> to=<a@x> proto=ESMTP helo=<h>"
        let found = try told([line])
        #expect(found.recipients == ["a@x": "accepted_by_filter"])
        #expect(found.state == "accepted_by_filter")
        let taken = line.replacing("Ok, discarded, id=1-2 - INFECTED: Eicar", with: "Ok")
        #expect(try told([taken]).recipients == ["a@x": "queued"])
    }
}
