// SummaryRecord.swift - what is remembered of one recipient, hop, id or outcome of a trace.

/// One recipient, hop, id, or outcome of a recipient at a hop.
struct SummaryRecord {
    enum Kind: UInt8 { case recipient, hop, next, outcome }

    let kind: Kind
    let key: Written
    let hash: UInt32
    /// A recipient's or an outcome's; of a hop what was decided about the whole message.
    var state = RecipientState.queued
    var nextKind = NextIDKind.queuedAs
    var side = Direction.inbound
    /// An outcome's; of a recipient the most that one hop made; of a hop, in the end, how many
    /// outcomes of deliveries it has.
    var attempts: UInt32 = 0
    /// The line of an outcome, and of a hop's first; for lines without times. 0 without any yet.
    var line: UInt32 = 0
    /// A recipient's outcomes are a chain: the first, and of each the next; -1 is the end.
    var next = -1
    /// The outcome that a recipient is told to have.
    var chosen = -1
    /// The hop of an outcome; the hop that told an id; the hop before a hop; -1 without one.
    var hop = -1
    /// Of the slowest delivery, in milliseconds.
    var slowest: Int64 = -1
    /// A hop that had the message, or is not only named by a remark; whose message was in its
    /// queue, was removed from it, has expired, was reported as not delivered to all, is a
    /// notification.
    var isTaken = false
    var isQueued = false
    var isRemoved = false
    var isExpired = false
    var isReported = false
    var isNotification = false
    /// A hop to which a local user handed the message in.
    var isPickup = false
    /// What somebody did to a hop's message by hand, the last of it.
    var handled = Handling.none
    /// Of an outcome: the server's or a filter's decision, no delivery; of an outcome, and of an id
    /// the outcome that told it: its relay is on this host or in a network of its own.
    var isDecision = false
    var isLocal = false
    /// Of an outcome: the relay is a local socket.
    var isSocket = false
    /// Of an outcome: the reply says that the message was thrown away; local(8) delivered, which
    /// replaces a recipient by others and tells of each; another outcome stands for the same
    /// recipient of the hop.
    var isThrownAway = false
    var isByLocal = false
    var isRepeated = false
    /// Of an outcome: a better one was seen that is not known to come before it.
    var isUnordered = false
    /// Of a hop: an id, and not only a time, says which hop was before it.
    var isNamed = false
    /// Of a recipient: some outcomes found no room.
    var isPartial = false

    // An outcome's.
    var dsn = Written.none
    var reply = Written.none
    var origTo = Written.none
    var queuedAs = Written.none
    // Also a hop's: of its last delivery.
    var at = Written.none
    var relay = Written.none
    // A hop's.
    var firstAt = Written.none
    var lastAt = Written.none
    var handledAt = Written.none
    var sender = Written.none
    var messageID = Written.none
    var size = Written.none
    var nrcpt = Written.none
    var clientHost = Written.none
    // Also an outcome's: whom a decision was about.
    var clientIP = Written.none
    var previousID = Written.none
    // Of the slowest delivery; the whole is an outcome's too.
    var delay = Written.none
    var delayBeforeQmgr = Written.none
    var delayInQmgr = Written.none
    var delayConnSetup = Written.none
    var delayTransmission = Written.none

    /// A hop that says who handed its message over; a notification is made where it is queued.
    var isHandedOver: Bool { isPickup || !clientHost.isNone || !clientIP.isNone }
    /// Of a hop: what was decided or done about all of its message; nil when it goes its way.
    var decided: RecipientState? {
        if handled == .deleted { return .deleted }
        if isExpired || isRemoved { return nil }
        if handled == .held { return .held }
        if handled == .released { return nil }
        // It went on, so it was not refused or kept.
        if isQueued, state != .discarded { return nil }
        return state == .queued ? nil : state
    }

    /// Of a hop: its first lines are there, so its message came no earlier than they say.
    var hasBeginning: Bool { isHandedOver || !messageID.isNone }

    init(_ kind: Kind, _ key: Written, _ hash: UInt32) {
        (self.kind, self.key, self.hash) = (kind, key, hash)
    }
}

/// What people do to a message in the queue; what is worse comes later.
enum Handling: UInt8 { case none, released, requeued, held, deleted }

/// Who knows the message by an id; the names of the events' fields.
enum NextIDKind: UInt8 {
    case queuedAs, exchangeID, googleID, notification

    var text: StaticString {
        switch self {
        case .queuedAs: "queued_as"
        case .exchangeID: "exchange_internal_id"
        case .googleID: "google_id"
        case .notification: "notification_queue_id"
        }
    }
}

/// The way into the mail security service, or out of it.
package enum Direction: Sendable {
    case inbound, outbound

    var name: StaticString { self == .inbound ? "inbound" : "outbound" }
    /// Where the side is in the reply, as a JSON pointer.
    var path: String { "/result/\(name)" }
}
