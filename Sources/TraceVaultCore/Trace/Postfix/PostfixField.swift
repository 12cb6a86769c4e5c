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
            commandsAccepted, cmdVrfy, cmdVrfyAccepted, cmdEtrn, cmdEtrnAccepted, cmdHelp,
            cmdHelpAccepted, cmdXclient, cmdXclientAccepted, cmdXforward, cmdXforwardAccepted

        /// The name in the document. Made anew each time: for tests and messages, not for writing.
        package var text: String {
            var text = ""
            for place in 2..<Int(mark & 31) {
                let character = unsafe slot[place]
                if character == UInt8(ascii: "\"") { break }
                text.unicodeScalars.append(Unicode.Scalar(character))
            }
            return text
        }

        package var isNumber: Bool { mark & 32 != 0 }

        /// How long the name is; in its slot it stands behind a comma and a quote.
        var length: Int { Int(mark & 31) - (isNumber ? 4 : 5) }

        // MARK: - The member up to its value

        /// 32 bytes that begin with `,"name":"`, without the last quote for a number.
        @inline(__always)
        var slot: UnsafePointer<UInt8> { unsafe Self.slots.utf8Start + Int(rawValue) * 32 }

        /// The slot's last byte: how many of the others are the member's, and 32 for a number.
        @inline(__always)
        var mark: UInt8 { unsafe slot[31] }

        /// A slot of 32 characters for each case, in their order: what is written before the value,
        /// spaces, and a letter for how much that is ("A" is one, small for a number). So a member
        /// is one copy of fixed size; a test holds the table to the cases.
        private static let slots: StaticString = """
            ,"syslog_time":"               P,"syslog_host":"               P\
            ,"instance":"                  M,"process":"                   L\
            ,"service":"                   L,"pid":                        g\
            ,"queue_id":"                  M,"from":"                      I\
            ,"to":"                        G,"orig_to":"                   L\
            ,"relay":"                     J,"relay_host":"                O\
            ,"relay_ip":"                  M,"relay_port":                 n\
            ,"relay_service":"             R,"conn_use":                   l\
            ,"delay_s":                    k,"delay_before_qmgr_s":        w\
            ,"delay_in_qmgr_s":            s,"delay_conn_setup_s":         v\
            ,"delay_transmission_s":       x,"tls_policy":"                O\
            ,"tls_level":"                 N,"tls_downgrade":"             R\
            ,"requiretls":"                O,"requiretls_downgrade":"      Y\
            ,"dsn":"                       H,"status":"                    K\
            ,"reply":"                     J,"reply_code":                 n\
            ,"reply_dsn":"                 N,"stage":"                     J\
            ,"queued_as":"                 N,"exchange_internal_id":"      Y\
            ,"google_id":"                 N,"notification_queue_id":"     Z\
            ,"client_host":"               P,"client_ip":"                 N\
            ,"client_port":                o,"server_ip":"                 N\
            ,"server_port":                o,"sasl_method":"               P\
            ,"sasl_username":"             R,"sasl_sender":"               P\
            ,"orig_queue_id":"             R,"orig_client":"               P\
            ,"proto":"                     J,"helo":"                      I\
            ,"message_id":"                O,"resent_message_id":"         V\
            ,"size":                       h,"nrcpt":                      i\
            ,"uid":                        g,"count":                      i\
            ,"action":"                    K,"subject":"                   L\
            ,"part":"                      I,"text":"                      I\
            ,"argument":"                  M,"blocked_by":"                O\
            ,"notified":"                  M,"notification":"              Q\
            ,"level":"                     J,"error":"                     J\
            ,"during":"                    K,"notes":"                     J\
            ,"tls_trust":"                 N,"tls_sni":"                   L\
            ,"tls_version":"               P,"tls_cipher":"                O\
            ,"tls_cipher_bits":            s,"tls_cipher_bits_max":        w\
            ,"tls_key_exchange":"          U,"tls_key_exchange_key":"      Y\
            ,"tls_server_signature":"      Y,"tls_server_key":"            S\
            ,"tls_server_key_bits":        w,"tls_server_digest":"         V\
            ,"tls_client_signature":"      Y,"tls_client_key":"            S\
            ,"tls_client_key_bits":        w,"tls_client_digest":"         V\
            ,"violation":"                 N,"after_s":                    k\
            ,"dnsbl_rank":                 n,"dnsbl_domain":"              Q\
            ,"dnsbl_result":"              Q,"cmd_helo":                   l\
            ,"cmd_helo_accepted":          u,"cmd_ehlo":                   l\
            ,"cmd_ehlo_accepted":          u,"cmd_starttls":               p\
            ,"cmd_starttls_accepted":      y,"cmd_auth":                   l\
            ,"cmd_auth_accepted":          u,"cmd_mail":                   l\
            ,"cmd_mail_accepted":          u,"cmd_rcpt":                   l\
            ,"cmd_rcpt_accepted":          u,"cmd_bdat":                   l\
            ,"cmd_bdat_accepted":          u,"cmd_data":                   l\
            ,"cmd_data_accepted":          u,"cmd_rset":                   l\
            ,"cmd_rset_accepted":          u,"cmd_noop":                   l\
            ,"cmd_noop_accepted":          u,"cmd_quit":                   l\
            ,"cmd_quit_accepted":          u,"cmd_unknown":                o\
            ,"cmd_unknown_accepted":       x,"commands":                   l\
            ,"commands_accepted":          u,"cmd_vrfy":                   l\
            ,"cmd_vrfy_accepted":          u,"cmd_etrn":                   l\
            ,"cmd_etrn_accepted":          u,"cmd_help":                   l\
            ,"cmd_help_accepted":          u,"cmd_xclient":                o\
            ,"cmd_xclient_accepted":       x,"cmd_xforward":               p\
            ,"cmd_xforward_accepted":      y
            """
    }
}
