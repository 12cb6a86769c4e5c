// ModelRareLineTests.swift - lines, prefixes and replies that come seldom.

import Foundation
import Testing
import TraceVaultCore

@Suite struct ModelRareLineTests {
    @Test(
        arguments: [
            ("Cannot start TLS: handshake failure", ["error": "handshake failure"]),
            (
                "TLS is required, but was not offered by host mx.x.example[192.0.2.25]",
                [
                    "error": "TLS is required, but was not offered", "relay_host": "mx.x.example",
                    "relay_ip": "192.0.2.25",
                ]
            ),
            (
                "TLS is required, but host mx.x.example[192.0.2.25] refused to start TLS: 454 "
                    + "4.7.0 later",
                [
                    "error": "TLS is required", "relay_host": "mx.x.example",
                    "relay_ip": "192.0.2.25", "reply": "454 4.7.0 later", "reply_code": "454",
                    "reply_dsn": "4.7.0",
                ]
            ),
            (
                "TLS is required, but our TLS engine is unavailable",
                ["error": "TLS is required, but our TLS engine is unavailable"]
            ),
        ])
    func encryptionThatDidNotBeginIsAnEvent(_ text: String, _ fields: [String: String]) throws {
        let found = try #require(eventFields("postfix/smtp[1]: 4Njp3P0STMz2c02Q: \(text)"))
        let told = ["process": "smtp", "pid": "1", "queue_id": "4Njp3P0STMz2c02Q"]
        #expect(found.kind == "tls_error")
        #expect(found.fields == told.merging(fields) { $1 })
    }

    @Test func aNumericHostnameIsWhatAWarningIsAbout() throws {
        for name in ["192.0.2.1", "2001:db8::1"] {
            for mark in ["", "valid_hostname: "] {
                let text = "\(mark)numeric hostname: \(name)"
                let found = try #require(eventFields("postfix/smtpd[1]: warning: \(text)"))
                #expect(found.kind == "warning" && found.fields["subject"] == name)
                // A name that somebody has, not the address of a client.
                #expect(found.fields["client_ip"] == nil && found.fields["text"] == text)
            }
        }
        let found = try #require(eventFields("warning: numeric hostname: 04"))
        #expect(found.fields["subject"] == "04")
    }

    @Test(
        arguments: [
            "Mon Jan  6 10:00:00", "Mon, Jan 6 10:00:00", "6 janv. 10:00:00", "06 janv. 10:00:00",
            "6. Jan 10:00:00", "Mon 6 Jan 10:00:00", "6 Jan 2026 10:00:00", "Jan  6 10:00:00 2026",
            "Mon Jan  6 10:00:00 2026", "lun. 6 janv. 2026 10:00:00.123", "Jan  6 10:00:00.5 2026",
            "2026 Jan 6 10:00:00", "Jan 6 2026 10:00:00",
        ])
    func timesOfCollectorsAreToldAsTheyStand(_ time: String) throws {
        let found = try #require(eventFields("\(time) mx1 postfix/qmgr[9]: A1B2C3D4: removed"))
        #expect(
            found.fields == [
                "syslog_time": time, "syslog_host": "mx1", "process": "qmgr", "pid": "9",
                "queue_id": "A1B2C3D4",
            ])
    }

    @Test func aHostThatIsNamedLikeAYearIsAHost() throws {
        let found = try #require(
            eventFields("Jan  6 10:00:00 2026 postfix/qmgr[9]: A1B2C3D4: removed"))
        #expect(found.fields["syslog_host"] == "2026")
        #expect(found.fields["syslog_time"] == "Jan  6 10:00:00")
    }

    @Test(
        arguments: [
            ("250 OK queued 12345", "12345"), ("250 2.0.0 Ok: queued 4711abc", "4711abc"),
            ("250 ok queued (id 4711)", "4711"), ("250 Queued (ID 4711-2)", "4711-2"),
            ("250 queued (id=4711)", "4711"),
            ("250 2.0.0 Ok, see id=http://x.example/?id=7 id=1ZpCCD-0002J4-Ej", "1ZpCCD-0002J4-Ej"),
            ("250 2.0.0 Ok, see id=http://x.example/", nil),
            ("250 2.0.0 Ok, see id=https://x.example/?id=7", nil),
            ("250 2.0.0 Mail queued for delivery", nil), ("250 queued 2 minutes ago", nil),
            ("250 2.0.0 queued (identified)", nil),
        ] as [(String, String?)])
    func anIDIsOnlyWhatIsOne(_ reply: String, _ id: String?) throws {
        let line = "7EE668039: to=<a@b.example>, relay=x[192.0.2.1]:25, delay=1, dsn=2.0.0, status="
        let sent = try #require(eventFields("\(line)sent (\(reply))"))
        #expect(sent.fields["queued_as"] == id, "\(reply)")
    }
}
