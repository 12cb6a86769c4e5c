// Event.swift - one finished request, as the host takes it.

package final class Event: Sendable {
    package let id: UInt64
    package let tag: UInt64
    /// nil when the document has a trace.
    package let failure: Failure?
    package let document: Document

    init(id: UInt64, tag: UInt64, failure: Failure?, document: Document) {
        self.id = id
        self.tag = tag
        self.failure = failure
        self.document = document
    }

    package var status: Status { failure?.status ?? .ok }
}
