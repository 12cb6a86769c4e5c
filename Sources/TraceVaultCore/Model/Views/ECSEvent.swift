// ECSEvent.swift - a line of a trace in the Elastic Common Schema 9.4.0.
//
// Members in the order of docs/views.md. `cloudflare.email_trace.event` is the event as the trace
// document has it, so nothing is lost that the schema has no place for.

extension TraceEvents {
    @inline(never)
    mutating func ecs(_ document: RawSpan, _ text: RawSpan) {
        writer.beginObject()
        writeTime("@timestamp", document)
        writer.object("ecs")
        writer.word("version", "9.4.0")
        writer.endObject()
        ecsEvent(document, text)
        writer.value("message", line.message, of: document)
        ecsEmail(document, text)
        ecsEnd("source", facts.source, text)
        ecsEnd("destination", facts.destination, text)
        ecsConnection(text)
        writer.object("cloud")
        writer.word("provider", "cloudflare")
        if !account.isEmpty {
            writer.object("account")
            writer.value("id", account, of: document)
            writer.endObject()
        }
        writer.endObject()
        if !tenant.isEmpty {
            writer.object("organization")
            writer.value("name", tenant, of: document)
            writer.endObject()
        }
        writer.object("observer")
        writer.word("vendor", "Cloudflare")
        writer.word("product", "Email Security")
        writer.word("type", "email-gateway")
        writer.endObject()
        ecsRelated(text)
        if isPending { writer.words("tags", "partial") }
        writer.object("cloudflare")
        ownMembers("email_trace", document)
        writer.value("event", line.event, of: document)
        writer.endObject()
        writer.endObject()
        writer.endObject()
    }

    private mutating func ecsEvent(_ document: RawSpan, _ text: RawSpan) {
        writer.object("event")
        writer.word("kind", "event")
        writer.words("category", "email")
        writer.words("type", "info")
        if let action = facts.outcome.action {
            writer.word("action", action)
        } else {
            writer.value("action", line.kind, of: document)
        }
        switch facts.outcome {
        case .none: break
        case .delivered: writer.word("outcome", "success")
        default: writer.word("outcome", facts.outcome.isFailure ? "failure" : "unknown")
        }
        writer.word("module", "cloudflare")
        writer.word("dataset", "cloudflare.email_security_trace")
        writer.value("sequence", line.lineno, of: document)
        id.write("id", to: &writer)
        writer.text("code", facts.code, of: text)
        writer.text("reason", facts.reason, of: text)
        writer.value("original", line.message, of: document)
        writer.value("created", fetchedAt, of: document)
        if let delay = event[.delay], let duration = Self.nanoseconds(delay, text) {
            writer.number("duration", duration)
        }
        writer.endObject()
    }

    private mutating func ecsEmail(_ document: RawSpan, _ text: RawSpan) {
        writer.object("email")
        writer.word("direction", line.side.name)
        writer.value("local_id", messageRef, of: document)
        writer.text("message_id", facts.messageID, of: text)
        writer.text("subject", facts.subject, of: text)
        if let from = facts.from {
            writer.object("sender")
            writer.text("address", from, of: text)
            writer.endObject()
        }
        if let to = facts.to {
            writer.object("to")
            writer.array("address", to, of: text)
            writer.endObject()
        }
        if facts.outcome == .delivered { writeTime("delivery_timestamp", document) }
        writer.endObject()
    }

    private mutating func ecsEnd(_ name: StaticString, _ end: EventEnd, _ text: RawSpan) {
        guard !end.isNone else { return }
        writer.object(name)
        writer.text("address", end.host ?? end.ip, of: text)
        writer.text("domain", end.host, of: text)
        writer.text("ip", end.ip, of: text)
        if let port = end.port { writer.number("port", port) }
        writer.endObject()
    }

