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

    /// Digits with or without a fraction, in units of `scale` ms, rounded up. No sign, no exponent,
    /// no hexadecimal: those are nobody's idea of a time.
    private static func number(_ text: String, scale: Int64) -> Int64? {
        var ms: Int64 = 0
        var place = scale
        var isNumber = false
        var isFraction = false
        var rest: Int64 = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "."), isNumber, !isFraction {
                isFraction = true
                continue
            }
            guard (0x30...0x39).contains(byte) else { return nil }
            isNumber = true
            let digit = Int64(byte - 0x30)
            if isFraction {
                place /= 10
                ms += digit * place
                if place == 0, digit > 0 { rest = 1 }
            } else {
                ms = min(ms * 10 + digit * scale, longestMs)
            }
        }
        return isNumber ? min(ms + rest, longestMs) : nil
    }
}
