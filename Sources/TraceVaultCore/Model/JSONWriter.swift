// JSONWriter.swift - canonical JSON into a ByteBuffer.
//
// Canonical: no white space, keys in the order they are written, the shortest escape, "/" and
// non-ASCII text as they are. Running out of room is remembered, not thrown, so that callers stay
// straight lines: look at `isComplete` once, at the end.

/// Writes one JSON value. Commas and colons come by themselves; nesting is the caller's to balance.
package struct JSONWriter: ~Copyable {
    package let buffer: ByteBuffer
    /// False once anything did not fit.
    package private(set) var isComplete = true
    private var needsComma = false

    package init(into buffer: ByteBuffer) {
        self.buffer = buffer
    }

    // MARK: - Structure

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// An object's key; ASCII without characters that need escapes.
    package mutating func key(_ name: StaticString) {
        separate()
        byte(UInt8(ascii: "\""))
        unsafe raw(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        raw("\":")
        needsComma = false
    }

    // MARK: - Values

    package mutating func null() { literal("null") }
    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    package mutating func int(_ value: some BinaryInteger) {
        separate()
        var text = String(value)
        text.withUTF8 { unsafe raw(UnsafeRawBufferPointer($0)) }
        needsComma = true
    }

    package mutating func string(_ value: String) {
        var text = value
        text.withUTF8 { unsafe escaped(UnsafeRawBufferPointer($0)) }
    }

    /// Bytes that are already valid UTF-8.
    package mutating func string(_ value: RawSpan) {
        unsafe value.withUnsafeBytes { unsafe escaped($0) }
    }

    /// A complete JSON value, written as it is.
    package mutating func verbatim(_ value: RawSpan) {
        separate()
        unsafe value.withUnsafeBytes { unsafe raw($0) }
        needsComma = true
    }

    // MARK: - Bytes

    private mutating func open(_ bracket: UInt8) {
        separate()
        byte(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        byte(bracket)
        needsComma = true
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        raw(text)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { byte(UInt8(ascii: ",")) }
    }

    private mutating func escaped(_ text: UnsafeRawBufferPointer) {
        separate()
        byte(UInt8(ascii: "\""))
        var start = 0
        var index = 0
        while index < text.count {
            let character = unsafe text[index]
            if character < 0x20 || character == UInt8(ascii: "\"") || character == UInt8(ascii: "\\") {
                unsafe raw(UnsafeRawBufferPointer(rebasing: text[start..<index]))
                escape(character)
                start = index + 1
            }
            index += 1
        }
        unsafe raw(UnsafeRawBufferPointer(rebasing: text[start..<text.count]))
        byte(UInt8(ascii: "\""))
        needsComma = true
    }

    private mutating func escape(_ character: UInt8) {
        switch character {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x08: raw("\\b")
        case 0x09: raw("\\t")
        case 0x0A: raw("\\n")
        case 0x0C: raw("\\f")
        case 0x0D: raw("\\r")
        default:
            raw("\\u00")
            byte(Self.hexDigit(character >> 4))
            byte(Self.hexDigit(character & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private mutating func byte(_ value: UInt8) {
        unsafe withUnsafeBytes(of: value) { unsafe raw($0) }
    }

    private mutating func raw(_ text: StaticString) {
        unsafe raw(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        if isComplete { isComplete = unsafe buffer.append(bytes) }
    }
}
