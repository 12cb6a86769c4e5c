// ModelProofTests.swift - what the lines prove of an outcome; where they prove nothing, the worse
// one is told.

import Testing
import TraceVaultCore

extension ModelStoryTests {
    /// Long ids of 2026-11-20T09:00, second 0 and 5.
    static let (early, late) = ("4jW8Rh2qwJz2c02Q", "4jW8Rn2qwJz2c02R")
    static let refusedBack =
        "smtpd[1]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 554 5.7.1 <a@x>: no; "
        + "from=<s@x> to=<a@x> proto=ESMTP helo=<localhost>"

    func handed(_ id: String) -> String {
        delivery(id, "a@x", "sent", "250 2.0.0 Ok", relay: Self.filter)
    }

    @Test func aRefusalBehindAFilterCountsWhereTheBeginningOfTheHopBeforeIsMissing() throws {
        for id in [Self.early, "0F5383A"] {
            let lines = ["3 " + Self.refusedBack, "5 " + handed(id), "6 qmgr[1]: \(id): removed"]
            for lines in [lines, lines.reversed()] {
                let found = try told(lines)
                #expect(found.recipients == ["a@x": "rejected"], "\(id)")
                #expect(found.state == "rejected" && found.warnings == ["outcomes_not_linked"])
            }
        }
        let bare = [" " + Self.refusedBack, " " + handed("0F5383A")]
        for lines in [bare, bare.reversed()] {
            #expect(try told(lines).recipients == ["a@x": "rejected"])
        }
    }

    @Test func aMessageThatWasTakenAfterARefusalIsNotRefused() throws {
        // By the id, by the first lines, by both; not where they contradict each other.
        for lines in [
            ["6 " + handed(Self.late)],
            ["5 " + came("0F5383A", "h[192.0.2.1]"), "6 " + handed("0F5383A")],
            ["5 " + named("0F5383A"), "6 " + handed("0F5383A")],
            ["5 " + came(Self.late, "h[192.0.2.1]"), "6 " + handed(Self.late)],
        ] {
            #expect(try told(["3 " + Self.refusedBack] + lines).recipients == ["a@x": "sent"])
            #expect(try told(lines + ["3 " + Self.refusedBack]).recipients == ["a@x": "sent"])
        }
        let contradiction = [
            "3 " + Self.refusedBack, "5 " + came(Self.early, "h[192.0.2.1]"),
            "6 " + handed(Self.early),
        ]
        #expect(try told(contradiction).recipients == ["a@x": "rejected"])
    }

