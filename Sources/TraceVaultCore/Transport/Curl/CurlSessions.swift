// CurlSessions.swift - the TLS sessions that connections of a transport resume.

import CCurl
import CSystem

/// libcurl keeps sessions in the handle of a transfer, which does not live on; so they are shared.
/// Ends with the last exchange that uses it. Used by one thread.
///
/// Exchanges that need a connection for themselves have another one than those that may share, with
/// connections of its own: libcurl then allows each kind as many as the settings say. Otherwise
/// requests of HTTP/2 that hang leave none to global keys, and a connection of HTTP/1.1 to the same
/// server has libcurl make more connections for those of HTTP/2 than they need.
@safe
final class CurlSessions {
    let share: UnsafeMutableRawPointer
    /// Under which they were made; of a proxy in the second place.
    let trust: [Authorities]

    init(under trust: [Authorities], haveConnections: Bool) throws(Failure) {
        guard let share = unsafe tvs_curl_sessions_new(haveConnections) else {
            throw Failure(.noMemory, "libcurl gave no place for TLS sessions")
        }
        unsafe self.share = share
        self.trust = trust
    }

    deinit { unsafe CurlFreeing.share(share) }
}
