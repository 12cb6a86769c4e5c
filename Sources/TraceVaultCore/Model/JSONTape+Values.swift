// JSONTape+Values.swift - walking a tape and asking a token for a value.
//
// Lenient on purpose: a value of another type is nil, and the caller decides what that means.

extension JSONToken.Kind {
    /// For messages: "an array", "a string".
    package var noun: StaticString {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONTape {
    package func elementCount(of array: Int) -> Int {
        var elements = 0
        var index = array + 1
        while index < Int(self[array].next) {
            elements += 1
            index = Int(self[index].next)
        }
        return elements
    }

    package func bool(_ index: Int) -> Bool? {
        self[index].kind == .bool ? self[index].marks.contains(.isTrue) : nil
    }

    /// An integer, or a string that is nothing but one.
    package func integer(_ index: Int, in bytes: RawSpan) -> Int64? {
        let token = self[index]
        guard token.kind == .string || (token.kind == .number && token.marks.contains(.integer))
        else { return nil }
        return JSONText.int64(bytes.extracting(token.range(within: bytes.byteCount)))
    }

    /// A string for a message of ours, see `JSONText.plain`.
    package func plain(_ index: Int, limit: Int, in bytes: RawSpan) -> String? {
        let token = self[index]
        guard token.kind == .string else { return nil }
        return JSONText.plain(bytes.extracting(token.range(within: bytes.byteCount)), limit: limit)
    }
}
