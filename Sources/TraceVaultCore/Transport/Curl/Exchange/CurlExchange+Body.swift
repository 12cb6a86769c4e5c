// CurlExchange+Body.swift - how much of a body is taken: room for what is announced, and of an
// object no more than is of use.

import CCurl
import CSystem

extension CurlExchange {
    /// Certificates, headers and the framing of a small reply may be larger than the reply.
    private static let framingFloor: Int64 = 1 << 19

    /// Whether more has come than a reply may have, whatever it was unpacked to: compressed data
    /// may be nothing but empty blocks, and chunks nothing but what stands beside their bytes,
    /// which libcurl does not count. Over HTTP/1.1 the connection has carried this reply alone.
    var hasTooMuch: Bool {
        guard headers.hasBegun else { return false }
        if number(CURLINFO_SIZE_DOWNLOAD_T) > body.limit { return true }
        guard !isConnectionShared else { return false }
        return unsafe tvs_curl_received(sent) / 2 > Int64(body.limit) + Self.framingFloor
    }

    /// How long the body is, as the server says; nil where it does not.
    var announced: Int64? {
        let announced = number(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T)
        return announced < 0 ? nil : announced
    }

    /// Makes room at once for what the server announces, within reason: it may be lying.
    func reserveAnnounced() {
        guard let announced, (1...65_536).contains(announced) else { return }
        _ = body.reserve(Int(clamping: announced))
    }

    /// Lets bytes pass that have no room. Only a connection of its own ends at once: where libcurl
    /// 7.88 drops a reply that is coming, it may read no more of the connection.
    func passes(_ count: Int) -> Bool {
        passed += count
        wanted = min(body.limit, max(wanted, passed))
        return passed <= body.limit
    }

    /// Whether all of an object is there that is of use: the exchange ends, and what was not wanted
    /// is cut off. Whoever may write the object may have put anything there, of any length.
    func hasEnough() -> Bool {
        guard let object else { return false }
        if useful == nil {
            let status = Int32(clamping: info(CURLINFO_RESPONSE_CODE))
            useful = body.withBytes { object.useful(status, $0, announced) }
        }
        guard let useful, body.count >= useful else { return false }
        body.cut(to: useful)
        isCut = true
        return true
    }
}
