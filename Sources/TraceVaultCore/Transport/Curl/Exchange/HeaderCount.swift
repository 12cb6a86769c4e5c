// HeaderCount.swift - the header lines of a reply as they come: are they whole, are they too many?

/// libcurl 7.88 bounds neither trailers nor what all interim replies hold together, and takes a
/// connection that ends amid the headers for a reply without a body.
struct HeaderCount {
    private static let maxBytes = 256 * 1024
    /// Each line is looked at when it comes and for every header that is read. Servers send fewer
    /// than a hundred.
    private static let maxLines = 1000
    private(set) var bytes = 0
    private var lines = 0
    /// The empty line behind the headers of the last reply came.
    private(set) var areWhole = false
    var areTooLarge: Bool { bytes > Self.maxBytes || lines > Self.maxLines }
    /// Something came that is not of an interim reply (1xx).
    private(set) var hasBegun = false
    private var isInterim = false

    /// Takes one line with its line end. False when it is one too many.
    mutating func count(_ line: UnsafeRawBufferPointer) -> Bool {
        bytes += line.count
        lines += 1
        if unsafe Self.isStatus(line) {
            areWhole = false
            let space = unsafe line.firstIndex(of: UInt8(ascii: " ")) ?? line.count
            isInterim = unsafe space + 1 < line.count && line[space + 1] == UInt8(ascii: "1")
        } else if line.count <= 2 {
            areWhole = true
        }
        if !isInterim { hasBegun = true }
        return !areTooLarge
    }

    /// Whether another reply begins: libcurl takes "http/1.1" for HTTP/1.1, too.
    private static func isStatus(_ line: UnsafeRawBufferPointer) -> Bool {
        let name: StaticString = "http/"
        guard line.count > name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { name in
            name.indices.allSatisfy { unsafe line[$0] | 0x20 == name[$0] | 0x20 }
        }
    }
}