    @Test func ofTwoRefusalsWithoutAnOrderTheWorseOneCounts() throws {
        let later = Self.refusedBack.replacing("554 5.7.1", with: "450 4.7.1")
        for mark in ["", "3"] {
            let lines = [mark + " " + Self.refusedBack, mark + " " + later]
            for lines in [lines, lines.reversed()] {
                #expect(try told(lines).recipients == ["a@x": "rejected"])
            }
        }
        #expect(
            try told(["3 " + Self.refusedBack, "4 " + later]).recipients
                == ["a@x": "refused_for_now"])
    }

    @Test func whatIsInNoOrderByLinesIsInThatOfItsLinks() throws {
        // The first hop hands over to the last; the one between has lost its beginning.
        let lines = [
            "0 " + delivery("0F5383C", "a@x", "sent", "250 OK"),
            "0 " + delivery("0F5383C", "b@x", "bounced", "550 no"),
            "0 " + delivery("0F5383B", "a@x", "sent", relay: Self.filter),
            "0 " + taken("0F5383A"), "0 " + taken("0F5383C", 2),
            "0 " + came("0F5383C", "localhost[127.0.0.1], orig_queue_id=0F5383A"),
            "0 " + handed("0F5383A"),
        ]
        #expect(try told(lines).recipients == ["a@x": "sent", "b@x": "bounced"])
    }

    @Test func whatAFilterThrewAwayIsNotInAnotherHopOfTheMessage() throws {
        let discarded = "250 2.7.0 Ok, discarded, id=1 - INFECTED: E"
        let found = try told([
            "0 " + named(Self.first), "0 " + taken(Self.first, 2),
            "1 " + delivery(Self.first, "a@x", "sent", discarded, relay: Self.filter),
            "1 " + delivery(Self.first, "b@x", "sent", relay: Self.filter),
            "2 " + named(Self.second), "2 " + taken(Self.second, 1),
            "3 " + delivery(Self.second, "b@x", "deferred", "450 busy"),
            "4 postsuper[1]: \(Self.second): removed",
        ])
        #expect(found.recipients == ["a@x": "accepted_by_filter", "b@x": "deleted"])
    }

    private func nobodys(_ id: String) -> String {
        "qmgr[1]: \(id): from=<>, size=1, nrcpt=1 (queue active)"
    }

    @Test(arguments: [
        "smtpd[1]: \(second): client=localhost[127.0.0.1]",
        "smtpd[1]: \(second): client=localhost[127.0.0.1], orig_queue_id=\(first)",
        "pickup[1]: \(second): uid=0 from=<>", "cleanup[1]: \(second): message-id=<m@x.example>",
        // Not even that much: its recipient is not the message's sender.
        "smtpd[1]: connect from localhost[127.0.0.1]",
    ])
    func aCopyWhoseSenderAFilterTookAwayIsNoNotification(first line: String) throws {
        let lines = [
            "0 " + named(Self.first), "0 " + taken(Self.first), "1 " + handed(Self.first),
            "1 " + line, "1 " + nobodys(Self.second),
            "2 " + delivery(Self.second, "a@x", "bounced", "550 no"),
        ]
        for lines in [lines, lines.reversed()] {
            #expect(try told(lines).recipients == ["a@x": "bounced"], "\(line)")
        }
    }

    @Test(arguments: ["", ", orig_queue_id=\(second)"])
    func aNotificationThatAFilterHandsBackIsOne(link: String) throws {
        let note = "cleanup[1]: \(Self.second): message-id=<n@h>"
        let lines = [
            "0 " + taken(Self.first), "1 " + delivery(Self.first, "a@x", "bounced", "550 no"),
            "1 " + note, "2 " + nobodys(Self.second),
            "3 " + delivery(Self.second, "s@x", "sent", relay: Self.filter),
            "3 " + came(Self.third, "localhost[127.0.0.1]\(link)"),
            "3 " + note.replacing(Self.second, with: Self.third), "4 " + nobodys(Self.third),
            "5 " + delivery(Self.third, "s@x", "deferred", "450 busy"),
        ]
        for lines in [lines, lines.reversed()] {
            #expect(try told(lines).recipients == ["a@x": "bounced"])
        }
    }

    @Test(arguments: [
        ("250 2.7.0 Ok, discarded, id=1-2 - INFECTED: Eicar", "accepted_by_filter"),
        ("250 2.0.0 Ok, message dropped", "accepted_by_filter"),
        ("250 2.0.0 OK (quarantined)", "accepted_by_filter"),
        ("250 2.0.0 Ok, INFECTED: Eicar", "accepted_by_filter"),
        ("250 2.0.0 Ok, quarantined, queued for review", "accepted_by_filter"),
        ("250 2.0.0 Ok, could not be scanned, dropped", "accepted_by_filter"),
        ("250 2.0.0 Ok, not infected", "sent"),
        ("250 2.0.0 Ok, infected, queued as 7F5383A", "sent"), ("250 disinfected", "sent"),
    ])
    func whatAFilterSaysThatItKeptIsNotDelivered(reply: String, state: String) throws {
        let line = delivery(Self.first, "a@x", "sent", reply, relay: Self.filter)
        #expect(try told(["1 " + line]).recipients == ["a@x": state])
    }
}
