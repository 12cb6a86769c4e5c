// PostfixKind.swift - what kinds of lines there are.
//
// The texts are part of the trace document (docs/trace.md): never renamed, never reused. A new kind
// goes to the end of the list.

extension PostfixEvent {
    /// What a line says happened.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// One try to hand the message to one recipient's next hop.
        case delivery
        /// A client's connection: opened, closed, broken off.
        case connect, disconnect, lostConnection
        /// Who the message came from: a client, or a local user.
        case client, pickup
        case messageID
        /// The queue manager took the message up, or is done with it.
        case queued, removed, skipped, expired
        /// Somebody changed the queue by hand.
        case queueChange
        /// Decisions of the server, of header and body checks, of mail filters, of a proxy.
        case policy, content, milter, proxy
        /// A notification was sent to somebody, in a message of its own; or it could not be.
        case notification, notificationFailed
        /// The next hop: what it said, that it would not talk, that it went away, that it was not
        /// there at all.
        case reply, refused, connectionLost, conversationTimeout, connectFailed, saslFailed
        case tls, tlsReused, tlsError, tlsUnverified
        case pipelining
        case postscreen, postscreenViolation, dnsbl
        case warning
        case workaround
        /// Figures and the life of a daemon; not of a message.
        case statistics, daemon
        /// What was noted of a TLS policy: a report of its failure, REQUIRETLS.
        case tlsReport

        /// The name in the document. Made anew each time: for tests and messages, not for writing.
        package var text: String {
            var text = ""
            for place in 8..<(length - 1) {
                text.unicodeScalars.append(Unicode.Scalar(unsafe slot[place]))
            }
            return text
        }

        /// 32 bytes that begin with the member, as for `Name`.
        @inline(__always)
        var slot: UnsafePointer<UInt8> { unsafe Self.slots.utf8Start + Int(rawValue) * 32 }

        @inline(__always)
        var length: Int { unsafe Int(slot[31] & 31) }

        private static let slots: StaticString = """
            "kind":"delivery"              q"kind":"connect"               p\
            "kind":"disconnect"            s"kind":"lost_connection"       x\
            "kind":"client"                o"kind":"pickup"                o\
            "kind":"message_id"            s"kind":"queued"                o\
            "kind":"removed"               p"kind":"skipped"               p\
            "kind":"expired"               p"kind":"queue_change"          u\
            "kind":"policy"                o"kind":"content"               p\
            "kind":"milter"                o"kind":"proxy"                 n\
            "kind":"notification"          u"kind":"notification_failed"   |\
            "kind":"reply"                 n"kind":"refused"               p\
            "kind":"connection_lost"       x"kind":"conversation_timeout"  }\
            "kind":"connect_failed"        w"kind":"sasl_failed"           t\
            "kind":"tls"                   l"kind":"tls_reused"            s\
            "kind":"tls_error"             r"kind":"tls_unverified"        w\
            "kind":"pipelining"            s"kind":"postscreen"            s\
            "kind":"postscreen_violation"  }"kind":"dnsbl"                 n\
            "kind":"warning"               p"kind":"workaround"            s\
            "kind":"statistics"            s"kind":"daemon"                o\
            "kind":"tls_report"            s
            """
    }
}
