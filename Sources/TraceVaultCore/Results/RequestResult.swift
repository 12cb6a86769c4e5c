// RequestResult.swift - one finished request, as the host takes it.

package final class RequestResult: Sendable {
    package let id: UInt64
    package let tag: UInt64
    /// What was asked; raw values are the numbers of the header.
    package enum Kind: Int32, Sendable {
        case trace = 1
        case search = 2
        case check = 3
        /// Nobody asked.
        case notice = 4
        /// What a hunt has found; that it is over; how far it is.
        case finding = 5
        case hunt = 6
        case progress = 7

        /// Such results are no answers to requests that a host has made.
        var isOfHunt: Bool { self == .finding || self == .hunt || self == .progress }
    }

    package let kind: Kind
    /// Who asked; nil in what no engine made.
    let tenant: TenantKey?
    /// nil when the document has the answer.
    package let failure: Failure?
    package let document: Document
    /// What it takes in memory until the host has it, or has freed it.
    let byteCount: Int

    init(
        id: UInt64, tag: UInt64, kind: Kind = .trace, tenant: TenantKey? = nil, failure: Failure?,
        document: Document
    ) {
        self.id = id
        self.tag = tag
        self.kind = kind
        self.tenant = tenant
        self.failure = failure
        self.document = document
        byteCount = document.byteCount
    }

    package var status: Status { failure?.status ?? .ok }
}
