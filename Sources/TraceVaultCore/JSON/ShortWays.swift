// ShortWays.swift - which of the short ways are taken: all, but for a test or a measurement.

/// A short way is code for what nearly always is so; its plain twin does the same for everything.
/// ShortWayTests compares what they write; `figures ways` measures what leaving one out costs the
/// trace view, in per cent.
package struct ShortWays: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The head of a line in one look: `PostfixEvent.read`. Twin: `PostfixEvent.prefix`.
    package static let head = ShortWays(rawValue: 1)
    /// A line up to its event in one piece: `TraceView.usual`. Twin: `TraceView.line`.
    package static let line = ShortWays(rawValue: 2)
    /// An event in one append: JSONWriter+Line. Twin: `JSONWriter.plainEvent`.
    package static let event = ShortWays(rawValue: 4)
    package static let all: ShortWays = [.head, .line, .event]
}
