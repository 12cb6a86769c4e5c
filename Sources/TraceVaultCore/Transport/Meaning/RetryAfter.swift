// RetryAfter.swift - how long the server asks us to wait: `retry-after-ms`, `Retry-After` as
// seconds or as a date (RFC 9110, 10.2.3), or `retry_after` of a problem document. Some servers
// write the moment instead, as seconds or milliseconds since 1970.

enum RetryAfter {
    /// Longer waits are cut to a day: nothing here waits longer, and the sums stay in range.
    static let longestMs: Int64 = 86_400_000
    /// What is told of a 429 at most: nothing rests longer without a new reply.
    private static let longestParkMs = Penalties.longestUs / 1000
    /// 2001 to 2286, in seconds.
    private static let moments: Range<Int64> = 1_000_000_000..<10_000_000_000

    /// The wait in ms, nil when nothing usable was said. A header that says "at once" counts less
    /// than a body that names a time.
    static func milliseconds(
        _ headers: ReplyHeaders, bodySeconds: Int64?, wallMs: Int64
    ) -> Int64? {
        let said = words(headers, bodySeconds, wallMs)
        return said.first { $0 > 0 } ?? said.first
    }

    /// How long HTTP 429 parks, in ms: the first plausible word of header, body and `Ratelimit`,
    /// which is at most what Cloudflare documents. Where nothing was said: the documented maximum.
    /// Where only "at once" was said: one second, which the scheduler doubles.
    static func parking(_ headers: ReplyHeaders, bodySeconds: Int64?, wallMs: Int64) -> Int64 {
        var said = words(headers, bodySeconds, wallMs)
        let empty = RateLimitHeaders.remaining(headers.rateLimit).filter { $0.requests == 0 }
        if let seconds = empty.map(\.seconds).max() { said.append(seconds * 1000) }
        let plausible = 1...ServerQuota.documentedMs
        if let wait = said.first(where: { plausible.contains($0) }) { return wait }
        if let longer = said.first(where: { $0 > 0 }) { return min(longer, longestParkMs) }
        return said.isEmpty ? ServerQuota.documentedMs : 1000
    }

    /// Everything that was said, the most exact first.
    private static func words(
        _ headers: ReplyHeaders, _ bodySeconds: Int64?, _ wallMs: Int64
    ) -> [Int64] {
        // A date is one of the server's clock, which may not be ours.
        let clock = date(headers.date) ?? wallMs
        let words = [
            number(headers.retryAfterMs, scale: 1, clock),
            number(headers.retryAfter, scale: 1000, clock),
            date(headers.retryAfter).map { wait(until: $0, clock) },
            bodySeconds.map { milliseconds(max(0, $0), scale: 1000, clock) },
        ]
        return words.compactMap(\.self)
    }

    private static func date(_ text: String) -> Int64? {
        guard !text.isEmpty, let seconds = CurlTransport.httpDate(text) else { return nil }
        let (ms, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : ms
    }

    private static func wait(until time: Int64, _ clock: Int64) -> Int64 {
        min(max(0, time.subtractingReportingOverflow(clock).0), longestMs)
    }

    /// A whole number in units of `scale` ms, which may be a moment instead.
    private static func milliseconds(_ number: Int64, scale: Int64, _ clock: Int64) -> Int64 {
        if moments.contains(number) { return wait(until: number * 1000, clock) }
        if moments.contains(number / 1000) { return wait(until: number, clock) }
        return min(number, longestMs / scale) * scale
    }

    /// Digits with or without a fraction, in units of `scale` ms, rounded up. No sign, no exponent,
    /// no hexadecimal: those are nobody's idea of a time.
    private static func number(_ text: String, scale: Int64, _ clock: Int64) -> Int64? {
        var whole: Int64 = 0
        var place = scale
        var isFraction = false
        var (part, rest): (Int64, Int64) = (0, 0)
        for byte in text.utf8 {
            if byte == UInt8(ascii: "."), !isFraction, text.utf8.first != byte {
                isFraction = true
                continue
            }
            guard (0x30...0x39).contains(byte) else { return nil }
            let digit = Int64(byte - 0x30)
            if isFraction {
                place /= 10
                part += digit * place
                if place == 0, digit > 0 { rest = 1 }
            } else {
                // Beyond any moment, in whichever unit.
                whole = min(whole * 10 + digit, 100_000_000_000_000)
            }
        }
        guard !text.isEmpty else { return nil }
        return min(milliseconds(whole, scale: scale, clock) + part + rest, longestMs)
    }
}
