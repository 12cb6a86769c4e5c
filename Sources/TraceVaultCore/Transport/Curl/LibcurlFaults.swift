// LibcurlFaults.swift - the faults of libcurl that a server or a proxy could use against a client,
// and what is done about each. tv_build_info() tells those of the libcurl that runs.
//
// From curl's own advisories (curl.se/docs/security.html) and issues, looked through until October
// 2026. Left out: other protocols, other TLS backends, other systems, the command-line tool. A
// distribution may have mended a fault under an old version's number; nobody can see that.

/// A fault of libcurl that is public.
struct LibcurlFault {
    enum Remedy {
        /// No engine is made with such a libcurl.
        case refused
        /// What has the fault is never used, or bounded by us.
        case avoided
        /// Nothing can be done from outside: only to be told.
        case open

        var name: StaticString {
            switch self {
            case .refused: "refused"
            case .avoided: "avoided"
            case .open: "open"
            }
        }
    }

    let name: StaticString
    /// The last version that has it, as libcurl writes versions: a byte for each part.
    let last: UInt32
    let remedy: Remedy
    /// What is done, or what can happen.
    let how: String
    /// The first version that has it; those before `oldest` do not matter.
    var first: UInt32 = 0

    /// No older libcurl is taken.
    static let oldest: UInt32 = 0x07_58_00

    static let all = [
        LibcurlFault(
            name: "CVE-2023-23916", last: 0x07_57_00, remedy: .refused,
            how: "chains of compressions without end use up the memory"),
        LibcurlFault(
            name: "CVE-2023-28321", last: 0x08_00_01, remedy: .refused,
            how: "a wildcard in a certificate matches too much of an international host name; "
                + "api.base_url may not have one"),
        LibcurlFault(
            name: "curl issue 11101", last: 0x08_02_01, remedy: .avoided,
            how: "a folded first header writes to freed memory of the handle's last transfer: each "
                + "transfer has a handle of its own"),
        LibcurlFault(
            name: "CVE-2023-38039", last: 0x08_02_01, remedy: .avoided,
            how: "headers without end use up the memory: they are counted, and end the transfer"),
        LibcurlFault(
            name: "CVE-2023-38545", last: 0x08_03_00, remedy: .avoided,
            how: "a long host name overflows the heap through a SOCKS proxy: names are bounded to "
                + "253 bytes, redirects are never followed"),
        LibcurlFault(
            name: "CVE-2024-2398", last: 0x08_06_00, remedy: .avoided,
            how: "headers of pushed replies are not freed: pushes are never allowed"),
        LibcurlFault(
            name: "CVE-2025-0725", last: 0x08_0B_01, remedy: .refused,
            how: "gzip overflows with a very old zlib: one before 1.2.1 is refused"),
        LibcurlFault(
            name: "CVE-2025-0665", last: 0x08_0B_01, remedy: .open,
            how: "after a name lookup a descriptor is closed twice, the second time perhaps one of "
                + "the host's: use another version, or one that its distribution has mended",
            first: 0x08_0B_01),
        LibcurlFault(
            name: "CVE-2025-14819", last: 0x08_11_00, remedy: .avoided,
            how: "certificate authorities kept for one policy serve another: there is only one"),
        LibcurlFault(
            name: "CVE-2026-3784", last: 0x08_12_00, remedy: .avoided,
            how: "a proxy's connection serves other credentials: an engine has one proxy"),
        LibcurlFault(
            name: "CVE-2026-8932", last: 0x08_14_00, remedy: .avoided,
            how: "connections of other client certificates are used: there are none"),
        LibcurlFault(
            name: "CVE-2026-9080", last: 0x08_14_00, remedy: .avoided,
            how: "a transfer that a callback paused is used after it was freed: none is paused"),
        LibcurlFault(
            name: "CVE-2026-18924", last: 0x08_15_00, remedy: .avoided,
            how: "a pushed reply is used after it was freed: pushes are never allowed"),
        LibcurlFault(
            name: "CVE-2026-19931", last: 0x08_15_00, remedy: .avoided,
            how: "connections logged in by Negotiate serve others: libcurl never logs in"),
        LibcurlFault(
            name: "CVE-2026-80229", last: 0x08_15_00, remedy: .avoided,
            how: "connections outlive the OpenSSL provider of their transfer: none is ever named",
            first: 0x08_0E_00),
        LibcurlFault(
            name: "CVE-2026-92392", last: 0x08_16_00, remedy: .avoided,
            how: "a refused HTTP/2 upload is used after it was freed: uploads go over HTTP/1.1"),
        LibcurlFault(
            name: "the end waits for name lookups", last: .max, remedy: .avoided,
            how: "a multi handle waits for the threads that look names up when it goes: it is told "
                + "not to",
            first: 0x08_14_00),
        LibcurlFault(
            name: "times of what was never reached", last: .max, remedy: .avoided,
            how: "a failed transfer has a time at which its request was sent, also where none was: "
                + "the library notes what is sent itself",
            first: 0x08_14_00),
        LibcurlFault(
            name: "a wait for HTTP/2 that does not come", last: .max, remedy: .avoided,
            how: "who waits for a connection that turns out to be of HTTP/1.1 waits on until its "
                + "reply has come: they begin again with connections of their own",
            first: 0x08_0D_00),
        LibcurlFault(
            name: "HTTP/2 read without end", last: .max, remedy: .avoided,
            how: "one call reads on while frames come that carry nothing: its processor time is "
                + "bounded, also where pieces of a body come between them"),
        LibcurlFault(
            name: "a TLS handshake read without end", last: .max, remedy: .avoided,
            how: "OpenSSL skips messages that mean nothing within one call, before anybody has "
                + "shown a certificate: the records of a call are counted"),
        LibcurlFault(
            name: "a refused CONNECT read without end", last: .max, remedy: .avoided,
            how: "one call reads on while the body of a proxy's 407 comes: it is ended"),
        LibcurlFault(
            name: "HTTP/1.1 replies that nobody asked for", last: .max, remedy: .avoided,
            how: "what comes behind a reply is taken for the answer to the connection's next "
                + "request: there is none"),
        LibcurlFault(
            name: "HTTP/2 in words", last: .max, remedy: .avoided,
            how: "a status line that says HTTP/2 on a connection of HTTP/1.1 lets other requests "
                + "onto the server's connections: none is sent there"),
        LibcurlFault(
            name: "the end of a stream not seen", last: 0x07_58_01, remedy: .avoided,
            how: "of many large compressed replies on one HTTP/2 connection the last may end only "
                + "when it has been silent for 20 s; it is asked for again"),
        LibcurlFault(
            name: "a refused stream sent again", last: .max, remedy: .avoided,
            how: "libcurl sends the request up to five times more by itself, over any connection "
                + "of its server: it ends before that, and goes again with a permit of its own"),
    ]

