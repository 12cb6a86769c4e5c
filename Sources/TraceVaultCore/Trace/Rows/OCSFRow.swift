// OCSFRow.swift - a line of a trace in OCSF 1.8.0: Email Activity (4009), Trace (4).
//
// Members in the order of docs/views.md. The class has no place for most of what Postfix says and
// refuses members it does not know: `unmapped.postfix` is the event as the trace document has it.

extension TraceRows {
    @inline(never)
    mutating func ocsf(_ document: RawSpan, _ text: RawSpan) {
        writer.beginObject()
        writer.fixed(
            #""activity_id":4,"activity_name":"Trace","category_uid":4,"class_uid":4009"#)
        writer.fixed(#""type_uid":400904"#)
        writer.number("severity_id", facts.outcome.isFailure ? 2 : 1)
        writer.number("time", Self.milliseconds(line.time, document).value)
        writeTime("time_dt", document)
        writer.number("direction_id", line.side == .inbound ? 1 : 2)
        writer.value("message_trace_uid", messageRef, of: document)
        ocsfMetadata(document)
        ocsfCloud(document)
        ocsfAddresses(document, text)
        ocsfEnd("src_endpoint", facts.source, text)
        ocsfEnd("dst_endpoint", facts.destination, text)
        ocsfCommand(text)
        ocsfStatus(text)
        sentence(text)
        writer.value("raw_data", line.message, of: document)
        ocsfObservables(text)
        writer.object("unmapped")
        ownMembers("cloudflare", document)
        if !hasMailbox { writer.flag("addresses_of_the_trace", true) }
        writer.endObject()
        writer.value("postfix", line.event, of: document)
        writer.endObject()
        writer.endObject()
    }

    private mutating func ocsfMetadata(_ document: RawSpan) {
        writer.fixed(#""metadata":{"version":"1.8.0","profiles":["cloud","datetime"]"#)
        writer.fixed(#""product":{"name":"Email Security","vendor_name":"Cloudflare"}"#)
        writer.fixed(#""log_name":"email-security trace","log_provider":"Cloudflare""#)
        id.write("uid", to: &writer)
        writer.value("correlation_uid", messageRef, of: document)
        writer.value("sequence", line.lineno, of: document)
        writer.value("tenant_uid", tenant, of: document)
        writer.value("original_time", line.atRaw.isEmpty ? line.at : line.atRaw, of: document)
        if !fetchedAt.isEmpty {
            let fetched = Self.milliseconds(JSONWalk.inside(fetchedAt), document)
            writer.number("processed_time", fetched.value)
        }
        writer.endObject()
    }

    private mutating func ocsfCloud(_ document: RawSpan) {
        writer.fixed(#""cloud":{"provider":"Cloudflare""#)
        writer.object("account", with: "uid", account, of: document)
        writer.endObject()
    }

    /// The line's own addresses; in `email`, which must have one, else those of the trace.
    private mutating func ocsfAddresses(_ document: RawSpan, _ text: RawSpan) {
        writer.text("from", from, of: text)
        writer.array("to", to, of: text)
        writer.object("email")
        writer.text("from", from, of: text)
        writer.array("to", to, of: text)
        if !hasMailbox {
            if recipients.count > 0 {
                writer.fixed(#""to":["#)
                let recipients = self.recipients
                recipients.withBytes { writer.verbatim($0) }
                writer.endArray()
            } else {
                writer.text("from", sender, of: document)
            }
        }
        writer.text("message_uid", facts.messageID, of: text)
        writer.text("subject", facts.subject, of: text)
        if let size = text.integer(event.place(.size)) { writer.number("size", size) }
        writer.endObject()
    }

    private mutating func ocsfEnd(_ name: StaticString, _ end: RowEnd, _ text: RawSpan) {
        guard !end.isNone else { return }
        writer.object(name)
        writer.text("hostname", end.host, of: text)
        writer.text("ip", end.ip, of: text)
        if end.port >= 0 { writer.number("port", end.port) }
        writer.endObject()
    }

    /// What the client said first, where the line tells how it said it.
    private mutating func ocsfCommand(_ text: RawSpan) {
        let (proto, helo) = (event.place(.proto), event.place(.helo))
        guard !proto.isEmpty else { return }
        writer.fixed(#""protocol_name":"SMTP""#)
        let isExtended = text.has("ESMTP", proto.lowerBound)
        // A name of letters needs no escape.
        guard isExtended || text.has("SMTP", proto.lowerBound), PlainAddress.isHost(text, helo)
        else { return }
        writer.key("command")
        writer.beginString()
        name(isExtended ? "EHLO " : "HELO ", helo, text)
        writer.endString()
    }

    private mutating func ocsfStatus(_ text: RawSpan) {
        switch facts.outcome {
        case .none: break
        case .delivered:
            writer.fixed(#""status_id":1,"status":"Success""#)
        case .bounced, .expired, .forceExpired, .rejected:
            writer.fixed(#""status_id":2,"status":"Failure""#)
        // As what they say alone would mislead: "reject", "sent".
        case .refusedForNow: writer.fixed(#""status_id":99,"status":"refused for now""#)
        case .acceptedByFilter: writer.fixed(#""status_id":99,"status":"accepted by a filter""#)
        case .discarded: writer.fixed(#""status_id":99,"status":"discarded""#)
        default:
            writer.fixed(#""status_id":99"#)
            writer.text("status", facts.outcomeWord, of: text)
        }
        writer.text("status_code", facts.code, of: text)
        writer.text("status_detail", facts.reason, of: text)
    }

    private mutating func ocsfObservables(_ text: RawSpan) {
        isFirst = true
        observable("email.from", 5, from, text)
        observable("email.to", 5, to, text)
        observable("email.message_uid", 42, facts.messageID, text)
        observable("src_endpoint.hostname", 1, facts.source.host, text)
        observable("src_endpoint.ip", 2, facts.source.ip, text)
        observable("dst_endpoint.hostname", 1, facts.destination.host, text)
        observable("dst_endpoint.ip", 2, facts.destination.ip, text)
        if !isFirst { writer.endArray() }
    }

    @inline(never)
    private mutating func observable(
        _ name: StaticString, _ type: Int64, _ place: Range<Int>, _ text: RawSpan
    ) {
        guard !place.isEmpty else { return }
        if isFirst { writer.fixed(#""observables":["#) }
        isFirst = false
        writer.beginObject()
        writer.word("name", name)
        writer.number("type_id", type)
        writer.text("value", place, of: text)
        writer.endObject()
    }

    // MARK: - In words

    /// `message`: what happened, for people, in words that promise no more than the line.
    private mutating func sentence(_ text: RawSpan) {
        writer.key("message")
        writer.beginString()
        writer.part(words)
        if event.kind == .delivery || facts.outcome != .none {
            // Neither kind of name can hold anything that needs an escape.
            name(", for ", to, text)
            name(", next hop ", facts.destination.host, text)
            name(", from ", facts.source.host, text)
        }
        writer.endString()
    }

    @inline(never)
    private mutating func name(_ word: StaticString, _ place: Range<Int>, _ text: RawSpan) {
        guard !place.isEmpty else { return }
        writer.part(word)
        writer.part(text.extracting(place.clamped(to: 0..<text.byteCount)))
    }

    private var words: StaticString {
        switch facts.outcome {
        case .delivered: return "Accepted by the next hop"
        case .bounced: return "Not delivered, returned to the sender"
        case .expired: return "Not delivered in time, returned to the sender"
        case .rejected: return "Rejected"
        case .forceExpired: return "Given up on by hand, returned to the sender"
        case .deferred: return "Not delivered yet, to be tried again"
        case .refusedForNow: return "Refused for now, the client may come again"
        case .acceptedByFilter: return "Accepted by a filter, which says that it threw it away"
        case .held: return "Put on hold"
        case .discarded: return "Discarded"
        case .deliverable: return "The address was tried out and would be accepted"
        case .undeliverable: return "The address was tried out and would be refused"
        case .other: return "A delivery was tried"
        case .none: break
        }
        guard !line.event.isEmpty else { return "A line of the delivery log" }
        switch event.kind {
        case .delivery: return "A delivery was tried"
        case .connect: return "A client connected"
        case .disconnect: return "A client disconnected"
        case .lostConnection: return "The connection to a client was lost"
        case .client: return "The message came from a client"
        case .pickup: return "The message came from a local user"
        case .messageID: return "The Message-ID was noted"
        case .queued: return "The message entered the active queue"
        case .removed: return "The message left this queue"
        case .skipped: return "The message is still being delivered"
        case .expired: return "The message expired"
        case .queueChange: return "The queue was changed by hand"
        case .policy, .proxy: return "The server decided about the message"
        case .content: return "A header or body check matched"
        case .milter: return "A mail filter decided about the message"
        case .notification: return "A notification was sent"
        case .notificationFailed: return "A notification could not be sent"
        case .reply, .refused: return "The next hop answered"
        case .connectionLost, .conversationTimeout: return "The connection to the next hop broke"
        case .connectFailed: return "The next hop could not be reached"
        case .saslFailed: return "The next hop refused the authentication"
        case .tls, .tlsReused: return "The connection is encrypted"
        case .tlsError, .tlsUnverified: return "The encryption was not as wanted"
        case .tlsReport: return "What was noted of a TLS policy"
        case .pipelining: return "A client spoke out of turn"
        case .postscreen, .postscreenViolation, .dnsbl: return "A client was examined"
        case .warning: return "The mail server warned"
        case .workaround, .statistics, .daemon: return "The mail server reported on itself"
        }
    }
}
