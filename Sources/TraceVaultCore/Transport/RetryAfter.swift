// RetryAfter.swift - how long the server asks us to wait: `retry-after-ms`, `Retry-After` as
// seconds or as a date (RFC 9110, 10.2.3), or `retry_after` of a problem document.

enum RetryAfter {
    /// Longer waits are cut to a day: nothing here waits longer, and the sums stay in range.
    static let longestMs: Int64 = 86_400_000

    /// The wait in ms, nil when nothing usable was said.
    static func milliseconds(
        _ headers: ReplyHeaders, bodySeconds: Int64?, wallMs: Int64
    ) -> Int64? {
        if let ms = number(headers.retryAfterMs, scale: 1) { return ms }
        if let ms = number(headers.retryAfter, scale: 1000) { return ms }
        if !headers.retryAfter.isEmpty, let date = CurlTransport.httpDate(headers.retryAfter) {
            let (at, overflow) = date.multipliedReportingOverflow(by: 1000)
            if !overflow {
                return min(max(0, at.subtractingReportingOverflow(wallMs).0), longestMs)
            }
        }
        guard let bodySeconds else { return nil }
        return min(max(0, bodySeconds), longestMs / 1000) * 1000
    }

    /// A number of at least 0, whole or with a fraction.
    private static func number(_ text: String, scale: Double) -> Int64? {
        guard let first = text.utf8.first, (0x30...0x39).contains(first),
            let value = Double(text), value.isFinite
        else { return nil }
        return Int64(exactly: min(value * scale, Double(longestMs)).rounded(.up))
    }
}
