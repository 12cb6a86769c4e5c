// ModelStoryTests.swift - what became of a message over several hops, filters and hands.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelStoryTests {
    static let (first, second) = ("4Njp3P0STMz2c02Q", "4Njp3Q1n8zz2c0B7")
    static let third = "4Njp3R1n8zz2c0B9"
    static let filter = "127.0.0.1[127.0.0.1]:10024"

    struct Told {
        var state = ""
        var recipients: [String: String] = [:]
        var hops: [String: String] = [:]
        var summary: [String: Any] = [:]
        var warnings: [String] = []
    }

    /// Lines as "second text"; the time is left out where a line begins with a space.
    func told(
        _ inbound: [String], _ outbound: [String] = [], isPending: Bool = false
    ) throws -> Told {
        func side(_ lines: [String], _ isPending: Bool) -> [String: Any] {
            let lines = lines.map { line -> [String: Any] in
                let parts = line.split(
                    separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
                let message = "postfix/\(parts[1])"
                if parts[0].isEmpty { return ["message": message] }
                let second = String(parts[0])
                return ["message": message, "logged_at": "2026-11-20T09:00:0\(second)Z"]
            }
            return ["lines": lines, "pending": isPending]
        }
        let body = try JSONSerialization.data(withJSONObject: [
            "success": true,
            "result": ["inbound": side(inbound, false), "outbound": side(outbound, isPending)],
        ])
        let view = try Trace.decode(buffer(body)).view(TraceContext())
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(text(view).utf8)) as? [String: Any])
        var told = Told()
        told.summary = try #require(document["summary"] as? [String: Any])
        told.state = told.summary["state"] as? String ?? ""
        for part in told.summary["recipients"] as? [[String: Any]] ?? [] {
            told.recipients[part["address"] as? String ?? ""] = part["state"] as? String
        }
        for part in told.summary["hops"] as? [[String: Any]] ?? [] {
            told.hops[part["queue_id"] as? String ?? ""] = part["state"] as? String
        }
        told.warnings = (document["warnings"] as? [[String: Any]] ?? []).compactMap {
            $0["code"] as? String
        }
        return told
    }

    func delivery(
        _ id: String, _ to: String, _ status: String, _ reply: String = "250 Ok",
        relay: String = "mx[192.0.2.25]:25", origTo: String = ""
    ) -> String {
        "smtp[1]: \(id): to=<\(to)>, \(origTo)relay=\(relay), delay=1, delays=0/0/0/1, "
            + "dsn=2.0.0, status=\(status) (\(reply))"
    }

    func named(_ id: String) -> String { "cleanup[1]: \(id): message-id=<m@x.example>" }

    func came(_ id: String, _ client: String) -> String {
        "smtpd[1]: \(id): client=\(client)"
    }

    func taken(_ id: String, _ count: Int = 1) -> String {
        "qmgr[1]: \(id): from=<s@x>, size=1, nrcpt=\(count) (queue active)"
    }

    @Test func aBounceBehindAFilterIsNoneTheLessWhenTheFirstHopIsLoggedLast() throws {
        let lines = [
            "0 " + named(Self.first), "1 " + named(Self.second), "2 " + named(Self.third),
            "3 " + delivery(Self.third, "a@x", "bounced", "host mx said: 550 no"),
            "4 " + delivery(Self.second, "a@x", "sent", "250 2.5.0 OK (20A9E5F5)"),
            "5 " + delivery(Self.first, "a@x", "sent", "250 2.5.0 OK (20A9E5F6)"),
        ]
        for lines in [lines, lines.reversed()] {
            let found = try told(lines)
            #expect(found.state == "bounced" && found.recipients == ["a@x": "bounced"])
            #expect(found.warnings.isEmpty)
        }
        // Nothing links them: the worse one, and a warning.
        let unlinked = try told(lines.filter { !$0.contains("message-id") })
        #expect(unlinked.state == "bounced" && unlinked.warnings == ["outcomes_not_linked"])
    }

    @Test func aChainLoggedBackwardsWithinASecondEndsWhereItEnds() throws {
        let lines = [
            delivery("0F5383C", "a@x", "sent", "250 OK id=1ZpCCD-0002J4-Ej"),
            delivery("0F5383B", "a@x", "sent", "250 Ok: queued as 0F5383C", relay: Self.filter),
            delivery("0F5383A", "a@x", "sent", "250 Ok: queued as 0F5383B", relay: Self.filter),
        ]
        for mark in ["1 ", " "] {
            let found = try told(lines.map { mark + $0 })
            let recipient = try #require((found.summary["recipients"] as? [[String: Any]])?.first)
            #expect(recipient["queue_id"] as? String == "0F5383C" && found.state == "sent")
            // A way through two filters is no second try.
            #expect(recipient["attempts"] as? Int == 1)
        }
    }

    @Test func whatIsThrownAwayIsNotDelivered() throws {
        let discarded = try told([" " + delivery(Self.first, "a@x", "sent", "x", relay: "none")])
        #expect(discarded.state == "discarded")
        let infected = "250 2.7.0 Ok, discarded, id=1-2 - INFECTED: Eicar"
        let found = try told([
            " " + delivery(Self.first, "a@x", "sent", infected, relay: Self.filter)
        ])
        #expect(found.state == "accepted_by_filter")
    }

    @Test(
        arguments: [
            ("milter-reject: END-OF-MESSAGE from h[192.0.2.1]: 5.7.1 no; ", "", "rejected"),
            ("milter-reject: END-OF-MESSAGE from h[192.0.2.1]: 4.7.1 no; ", "", "refused_for_now"),
            ("milter-header-reject: header X: y from h[192.0.2.1]; ", ": 5.7.1 no", "rejected"),
            ("milter-header-discard: header X: y from h[192.0.2.1]; ", "", "discarded"),
            ("milter-header-hold: header X: y from h[192.0.2.1]; ", "", "held"),
            ("reject: mime-error invalid header: x from h[192.0.2.1]; ", "", "rejected"),
            ("reject: header X: y from h[192.0.2.1]; ", ": 4.7.1 later", "refused_for_now"),
            (
                "reject: RCPT from h[192.0.2.1]: 450 4.2.0 <a@x>: Greylisted; ", "",
                "refused_for_now"
            ),
        ])
    func aDecisionIsToldAsWhatItIs(text: String, end: String, state: String) throws {
        let line = "cleanup[1]: \(Self.first): \(text)from=<s@x> to=<a@x>\(end)"
        let found = try told([" " + came(Self.first, "h[192.0.2.1]"), " " + line])
        #expect(found.state == state && found.recipients == ["a@x": state])
        if !text.contains("RCPT") { #expect(found.hops == [Self.first: state]) }
    }

    @Test func aTryAfterARefusalForNowTakesItsPlace() throws {
        let refused =
            "1 smtpd[1]: NOQUEUE: reject: RCPT from h[192.0.2.1]: 450 4.2.0 <a@x>: no; "
            + "from=<s@x> to=<a@x> proto=ESMTP helo=<h> sasl_method=PLAIN sasl_username=u"
        #expect(try told([refused]).state == "refused_for_now")
        let later = [
            "5 " + came(Self.late, "h[192.0.2.1]"), "6 " + delivery(Self.late, "a@x", "sent"),
        ]
        #expect(try told([refused] + later).state == "sent")
        #expect(try told(later + [refused]).state == "sent")
        // The hop had it before: what was refused is no earlier try.
        let before = [
            "0 " + came(Self.first, "h[192.0.2.1]"), "6 " + delivery(Self.first, "a@x", "sent"),
        ]
        #expect(try told(before + [refused]).state == "refused_for_now")
    }

    @Test func aMessageIsNotSentWhileSomebodyIsUnaccountedFor() throws {
        let sent = " " + delivery(Self.first, "a@x", "sent")
        #expect(try told([" " + taken(Self.first, 3), sent]).state == "incomplete")
        #expect(try told([" " + taken(Self.first, 1), sent]).state == "sent")
        let handed = " " + delivery(Self.first, "a@x", "sent", relay: Self.filter)
        let pending = try told([" " + taken(Self.first), handed], isPending: true)
        #expect(pending.state == "incomplete")
        #expect(pending.recipients == ["a@x": "accepted_by_filter"])
    }

    @Test func aFilterInANetworkOfItsOwnHasNotDeliveredWhileMoreIsToCome() throws {
        for relay in ["flt[10.1.2.3]:10024", "flt[172.31.0.9]:25", "flt[fd00::7]:10024"] {
            let handed = " " + delivery(Self.first, "a@x", "sent", relay: relay)
            let pending = try told([" " + taken(Self.first, 1), handed], isPending: true)
            #expect(pending.recipients == ["a@x": "accepted_by_filter"], "\(relay)")
            #expect(pending.state == "incomplete")
            #expect(try told([" " + taken(Self.first, 1), handed]).state == "sent")
        }
        let outside = " " + delivery(Self.first, "a@x", "sent", relay: "mx[172.32.0.1]:25")
        #expect(try told([outside], isPending: true).recipients == ["a@x": "sent"])
    }

    @Test func whatAnotherHostHandedOverFromNobodyIsTheMessageAndItsBounceCounts() throws {
        let lines = [
            "1 smtpd[1]: \(Self.first): client=mx.y.example[192.0.2.9]",
            "1 qmgr[1]: \(Self.first): from=<>, size=9, nrcpt=1 (queue active)",
            "2 " + delivery(Self.first, "a@y.example", "bounced", "550 5.1.1 no"),
            "3 qmgr[1]: \(Self.second): from=<s@x.example>, size=9, nrcpt=1 (queue active)",
            "4 " + delivery(Self.second, "b@y.example", "sent"),
        ]
        for order in [lines, lines.reversed()] {
            let found = try told(order)
            #expect(found.recipients["a@y.example"] == "bounced" && found.state != "sent")
        }
    }

    @Test func aHopBehindAFilterThatTookTheSenderAwayIsNoNotification() throws {
        let lines = [
            "1 qmgr[1]: \(Self.first): from=<s@x.example>, size=9, nrcpt=1 (queue active)",
            "2 "
                + delivery(
                    Self.first, "a@y.example", "sent", "250 Ok: queued as \(Self.second)",
                    relay: Self.filter),
            "2 qmgr[1]: \(Self.second): from=<>, size=9, nrcpt=1 (queue active)",
            "3 " + delivery(Self.second, "a@y.example", "bounced", "550 5.1.1 no"),
        ]
        for order in [lines, lines.reversed()] {
            #expect(try told(order).recipients == ["a@y.example": "bounced"])
        }
    }

    @Test func aRefusalThatNamesNobodyIsNotForgotten() throws {
        let user = "u; from=<e> to=<f> proto=ESMTP helo=<h>"
        let found = try told([
            "1 smtpd[1]: NOQUEUE: reject: RCPT from c.example[192.0.2.1]: 550 5.1.1 <b@y.example>: "
                + "no; from=<s@x.example> to=<b@y.example> proto=ESMTP helo=<h> sasl_method=PLAIN "
                + "sasl_username=\(user)",
            "2 " + delivery(Self.first, "a@y.example", "sent"),
        ])
        #expect(found.recipients == ["a@y.example": "sent"])
        #expect(found.state == "incomplete")
    }

    @Test func whatAProgramTookWhileMoreIsToComeIsWithAFilter() throws {
        let piped = delivery(Self.first, "a@y.example", "sent", "delivered via f service")
            .replacing("smtp[1]", with: "pipe[1]")
            .replacing("relay=mx[192.0.2.25]:25", with: "relay=f")
        #expect(try told(["1 \(piped)"], isPending: true).state == "incomplete")
        #expect(try told(["1 \(piped)"]).state == "sent")
    }

    @Test func recipientsAreComparedAsPostfixDoes() throws {
        let handed =
            " " + delivery(Self.first, "Bob@X.Example", "sent", "250 Ok: queued as \(Self.second)")
        let found = try told([handed, " " + delivery(Self.second, "Bob@x.example", "bounced")])
        #expect(found.recipients == ["Bob@X.Example": "bounced"])
        let other = try told([handed, " " + delivery(Self.first, "bob@x.example", "bounced")])
        #expect(other.recipients == ["Bob@X.Example": "sent", "bob@x.example": "bounced"])
        let alias = try told([
            handed,
            " " + delivery(Self.second, "c@x", "bounced", origTo: "orig_to=<bob@x.example>, "),
        ])
        #expect(alias.recipients == ["Bob@X.Example": "expanded", "c@x": "bounced"])
    }

    @Test func theLastWordOfPeopleCounts() throws {
        let deferred = "1 " + delivery(Self.first, "a@x", "deferred", "450 no")
        let hold = "2 postsuper[1]: \(Self.first): placed on hold"
        let release = "3 postsuper[1]: \(Self.first): released from hold"
        let delete = "4 postsuper[1]: \(Self.first): removed"
        #expect(try told([deferred, hold]).state == "held")
        #expect(try told([deferred, hold, release]).state == "deferred")
        #expect(try told([release, hold, deferred]).state == "deferred")
        #expect(try told([deferred, hold, delete]).state == "deleted")
        #expect(try told([delete]).state == "deleted")
        let held =
            "0 cleanup[1]: \(Self.first): hold: header X: y from local; from=<s@x> to=<a@x>: z"
        #expect(try told([held]).state == "held")
        #expect(try told([held, release]).state == "queued")
        #expect(
            try told([held, release, "5 " + delivery(Self.first, "a@x", "sent")]).state == "sent")
        let again = "3 postsuper[1]: \(Self.first): requeued"
        let picked = "4 pickup[1]: \(Self.second): uid=0 from=<s@x> orig_id=\(Self.first)"
        #expect(try told([deferred, again, picked]).state == "queued")
        let sent = "5 " + delivery(Self.second, "a@x", "sent")
        #expect(try told([deferred, again, picked, sent]).state == "sent")
    }

    @Test func whoHandedItInIsNotTheFilter() throws {
        let behind = ["2 " + came(Self.second, "localhost[127.0.0.1]"), "2 " + named(Self.second)]
        let local = ["0 pickup[1]: \(Self.first): uid=0 from=<s@x>", "1 " + named(Self.first)]
        let client = ["0 " + came(Self.first, "c[192.0.2.1]"), "1 " + named(Self.first)]
        for (lines, ip) in [
            (local + behind, nil), (behind + local, nil), (behind + client, "192.0.2.1"),
        ] {
            let found = try told(lines)
            #expect(found.summary["client_ip"] as? String == ip, "\(lines)")
            #expect((found.summary["client_host"] == nil) == (ip == nil))
        }
    }
}
