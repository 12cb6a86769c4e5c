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
            "kind":"delivery"              R"kind":"connect"               Q\
            "kind":"disconnect"            T"kind":"lost_connection"       Y\
            "kind":"client"                P"kind":"pickup"                P\
            "kind":"message_id"            T"kind":"queued"                P\
            "kind":"removed"               Q"kind":"skipped"               Q\
            "kind":"expired"               Q"kind":"queue_change"          V\
            "kind":"policy"                P"kind":"content"               Q\
            "kind":"milter"                P"kind":"proxy"                 O\
            "kind":"notification"          V"kind":"notification_failed"   ]\
            "kind":"reply"                 O"kind":"refused"               Q\
            "kind":"connection_lost"       Y"kind":"conversation_timeout"  ^\
            "kind":"connect_failed"        X"kind":"sasl_failed"           U\
            "kind":"tls"                   M"kind":"tls_reused"            T\
            "kind":"tls_error"             S"kind":"tls_unverified"        X\
            "kind":"pipelining"            T"kind":"postscreen"            T\
            "kind":"postscreen_violation"  ^"kind":"dnsbl"                 O\
            "kind":"warning"               Q"kind":"workaround"            T\
            "kind":"statistics"            T"kind":"daemon"                P
            """
    }
}