    private func has(_ version: UInt32) -> Bool { version >= first && version <= last }

    /// Throws where this libcurl, or what it is linked with, is refused.
    static func check(version: UInt32, zlib: String?, origin: String) throws(Failure) {
        guard version >= oldest else {
            throw Failure(.other, "libcurl 7.88 or newer is needed: older ones have known faults")
        }
        if let zlib, ["0.", "1.0", "1.1.", "1.2.0"].contains(where: { zlib.hasPrefix($0) }) {
            throw Failure(.other, "libcurl uses a zlib before 1.2.1, which has known faults")
        }
        if version <= 0x08_00_01, Self.isInternational(origin) {
            throw Failure(
                .other,
                "libcurl 8.1 or newer is needed for an api.base_url with an international name")
        }
    }

    private static func isInternational(_ origin: String) -> Bool {
        origin.split { $0 == "/" || $0 == "." }.contains { $0.hasPrefix("xn--") }
    }

    /// Those of one version, as an array.
    static func describe(_ version: UInt32, into writer: inout JSONWriter) {
        writer.beginArray()
        for fault in all where fault.has(version) && version >= oldest {
            writer.beginObject()
            writer.key("name")
            writer.string(fault.name.description)
            writer.key("remedy")
            writer.string(fault.remedy.name.description)
            writer.key("how")
            writer.string(fault.how)
            writer.endObject()
        }
        writer.endArray()
    }
}
