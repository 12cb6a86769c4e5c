// ECSRow.swift - a line of a trace in the Elastic Common Schema 9.4.0.
//
// Members in the order of docs/views.md. `cloudflare.email_trace.event` is the event as the trace
// document has it, so nothing is lost that the schema has no place for.

extension TraceRows {
    @inline(never)
    mutating func ecs(_ document: RawSpan, _ text: RawSpan) {
        writer.beginObject()
        writeTime("@timestamp", document)
        writer.fixed(#""ecs":{"version":"9.4.0"}"#)
        ecsEvent(document, text)
        writer.value("message", line.message, of: document)
        ecsEmail(document, text)
        ecsEnd("source", facts.source, text)
        ecsEnd("destination", facts.destination, text)
        ecsConnection(text)
        writer.fixed(#""cloud":{"provider":"cloudflare""#)
        writer.object("account", with: "id", account, of: document)
        writer.endObject()
        writer.object("organization", with: "name", tenant, of: document)
        writer.fixed(
            #""observer":{"vendor":"Cloudflare","product":"Email Security","type":"email-gateway"}"#
        )
        ecsRelated(text)
        if isPending { writer.fixed(#""tags":["partial"]"#) }
        writer.fixed(#""cloudflare":{"#)
        ownMembers("email_trace", document)
        writer.value("event", line.event, of: document)
        writer.endObject()
        writer.endObject()
        writer.endObject()
    }

    private mutating func ecsEvent(_ document: RawSpan, _ text: RawSpan) {
        writer.fixed(
            #""event":{"kind":"event","category":["email"],"type":["info"],"module":"cloudflare""#)
        writer.fixed(#""dataset":"cloudflare.email_security_trace""#)
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
        writer.value("sequence", line.lineno, of: document)
        id.write("id", to: &writer)
        writer.text("code", facts.code, of: text)
        writer.text("reason", facts.reason, of: text)
        writer.value("original", line.message, of: document)
        var hash = RowID()
        if !hash.set(toHashOf: text) { writer.isComplete = false }
        hash.write("hash", bytes: 32, to: &writer)
        writer.value("created", fetchedAt, of: document)
        let duration = Self.nanoseconds(event.place(.delay), text)
        if duration >= 0 { writer.number("duration", duration) }
        writer.endObject()
    }

    private mutating func ecsEmail(_ document: RawSpan, _ text: RawSpan) {
        writer.object("email")
        writer.word("direction", line.side.name)
        writer.value("local_id", messageRef, of: document)
        writer.text("message_id", facts.messageID, of: text)
        writer.text("subject", facts.subject, of: text)
        if !facts.from.isEmpty {
            writer.object("sender")
            writer.text("address", facts.from, of: text)
            writer.endObject()
        }
        if !facts.to.isEmpty {
            writer.object("to")
            writer.array("address", facts.to, of: text)
            writer.endObject()
        }
        if facts.outcome == .delivered { writeTime("delivery_timestamp", document) }
        writer.endObject()
    }

    private mutating func ecsEnd(_ name: StaticString, _ end: RowEnd, _ text: RawSpan) {
        guard !end.isNone else { return }
        writer.object(name)
        writer.text("address", end.host.isEmpty ? end.ip : end.host, of: text)
        writer.text("domain", end.host, of: text)
        writer.text("ip", end.ip, of: text)
        if end.port >= 0 { writer.number("port", end.port) }
        writer.endObject()
    }

    /// The network, the process that wrote the line, and its encryption.
    private mutating func ecsConnection(_ text: RawSpan) {
        writer.object("network")
        writer.word("direction", line.side.name)
        let isSocket = event.has(.relayService)
        if !facts.source.isNone || !facts.destination.isNone || isSocket {
            if !isSocket { writer.fixed(#""transport":"tcp""#) }
            let isLMTP = text.says("lmtp", event.place(.process))
            writer.word("protocol", isLMTP ? "lmtp" : "smtp")
        }
        writer.endObject()
        let (process, version) = (event.place(.process), event.place(.tlsVersion))
        if !process.isEmpty {
            writer.object("process")
            writer.text("name", process, of: text)
            if let pid = text.integer(event.place(.pid)) { writer.number("pid", pid) }
            writer.endObject()
        }
        if !facts.user.isEmpty {
            writer.object("user")
            writer.text("name", facts.user, of: text)
            writer.endObject()
        }
        guard !version.isEmpty else { return }
        writer.fixed(#""tls":{"established":true"#)
        if text.has("TLSv", version.lowerBound), version.count > 4 {
            writer.fixed(#""version_protocol":"tls""#)
            writer.text("version", version.lowerBound + 4..<version.upperBound, of: text)
        }
        writer.text("cipher", event.place(.tlsCipher), of: text)
        writer.endObject()
    }

    /// What analysts pivot on, all in one place.
    private mutating func ecsRelated(_ text: RawSpan) {
        let (source, destination) = (facts.source, facts.destination)
        isFirst = true
        related("ip", source.ip, destination.ip, 0..<0, text)
        related("hosts", source.host, destination.host, 0..<0, text)
        related("user", facts.from, facts.to, facts.user, text)
        if !isFirst { writer.endObject() }
    }

    @inline(never)
    private mutating func related(
        _ name: StaticString, _ one: Range<Int>, _ other: Range<Int>, _ third: Range<Int>,
        _ text: RawSpan
    ) {
        guard !one.isEmpty || !other.isEmpty || !third.isEmpty else { return }
        if isFirst { writer.object("related") }
        isFirst = false
        writer.key(name)
        writer.beginArray()
        if !one.isEmpty { writer.element(one, of: text) }
        if !other.isEmpty { writer.element(other, of: text) }
        if !third.isEmpty { writer.element(third, of: text) }
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

    /// The time of the row: at most nine decimals, no leap second, as stores can take it.
    @inline(never)
    mutating func writeTime(_ name: StaticString, _ document: RawSpan) {
        writer.key(name)
        let (time, isPlain) = Self.milliseconds(line.time, document)
        if isPlain { return writer.element(line.time, of: document) }
        writer.string(Timestamp.text(milliseconds: time) ?? "")
    }

    /// Since 1970, a leap second as the one after it, as far as there is one; and whether the text
    /// is one for a store.
    @inline(never)
    static func milliseconds(
        _ place: Range<Int>, _ document: RawSpan
    ) -> (value: Int64, isPlain: Bool) {
        let text = document.extracting(place.clamped(to: 0..<document.byteCount))
        guard let time = Timestamp(text) else { return (0, true) }
        var value = time.minutes * 60 + time.second
        for digit in 0..<3 {
            value *= 10
            if digit < time.fraction.count {
                value += Int64(text.at(time.fraction.lowerBound + digit) &- UInt8(ascii: "0"))
            }
        }
        return (
            min(value, Timestamp.lastMillisecond), time.second < 60 && time.fraction.count <= 9
        )
    }

    /// Of seconds with decimals; negative without any, or beyond some thirty years.
    private static func nanoseconds(_ place: Range<Int>, _ text: RawSpan) -> Int64 {
        guard !place.isEmpty else { return -1 }
        var value: Int64 = 0
        var decimals = -1
        for index in place where decimals < 9 {
            let digit = text.at(index) &- UInt8(ascii: "0")
            if digit < 10 {
                value = value &* 10 &+ Int64(digit)
                if decimals >= 0 { decimals += 1 }
                guard decimals >= 0 || value < 1_000_000_000 else { return -1 }
            } else {
                decimals = 0
            }
        }
        for _ in max(0, decimals)..<9 { value = value &* 10 }
        return value
    }
}
