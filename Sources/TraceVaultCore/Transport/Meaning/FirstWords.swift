// FirstWords.swift - how a text begins that was not asked for, fit for a message: a page of a
// proxy, of a portal, of a filter.

import CSystem

enum FirstWords {
    /// Characters that are told at most.
    private static let most = 100
    /// Bytes that are looked at: a page may begin with its styles.
    private static let room = 16_384

    /// Without tags, comments, scripts and styles, and without characters that steer; "" when
    /// nothing is left. The secret that was sent is masked in the body already.
    static func of(_ body: ByteBuffer) -> String {
        body.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { bytes in
                let start = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(room))
                return of(unsafe String(decoding: start, as: UTF8.self))
            }
        }
    }

    static func of(_ text: String) -> String {
        var words = ""
        var count = 0
        var isApart = false
        var rest = Substring(text).unicodeScalars
        while count < most, let scalar = rest.popFirst() {
            if scalar == "<", let first = rest.first, isTag(first) {
                skip(&rest)
                isApart = true
            } else if isLeftOut(scalar) {
                // What was apart stays apart: pieces of a secret must not become whole again here,
                // behind the masking. No secret has a space.
                isApart = true
            } else {
                if isApart, count > 0 { words += " " }
                isApart = false
                words.unicodeScalars.append(scalar)
                count += 1
            }
        }
        return words
    }

    /// Blanks, what steers, and what ends the words in a message: they stand between double quotes.
    private static func isLeftOut(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.value < 0x20 || scalar == "\""
            || isHidden(scalar)
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        (0x7F...0x9F).contains(scalar.value) || tvs_is_mark(scalar.value)
    }

    private static func isTag(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "/" || scalar == "!" || scalar == "?" || scalar.properties.isAlphabetic
    }

    /// To the end of a tag whose first character has been taken; of a script or a style to its own
    /// end.
    private static func skip(_ rest: inout Substring.UnicodeScalarView) {
        if begins(rest, "!--") { return skip(&rest, past: "-->") }
        for name in ["script", "style"] where begins(rest, name) {
            skip(&rest, past: "</" + name)
        }
        skip(&rest, past: ">")
    }

    private static func skip(_ rest: inout Substring.UnicodeScalarView, past end: String) {
        while !rest.isEmpty, !begins(rest, end) { rest.removeFirst() }
        rest.removeFirst(min(rest.count, end.unicodeScalars.count))
    }

    private static func begins(_ rest: Substring.UnicodeScalarView, _ text: String) -> Bool {
        rest.prefix(text.unicodeScalars.count).elementsEqual(text.unicodeScalars) { left, right in
            left == right || (left.isASCII && left.value | 0x20 == right.value)
        }
    }
}
