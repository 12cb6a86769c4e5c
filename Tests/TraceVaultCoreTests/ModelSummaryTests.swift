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
        "postfix/smtp[1]: \(id): to=<\(to)>, \(origTo)relay=none, delay=1, delays=0/0/0/1, "
            + "dsn=2.0.0, status=\(status) (\(reply))"
    }

    @Test func theLastOutcomeByTimeCountsAndNotByOrder() throws {
        let lines = [
            delivery(Self.first, "a@x", "sent"), delivery(Self.first, "a@x", "deferred"),
        ]
        #expect(try summary(lines).recipients == ["a@x": "deferred"])
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
