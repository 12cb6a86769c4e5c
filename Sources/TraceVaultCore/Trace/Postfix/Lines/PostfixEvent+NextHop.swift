// PostfixEvent+NextHop.swift - what the next hop did and how Postfix's encryption with it went.

extension PostfixEvent {
    /// `host[ip]:port: reason`, of the next hop.
    mutating func failed(
        _ kind: Kind, _ text: RawSpan, _ start: Int, _ end: Int
    ) -> Bool {
        self.kind = kind
        if let peerEnd = relayPeer(text, start, end), text.has(": ", peerEnd) {
            add(.error, peerEnd + 2, end)
            return true
        }
        // Before 2.4 without the address.
        let colon = text.findEither(UInt8(ascii: ":"), UInt8(ascii: " "), start, end)
        guard kind == .tlsUnverified, colon > start, text.has(": ", colon) else { return false }
        add(.relayHost, start, colon)
        add(.error, colon + 2, end)
        return true
    }

    /// `host H[ip] said: …` and what else there is to tell of a next hop.
    mutating func nextHop(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        if said(.reply, text, start + 5, " said: ", end) { return true }
        if text.find(" refused to talk to me: ", start, end) != nil {
            return said(.refused, text, start + 5, " refused to talk to me: ", end)
        }
        kind = .workaround
        guard let peerEnd = relayPeer(text, start + 5, end), text.has(" offers ", peerEnd) else {
            return false
        }
        add(.text, peerEnd + 1, end)
        return true
    }

    /// `Cannot start TLS: reason`, `TLS is required, but was not offered by host H[ip]`, `TLS is
    /// required, but host H[ip] refused to start TLS: REPLY`, and other reasons after "but".
    mutating func unencrypted(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        if text.has("Cannot start TLS: ", start) {
            kind = .tlsError
            add(.error, start + 18, end)
            return true
        }
        guard text.has("TLS is required, but ", start) else { return false }
        kind = .tlsError
        if text.has("was not offered by host ", start + 21),
            relayPeer(text, start + 45, end) == end
        {
            add(.error, start, start + 36)
        } else if text.has("host ", start + 21),
            let peerEnd = relayPeer(text, start + 26, end),
            text.has(" refused to start TLS: ", peerEnd)
        {
            add(.error, start, start + 15)
            add(.reply, peerEnd + 23, end)
            codes(text, peerEnd + 23, end)
        } else {
            add(.error, start, end)
        }
        return true
    }

    // MARK: - Its certificate, and what is reported of it

    /// `[server ]certificate verification failed for host[ip]:port: reason`; nil when it is no such
    /// line at all.
    mutating func unverified(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool? {
        let place = text.has("server ", start) ? start + 7 : start
        if text.has("certificate verification failed for ", place) {
            return failed(.tlsUnverified, text, place + 36, end)
        }
        if text.has("certificate peer name verification failed for ", place) {
            return failed(.tlsUnverified, text, place + 46, end)
        }
        return nil
    }

    /// `status=failure, domain=D, receiving_mx=host[ip], failure_type=T[, failure_reason=R]`.
    mutating func tlsReport(_ text: RawSpan, _ start: Int, _ end: Int) -> Bool {
        if let mark = text.find("receiving_mx=", start, end) {
            _ = relayPeer(text, mark + 13, end)
        }
        return remark(.tlsReport, text, start, end)
    }
}
