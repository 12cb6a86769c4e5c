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

    /// An integer to reckon with: cut to the range in which all readers of JSON agree (RFC 7493,
    /// 2.2), so that no sum, and no product by less than a thousand, leaves Int64.
    package func quantity(_ index: Int, in bytes: RawSpan) -> Int64? {
        integer(index, in: bytes).map { min(max($0, -Self.largestQuantity), Self.largestQuantity) }
    }

    private static let largestQuantity: Int64 = 1 << 53 - 1

    /// A string for a message of ours, see `JSONText.plain`.
    package func plain(_ index: Int, limit: Int, in bytes: RawSpan) -> String? {
        let token = self[index]
        guard token.kind == .string else { return nil }
        return JSONText.plain(bytes.extracting(token.range(within: bytes.byteCount)), limit: limit)
    }
}

extension JSONTape {
    /// The value of an object's member; nil when there is none.
    func member(
        _ name: StaticString, of object: Int, _ bytes: RawSpan
    ) throws(Failure) -> Int? {
        var members = try JSONMembers(of: object, self, bytes)
        while let (key, value) = members.next(self, bytes) {
            if JSONText.equals(self[key], name, in: bytes) { return value }
        }
        return nil
    }

    /// The values of an object's members of these names, which are found in one walk.
    func members(
        _ names: [StaticString], of object: Int, _ bytes: RawSpan
    ) throws(Failure) -> [Int?] {
        var values = [Int?](repeating: nil, count: names.count)
        var members = try JSONMembers(of: object, self, bytes)
        while let (key, value) = members.next(self, bytes) {
            for place in names.indices where JSONText.equals(self[key], names[place], in: bytes) {
                values[place] = value
            }
        }
        return values
    }

    /// A string without its escapes; nil when it is none or longer than `limit` bytes.
    func text(_ index: Int, limit: Int, _ bytes: RawSpan) -> String? {
        let token = self[index]
        guard token.kind == .string else { return nil }
        var units: [UInt8] = []
        JSONText.decode(bytes.extracting(token.range(within: bytes.byteCount))) { unit in
            units.append(unit)
            return units.count <= limit
        }
        return units.count <= limit ? String(decoding: units, as: UTF8.self) : nil
    }

    /// Where the value is that a place of the text belongs to, as a JSON pointer. A name that is
    /// very long is left out, with all behind it.
    func path(to place: Int, _ bytes: RawSpan) -> String {
        var (path, index) = ("", 0)
        while self[index].kind == .object || self[index].kind == .array {
            let isObject = self[index].kind == .object
            let end = Int(self[index].next)
            var (child, number) = (index + 1, 0)
            while child < end, Int(self[isObject ? child + 1 : child].end) < place {
                child = Int(self[isObject ? child + 1 : child].next)
                number += 1
            }
            guard child < end else { return path }
            if isObject {
                guard let name = text(child, limit: 200, bytes) else { return path }
                path += "/"
                for scalar in name.unicodeScalars {
                    switch scalar {
                    case "~": path += "~0"
                    case "/": path += "~1"
                    default: path.unicodeScalars.append(scalar)
                    }
                }
            } else {
                path += "/\(number)"
            }
            index = isObject ? child + 1 : child
        }
        return path
    }
}
