// PostfixField.swift - what a line can say, each with its name in the document.
//
// The texts are part of the trace document (docs/trace.md): never renamed, never reused. What is
// not listed here stays in the message, which is kept word for word.

extension PostfixEvent {
    /// The name of a field: a number's text is a JSON number as it stands, all else is text.
    package enum Name: UInt8, Sendable, CaseIterable {
        // Before the text: where the line was written.
        case syslogTime, syslogHost, instance, process, service, pid, queueID
        // Addresses.
        case from, to, origTo
        // The next hop: as written, then its parts.
        case relay, relayHost, relayIP, relayPort, relayService
        // How a delivery went.
        case connUse, delay, delayBeforeQmgr, delayInQmgr, delayConnSetup, delayTransmission,
            tlsPolicy, tlsLevel, tlsDowngrade, requireTLS, requireTLSDowngrade, dsn, status, reply,
            replyCode, replyDSN, stage
        // Where to look next.
        case queuedAs, exchangeID, googleID, notificationID
        // Who connected.
        case clientHost, clientIP, clientPort, serverIP, serverPort, saslMethod, saslUsername,
            saslSender, origQueueID, origClient, proto, helo
        // The message.
        case messageID, resentMessageID, size, nrcpt, uid, count
        // Decisions and remarks.
        case action, subject, part, text, argument, blockedBy, notified, notification, level,
            error, during, notes
        // An encrypted connection.
        case tlsTrust, tlsSNI, tlsVersion, tlsCipher, tlsBits, tlsBitsMax, tlsKeyExchange,
            tlsKeyExchangeKey, tlsServerSignature, tlsServerKey, tlsServerKeyBits, tlsServerDigest,
            tlsClientSignature, tlsClientKey, tlsClientKeyBits, tlsClientDigest
        // Before the server: postscreen and its helpers.
        case violation, after, dnsblRank, dnsblDomain, dnsblResult
        // How often each command came; how many were accepted, where not all.
        case cmdHelo, cmdHeloAccepted, cmdEhlo, cmdEhloAccepted, cmdStarttls, cmdStarttlsAccepted,
            cmdAuth, cmdAuthAccepted, cmdMail, cmdMailAccepted, cmdRcpt, cmdRcptAccepted, cmdBdat,
            cmdBdatAccepted, cmdData, cmdDataAccepted, cmdRset, cmdRsetAccepted, cmdNoop,
            cmdNoopAccepted, cmdQuit, cmdQuitAccepted, cmdUnknown, cmdUnknownAccepted, commands,
            commandsAccepted

        package var text: StaticString {
            switch self {
            case .syslogTime: "syslog_time"
            case .syslogHost: "syslog_host"
            case .instance: "instance"
            case .process: "process"
            case .service: "service"
            case .pid: "pid"
            case .queueID: "queue_id"
            case .from: "from"
            case .to: "to"
            case .origTo: "orig_to"
            case .relay: "relay"
            case .relayHost: "relay_host"
            case .relayIP: "relay_ip"
            case .relayPort: "relay_port"
            case .relayService: "relay_service"
            case .connUse: "conn_use"
            case .delay: "delay_s"
            case .delayBeforeQmgr: "delay_before_qmgr_s"
            case .delayInQmgr: "delay_in_qmgr_s"
            case .delayConnSetup: "delay_conn_setup_s"
            case .delayTransmission: "delay_transmission_s"
            case .tlsPolicy: "tls_policy"
            case .tlsLevel: "tls_level"
            case .tlsDowngrade: "tls_downgrade"
            case .requireTLS: "requiretls"
            case .requireTLSDowngrade: "requiretls_downgrade"
            case .dsn: "dsn"
            case .status: "status"
            case .reply: "reply"
            case .replyCode: "reply_code"
            case .replyDSN: "reply_dsn"
            case .stage: "stage"
            case .queuedAs: "queued_as"
            case .exchangeID: "exchange_internal_id"
            case .googleID: "google_id"
            case .notificationID: "notification_queue_id"
            case .clientHost: "client_host"
            case .clientIP: "client_ip"
            case .clientPort: "client_port"
            case .serverIP: "server_ip"
            case .serverPort: "server_port"
            case .saslMethod: "sasl_method"
            case .saslUsername: "sasl_username"
            case .saslSender: "sasl_sender"
            case .origQueueID: "orig_queue_id"
            case .origClient: "orig_client"
            case .proto: "proto"
            case .helo: "helo"
            case .messageID: "message_id"
            case .resentMessageID: "resent_message_id"
            case .size: "size"
            case .nrcpt: "nrcpt"
            case .uid: "uid"
            case .count: "count"
            case .action: "action"
            case .subject: "subject"
            case .part: "part"
            case .text: "text"
            case .argument: "argument"
            case .blockedBy: "blocked_by"
            case .notified: "notified"
            case .notification: "notification"
            case .level: "level"
            case .error: "error"
            case .during: "during"
            case .notes: "notes"
            case .tlsTrust: "tls_trust"
            case .tlsSNI: "tls_sni"
            case .tlsVersion: "tls_version"
            case .tlsCipher: "tls_cipher"
            case .tlsBits: "tls_cipher_bits"
            case .tlsBitsMax: "tls_cipher_bits_max"
            case .tlsKeyExchange: "tls_key_exchange"
            case .tlsKeyExchangeKey: "tls_key_exchange_key"
            case .tlsServerSignature: "tls_server_signature"
            case .tlsServerKey: "tls_server_key"
            case .tlsServerKeyBits: "tls_server_key_bits"
            case .tlsServerDigest: "tls_server_digest"
            case .tlsClientSignature: "tls_client_signature"
            case .tlsClientKey: "tls_client_key"
            case .tlsClientKeyBits: "tls_client_key_bits"
            case .tlsClientDigest: "tls_client_digest"
            case .violation: "violation"
            case .after: "after_s"
            case .dnsblRank: "dnsbl_rank"
            case .dnsblDomain: "dnsbl_domain"
            case .dnsblResult: "dnsbl_result"
            case .cmdHelo: "cmd_helo"
            case .cmdHeloAccepted: "cmd_helo_accepted"
            case .cmdEhlo: "cmd_ehlo"
            case .cmdEhloAccepted: "cmd_ehlo_accepted"
            case .cmdStarttls: "cmd_starttls"
            case .cmdStarttlsAccepted: "cmd_starttls_accepted"
            case .cmdAuth: "cmd_auth"
            case .cmdAuthAccepted: "cmd_auth_accepted"
            case .cmdMail: "cmd_mail"
            case .cmdMailAccepted: "cmd_mail_accepted"
            case .cmdRcpt: "cmd_rcpt"
            case .cmdRcptAccepted: "cmd_rcpt_accepted"
            case .cmdBdat: "cmd_bdat"
            case .cmdBdatAccepted: "cmd_bdat_accepted"
            case .cmdData: "cmd_data"
            case .cmdDataAccepted: "cmd_data_accepted"
            case .cmdRset: "cmd_rset"
            case .cmdRsetAccepted: "cmd_rset_accepted"
            case .cmdNoop: "cmd_noop"
            case .cmdNoopAccepted: "cmd_noop_accepted"
            case .cmdQuit: "cmd_quit"
            case .cmdQuitAccepted: "cmd_quit_accepted"
            case .cmdUnknown: "cmd_unknown"
            case .cmdUnknownAccepted: "cmd_unknown_accepted"
            case .commands: "commands"
            case .commandsAccepted: "commands_accepted"
            }
        }

        package var isNumber: Bool {
            switch self {
            case .pid, .relayPort, .connUse, .delay, .delayBeforeQmgr, .delayInQmgr,
                .delayConnSetup, .delayTransmission, .replyCode, .clientPort, .serverPort, .size,
                .nrcpt, .uid, .count, .tlsBits, .tlsBitsMax, .tlsServerKeyBits, .tlsClientKeyBits,
                .after,
                .dnsblRank:
                true
            default: rawValue >= Self.cmdHelo.rawValue
            }
        }
    }
}