    /// The network, the process that wrote the line, and its encryption.
    private mutating func ecsConnection(_ text: RawSpan) {
        writer.object("network")
        writer.word("direction", line.side.name)
        if !facts.source.isNone || !facts.destination.isNone {
            writer.word("transport", "tcp")
            writer.word("protocol", "smtp")
        }
        writer.endObject()
        if let process = event[.process] {
            writer.object("process")
            writer.text("name", process, of: text)
            if let pid = event[.pid], let number = Self.integer(pid, text) {
                writer.number("pid", number)
            }
            writer.endObject()
        }
        if let version = event[.tlsVersion] {
            writer.object("tls")
            if text.has("TLSv", version.lowerBound), version.count > 4 {
                writer.word("version_protocol", "tls")
                writer.text("version", version.lowerBound + 4..<version.upperBound, of: text)
            }
            writer.text("cipher", event[.tlsCipher], of: text)
            writer.flag("established", true)
            writer.endObject()
        }
    }

    /// What analysts pivot on, all in one place.
    private mutating func ecsRelated(_ text: RawSpan) {
        let (source, destination) = (facts.source, facts.destination)
        writer.object("related")
        related("ip", source.ip, destination.ip, text)
        related("hosts", source.host, destination.host, text)
        related("user", facts.from, facts.to, text)
        writer.endObject()
    }

    private mutating func related(
        _ name: StaticString, _ one: Range<Int>?, _ other: Range<Int>?, _ text: RawSpan
    ) {
        guard one != nil || other != nil else { return }
        writer.key(name)
        writer.beginArray()
        if let one { writer.element(one, of: text) }
        if let other { writer.element(other, of: text) }
        writer.endArray()
    }

    // MARK: - For both schemas

    /// Begins the object of members that are Cloudflare's own or ours.
    mutating func ownMembers(_ name: StaticString, _ document: RawSpan) {
        writer.object(name)
        writer.word("block", line.side.name)
        writer.value("lineno", line.lineno, of: document)
        writer.flag("pending", isPending)
        writer.value("logged_at", line.atRaw.isEmpty ? line.at : line.atRaw, of: document)
        if line.timeIsNeighbours { writer.flag("time_of_another_line", true) }
        writer.value("extra", line.extra, of: document)
    }

    /// The time of the event: at most nine decimals, no leap second, as stores can take it.
    mutating func writeTime(_ name: StaticString, _ document: RawSpan) {
        writer.key(name)
        let text = document.extracting(line.time.clamped(to: 0..<document.byteCount))
        guard let time = Timestamp(text) else { return writer.element(line.time, of: document) }
        if time.second < 60, time.fraction.count <= 9 {
            return writer.element(line.time, of: document)
        }
        writer.string(Timestamp.text(milliseconds: Self.milliseconds(time, text)) ?? "")
    }

    /// Since 1970; a leap second is the one after it.
    static func milliseconds(_ time: Timestamp, _ text: RawSpan) -> Int64 {
        var value = time.minutes * 60 + time.second
        for place in 0..<3 {
            let digit =
                place < time.fraction.count
                ? text.at(time.fraction.lowerBound + place) &- UInt8(ascii: "0") : 0
            value = value * 10 + Int64(digit)
        }
        return value
    }

    static func integer(_ place: Range<Int>, _ text: RawSpan) -> Int64? {
        JSONText.int64(text.extracting(place.clamped(to: 0..<text.byteCount)))
    }

    /// Of seconds with decimals; nil beyond some thirty years.
    private static func nanoseconds(_ place: Range<Int>, _ text: RawSpan) -> Int64? {
        var value: Int64 = 0
        var decimals = -1
        for index in place where decimals < 9 {
            let digit = text.at(index) &- UInt8(ascii: "0")
            if digit < 10 {
                value = value &* 10 &+ Int64(digit)
                if decimals >= 0 { decimals += 1 }
                guard decimals >= 0 || value < 1_000_000_000 else { return nil }
            } else {
                decimals = 0
            }
        }
        for _ in max(0, decimals)..<9 { value = value &* 10 }
        return value
    }
}
