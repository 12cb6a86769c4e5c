// PostfixEvent.swift - what one line of a log says, as places in that line.
//
// A field is where its text stands in the message: nothing is copied, so reading allocates nothing.
// Total: any bytes are read without a trap, and what is not understood is no event. How each kind of
// line is read is in PostfixEvent+*.swift.

/// One understood line. The places are of the message it was read from, which the reader keeps.
package struct PostfixEvent: Sendable {
    /// A field's place in the message.
    package struct Field: Sendable {
        package var name: Name
        var start: UInt32
        var end: UInt32

        package var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// The most fields of one line; a closed connection with every counter has the most, 36.
    package static let maxFields = 40
    /// Longer messages are not looked at: places are 32 bits wide.
    package static let maxMessage = Int(Int32.max)

    package internal(set) var kind = Kind.warning
    package private(set) var count = 0
    private var present: (UInt64, UInt64) = (0, 0)
    private var fields = InlineArray<40, Field>(
        repeating: Field(name: .text, start: 0, end: 0))

    package init() {}

    /// The event of a message; nil when it is not understood.
    package init?(_ message: RawSpan) {
        self.init()
        guard read(message) else { return nil }
    }

    /// The field at a position below `count`, in the order of the line.
    @inline(__always)
    package func field(at index: Int) -> Field {
        index >= 0 && index < Self.maxFields
            ? fields[index] : Field(name: .text, start: 0, end: 0)
    }

    @inline(__always)
    package func has(_ name: Name) -> Bool {
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        return (name.rawValue < 64 ? present.0 : present.1) & bit != 0
    }

    /// Where the field's text stands in the message; nil when the line does not say.
    package subscript(name: Name) -> Range<Int>? {
        guard has(name) else { return nil }
        for index in 0..<count where fields[index].name == name { return fields[index].range }
        return nil
    }

    // MARK: - For the readers of lines

    mutating func clear() {
        count = 0
        present = (0, 0)
    }

    /// Takes everything back that was noted behind the tag and the queue id: another way to read
    /// the text is tried.
    mutating func clearBehindID() {
        let kept = Name.queueID.rawValue
        while count > 0, fields[count - 1].name.rawValue > kept { count -= 1 }
        present = (present.0 & ((UInt64(1) << UInt64(kept + 1)) - 1), 0)
    }

    /// Notes a field; the first of a name stays, so that no name comes twice.
    @inline(__always)
    mutating func add(_ name: Name, _ start: Int, _ end: Int) {
        guard count < Self.maxFields, start <= end, !has(name) else { return }
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        if name.rawValue < 64 { present.0 |= bit } else { present.1 |= bit }
        fields[count] = Field(
            name: name, start: UInt32(truncatingIfNeeded: start),
            end: UInt32(truncatingIfNeeded: end))
        count += 1
    }

    /// Notes a number if it is one: digits, perhaps a point and digits, as JSON writes them.
    mutating func addNumber(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) {
        guard end <= text.byteCount, end - start <= 15 else { return }
        var start = start
        while start + 1 < end, text.at(start) == UInt8(ascii: "0"), text.isDigit(start + 1) {
            start += 1
        }
        var index = text.digitsEnd(start, end)
        guard index > start else { return }
        if index < end, text.at(index) == UInt8(ascii: ".") {
            let fraction = index + 1
            index = text.digitsEnd(fraction, end)
            guard index > fraction else { return }
        }
        guard index == end else { return }
        add(name, start, end)
    }
}
