// ProxyLogin.swift - keeps a login that may be wrong from being tried again and again: a few failed
// logins close an account.

/// Which exchanges may go to the proxy. Exchanges are told by their ids.
struct ProxyLogin {
    private let isThere: Bool
    /// The proxy has taken it, or there is none.
    private var isTaken: Bool
    /// Who tries it for all.
    private var first: UInt64?
    /// Who comes after that one, oldest first.
    private var waiting: [UInt64] = []
    /// What came of it when the proxy refused it, and until when nobody tries again.
    private var refusal: (trouble: HTTPReply.FaultFacts, untilUs: Int64)?

    private static let restUs: Int64 = 60_000_000

    init(_ proxy: ProxyURL?) {
        isThere = proxy?.hasLogin == true
        isTaken = !isThere
    }

    /// Why nobody may try now.
    func refused(nowUs: Int64) -> HTTPReply.FaultFacts? {
        guard let refusal, nowUs < refusal.untilUs else { return nil }
        return refusal.trouble
    }

    /// Whether the exchange may begin; else it is among the released later.
    mutating func admit(_ id: UInt64) -> Bool {
        if isTaken { return true }
        if first == nil {
            first = id
            return true
        }
        waiting.append(id)
        return false
    }

    /// Who is to be asked whether the proxy has let it through.
    var tried: UInt64? { first }

    /// The proxy has let the first one through.
    mutating func take() { (isTaken, first) = (true, nil) }

    /// An exchange is over. True when the next one may begin.
    mutating func leave(_ id: UInt64) -> Bool {
        if first == id {
            first = nil
        } else if !waiting.isEmpty {
            waiting.removeAll { $0 == id }
        }
        return first == nil && !waiting.isEmpty
    }

    /// Those who may begin now.
    mutating func release() -> [UInt64] {
        guard !waiting.isEmpty else { return [] }
        if isTaken {
            defer { waiting = [] }
            return waiting
        }
        guard first == nil else { return [] }
        let next = waiting.removeFirst()
        first = next
        return [next]
    }

    /// The proxy has refused it: nobody tries it for a minute, and then one does.
    mutating func refuse(_ trouble: HTTPReply.FaultFacts, nowUs: Int64) {
        refusal = (trouble, nowUs + Self.restUs)
        (isTaken, first, waiting) = (!isThere, nil, [])
    }
}
