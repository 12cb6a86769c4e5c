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
    /// Nil where nothing is encrypted: a file that nobody needs ends no request.
    let trust: TrustedFiles?
    let room: ReplyRoom
    /// See `CurlTransport.isStillLent`.
    var isStillLent: (UInt64) -> Bool = { _ in true }

    /// Looks at the files of authorities. Sessions that were made under others would let in a
    /// server that is not trusted any more: the change counts until there are new ones.
    mutating func renewSessions(_ nowUs: Int64) throws(Failure) {
        guard let trust else { return }
        let known = try trust.known(nowUs: nowUs)
        guard !known.elementsEqual(sessions.trust, by: ===) else { return }
        let renewed = try CurlSessions(under: known, haveConnections: false)
        ownSessions = try CurlSessions(under: known, haveConnections: true)
        sessions = renewed
        unsafe watch.pointee.authorities = known[0].store
        unsafe watch.pointee.proxy_authorities = known[1].store
    }
}
