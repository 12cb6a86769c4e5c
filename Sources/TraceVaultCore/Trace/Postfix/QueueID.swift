// QueueID.swift - what a Postfix queue id says about when and where it was made.
//
// Cloudflare's message ids begin with one. Long ids hold the full time, short ones only its
// microseconds. Format: Postfix, src/global/mail_queue.h and safe_ultostr.c.

/// A decoded queue id, without its text.
package struct QueueIDNumbers: Sendable, Equatable {
    /// Since 1970, UTC; nil for a short id.
    package let seconds: Int64?
    package let microseconds: Int64
    package let inode: Int64

    static let maxLength = 64
    /// 9999-12-31T23:59:59Z; a later time means that this is no queue id.
    private static let lastSecond: Int64 = 253_402_300_799

    /// The whole text is the id; nil when it is none.
    package init?(_ text: RawSpan) {
        guard text.byteCount <= Self.maxLength else { return nil }
        self.init(long: text)
        if seconds == nil { self.init(short: text) }
        guard inode >= 0 else { return nil }
    }

    /// When the message entered the queue; nil for a short id.
    package var time: String? {
        guard let seconds else { return nil }
        return Timestamp.text(seconds: seconds, fraction: microseconds, digits: 6)
    }

    // MARK: - The two forms; an inode below 0 means "not this form"

    private init(long text: RawSpan) {
        // The inode is written in base 51, so the last "z" is the separator.
        guard let split = text.findLast(UInt8(ascii: "z"), 10, text.byteCount),
            let seconds = Self.number(text, 0, split - 4, base: 52), seconds <= Self.lastSecond,
            let microseconds = Self.number(text, split - 4, split, base: 52),
            microseconds < 1_000_000,
            let inode = Self.number(text, split + 1, text.byteCount, base: 51)
        else {
            (seconds, microseconds, inode) = (nil, 0, -1)
            return
        }
        (self.seconds, self.microseconds, self.inode) = (seconds, microseconds, inode)
    }

    private init(short text: RawSpan) {
        seconds = nil
        guard text.byteCount >= 6, let microseconds = Self.number(text, 0, 5, base: 16),
            microseconds < 1_000_000,
            let inode = Self.number(text, 5, text.byteCount, base: 16)
        else {
            (microseconds, inode) = (0, -1)
            return
        }
        (self.microseconds, self.inode) = (microseconds, inode)
    }

    private static func number(
        _ text: RawSpan, _ start: Int, _ end: Int, base: Int64
    ) -> Int64? {
        guard start < end else { return nil }
        var value: Int64 = 0
        for place in start..<end {
            let character = text.at(place)
            let digit = base == 16 ? hexDigit(character) : vowelFreeDigit(character)
            guard digit < base else { return nil }
            // Eleven digits of base 52 always fit.
            if place - start >= 11, value > (Int64.max - digit) / base { return nil }
            value = value &* base &+ digit
        }
        return value
    }

    private static let noDigit = Int64(UInt8.max)

    private static func hexDigit(_ character: UInt8) -> Int64 {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int64(character) - 48
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int64(character) - 55
        default: noDigit
        }
    }

    /// The place in Postfix's alphabet, which has no vowels so that ids spell no words:
    /// `0-9 BCDFGHJKLMNPQRSTVWXYZ bcdfghjklmnpqrstvwxyz`. As a table from "0" on: "#" stands for 0,
    /// what follows it in ASCII for what follows 0, and "!" for no digit.
    @inline(__always)
    private static func vowelFreeDigit(_ character: UInt8) -> Int64 {
        let table: StaticString = """
            #$%&'()*+,!!!!!!!\
            !-./!012!34567!89:;<!=>?@A!!!!!!\
            !BCD!EFG!HIJKL!MNOPQ!RSTUV
            """
        let index = Int(character) - 48
        guard index >= 0, index < 75 else { return noDigit }
        return unsafe Int64(table.utf8Start[index] &- UInt8(ascii: "#"))
    }
}

/// A queue id as it leads a message reference of Cloudflare's.
package struct QueueID: Sendable, Equatable {
    /// The id itself, without what Cloudflare puts behind it.
    package let value: String
    private let numbers: QueueIDNumbers

    package var seconds: Int64? { numbers.seconds }
    package var microseconds: Int64 { numbers.microseconds }
    package var inode: Int64 { numbers.inode }
    package var time: String? { numbers.time }

    /// The id at the beginning of a postfix id, investigate id or alert id; nil when none is there.
    package init?(leading ref: String) {
        // By bytes: characters are looked for in the tables of Unicode, a microsecond for an id.
        value = String(Substring(ref.utf8.prefix { $0 != UInt8(ascii: "-") }))
        var text = value
        let numbers = text.withUTF8 { bytes in
            QueueIDNumbers(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes)))
        }
        guard let numbers else { return nil }
        self.numbers = numbers
    }
}
