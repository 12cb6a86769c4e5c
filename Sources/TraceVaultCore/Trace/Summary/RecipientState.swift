// RecipientState.swift - what became of a recipient's copy of the message, in honest words.
//
// The texts are part of the trace document (docs/trace.md): never renamed, never reused.

enum RecipientState: UInt8 {
    /// In a queue of this trace; no outcome is known yet.
    case queued
    /// The next hop took it over. Not: it is in the inbox.
    case sent
    case deferred, bounced, expired, rejected, discarded, held
    /// Replaced by other recipients: an alias, or redirected by a decision.
    case expanded
    /// Answers to a probe: nothing was sent.
    case deliverable, undeliverable
    /// A status word that Postfix does not have.
    case unknown
    /// Not taken over, but the client may come again: 4xx.
    case refusedForNow
    /// Taken out of the queue by hand.
    case deleted
    /// A filter took it over and says that it threw it away, or has yet to say anything; or no hop
    /// behind it tells of the recipient.
    case acceptedByFilter

    var text: StaticString {
        switch self {
        case .queued: "queued"
        case .sent: "sent"
        case .deferred: "deferred"
        case .bounced: "bounced"
        case .expired: "expired"
        case .rejected: "rejected"
        case .discarded: "discarded"
        case .held: "held"
        case .expanded: "expanded"
        case .deliverable: "deliverable"
        case .undeliverable: "undeliverable"
        case .unknown: "unknown"
        case .refusedForNow: "refused_for_now"
        case .deleted: "deleted"
        case .acceptedByFilter: "accepted_by_filter"
        }
    }

    /// How bad it is: of several outcomes that are not known to follow each other, the worst is
    /// told.
    var badness: Int {
        switch self {
        case .expanded, .deliverable: 0
        case .sent: 1
        case .acceptedByFilter: 2
        case .queued: 3
        case .unknown: 4
        case .refusedForNow, .deferred: 5
        case .held: 6
        case .deleted, .discarded: 7
        case .undeliverable, .rejected, .expired, .bounced: 8
        }
    }

    /// An address was only tried out.
    var isProbe: Bool { self == .deliverable || self == .undeliverable }

    /// The message is in a queue, where people can still do something to it.
    var isWaiting: Bool { self == .queued || self == .deferred || self == .held }

    /// From the status word of a delivery.
    init(status: Written, _ document: RawSpan) {
        let start = status.range.lowerBound
        switch status.length {
        case 4 where document.has("sent", start): self = .sent
        case 8 where document.has("deferred", start): self = .deferred
        case 7 where document.has("bounced", start): self = .bounced
        // A bounce that the administrator turned into another try.
        case 10 where document.has("SOFTBOUNCE", start): self = .deferred
        case 11 where document.has("deliverable", start): self = .deliverable
        case 13 where document.has("undeliverable", start): self = .undeliverable
        default: self = .unknown
        }
    }

    /// From the action of a decision; nil when it does not end the recipient's copy.
    init?(action: Written, isTemporary: Bool, _ document: RawSpan) {
        let start = action.range.lowerBound
        switch action.length {
        case 4 where document.has("hold", start): self = .held
        case 6 where document.has("reject", start):
            self = isTemporary ? .refusedForNow : .rejected
        // The server goes away without an answer of its own: the client comes again.
        case 6 where document.has("hangup", start): self = .refusedForNow
        case 8 where document.has("redirect", start): self = .expanded
        case 7 where document.has("discard", start): self = .discarded
        default: return nil
        }
    }
}
