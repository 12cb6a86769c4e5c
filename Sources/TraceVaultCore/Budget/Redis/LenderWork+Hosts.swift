// LenderWork+Hosts.swift - how a lender is heard by the other hosts of a shared quota, and takes
// leave.

extension LenderWork {
    /// The rest is not returned: what nobody uses is lost then, as ever.
    private static let mostLastQuestions = 256

    func meet(_ now: Int64, alone: HostPresence.HostState) throws(Failure) {
        let isAlone = ledger.standing.isAlone
        noteHeard()
        // Whether or not the answer comes.
        defer { noteHeard() }
        let count = try talk.meet(presence.words(isAlone ? alone : .there))
        ledger.state.withLock { state in
            state.standing.requests += 1
            presence.note(count, &state.standing, now: now)
        }
    }

    /// Others may take this host to be there from now on.
    func noteHeard() {
        let until = surroundings.now() + HostPresence.unnoticedUs
        ledger.state.withLock { $0.standing.unnoticedUntil = until }
    }

    /// Takes leave of the others: what was borrowed and not used goes back. The host is there as
    /// long as another process or engine of it is.
    package func leave() {
        talk.closeIfDistrusted()
        let leaving = surroundings.isHostLeaving() ? presence.words(.leaves) : nil
        if talk.isOpen { talk.leave(leaving, lastQuestions().map(\.words)) }
        talk.close()
    }

    private func lastQuestions() -> [QuotaQuestion] {
        let now = surroundings.now()
        return ledger.state.withLock { state in
            for key in state.pools.keys { state.pools[key]?.giveBack() }
            let keys = state.pools.filter { $0.value.hasToSay }.keys
            return keys.prefix(Self.mostLastQuestions).compactMap {
                question($0, &state, isHeard: false, isLast: true, now)
            }
        }
    }
}
