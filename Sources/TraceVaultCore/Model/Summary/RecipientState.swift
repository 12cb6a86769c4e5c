// RecipientState.swift - what became of a recipient's copy of the message, in honest words.
//
// The texts are part of the trace document (docs/trace.md): never renamed, never reused.

enum RecipientState: UInt8 {
    /// In a queue of this trace; no outcome is known yet.
    case queued
    /// The next hop took it over. Not: it is in the inbox.
    case sent
    case deferred, bounced, expired, rejected, discarded, held
    /// An alias that was replaced by other recipients of this trace.
    case expanded
    /// Answers to a probe: nothing was sent.
    case deliverable, undeliverable
    /// A status word that Postfix does not have.
    case unknown

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
        }
    }

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
    init?(action: Written, _ document: RawSpan) {
        let start = action.range.lowerBound
        switch action.length {
        case 4 where document.has("hold", start): self = .held
        case 6 where document.has("reject", start): self = .rejected
        case 7 where document.has("discard", start): self = .discarded
        default: return nil
        }
    }
}
