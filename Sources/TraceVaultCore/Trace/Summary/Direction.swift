// Direction.swift - which of the two sides of a trace a line is on.

/// The way into the mail security service, or out of it.
package enum Direction: Sendable {
    case inbound, outbound

    var name: StaticString { self == .inbound ? "inbound" : "outbound" }
    /// Where the side is in the reply, as a JSON pointer.
    var path: String { "/result/\(name)" }
}
