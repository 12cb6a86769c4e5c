// Lines.swift - what reading one Postfix line costs.

import CSystem
import TraceVaultCore

/// Reads deliveries as they stand in a trace, each of about 200 bytes, one event after the other.
func line(_ rounds: Int) {
    let messages = ["anna.schmidt", "b", "accounts.payable"].map { name in
        Array(
            ("postfix/smtp[118240]: 4Njp3Q1n8zz2c0B7: to=<\(name)@acme.example.com>, "
                + "relay=mx1.acme.example.com[198.51.100.36]:25, delay=3.4, "
                + "delays=0.06/0.01/1.2/2.1, dsn=2.0.0, "
                + "status=sent (250 2.0.0 Ok: queued as 4Njp3Q2b9Kz30mG)").utf8)
    }
    var event = PostfixEvent()
    var fields = 0
    let started = tvs_monotonic_us()
    for _ in 0..<rounds {
        for message in messages where unsafe event.read(message.span.bytes) {
            fields += event.count
        }
    }
    let took = Double(tvs_monotonic_us() - started) / Double(rounds * messages.count)
    let bytes = messages.reduce(0) { $0 + $1.count } / messages.count
    print(
        "{\"us_per_line\": \(took), \"line_bytes\": \(bytes), "
            + "\"fields\": \(fields / (rounds * messages.count))}")
}
