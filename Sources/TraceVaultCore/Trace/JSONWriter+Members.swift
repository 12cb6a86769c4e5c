// JSONWriter+Members.swift - members of the trace document: of an event, and of the summary.
//
// The summary repeats what events hold: what is repeated comes out of the document itself, escapes
// and all.

extension JSONWriter {
    /// `"event":{…}`: its kind, then the fields in the order of the line. `source` is what the
    /// message stands in, at `offset`. Notes where each value was written.
    mutating func plainEvent(
        _ event: borrowing PostfixEvent, in source: RawSpan, at offset: Int
    ) {
        key("event")
        beginObject()
        key("kind")
        string(event.kind.text)
        let fields = unsafe event.all
        for index in fields.indices {
            let field = unsafe fields[index]
            let (first, last) = (offset + Int(field.start), offset + Int(field.end))
            guard last <= source.byteCount else { break }
            let text = source.extracting(first..<last)
            let name = unsafe RawSpan(
                _unsafeStart: field.name.slot + 2, byteCount: field.name.length)
            key(name, isRewritten: false)
            let start = buffer.count
            if field.name.isNumber {
                verbatim(text)
                unsafe fields[index].written = Written(start, buffer.count)
            } else {
                string(text)
                unsafe fields[index].written = Written(start + 1, buffer.count - 1)
            }
        }
        endObject()
    }

    // MARK: - The summary

    /// A member whose value, a text, was written before.
    mutating func member(_ name: SummaryName, again value: Written) {
        guard !value.isNone, value.range.upperBound <= buffer.count else { return }
        key(name.text)
        again(value, isText: true)
    }

    /// The same with the name of an event's field.
    mutating func member(_ name: PostfixEvent.Name, again value: Written) {
        guard !value.isNone, value.range.upperBound <= buffer.count else { return }
        unsafe key(RawSpan(_unsafeStart: name.slot + 2, byteCount: name.length), isRewritten: false)
        again(value, isText: !name.isNumber)
    }

    private mutating func again(_ value: Written, isText: Bool) {
        if isText { byte(UInt8(ascii: "\"")) }
        let (before, range) = (buffer.count, value.range)
        unsafe put(upTo: range.count) { place in
            let source = unsafe UnsafePointer(place - before + range.lowerBound)
            unsafe place.update(from: source, count: range.count)
            return range.count
        }
        if isText { byte(UInt8(ascii: "\"")) }
        needsComma = true
    }

    /// A member whose value is the time of a queue id.
    mutating func member(_ name: StaticString, time: QueueIDNumbers) {
        guard let seconds = time.seconds else { return }
        key(name)
        unsafe put(upTo: Timestamp.microsecondsLength + 2) { place in
            unsafe place[0] = UInt8(ascii: "\"")
            unsafe Timestamp.write(
                seconds: seconds, microseconds: time.microseconds,
                to: UnsafeMutableBufferPointer(
                    start: place + 1, count: Timestamp.microsecondsLength))
            unsafe place[Timestamp.microsecondsLength + 1] = UInt8(ascii: "\"")
            return Timestamp.microsecondsLength + 2
        }
        needsComma = true
    }

    /// A member whose value is a word of ours.
    mutating func member(_ name: SummaryName, word: StaticString) {
        key(name.text)
        beginString()
        part(word)
        endString()
    }
}

/// The names of the summary's members that are no event's.
enum SummaryName {
    case address, state, at, sender, firstAt, lastAt, ownID, id, side, previousID, slowest, kind
    case fromID

    var text: StaticString {
        switch self {
        case .address: "address"
        case .state: "state"
        case .at: "at"
        case .sender: "sender"
        case .firstAt: "first_at"
        case .lastAt: "last_at"
        case .ownID: "queue_id"
        case .id: "id"
        case .side: "side"
        case .previousID: "previous_queue_id"
        case .slowest: "slowest"
        case .kind: "kind"
        case .fromID: "from_queue_id"
        }
    }
}
