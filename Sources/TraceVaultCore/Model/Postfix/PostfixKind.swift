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

        package var text: StaticString {
            switch self {
            case .delivery: "delivery"
            case .connect: "connect"
            case .disconnect: "disconnect"
            case .lostConnection: "lost_connection"
            case .client: "client"
            case .pickup: "pickup"
            case .messageID: "message_id"
            case .queued: "queued"
            case .removed: "removed"
            case .skipped: "skipped"
            case .expired: "expired"
            case .queueChange: "queue_change"
            case .policy: "policy"
            case .content: "content"
            case .milter: "milter"
            case .proxy: "proxy"
            case .notification: "notification"
            case .notificationFailed: "notification_failed"
            case .reply: "reply"
            case .refused: "refused"
            case .connectionLost: "connection_lost"
            case .conversationTimeout: "conversation_timeout"
            case .connectFailed: "connect_failed"
            case .saslFailed: "sasl_failed"
            case .tls: "tls"
            case .tlsReused: "tls_reused"
            case .tlsError: "tls_error"
            case .tlsUnverified: "tls_unverified"
            case .pipelining: "pipelining"
            case .postscreen: "postscreen"
            case .postscreenViolation: "postscreen_violation"
            case .dnsbl: "dnsbl"
            case .warning: "warning"
            case .workaround: "workaround"
            case .statistics: "statistics"
            case .daemon: "daemon"
            }
        }
    }
}
