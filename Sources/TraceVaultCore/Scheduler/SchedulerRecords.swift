// SchedulerRecords.swift - what the scheduler keeps: numbers in slabs, no object.
//
//     member ─► fetch ─► flow ─► seat ─► tenant     who waits for whom
//                        lane ─► seat ─► group
//
// A member is one request, a fetch what one or more of them want, a flow the queue of one
// credential's fetches of one priority. A seat is a tenant's claim on one budget group: its flows
// share its turns. Times are µs.

extension Scheduler {
    struct Member: Sendable, Linked {
        var id: JobID = 0
        /// When it must be answered; later the end of its wait, if that comes first.
        var deadline: Int64 = 0
        var waitUntil: Int64 = 0
        /// Of a patient one: since when its time stands still; 0: it runs.
        var pausedAt: Int64 = 0
        /// `none`: this place holds nobody.
        var fetch = none
        var timer = none
        var previous = none
        var next = none
        /// The tries of its fetch that were made before it came.
        var triesBefore: Int32 = 0
        var isPatient = false
        var tellsRest = false
    }

    enum Phase: UInt8, Sendable { case queued, flying, sleeping }

    /// A connection of its own, or a stream of one that serves many.
    enum Carrier: UInt8, Sendable { case nothing, connection, stream }

    /// Something of which there is so much.
    struct Bounded: Sendable {
        /// `Int32.max`: there is no bound.
        var most: Int32
        var used: Int32 = 0
        /// Tenants that wait for one, first come, first served.
        var waiting = List()
        var free: Int32 { most == .max ? .max : most - used }
    }

    struct Fetch: Sendable, Linked {
        let generation: UInt32
        var lane: LaneID
        var members = List()
        /// Wakes it from its sleep.
        var timer = none
        /// The server asked not to be asked again before.
        var floor: Int64 = 0
        var tries: Int32 = 0
        /// `tries` as it was when one last brought something.
        var settled: Int32 = 0
        var polls: Int32 = 0
        var phase = Phase.sleeping
        var priority: Priority
        let isCheck: Bool
        /// True when a try has brought a result that can be the answer, if nothing better comes.
        var hasAnswer = false
        /// True when its try began after its credential was refused: its success is news.
        var isProbe = false
        /// True once its credential was refused to it while there was reason to doubt that.
        var wasDoubted = false
        /// True once it has been handed from a refused credential to another.
        var hasFallenBack = false
        /// Of its try.
        var carrier = Carrier.nothing
        var previous = none
        var next = none

        /// Tries since one last brought something.
        var failures: Int32 { tries - settled }
        mutating func settle() { settled = tries }
    }

    /// One credential. Flow 2n is its interactive one, 2n + 1 its bulk one.
    struct Lane: Sendable {
        let seat: Int32
        /// The seat's, and its place in the ledger as it was: to ask for all at once.
        let group: Int32
        let entry: LedgerEntry
        /// Tells apart those that had the same number one after another; 0: nobody has it.
        var serial: UInt32
        /// True when each of its tries needs a connection for itself (global keys).
        let needsConnection: Bool
        var fetches: Int32 = 0
        var inFlight: Int32 = 0
        /// While it lies ahead, the server is known to refuse the credential.
        var closedUntil: Int64 = 0
        /// True from a first refusal, and from the end of `closedUntil`, until one try has shown
        /// what is the case now.
        var isProbing = false
        /// Tries under way that began since then.
        var probes: Int32 = 0
        /// True when the server has taken the credential and not refused it for good since.
        var hasWorked = false
        /// Another credential of the same account, as it was when this one was last refused.
        var fallback = none
        var fallbackSerial: UInt32 = 0
        /// Where the ledger keeps that the server has taken this credential; nil where its group is
        /// its own, so that it speaks for nobody else.
        var proof: LedgerEntry?
        /// So long that counts.
        var provenUntil: Int64 = 0
        /// Nothing of it goes before: a 429 that its group was not parked for. 0: it may go.
        var restsUntil: Int64 = 0
        /// Runs while it rests.
        var timer = none
        /// It rests alone because it is not proven; else because the ledger has no place for its
        /// group.
        var isDoubted = false
        var penalties = Penalties()
    }

