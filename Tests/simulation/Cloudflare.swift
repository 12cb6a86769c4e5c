// Cloudflare.swift - the model of the other side: fixed windows of five minutes per user, the block of
// five minutes after an overrun, the limit per address, and what a request meets.

import TraceVaultCore

/// What comes back for one try.
enum Reply {
    case final, pending, more, failed, refused
    case later(afterMs: Int64?)
    case busy(afterMs: Int64?)
    /// HTTP 429; nil: no Retry-After. `isWrong`: an epoch number where seconds belong.
    case limited(until: Int64?, isDate: Bool, isWrong: Bool)
}

/// A reply, how long it takes, and what its headers tell of the quota.
struct Service {
    let delay: Int64
    let reply: Reply
    let remaining: Int
    let resetMs: Int64
}

/// One of Cloudflare's users: whose quota is spent.
struct CloudUser {
    static let windowUs: Int64 = 300_000_000

    let quota: Int
    /// When its windows begin.
    let phase: Int64
    private var window: Int64 = -1
    private(set) var ours = 0
    private(set) var people = 0
    private(set) var blockedUntil: Int64 = 0

    init(quota: Int, phase: Int64) {
        self.quota = quota
        self.phase = phase
    }

    enum Answer { case taken, blocked, overrun }

    mutating func take(at time: Int64, byPeople: Bool) -> Answer {
        let current = (time + phase) / Self.windowUs
        if current > window { (window, ours, people) = (current, 0, 0) }
        if time < blockedUntil { return .blocked }
        if byPeople { people += 1 } else { ours += 1 }
        guard ours + people > quota else { return .taken }
        blockedUntil = time + Self.windowUs
        return .overrun
    }

    var remaining: Int { max(0, quota - ours - people) }
    func resetMs(at time: Int64) -> Int64 {
        (Self.windowUs - (time + phase) % Self.windowUs) / 1000
    }
}

/// The limit per address: so many in any second.
struct AddressLimit {
    let perSecond: Int
    private var recent: [Int64]
    private var next = 0

    init(perSecond: Int) {
        self.perSecond = perSecond
        recent = [Int64](repeating: -1 << 40, count: perSecond)
    }

    /// False when there were too many within the second before `time`.
    mutating func take(at time: Int64) -> Bool {
        let isFree = time - recent[next] >= 1_000_000
        recent[next] = time
        next = (next + 1) % perSecond
        return isFree
    }
}

/// One version of a credential.
struct CredentialVersion {
    let user: Int
    var isRevoked = false
}

struct Account {
    let tenant: Int
    var active: Int
    var retiring: Int?
}

/// What a request wants, and how far the answering is.
struct Question {
    let account: Int
    /// Which message; requests for the same one are joined.
    let message: Int
    var isCheck = false
    /// From when on the trace is complete.
    var completeAt: Int64 = 0
    var pagesLeft = 0
    /// So many times the server says HTTP 202 first.
    var delays = 0
}
