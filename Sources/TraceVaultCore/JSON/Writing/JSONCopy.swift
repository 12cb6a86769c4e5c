// JSONCopy.swift - values of a checked text written again, canonical: what a reply holds beyond
// the members that have a meaning here.

/// What was odd about a copied value.
struct JSONOddities {
    /// Members that were left out because their name came again later.
    var duplicates = 0
    /// Numbers written as strings because common readers could not hold them.
    var numbers = 0
}

extension JSONWriter {
    /// Writes any value. The stack is as deep as the reader allows.
    ///
    /// - Parameter members: the value's, where the caller has them: finding out which of many
    ///   names come again is most of the work.
    mutating func copy(
        _ value: Int, with members: JSONMembers? = nil, of tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> JSONOddities {
        var odd = JSONOddities()
        var stack: [JSONCopyPlace] = []
        try begin(value, members, &stack, tape, bytes, &odd)
        while let place = stack.popLast() {
            switch place {
            case .array(let next, let end):
                guard next < end else {
                    endArray()
                    continue
                }
                stack.append(.array(next: Int(tape[next].next), end: end))
                try begin(next, nil, &stack, tape, bytes, &odd)
            case .object(var members):
                guard let (key, value) = members.next(tape, bytes) else {
                    odd.duplicates += members.duplicates
                    endObject()
                    continue
                }
                stack.append(.object(members))
                self.key(tape[key], bytes)
                try begin(value, nil, &stack, tape, bytes, &odd)
            }
        }
        return odd
    }

    mutating func key(_ token: JSONToken, _ bytes: RawSpan) {
        key(
            bytes.extracting(token.range(within: bytes.byteCount)),
            isRewritten: token.marks.contains(.rewritten))
    }

    /// The text of a string token.
    @inline(__always)
    mutating func string(_ token: JSONToken, _ bytes: RawSpan) {
        string(
            bytes.extracting(token.range(within: bytes.byteCount)),
            isRewritten: token.marks.contains(.rewritten))
    }

    private mutating func begin(
        _ value: Int, _ members: JSONMembers?, _ stack: inout [JSONCopyPlace],
        _ tape: JSONTape, _ bytes: RawSpan,
        _ odd: inout JSONOddities
    ) throws(Failure) {
        let token = tape[value]
        switch token.kind {
        case .null: null()
        case .bool: bool(token.marks.contains(.isTrue))
        case .number: number(token, bytes, &odd)
        case .string: string(token, bytes)
        case .array:
            beginArray()
            stack.append(.array(next: value + 1, end: Int(token.next)))
        case .object:
            beginObject()
            if let members {
                stack.append(.object(members))
            } else {
                stack.append(.object(try JSONMembers(of: value, tape, bytes)))
            }
        }
    }

    /// As it was written; as a string when common readers could not hold it.
    private mutating func number(
        _ token: JSONToken, _ bytes: RawSpan, _ odd: inout JSONOddities
    ) {
        let text = bytes.extracting(token.range(within: bytes.byteCount))
        if JSONText.isCommon(text, isInteger: token.marks.contains(.integer)) {
            verbatim(text)
        } else {
            odd.numbers += 1
            string(text)
        }
    }

    /// RFC 3339 in UTC of a time that was parsed from `text`, with the digits of its fraction.
    mutating func time(_ time: Timestamp, from text: RawSpan) {
        beginString()
        part(time.stem)
        if !time.fraction.isEmpty {
            part(".")
            part(text.extracting(time.fraction))
        }
        part("Z")
        endString()
    }
}

private enum JSONCopyPlace {
    case array(next: Int, end: Int)
    case object(JSONMembers)
}