    struct Flow: Sendable, Linked {
        var waiting = List()
        var count: Int32 = 0
        /// True while it stands in its seat's queue.
        var isPlaced = false
        var previous = none
        var next = none
    }

    enum SeatPlace: UInt8, Sendable {
        case nowhere
        /// In its tenant's queue of seats with something interactive, or of the others.
        case interactive, bulk
        /// In its group's queue, for want of a permit.
        case group
    }

    struct Seat: Sendable, TurnTaking {
        let tenant: Int32
        let group: Int32
        /// Where its group lists it.
        var position: Int32
        var lanes: Int32 = 0
        /// What waits in its flows, and how much of that is interactive.
        var queued: Int32 = 0
        var urgent: Int32 = 0
        var interactive = List()
        var bulk = List()
        var place = SeatPlace.nowhere
        /// True when its group let it go: without a permit it is the group's next again.
        var isReleased = false
        var round: UInt64 = 0
        var line = TurnLine.odd
        var previous = none
        var next = none
    }

    enum TenantPlace: UInt8, Sendable {
        case nowhere
        /// In the ring of those whose turn comes, or just having it.
        case ring, turn
        /// Has as many under way as it may; comes back when one of its own ends.
        case full
        /// Leaves what is free to others; comes back when more is free.
        case crowded
        /// In the queue of those who wait for a connection, because none is free; for a stream.
        case unconnected, unstreamed
        /// It waits for room for its results.
        case held
    }

    struct RingTenant: Sendable, TurnTaking {
        var seats: Int32 = 0
        var interactive = List()
        var bulk = List()
        var inFlight: Int32 = 0
        /// How many of these have a connection of their own, and how many a stream.
        var connections: Int32 = 0
        var streams: Int32 = 0
        /// True while it has to wait for room for its results before more is asked for.
        var isHeld = false
        /// True when its next try ends its turns until the next look.
        var goesOneByOne = false
        /// How many of its seats their groups let go: those that keep a permit.
        var released: Int32 = 0
        var place = TenantPlace.nowhere
        var round: UInt64 = 0
        var line = TurnLine.odd
        var previous = none
        var next = none
    }

    struct Group: Sendable, Linked {
        var entry: LedgerEntry
        /// Its seats, to be found when the group is parked.
        var seats: [Int32] = []
        var waiting = TurnQueue()
        /// Seats that it let go and that have not spent their permit yet.
        var released: Int32 = 0
        var timer = none
        /// The newest end of a parking that its requests were told of.
        var refusedUntil: Int64 = 0
        var inFlight: Int32 = 0
        var queued: Int32 = 0
        /// The ring's round in which somebody began to hold up this group's next; 0: nobody does.
        var heldSince: UInt64 = 0
        /// True when it does so by a promise that has not been kept yet.
        var isPromised = false
        var penalties = Penalties()
        /// Lanes that rest alone.
        var resting: Int32 = 0
        /// When the server began to say of the quota what needs a second word; 0: it does not.
        var doubtedSince: Int64 = 0
        var previous = none
        var next = none
    }

    /// What a timer is about: a kind and the record's number.
    enum Timer {
        case member(Int32)
        case fetch(Int32)
        case group(Int32)
        case lane(LaneID)
        case origin
        case room

        private static let noPlace: Int32 = 0x3FFF_FFFE

        init(_ payload: UInt32) {
            let place = Int32(payload & 0x3FFF_FFFF)
            switch payload >> 30 {
            case 0: self = .member(place)
            case 1: self = .fetch(place)
            case 2: self = .group(place)
            default:
                self = place < Self.noPlace ? .lane(place) : place == Self.noPlace ? .room : .origin
            }
        }

        var payload: UInt32 {
            switch self {
            case .member(let place): UInt32(place)
            case .fetch(let place): UInt32(place) | 1 << 30
            case .group(let place): UInt32(place) | 2 << 30
            case .lane(let place): UInt32(place) | 3 << 30
            case .origin: .max
            case .room: .max - 1
            }
        }
    }
}
