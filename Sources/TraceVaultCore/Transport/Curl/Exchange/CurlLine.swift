// CurlLine.swift - what the exchanges of a transport have in common.

import CCurl
import CSystem

@safe
struct CurlLine {
    let settings: TransportSettings
    let options: [CurlOption]
    /// Outlives the connections.
    let watch: UnsafeMutablePointer<tvs_curl_watch>
    var sessions: CurlSessions
    /// Of exchanges with a connection of their own.
    var ownSessions: CurlSessions
    let trust: TrustStore
    let room: ReplyRoom
    /// Of a file of its own for the proxy.
    let proxyTrust: TrustStore?
    /// See `CurlTransport.isStillLent`.
    var isStillLent: (UInt64) -> Bool = { _ in true }

    /// Looks at the files of authorities. Sessions that were made under others would let in a
    /// server that is not trusted any more: the change counts until there are new ones.
    mutating func renewSessions(_ nowUs: Int64) throws(Failure) {
        let states = [try trust.look(nowUs: nowUs), try proxyTrust?.look(nowUs: nowUs) ?? 0]
        guard states != sessions.trust else { return }
        let renewed = try CurlSessions(under: states, haveConnections: false)
        ownSessions = try CurlSessions(under: states, haveConnections: true)
        sessions = renewed
    }

    /// For CURLOPT_CA_CACHE_TIMEOUT, which holds for both.
    func trustKeepSeconds(_ nowUs: Int64) -> Int {
        let seconds = trust.keepSeconds(nowUs: nowUs)
        return min(seconds, proxyTrust?.keepSeconds(nowUs: nowUs) ?? seconds)
    }
}
