import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelSummaryTests {
    private static let first = "4Njp3P0STMz2c02Q"
    private static let second = "4Njp3Q1n8zz2c0B7"

    private func document(
        _ inbound: [String], _ outbound: [String] = [], times: [Int]? = nil
    ) throws -> [String: Any] {
        func side(_ messages: [String]) -> [String: Any] {
            let lines = messages.enumerated().map { index, message in
                guard let times else { return ["message": message] }
                let second = String(100 + times[index]).dropFirst()
                return ["message": message, "logged_at": "2026-11-20T09:00:\(second)Z"]
            }
            return ["lines": lines]
        }
        let body = try JSONSerialization.data(withJSONObject: [
            "success": true, "result": ["inbound": side(inbound), "outbound": side(outbound)],
        ])
        let view = try Trace.decode(buffer(body)).view(TraceContext())
        let object = try JSONSerialization.jsonObject(with: Data(text(view).utf8))
        return try #require(object as? [String: Any])
    }

    private func summary(
        _ inbound: [String], _ outbound: [String] = [], times: [Int]? = nil
    ) throws -> (state: String?, recipients: [String: String], all: [String: Any]) {
        let all = try #require(
            try document(inbound, outbound, times: times)["summary"] as? [String: Any])
        let recipients = try #require(all["recipients"] as? [[String: Any]])
        let states = recipients.map {
            ($0["address"] as? String ?? "", $0["state"] as? String ?? "")
        }
        return (all["state"] as? String, Dictionary(states) { first, _ in first }, all)
    }

    private func delivery(
        _ id: String, _ to: String, _ status: String, _ reply: String = "x", origTo: String = ""
    ) -> String {
        "postfix/smtp[1]: \(id): to=<\(to)>, \(origTo)relay=mx, delay=1, delays=0/0/0/1, "
            + "dsn=2.0.0, status=\(status) (\(reply))"
    }

    @Test func theLastOutcomeByTimeCountsAndNotByOrder() throws {
        let lines = [
            delivery(Self.first, "a@x", "sent"), delivery(Self.first, "a@x", "deferred"),
        ]
        // At one moment the copy that is sent is not deferred any more.
        #expect(try summary(lines).recipients == ["a@x": "sent"])
        #expect(try summary(lines, times: [9, 3]).recipients == ["a@x": "sent"])
        #expect(try summary(lines, times: [3, 9]).recipients == ["a@x": "deferred"])
    }

    @Test func aMessageBetweenTwoHopsIsOnItsWayAndNotSent() throws {
        let handed = delivery(Self.first, "a@x", "sent", "250 Ok: queued as \(Self.second)")
        #expect(try summary([handed]).state == "sent")
        let taken = "postfix/qmgr[1]: \(Self.second): from=<s@x>, size=1, nrcpt=1 (queue active)"
        #expect(try summary([handed], [taken]).state == "queued")
        let final = delivery(Self.second, "a@x", "bounced")
        #expect(try summary([handed], [taken, final]).state == "bounced")
        // The second hop's line may come first.
        #expect(try summary([taken, final, handed]).state == "bounced")
    }

    @Test func anAliasStandsForItsRecipients() throws {
        let handed = delivery(Self.first, "all@x", "sent", "250 Ok: queued as \(Self.second)")
        let found = try summary(
            [handed],
            [
                delivery(Self.second, "a@x", "sent", origTo: "orig_to=<all@x>, "),
                delivery(Self.second, "b@x", "sent", origTo: "orig_to=<all@x>, "),
            ])
        #expect(found.recipients == ["all@x": "expanded", "a@x": "sent", "b@x": "sent"])
        #expect(found.state == "sent")
    }

    @Test func whatExpiredIsNotDeferred() throws {
        let expired =
            "postfix/qmgr[1]: \(Self.first): from=<s@x>, status=expired, returned to sender"
        let found = try summary([
            delivery(Self.first, "a@x", "deferred"), delivery(Self.first, "b@x", "sent"), expired,
        ])
        #expect(found.recipients == ["a@x": "expired", "b@x": "sent"] && found.state == "mixed")
    }

    @Test func aNotificationsRecipientIsNoneOfTheMessage() throws {
        let found = try summary([
            "postfix/qmgr[1]: \(Self.first): from=<s@x>, size=1, nrcpt=1 (queue active)",
            delivery(Self.first, "a@x", "bounced"),
            "postfix/qmgr[1]: \(Self.second): from=<>, size=1, nrcpt=1 (queue active)",
            "postfix/bounce[1]: \(Self.first): sender non-delivery notification: \(Self.second)",
            delivery(Self.second, "s@x", "sent"),
        ])
        #expect(found.recipients == ["a@x": "bounced"] && found.state == "bounced")
        let hops = try #require(found.all["hops"] as? [[String: Any]])
        #expect(hops.map { $0["notification"] as? Bool } == [false, true])
        let next = try #require(found.all["next_queue_ids"] as? [[String: Any]])
        #expect(next.first?["kind"] as? String == "notification_queue_id")
        #expect(next.first?["in_trace"] as? Bool == true)
    }

    @Test func anIDIsToldByTheFirstHopThatNamesIt() throws {
        let found = try summary([
            delivery(Self.first, "a@x", "sent", "250 Ok: queued as BCDFGH123456z0"),
            delivery(Self.second, "b@x", "sent", "250 Ok: queued as BCDFGH123456z0"),
        ])
        let next = try #require(found.all["next_queue_ids"] as? [[String: Any]])
        #expect(next.map { $0["from_queue_id"] as? String } == [Self.first])
    }

    @Test func aRemarkThatNamesAnIDDoesNotPutTheMessageIntoAQueue() throws {
        let remark = "postfix/cleanup[1]: warning: \(Self.first): write queue file: No space left"
        let client = "postfix/smtpd[1]: \(Self.first): client=c.example[192.0.2.1]"
        let cleanup = "postfix/cleanup[1]: \(Self.first): message-id=<m@x>"
        let pickup = "postfix/pickup[1]: \(Self.first): uid=0 from=<root>"
        let lost = "postfix/smtp[1]: \(Self.first): lost connection with b[192.0.2.1] while talking"
        #expect(try summary([remark]).state == "unknown")
        for line in [client, cleanup, pickup, lost, taken(Self.first)] {
            #expect(try summary([line]).state == "queued")
            #expect(try summary([remark, line]).state == "queued")
        }
    }

    @Test func aHopsRelayIsThatOfItsLastDeliveryByTime() throws {
        let tries = ["early", "late"].map {
            delivery(Self.first, "a@x", "deferred").replacing("relay=mx", with: "relay=\($0)")
        }
        for (lines, times) in [(tries, [1, 2]), (tries.reversed(), [2, 1]), (tries, nil)] {
            let found = try summary(lines, times: times)
            let hops = try #require(found.all["hops"] as? [[String: Any]])
            #expect(hops.map { $0["relay"] as? String } == ["late"])
        }
    }

    @Test func noRecipientStandsForItself() throws {
        let handed = "250 Ok: queued as \(Self.second)"
        let found = try summary([
            taken(Self.second),
            delivery(Self.first, "a@x", "sent", handed, origTo: "orig_to=<a@x>, "),
        ])
        #expect(found.recipients == ["a@x": "queued"])
    }

    private func rejected(_ to: String) -> String {
        "postfix/smtpd[1]: NOQUEUE: reject: RCPT from c[192.0.2.1]: 550 5.1.1 <\(to)>: no; "
            + "from=<s@x> to=<\(to)> proto=ESMTP helo=<h>"
    }

    private func taken(_ id: String, from: String = "s@x", size: Int = 1) -> String {
        "postfix/qmgr[1]: \(id): from=<\(from)>, size=\(size), nrcpt=1 (queue active)"
    }

    private static let told =
        "postfix/bounce[1]: \(first): sender non-delivery notification: \(second)"

    @Test func aDecisionKeepsNothingOfTheDeliveryBefore() throws {
        let sent = delivery(
            Self.first, "a@x", "sent", "250 Ok: queued as \(Self.second)",
            origTo: "orig_to=<all@x>, ")
        let found = try summary([sent, rejected("a@x"), taken(Self.second)])
        #expect(found.recipients == ["a@x": "rejected"])
        let recipient = try #require((found.all["recipients"] as? [[String: Any]])?.first)
        #expect(recipient["dsn"] as? String == "5.1.1")
        for name in ["relay", "delay_s", "orig_to", "queue_id"] {
            #expect(recipient[name] == nil, "\(name)")
        }
    }

    @Test func onlyDeliveriesAreAttempts() throws {
        let sent = delivery(Self.first, "a@x", "sent")
        for (lines, times) in [
            ([rejected("a@x"), sent], [1, 2]), ([sent, rejected("a@x")], [1, 2]),
            ([sent, rejected("a@x")], [2, 1]), ([rejected("a@x"), sent], [2, 1]),
        ] {
            let found = try summary(lines, times: times)
            let recipient = try #require((found.all["recipients"] as? [[String: Any]])?.first)
            #expect(recipient["attempts"] as? Int == 1)
        }
        let refused = try summary([rejected("a@x"), rejected("a@x")], times: [2, 1])
        let recipient = try #require((refused.all["recipients"] as? [[String: Any]])?.first)
        #expect(recipient["attempts"] as? Int == 0)
    }

    @Test func aNotificationIsKnownInWhateverOrderItsLinesCome() throws {
        let returned = delivery(Self.second, "s@x", "sent")
        let name = "postfix/cleanup[1]: \(Self.second): message-id=<n@x>"
        let own = delivery(Self.first, "a@x", "bounced")
        for lines in [
            [Self.told, name, returned, own], [own, Self.told, returned],
            [name, returned, Self.told, own],
            [returned, Self.told, own], [taken(Self.second, from: ""), returned, own, Self.told],
        ] {
            let found = try summary(lines)
            #expect(found.recipients == ["a@x": "bounced"] && found.state == "bounced", "\(lines)")
            #expect(found.all["message_id"] == nil && found.all["sender"] == nil)
            let hops = try #require(found.all["hops"] as? [[String: Any]])
            let marks = hops.map {
                ($0["queue_id"] as? String == Self.second, $0["notification"] as? Bool)
            }
            #expect(marks.count == 2 && marks.allSatisfy { $0.0 == $0.1 })
        }
        // The message itself may come behind its notification.
        let late = try summary([
            taken(Self.second, from: ""), Self.told, taken(Self.first, size: 2),
        ])
        #expect(late.all["sender"] as? String == "s@x" && late.all["size"] as? Int == 2)
    }

    @Test func whatIsLeftWithoutRecipientsIsToldAsWhatItIs() throws {
        let expired =
            "postfix/qmgr[1]: \(Self.first): from=<s@x>, status=expired, returned to sender"
        let removed = "postfix/qmgr[1]: \(Self.first): removed"
        let delay = "postfix/bounce[1]: \(Self.first): sender delay notification: \(Self.second)"
        for (lines, state) in [
            ([expired], "expired"), ([expired, removed], "expired"),
            ([taken(Self.first), expired, Self.told], "expired"),
            ([expired, Self.told, taken(Self.second, from: "")], "expired"),
            ([expired, taken(Self.second, from: "")], "expired"),
            ([Self.told], "unknown"), ([Self.told, taken(Self.second, from: "")], "unknown"),
            ([taken(Self.first), Self.told], "unknown"), ([delay], "queued"),
            ([taken(Self.first)], "queued"), ([taken(Self.first), removed], "unknown"),
            ([expired, taken(Self.second)], "queued"),
        ] {
            let found = try summary(lines)
            #expect(found.state == state && found.recipients == [:], "\(lines)")
        }
    }

    /// Others' words: the next hop knows this hop's id from the message's header.
    @Test func noNextHopTakesAnOutcomeBackByNamingAnIDOfTheTrace() throws {
        let removed = { (id: String) in "postfix/qmgr[1]: \(id): removed" }
        let own = delivery(Self.first, "a@x", "sent", "250 Ok: queued as \(Self.first)")
        let earlier = delivery(Self.second, "a@x", "sent", "250 Ok: queued as \(Self.first)")
        let expired =
            "postfix/qmgr[1]: \(Self.first): from=<s@x>, status=expired, returned to sender"
        for (lines, state) in [
            ([own], "sent"), ([taken(Self.first), own], "sent"),
            ([taken(Self.first), removed(Self.first), earlier], "sent"),
            ([taken(Self.first), earlier], "queued"),
            ([taken(Self.first), earlier, expired, removed(Self.first)], "expired"),
        ] {
            let found = try summary(lines)
            // The hop that was named has a recipient of whom no line tells.
            let isIncomplete = lines.contains(removed(Self.first)) && state == "sent"
            #expect(found.recipients == ["a@x": state], "\(lines)")
            #expect(found.state == (isIncomplete ? "incomplete" : state), "\(lines)")
        }
    }

    @Test func whatAFilterBeforeTheQueueRefusedIsRejected() throws {
        let line = { (word: String, reply: String) in
            "postfix/smtpd[1]: NOQUEUE: proxy-\(word): END-OF-MESSAGE: \(reply); "
                + "from=<s@x> to=<a@x> proto=ESMTP helo=<h>"
        }
        let found = try summary([line("reject", "554 5.7.0 no")])
        #expect(found.state == "rejected" && found.recipients == ["a@x": "rejected"])
        let recipient = try #require((found.all["recipients"] as? [[String: Any]])?.first)
        #expect(recipient["reply"] as? String == "554 5.7.0 no")
        #expect(recipient["dsn"] as? String == "5.7.0" && recipient["attempts"] as? Int == 0)
        let taken = try summary([line("accept", "250 2.0.0 Ok: queued as \(Self.second)")])
        #expect(taken.state == "queued" && taken.recipients == ["a@x": "queued"])
        #expect(taken.all["sender"] as? String == "s@x")
        #expect((taken.all["next_queue_ids"] as? [Any])?.count == 1)
    }

    @Test func whoeverIsToldOfTheMessageMayBeItsRecipient() throws {
        let own = delivery(Self.first, "a@x", "bounced", "no")
        let late = delivery(Self.first, "a@x", "deferred", "busy")
        let returned = delivery(Self.second, "a@x", "sent")
        for (lines, times) in [
            ([returned, own, Self.told], [1, 2, 3]), ([own, returned, Self.told], [1, 2, 3]),
            ([returned, own, Self.told], [9, 2, 3]),
            ([own, late, returned, Self.told], [2, 1, 3, 4]),
            ([own, returned, late, Self.told], [2, 3, 1, 4]),
            ([returned, own, late, Self.told], [3, 2, 1, 4]),
        ] {
            for times in [times, nil] where times != nil || !lines.contains(late) {
                let found = try summary(lines, times: times)
                #expect(found.recipients == ["a@x": "bounced"], "\(lines)")
                let recipient = try #require(
                    (found.all["recipients"] as? [[String: Any]])?.first)
                #expect(recipient["reply"] as? String == "no" && found.state == "bounced")
                #expect(recipient["queue_id"] as? String == Self.first)
            }
        }
    }

    @Test func aNotificationsSenderIsNotTheMessages() throws {
        let copy = taken(Self.second, from: "double-bounce@x")
        let told =
            "postfix/bounce[1]: \(Self.first): postmaster non-delivery notification: "
            + Self.second
        let own = [taken(Self.first, from: ""), delivery(Self.first, "a@x", "bounced")]
        let delivered = delivery(Self.second, "postmaster@x", "sent")
        for lines in [
            own + [told, copy, delivered], own + [copy, delivered, told],
            [copy, told] + own + [delivered],
        ] {
            let found = try summary(lines)
            #expect(found.recipients == ["a@x": "bounced"] && found.state == "bounced", "\(lines)")
            #expect(found.all["sender"] as? String == "")
            let hops = try #require(found.all["hops"] as? [[String: Any]])
            for hop in hops {
                #expect(
                    (hop["queue_id"] as? String == Self.second) == (hop["notification"] as? Bool))
            }
        }
    }

    @Test func aStatusIsAWholeWord() throws {
        for word in [
            "sentinel", "sen", "deferred2", "bounced,", "deliverablex", "SOFTBOUNCE!", "Sent",
        ] {
            let line = delivery(Self.first, "a@x", word, "250 Ok: queued as \(Self.second)")
            let found = try summary([line])
            #expect(found.recipients == ["a@x": "unknown"], "\(word)")
            #expect((found.all["next_queue_ids"] as? [Any])?.count == 0)
        }
        for (word, state) in [
            "sent": "sent", "deferred": "deferred", "bounced": "bounced", "SOFTBOUNCE": "deferred",
            "deliverable": "deliverable", "undeliverable": "undeliverable",
        ] {
            #expect(try summary([delivery(Self.first, "a@x", word)]).state == state)
        }
    }

    @Test func aMessageFromNobodyHasRecipientsAllTheSame() throws {
        let found = try summary([
            "postfix/qmgr[1]: \(Self.first): from=<>, size=1, nrcpt=1 (queue active)",
            delivery(Self.first, "a@x", "sent"),
        ])
        #expect(found.recipients == ["a@x": "sent"] && found.all["sender"] as? String == "")
    }

    @Test func manyRecipientsHopsAndIDsAreCountedAndNotListed() throws {
        let lines = (0..<3000).map { number in
            let id = String(0x10_0000 + number, radix: 16, uppercase: true)
            return delivery(id, "r\(number % 2500)@x", "sent", "250 Ok: queued as F\(id)")
        }
        let whole = try document(lines)
        let found = try #require(whole["summary"] as? [String: Any])
        #expect((found["recipients"] as? [Any])?.count == 1000)
        #expect((found["hops"] as? [Any])?.count == 64)
        #expect((found["next_queue_ids"] as? [Any])?.count == 256)
        var counts: [String: Int] = [:]
        for warning in try #require(whole["warnings"] as? [[String: Any]]) {
            counts[warning["code"] as? String ?? ""] = warning["count"] as? Int
        }
        // 1000 addresses are listed; the first 500 of them come again.
        #expect(
            counts == [
                "recipients_not_listed": 1500, "hops_not_listed": 2936,
                "next_queue_ids_not_listed": 2744, "time_missing": 3000,
            ])
    }
}
