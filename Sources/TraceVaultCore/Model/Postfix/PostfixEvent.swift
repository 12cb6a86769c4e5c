// PostfixEvent.swift - what one line of a log says, as places in that line.
//
// A field is where its text stands in the message: nothing is copied, so reading allocates nothing.
// Total: any bytes are read without a trap, and what is not understood is no event. How each kind
// of line is read is in PostfixEvent+*.swift.

#if canImport(Glibc)
    import Glibc
#endif

/// One understood line. The places are of the message it was read from, which the reader keeps.
///
/// Not copyable: one serves for all lines of a trace, and its fields are in C memory, because Swift
/// copies an inline array as a whole for each look at an element.
@safe
package struct PostfixEvent: ~Copyable {
    /// A field's place in the message.
    package struct Field {
        package var name: Name
        var start: UInt32
        var end: UInt32
        /// Where the value stands in a document, when it was written to one.
        var written = Written.none

        package var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// The most fields of one line; a closed connection with every counter has the most, 36.
    package static let maxFields = 40
    /// Longer messages are not looked at: places are 32 bits wide.
    package static let maxMessage = Int(Int32.max)

    package internal(set) var kind = Kind.warning
    package private(set) var count = 0
    /// How long the texts of all fields are together, or more: not less after `clearBehindID`.
    private(set) var textLength = 0
    private var present: (UInt64, UInt64) = (0, 0)
    /// Nil without memory; then no line is understood.
    private let fields: UnsafeMutablePointer<Field>?
    /// For each name the position of its field; holds for those that are present.
    private let positions: UnsafeMutablePointer<UInt8>?

    package init() {
        let size = Self.maxFields * MemoryLayout<Field>.stride
        let memory = unsafe malloc(size + 128)
        unsafe fields = memory?.bindMemory(to: Field.self, capacity: Self.maxFields)
        unsafe positions = memory.map {
            unsafe ($0 + size).bindMemory(to: UInt8.self, capacity: 128)
        }
    }

    deinit { unsafe free(fields) }

    /// The event of a message; nil when it is not understood.
    package init?(_ message: RawSpan) {
        self.init()
        guard read(message) else { return nil }
    }

    /// The field at a position below `count`, in the order of the line.
    @inline(__always)
    package func field(at index: Int) -> Field {
        guard index >= 0, index < count, let fields = unsafe fields else {
            return Field(name: .text, start: 0, end: 0)
        }
        return unsafe fields[index]
    }

    @inline(__always)
    package func has(_ name: Name) -> Bool {
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        return (name.rawValue < 64 ? present.0 : present.1) & bit != 0
    }

    /// Where the field's text stands in the message; nil when the line does not say.
    package subscript(name: Name) -> Range<Int>? {
        guard has(name), let positions = unsafe positions else { return nil }
        return field(at: unsafe Int(positions[Int(name.rawValue)])).range
    }

    // MARK: - For the writer of the document

    /// Where the value was written; none when the line has no such field.
    @inline(__always)
    func written(_ name: Name) -> Written {
        guard has(name), let positions = unsafe positions else { return .none }
        return field(at: unsafe Int(positions[Int(name.rawValue)])).written
    }

    /// The fields themselves, to write them all and note where.
    @inline(__always)
    var all: UnsafeMutableBufferPointer<Field> {
        unsafe UnsafeMutableBufferPointer(start: fields, count: fields == nil ? 0 : count)
    }

    // MARK: - For the readers of lines

    /// False without memory.
    mutating func clear() -> Bool {
        count = 0
        textLength = 0
        present = (0, 0)
        return unsafe fields != nil
    }

    /// Takes everything back that was noted behind the tag and the queue id: another way to read
    /// the text is tried.
    mutating func clearBehindID() {
        let kept = Name.queueID.rawValue
        while count > 0, field(at: count - 1).name.rawValue > kept { count -= 1 }
        present = (present.0 & ((UInt64(1) << UInt64(kept + 1)) - 1), 0)
    }

    /// Notes a field; the first of a name stays, so that no name comes twice.
    @inline(__always)
    mutating func add(_ name: Name, _ start: Int, _ end: Int) {
        guard count < Self.maxFields, start <= end, !has(name), let fields = unsafe fields,
            let positions = unsafe positions
        else { return }
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        if name.rawValue < 64 { present.0 |= bit } else { present.1 |= bit }
        unsafe fields[count] = Field(
            name: name, start: UInt32(truncatingIfNeeded: start),
            end: UInt32(truncatingIfNeeded: end))
        unsafe positions[Int(name.rawValue)] = UInt8(truncatingIfNeeded: count)
        count &+= 1
        textLength &+= end &- start
    }

    /// Notes a number if it is one: digits, perhaps a point and digits, as JSON writes them.
    mutating func addNumber(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) {
        guard text.isDecimal(start, end) else { return }
        var start = start
        while text.at(start) == UInt8(ascii: "0"), start + 1 < end, text.isDigit(start + 1) {
            start += 1
        }
        add(name, start, end)
    }
}
