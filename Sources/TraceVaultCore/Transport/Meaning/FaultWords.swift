// FaultWords.swift - what is told of a request that brought no whole reply.

extension HTTPReply.Fault {
    /// Whether the next try may go better.
    func isRetried(_ trouble: HTTPReply.FaultFacts) -> Bool {
        switch self {
        case .connect, .broken, .noFirstByte, .silence, .truncated, .handshake, .exhausted,
            .crowdedOut:
            true
        // Its own refusals stand; that it cannot reach the server may pass.
        case .proxy:
            trouble.connectCode >= 500 || trouble.connectCode == 429 || trouble.socksMayConnect
        case .tls, .trustStore, .tooLarge, .headersTooLarge, .encoding, .internalError: false
        }
    }

    /// The failure in the words of one who has to mend it.
    @_optimize(size) func words(_ trouble: HTTPReply.FaultFacts) -> Failure {
        var failure = Failure(status(trouble), text(trouble))
        failure.retriable = isRetried(trouble)
        failure.cause = trouble.cause
        failure.systemError = trouble.systemError
        failure.curlCode = trouble.curlCode
        return failure
    }

    private func status(_ trouble: HTTPReply.FaultFacts) -> Status {
        switch self {
        case .connect, .broken, .noFirstByte, .silence: .transport
        case .proxy: .proxy
        case .truncated, .encoding: .replyTruncated
        case .tls, .handshake, .trustStore: .tls
        case .tooLarge, .headersTooLarge: .replyTooLarge
        case .exhausted: trouble.cause == .memory ? .noMemory : .noDescriptors
        case .crowdedOut: .limit
        case .internalError: .other
        }
    }

    private func text(_ trouble: HTTPReply.FaultFacts) -> String {
        let place = trouble.place
        switch self {
        case .connect: return Self.connectText(trouble)
        case .proxy: return Self.proxyText(trouble)
        case .broken: return "the connection to \(place) broke before the reply was whole"
        case .noFirstByte:
            return "\(place) had the request and sent no first byte within http.first_byte_ms"
        case .silence: return "the reply of \(place) began and then went silent"
        case .truncated: return "the reply ended before its length"
        case .tls: return Self.certificateText(trouble)
        case .handshake:
            return "the TLS handshake with \(place) failed"
        case .trustStore:
            return "the file of certificate authorities for \(place) holds none that can be used"
        case .tooLarge: return "the reply exceeds http.max_reply_bytes"
        case .headersTooLarge: return "the reply's headers are too large"
        case .encoding: return "the reply's compression is damaged, or was not asked for"
        case .exhausted:
            return trouble.cause == .memory
                ? "this host has no memory left for the request"
                : "this process has no descriptor left for a connection; close some, or raise "
                    + "RLIMIT_NOFILE"
        case .crowdedOut:
            return "large replies that are still coming leave no room for the rest of this one"
        case .internalError: return "libcurl could not carry out the request"
        }
    }

    private static func connectText(_ trouble: HTTPReply.FaultFacts) -> String {
        let place = trouble.place
        switch trouble.cause {
        case .nameLookup:
            return "the name of \(place) could not be looked up; check it and the host's DNS"
        case .refused: return "\(place) refused the connection: nobody listens there"
        case .connectTimeout:
            return "no connection to \(place) within http.connect_timeout_ms: it does not answer"
        default:
            let number = trouble.systemError
            let name = number == 0 ? "" : " (\(FileError(number).name))"
            return "no way to \(place)\(name); check the network"
        }
    }

    private static func proxyText(_ trouble: HTTPReply.FaultFacts) -> String {
        let place = trouble.place
        let said = trouble.socksAnswer.isEmpty ? "" : " (SOCKS: \(trouble.socksAnswer))"
        if trouble.cause == .proxyLogin {
            return "\(place) wants another login\(said.isEmpty ? " (HTTP 407)" : said): check user "
                + "and password in http.proxy; it is not asked again for a minute, as failed "
                + "logins may close the account"
        }
        let code = trouble.connectCode
        return "\(place) did not connect to the server"
            + (code == 0 ? said : " (HTTP \(code) to CONNECT)")
    }

    private static func certificateText(_ trouble: HTTPReply.FaultFacts) -> String {
        let whose = "the certificate of \(trouble.place)"
        let isProxy = trouble.place.hasPrefix("the proxy")
        switch trouble.cause {
        case .unknownAuthority:
            return "\(whose) is signed by no authority that is trusted; "
                + (isProxy
                    ? "set http.proxy_ca_file to the proxy's"
                    : "set tls.ca_file, also where a proxy looks into TLS")
        case .certificateExpired: return "\(whose) has expired; check it and the host's clock"
        case .certificateNotYetValid:
            return "\(whose) is not valid yet; check it and the host's clock"
        case .certificateName: return "\(whose) is for another name"
        default: return "\(whose) is not acceptable"
        }
    }
}
