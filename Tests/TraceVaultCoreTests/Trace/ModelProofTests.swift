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
        let refused = Self.refusedBack.replacing("localhost[127.0.0.1]", with: "h[192.0.2.1]")
        // By the id, by the first lines, by both; not where they contradict each other.
        for lines in [
            ["6 " + handed(Self.late)],
            ["5 " + came("0F5383A", "h[192.0.2.1]"), "6 " + handed("0F5383A")],
            ["5 " + named("0F5383A"), "6 " + handed("0F5383A")],
            ["5 " + came(Self.late, "h[192.0.2.1]"), "6 " + handed(Self.late)],
        ] {
            #expect(try told(["3 " + refused] + lines).recipients == ["a@x": "sent"])
            #expect(try told(lines + ["3 " + refused]).recipients == ["a@x": "sent"])
        }
        let contradiction = [
            "3 " + refused, "5 " + came(Self.early, "h[192.0.2.1]"),
            "6 " + handed(Self.early),
        ]
        #expect(try told(contradiction).recipients == ["a@x": "rejected"])
    }

    private static let refusalsBehindAFilter = [
        refusedBack, refusedBack.replacing("localhost[127.0.0.1]", with: "f[10.1.2.3]"),
        refusedBack.replacing("localhost[127.0.0.1]", with: "unknown[unknown]"),
        "cleanup[1]: \(third): milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 5.7.1 no; "
            + "from=<s@x> to=<a@x> proto=ESMTP helo=<localhost>",
        // A filter that uses XFORWARD: the check names the client of the hop before.
        "cleanup[1]: \(third): reject: header X: y from h[192.0.2.1]; from=<s@x> to=<a@x> "
            + "proto=ESMTP helo=<localhost>: no",
    ]

    /// Its host's clock may be behind that of the hop which had handed the message to the filter.
    @Test(arguments: refusalsBehindAFilter)
    func noTimeMakesARefusalBehindAFilterAnEarlierTry(refused: String) throws {
        for id in [Self.late, "0F5383A"] {
            let lines = [
                "1 " + refused, "5 " + came(id, "h[192.0.2.1]"), "5 " + named(id),
                "6 " + handed(id), "6 qmgr[1]: \(id): removed",
            ]
            for lines in [lines, lines.reversed()] {
                let found = try told(lines)
                #expect(found.recipients == ["a@x": "rejected"], "\(lines)")
                #expect(found.warnings == ["outcomes_not_linked"])
            }
        }
    }

    @Test func aClientsEarlierTryDoesNotHideWhatAFilterWasToldOnAnotherHost() throws {
        let filters = Self.refusedBack.replacing("554 5.7.1", with: "450 4.7.1")
        let clients = filters.replacing("localhost[127.0.0.1]", with: "h[192.0.2.1]")
        let lines = [
            "1 " + filters, "3 " + clients, "5 " + came(Self.late, "h[192.0.2.1]"),
            "6 " + handed(Self.late),
        ]
        for lines in [lines, lines.reversed()] {
            #expect(try told(lines).recipients == ["a@x": "refused_for_now"])
        }
    }

    @Test func aFilterComesAgainAfterARefusalForNow() throws {
        let refused = Self.refusedBack.replacing("554 5.7.1", with: "451 4.3.0")
        let before = ["0 " + came(Self.first, "h[192.0.2.1]"), "1 " + refused]
        let back = "5 " + came(Self.late, "localhost[127.0.0.1]")
        let sent = "6 " + delivery(Self.late, "a@x", "sent")
        let handed = "7 " + handed(Self.first)
        #expect(try told(before + [back, sent, handed]).recipients == ["a@x": "sent"])
        // To another filter, which may be the one that was refused.
        let onward = sent.replacing("mx[192.0.2.25]:25", with: Self.filter)
        #expect(try told(before + [back, onward, handed]).recipients == ["a@x": "refused_for_now"])
        let final = before.map { $0.replacing("451 4.3.0", with: "554 5.7.1") }
        #expect(try told(final + [back, sent, handed]).recipients == ["a@x": "rejected"])
    }

    @Test func whatWasThrownAwayComesNotAgain() throws {
        let discarded =
            "1 smtpd[1]: NOQUEUE: discard: RCPT from h[192.0.2.1]: <a@x>: no; from=<s@x> to=<a@x> "
            + "proto=ESMTP helo=<h>"
        let later = [
            "5 " + came(Self.late, "h[192.0.2.1]"), "6 " + delivery(Self.late, "a@x", "sent"),
        ]
        let found = try told([discarded] + later)
        #expect(found.recipients == ["a@x": "discarded"])
        #expect(found.warnings == ["outcomes_not_linked"])
    }

    /// Servers' clocks differ.
    @Test func ofTwoRefusalsTheWorseOneCounts() throws {
        let later = Self.refusedBack.replacing("554 5.7.1", with: "450 4.7.1")
        for mark in ["", "3"] {
            let lines = [mark + " " + Self.refusedBack, mark + " " + later]
            for lines in [lines, lines.reversed()] {
                #expect(try told(lines).recipients == ["a@x": "rejected"])
            }
        }
        for lines in [
            ["3 " + Self.refusedBack, "4 " + later], ["4 " + later, "3 " + Self.refusedBack],
        ] {
            let found = try told(lines)
            #expect(found.recipients == ["a@x": "rejected"])
            #expect(found.warnings == ["outcomes_not_linked"])
        }
        #expect(try told(["3 " + later, "4 " + Self.refusedBack]).warnings.isEmpty)
    }

    @Test(arguments: ["", "3"])
    func whatEndsACopyIsItsEndWhateverTheOrderOfLinesOfOneMoment(mark: String) throws {
        let all = ["deferred", "sent", "bounced"]
        func found(_ states: [String], local: Bool = false) throws -> [String: String] {
            let lines = states.map {
                let line = delivery("0F5383A", "a@x", $0, relay: local ? "local" : "mx")
                return mark + " " + line
            }
            return try told(lines).recipients
        }
        for first in all {
            for second in all where second != first {
                let end = [first, second].contains("bounced") ? "bounced" : "sent"
                #expect(try found([first, second]) == ["a@x": end], "\(first) \(second)")
            }
        }
        // local(8) tells of each part of a copy: a mailbox and a command.
        for states in [["sent", "deferred"], ["deferred", "sent"]] {
            #expect(try found(states, local: true) == ["a@x": "deferred"])
        }
    }

    /// The sender was told of a failure; a clock that is set back makes it none.
    @Test func behindABounceAHopHasNoCopyAnyMore() throws {
        for other in ["deferred", "sent"] {
            let lines = [
                "1 " + delivery("0F5383A", "a@x", "bounced", "550 no"),
                "4 " + delivery("0F5383A", "a@x", other),
            ]
            for lines in [lines, lines.reversed()] {
                #expect(try told(lines).recipients == ["a@x": "bounced"])
            }
        }
    }

    @Test(arguments: ["", "3"])
    func ofWhatPeopleDidInOneMomentTheWorseCounts(mark: String) throws {
        let deferred = mark + " " + delivery("0F5383A", "a@x", "deferred", "450 no")
        let (hold, release, delete) = (
            mark + " postsuper[1]: 0F5383A: placed on hold",
            mark + " postsuper[1]: 0F5383A: released from hold",
            mark + " postsuper[1]: 0F5383A: removed"
        )
        for (lines, state) in [
            ([deferred, hold], "held"), ([deferred, hold, release], "held"),
            ([deferred, release], "deferred"), ([deferred, hold, delete], "deleted"),
        ] {
            for lines in [lines, lines.reversed()] {
                #expect(try told(lines).recipients == ["a@x": state], "\(lines)")
            }
        }
    }

    /// A try that was under way when somebody put the message on hold.
    @Test func whatIsOnHoldIsDeferredOnlyWhenItWasReleased() throws {
        let lines = [
            "2 postsuper[1]: 0F5383A: placed on hold",
            "3 " + delivery("0F5383A", "a@x", "deferred", "450 no"),
        ]
        #expect(try told(lines).recipients == ["a@x": "held"])
        let released = lines + ["2 postsuper[1]: 0F5383A: released from hold"]
        #expect(try told(released).recipients == ["a@x": "held"])
        let later = lines + ["4 postsuper[1]: 0F5383A: released from hold"]
        #expect(try told(later).recipients == ["a@x": "deferred"])
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
        ("250 2.7.0 Ok,discarded,id=1-2", "accepted_by_filter"),
        ("250 2.7.0 Ok:discarded", "accepted_by_filter"),
        ("250 2.7.0 Ok [QUARANTINED]", "accepted_by_filter"),
        ("250 2.7.0 Ok action=discard", "accepted_by_filter"),
        ("250 2.7.0 Ok status:INFECTED", "accepted_by_filter"),
        ("250 2.7.0 Ok.Dropped.", "accepted_by_filter"),
        ("250 2.7.0 Ok;quarantined", "accepted_by_filter"),
        ("250 2.7.0 Ok {\"action\":\"discarded\"}", "accepted_by_filter"),
        ("250 2.7.0 Ok, if not, dropped", "accepted_by_filter"),
        ("250 2.7.0 Ok, discarded: no recipient", "accepted_by_filter"),
        ("250 2.7.0 Ok, infected, not queued as mail", "accepted_by_filter"),
        ("250 2.7.0 Ok\tdiscarded", "accepted_by_filter"),
        ("250 2.7.0 Ok, not discarded", "sent"), ("250 2.7.0 Ok,not discarded", "sent"),
        ("250 2.7.0 Ok, not\tdiscarded", "sent"), ("250 2.7.0 Ok, infected:\tno", "sent"),
        ("250 2.7.0 Ok infected=no\tspam=no", "sent"),
        ("250 2.7.0 Ok infected=no,spam=no", "sent"), ("250 Ok [infected:no]", "sent"),
        ("250 2.7.0 Ok, quarantined: no", "sent"), ("250 2.7.0 Ok discarded=0", "sent"),
        ("250 2.7.0 Ok (relay=discard.x.example)", "sent"),
        ("250 2.7.0 Ok <dropped@x.example>", "sent"), ("250 2.7.0 Ok id=dropped-17", "sent"),
        ("250 2.7.0 Ok mx.infected.example", "sent"), ("250 2.7.0 Ok non-infected", "sent"),
        ("250 2.7.0 Ok:queued as infected.17", "sent"),
        ("250 2.0.0 Ok, not infected", "sent"),
        ("250 2.0.0 Ok, infected, queued as 7F5383A", "sent"), ("250 disinfected", "sent"),
    ])
    func whatAFilterSaysThatItKeptIsNotDelivered(reply: String, state: String) throws {
        let line = delivery(Self.first, "a@x", "sent", reply, relay: Self.filter)
        #expect(try told(["1 " + line]).recipients == ["a@x": state])
    }
}
