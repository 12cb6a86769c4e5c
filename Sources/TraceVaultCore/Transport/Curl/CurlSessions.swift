// CurlSessions.swift - the TLS sessions that connections of a transport resume.

import CCurl
import CSystem

/// libcurl keeps sessions in the handle of a transfer, which does not live on; so they are shared.
/// Ends with the last exchange that uses it. Used by one thread.
@safe
final class CurlSessions {
    let share: UnsafeMutableRawPointer
    /// The states of the files of authorities under which they were made.
    let trust: [UInt64]

    init(under trust: [UInt64]) throws(Failure) {
        guard let share = unsafe tvs_curl_sessions_new() else {
            throw Failure(.noMemory, "libcurl gave no place for TLS sessions")
        }
        unsafe self.share = share
        self.trust = trust
    }

    deinit { unsafe _ = curl_share_cleanup(share) }
}
