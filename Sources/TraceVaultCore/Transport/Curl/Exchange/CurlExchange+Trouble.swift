// CurlExchange+Trouble.swift - why there is no whole reply, as exactly as libcurl and the system
// tell it.

import CCurl
import CSystem

#if canImport(Glibc)
    import Glibc
#endif

extension CurlExchange {
    /// Adds what is known of a fault, which may turn out to be another one.
    @_optimize(size) func tell(
        _ fault: HTTPReply.Fault, _ code: CURLcode, _ settings: TransportSettings,
        _ reply: inout HTTPReply
    ) {
        var trouble = HTTPReply.FaultFacts()
        trouble.curlCode = Int32(clamping: code.rawValue)
        trouble.systemError = systemError
        trouble.connectCode = Int32(clamping: info(CURLINFO_HTTP_CONNECTCODE))
        let socks = code == CURLE_PROXY ? SocksAnswer(info(CURLINFO_PROXY_ERROR)) : nil
        trouble.socksAnswer = socks?.words ?? ""
        trouble.socksMayConnect = socks?.kind == .trouble
        let isProxy =
            !wasSent && socks?.kind != .nameLookup
            && settings.proxy.map { stopped($0, code, trouble) } ?? false
        trouble.place =
            isProxy
            ? "the proxy " + (settings.proxy?.name ?? "")
            : "the server " + settings.base.origin.text
        var fault = fault
        // libcurl calls it a failed read of the proxy's connection.
        if isProxy, trouble.connectCode != 0 { fault = .proxy }
        if socks?.kind == .nameLookup { fault = .connect }
        if fault == .handshake, tvs_tls_refusal() != 0 { fault = .tls }
        if lacksMemory { fault = .exhausted }
        if let lack = lack(fault, trouble, reply) {
            fault = .exhausted
            trouble.systemError = lack
        }
        trouble.cause = cause(fault, code, trouble, socks?.kind, isProxy)
        reply.fault = fault
        reply.trouble = trouble
    }

    private var systemError: Int32 {
        let number = Int32(clamping: info(CURLINFO_OS_ERRNO))
        // What a connection that is being made says meanwhile.
        return number == EINPROGRESS || number == EAGAIN ? 0 : number
    }

    /// Whether it failed before the proxy had made the connection.
    private func stopped(
        _ proxy: ProxyURL, _ code: CURLcode, _ trouble: HTTPReply.FaultFacts
    ) -> Bool {
        switch code {
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY: true
        case CURLE_COULDNT_RESOLVE_HOST: false
        default:
            // The SOCKS protocols have no TLS and no CONNECT.
            proxy.name.hasPrefix("http") && !(200..<300).contains(trouble.connectCode)
        }
    }

    /// The errno of what this host has no more of, when that is why.
    private func lack(
        _ fault: HTTPReply.Fault, _ trouble: HTTPReply.FaultFacts, _ reply: HTTPReply
    ) -> Int32? {
        if lacksMemory { return ENOMEM }
        if [EMFILE, ENFILE, ENOMEM].contains(trouble.systemError) { return trouble.systemError }
        switch fault {
        case .connect where trouble.systemError == 0, .handshake, .trustStore, .internalError,
            .exhausted:
            guard !wasSent else { return nil }
        case .headersTooLarge where trouble.curlCode == Int32(CURLE_OUT_OF_MEMORY.rawValue): break
        default: return nil
        }
        let lack = tvs_lack()
        return lack == 0 && fault == .exhausted ? ENOMEM : lack == 0 ? nil : lack
    }

    private func cause(
        _ fault: HTTPReply.Fault, _ code: CURLcode, _ trouble: HTTPReply.FaultFacts,
        _ socks: SocksAnswer.Kind?, _ isProxy: Bool
    ) -> Cause {
        switch fault {
        case .connect: return socks == .nameLookup ? .nameLookup : connectCause(code, trouble)
        case .proxy:
            return trouble.connectCode == 407 || socks == .login ? .proxyLogin : .proxyRefused
        case .broken, .truncated: return .broken
        case .noFirstByte: return .noFirstByte
        case .silence: return .silence
        case .tls: return certificateCause(code, isProxy)
        case .handshake: return .handshake
        case .trustStore: return .trustStore
        case .exhausted: return trouble.systemError == ENOMEM ? .memory : .descriptors
        case .tooLarge, .headersTooLarge, .encoding, .internalError, .crowdedOut: return .none
        }
    }

    private func connectCause(_ code: CURLcode, _ trouble: HTTPReply.FaultFacts) -> Cause {
        if code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY {
            return .nameLookup
        }
        if code == CURLE_OPERATION_TIMEDOUT {
            return unsafe sent.pointee.has_socket != 0 ? .connectTimeout : .nameLookup
        }
        switch trouble.systemError {
        case ECONNREFUSED: return .refused
        case ETIMEDOUT: return .connectTimeout
        default: return .unreachable
        }
    }

    /// OpenSSL's numbers (X509_V_ERR_…), which are part of its ABI.
    private func certificateCause(_ code: CURLcode, _ isProxy: Bool) -> Cause {
        let told = info(isProxy ? CURLINFO_PROXY_SSL_VERIFYRESULT : CURLINFO_SSL_VERIFYRESULT)
        switch told > 1 ? told : Int(tvs_tls_refusal()) {
        // The last: its signature is not of the authority that is known by this name.
        case 2, 18, 19, 20, 21, 7: return .unknownAuthority
        case 9: return .certificateNotYetValid
        case 10: return .certificateExpired
        case 62, 64: return .certificateName
        // The chain is good: what libcurl itself compares is the name.
        case 0 where code == CURLE_PEER_FAILED_VERIFICATION: return .certificateName
        default: return .certificate
        }
    }
}
