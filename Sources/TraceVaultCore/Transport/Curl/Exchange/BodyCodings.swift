// BodyCodings.swift - what a reply says its body is packed with.

/// libcurl unpacks whatever a reply names, asked for or not: five layers of every kind that it
/// knows, and as many in the transfer coding. A few hundred bytes become terabytes on the way
/// through the layers, within one call, and nothing of it has to reach us. So a reply whose body is
/// packed in another way than was asked for, once with gzip, ends before its body is read.
struct BodyCodings {
    private var layers = 0
    /// libcurl unpacks no content: what the reply names there was packed before, and stays so.
    var areOfTransferAlone = false

    /// Takes a header line. False when the body is packed in a way that was not asked for.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Bool {
        if !areOfTransferAlone, let value = unsafe Self.value(of: "content-encoding:", line) {
            return unsafe Self.names(in: value).allSatisfy { name in
                if unsafe Self.isOne(name, of: ["gzip", "x-gzip"]) {
                    layers += 1
                    return layers == 1
                }
                return unsafe Self.isOne(name, of: ["identity", "none"])
            }
        }
        if let value = unsafe Self.value(of: "transfer-encoding:", line) {
            return unsafe Self.names(in: value).allSatisfy {
                unsafe Self.isOne($0, of: ["chunked", "identity", "none"])
            }
        }
        return true
    }

    /// What stands behind the name; nil when the line has another one.
    private static func value(
        of name: StaticString, _ line: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let length = name.utf8CodeUnitCount
        guard line.count >= length,
            unsafe isSame(UnsafeRawBufferPointer(rebasing: line[..<length]), name)
        else { return nil }
        return unsafe UnsafeRawBufferPointer(rebasing: line[length...])
    }

    /// The names between the commas, as libcurl sees them: without what is blank around them.
    private static func names(in value: UnsafeRawBufferPointer) -> [UnsafeRawBufferPointer] {
        unsafe value.split(separator: UInt8(ascii: ",")).compactMap { part in
            let isInk: (UInt8) -> Bool = { $0 != 0x20 && !(0x09...0x0D).contains($0) }
            guard let first = unsafe part.firstIndex(where: isInk),
                let last = unsafe part.lastIndex(where: isInk)
            else { return nil }
            return unsafe UnsafeRawBufferPointer(rebasing: part[first...last])
        }
    }

    private static func isOne(_ name: UnsafeRawBufferPointer, of all: [StaticString]) -> Bool {
        all.contains { unsafe isSame(name, $0) }
    }

    /// Without regard to case; `name` is in lower case.
    private static func isSame(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        guard text.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { name in
            name.indices.allSatisfy { place in
                let byte = unsafe text[place]
                let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                return unsafe (isUpper ? byte | 0x20 : byte) == name[place]
            }
        }
    }
}
