// TrustedFiles.swift - the files of authorities for a server and for a proxy before it.

struct TrustedFiles {
    let server: TrustStore
    /// Nil: the server's.
    let proxy: TrustStore?

    /// Whom they have now, of the proxy in the second place.
    /// - Parameter nowUs: CLOCK_MONOTONIC.
    func known(nowUs: Int64) throws(Failure) -> [Authorities] {
        let known = try server.look(nowUs: nowUs)
        return [known, try proxy?.look(nowUs: nowUs) ?? known]
    }

    /// Whether they still have those under whom a connection is made.
    func have(_ trust: [Authorities], nowUs: Int64) -> Bool {
        (try? known(nowUs: nowUs))?.elementsEqual(trust, by: ===) == true
    }
}
