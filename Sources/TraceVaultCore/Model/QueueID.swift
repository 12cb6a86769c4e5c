// QueueID.swift - what a Postfix queue id says about when and where it was made.
//
// Cloudflare's message ids begin with one. Long ids hold the full time, short ones only its
// microseconds. Format: Postfix, src/global/mail_queue.h and safe_ultostr.c.

#if canImport(Glibc)
    import Glibc
#endif

/// A decoded queue id.
package struct QueueID: Sendable, Equatable {
    /// The id itself, without what Cloudflare puts behind it.
    package let value: String
    /// Since 1970, UTC; nil for a short id.
    package let seconds: Int64?
    package let microseconds: Int64
    package let inode: Int64

    private static let maxLength = 64
    /// 9999-12-31T23:59:59Z; a later time means that this is no queue id.
    private static let lastSecond: Int64 = 253_402_300_799

    /// The id at the beginning of a postfix id, investigate id or alert id; nil when none is there.
    package init?(leading ref: String) {
        var text: [UInt8] = []
        text.reserveCapacity(Self.maxLength)
        for unit in ref.utf8 {
            if unit == UInt8(ascii: "-") { break }
            guard text.count < Self.maxLength else { return nil }
            text.append(unit)
        }
        self.init(text)
    }

    private init?(_ text: [UInt8]) {
        if let long = Self.long(text) {
            (seconds, microseconds, inode) = long
        } else if let short = Self.short(text) {
            (seconds, microseconds, inode) = (nil, short.microseconds, short.inode)
        } else {
            return nil
        }
        value = String(decoding: text, as: UTF8.self)
    }

    /// When the message entered the queue; nil for a short id.
    package var time: String? {
        guard let seconds else { return nil }
        return Timestamp.text(seconds: seconds, fraction: microseconds, digits: 6)
    }

    // MARK: - The two forms

    private static func long(
        _ text: [UInt8]
    ) -> (seconds: Int64?, microseconds: Int64, inode: Int64)? {
        // The inode is written in base 51, so the last "z" is the separator.
        guard let split = text.lastIndex(of: UInt8(ascii: "z")), split >= 10,
            let seconds = number(text[..<(split - 4)], base: 52), seconds <= lastSecond,
            let microseconds = number(text[(split - 4)..<split], base: 52),
            microseconds < 1_000_000,
            let inode = number(text[(split + 1)...], base: 51)
        else { return nil }
        return (seconds, microseconds, inode)
    }

    private static func short(_ text: [UInt8]) -> (microseconds: Int64, inode: Int64)? {
        guard text.count >= 6, let microseconds = number(text[..<5], base: 16),
            microseconds < 1_000_000, let inode = number(text[5...], base: 16)
        else { return nil }
        return (microseconds, inode)
    }

    private static func number(_ digits: ArraySlice<UInt8>, base: Int64) -> Int64? {
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard let digit = base == 16 ? hexDigit(digit) : vowelFreeDigit(digit), digit < base
            else { return nil }
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: base)
            let (next, overflow) = scaled.addingReportingOverflow(digit)
            guard !tooLarge, !overflow else { return nil }
            value = next
        }
        return value
    }

    private static func hexDigit(_ character: UInt8) -> Int64? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int64(character) - 48
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int64(character) - 55
        default: nil
        }
    }

    /// The place in Postfix's alphabet, which has no vowels so that ids spell no words.
    private static func vowelFreeDigit(_ character: UInt8) -> Int64? {
        let alphabet: StaticString = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
        let start = unsafe UnsafeRawPointer(alphabet.utf8Start)
        guard
            let found = unsafe memchr(start, Int32(character), alphabet.utf8CodeUnitCount)
        else { return nil }
        return Int64(unsafe UnsafeRawPointer(found) - start)
    }
}
