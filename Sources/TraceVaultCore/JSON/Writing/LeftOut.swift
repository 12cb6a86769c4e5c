// LeftOut.swift - which parts of a document its brief form leaves out, noted while it is written.

/// Where these parts stand, in their order. In C memory, because an outsider decides how many they
/// are. One owner notes them; afterwards they are only read.
package struct LeftOut: Sendable {
    private let places = ByteBuffer(limit: Int.max)
    /// Of all parts together.
    package private(set) var byteCount = 0
    /// False once a part could not be noted.
    package private(set) var isComplete = true

    private typealias Part = (start: Int, end: Int)

    /// So much of it is noted; see `cut`.
    var mark: Int { places.count }

    package init() {}

    /// The bytes between two places, with the comma before them.
    mutating func add(_ start: Int, upTo end: Int) {
        var part: Part = (start, end)
        byteCount += end - start
        let fits = unsafe withUnsafeBytes(of: &part) { unsafe places.append($0) }
        if !fits { isComplete = false }
    }

    /// Forgets what was noted since `mark` was that.
    mutating func cut(to mark: Int) {
        places.cut(to: mark)
        byteCount = 0
        each { byteCount += $0.count }
    }

    /// The same parts of a text that stands so much further behind.
    func moved(by distance: Int) -> LeftOut {
        var moved = LeftOut()
        _ = moved.places.reserve(places.count)
        each { moved.add($0.lowerBound + distance, upTo: $0.upperBound + distance) }
        moved.isComplete = moved.isComplete && isComplete
        return moved
    }

    package func each(_ visit: (Range<Int>) -> Void) {
        places.withBytes { bytes in
            var at = 0
            while at + MemoryLayout<Part>.size <= bytes.byteCount {
                let part = unsafe bytes.unsafeLoad(fromByteOffset: at, as: Part.self)
                if part.start <= part.end { visit(part.start..<part.end) }
                at += MemoryLayout<Part>.size
            }
        }
    }
}

/// A document as it was written, and what its brief form leaves out of it.
package struct WrittenView: Sendable {
    package let text: ByteBuffer
    package let leftOut: LeftOut

    package init(_ text: ByteBuffer, _ leftOut: LeftOut) {
        self.text = text
        self.leftOut = leftOut
    }
}
