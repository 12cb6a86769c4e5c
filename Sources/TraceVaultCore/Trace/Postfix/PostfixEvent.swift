// PostfixEvent.swift - what one line of a log says, as places in that line.
//
// A field is where its text stands in the message: nothing is copied, so reading allocates nothing.
// Total: any bytes are read without a trap, and what is not understood is no event. How each kind
// of line is read is in Lines/.

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

    /// The most fields of one line; a closed connection with every counter has the most, 46.
    package static let maxFields = 48
    /// Longer messages are not looked at: places are 32 bits wide.
    package static let maxMessage = Int(Int32.max)

    package internal(set) var kind = Kind.warning
    package var ways = ShortWays.all
    package private(set) var count = 0
    /// How long the texts of all fields are together, or more: not less after `clearBehindID`.
    private(set) var textLength = 0
    /// For each name the position of its field plus one, 0 when the line has none; the fields
    /// follow. Nil without memory; then no line is understood.
    private let positions: UnsafeMutablePointer<UInt8>?
    private static let positionCount = 128

    package init() {
        let size = Self.positionCount + Self.maxFields * MemoryLayout<Field>.stride
        unsafe positions = malloc(size)?.bindMemory(to: UInt8.self, capacity: size)
        _ = clear()
    }

    deinit { unsafe free(positions) }

    @inline(__always)
    private static func fields(
        _ positions: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<Field> {
        unsafe UnsafeMutableRawPointer(positions + positionCount).assumingMemoryBound(
            to: Field.self)
    }

    /// The event of a message; nil when it is not understood.
    package init?(_ message: RawSpan) {
        self.init()
        guard read(message) else { return nil }
    }

    /// The field at a position below `count`, in the order of the line.
    @inline(__always)
    package func field(at index: Int) -> Field {
        guard index >= 0, index < count, let positions = unsafe positions else {
            return Field(name: .text, start: 0, end: 0)
        }
        return unsafe Self.fields(positions)[index]
    }

    @inline(__always)
    package func has(_ name: Name) -> Bool {
        guard let positions = unsafe positions else { return false }
        return unsafe positions[Int(name.rawValue)] != 0
    }

    /// Where the field's text stands in the message; nil when the line does not say.
    package subscript(name: Name) -> Range<Int>? {
        guard has(name), let positions = unsafe positions else { return nil }
        return unsafe Self.fields(positions)[Int(positions[Int(name.rawValue)]) &- 1].range
    }

    // MARK: - For the writer of the document

    /// Where the value was written; none when the line has no such field.
    @inline(__always)
    func written(_ name: Name) -> Written {
        guard let positions = unsafe positions else { return .none }
        let position = unsafe Int(positions[Int(name.rawValue)])
        guard position > 0 else { return .none }
        return unsafe Self.fields(positions)[position &- 1].written
    }

    /// The fields themselves, to write them all and note where.
    @inline(__always)
    var all: UnsafeMutableBufferPointer<Field> {
        guard let positions = unsafe positions else {
            return unsafe UnsafeMutableBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeMutableBufferPointer(start: Self.fields(positions), count: count)
    }

    // MARK: - For the readers of lines

    /// False without memory.
    mutating func clear() -> Bool {
        count = 0
        textLength = 0
        guard let positions = unsafe positions else { return false }
        unsafe positions.update(repeating: 0, count: Self.positionCount)
        return true
    }

    /// Takes everything back that was noted behind the tag and the queue id: another way to read
    /// the text is tried.
    mutating func clearBehindID() {
        let kept = Name.queueID.rawValue
        guard let positions = unsafe positions else { return }
        while count > 0, field(at: count - 1).name.rawValue > kept {
            count -= 1
            unsafe positions[Int(Self.fields(positions)[count].name.rawValue)] = 0
        }
    }

    /// Notes a field; the first of a name stays, so that no name comes twice.
    @inline(__always)
    mutating func add(_ name: Name, _ start: Int, _ end: Int) {
        guard count < Self.maxFields, start <= end, let positions = unsafe positions else { return }
        let place = unsafe positions + Int(name.rawValue)
        guard unsafe place.pointee == 0 else { return }
        unsafe Self.fields(positions)[count] = Field(
            name: name, start: UInt32(truncatingIfNeeded: start),
            end: UInt32(truncatingIfNeeded: end))
        unsafe place.pointee = UInt8(truncatingIfNeeded: count &+ 1)
        count &+= 1
        textLength &+= end &- start
    }

    /// Notes the digits at a place, if there are any; answers where they end.
    @inline(never)
    mutating func addDigits(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) -> Int {
        let digitsEnd = text.digitsEnd(start, end)
        if text.at(start) == UInt8(ascii: "0") || digitsEnd &- start > 15 {
            addNumber(name, text, start, digitsEnd)
        } else if digitsEnd > start {
            add(name, start, digitsEnd)
        }
        return digitsEnd
    }

    /// Notes what comes before a byte if it is a number; answers where that byte is, `end` without
    /// it.
    mutating func addNumber(
        _ name: Name, _ text: RawSpan, _ start: Int, before byte: UInt8, _ end: Int
    ) -> Int {
        if let next = text.numberEnd(start, before: byte), next < end {
            add(name, start, next)
            return next
        }
        let next = text.find(byte, start, end)
        addNumber(name, text, start, next)
        return next
    }

    /// Notes a number if it is one: digits, perhaps a point and digits, as JSON writes them.
    @inline(never)
    mutating func addNumber(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) {
        guard text.isDecimal(start, end) else { return }
        var start = start
        while text.at(start) == UInt8(ascii: "0"), start + 1 < end, text.isDigit(start + 1) {
            start += 1
        }
        add(name, start, end)
    }

    /// Notes a number that counts something, if it is one: digits only.
    mutating func addCount(_ name: Name, _ text: RawSpan, _ start: Int, _ end: Int) {
        if text.digitsEnd(start, end) == end { addNumber(name, text, start, end) }
    }
}
