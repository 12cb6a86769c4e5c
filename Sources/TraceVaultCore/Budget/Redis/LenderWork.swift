// LenderWork.swift - what the thread of a shared quota does: connects, counts hosts, asks for
// permits ahead of need, returns what nobody used, and tells and hears what Cloudflare said.

/// Where a lender has time and chance from: the host, or a simulation of one.
package struct LenderSurroundings {
    /// Names the host to others, also after it was started again; nil: it has no such name.
    let hostName: UInt64?
    /// Names the network that it reaches Redis from, on this machine; nil: nobody knows.
    let network: UInt64?
    /// µs on CLOCK_BOOTTIME.
    let now: () -> Int64
    let chance: (ClosedRange<Int64>) -> Int64
    let isOver: () -> Bool
    /// Whether nobody else goes by the host's name: its last process and engine ends.
    let isHostLeaving: () -> Bool

    package init(
        hostName: UInt64?, network: UInt64?, now: @escaping () -> Int64,
        chance: @escaping (ClosedRange<Int64>) -> Int64, isOver: @escaping () -> Bool,
        isHostLeaving: @escaping () -> Bool
    ) {
        self.hostName = hostName
        self.network = network
        self.now = now
        self.chance = chance
        self.isOver = isOver
        self.isHostLeaving = isHostLeaving
    }
}

package final class LenderWork {
    let ledger: RedisLedger
    let surroundings: LenderSurroundings
    private let settings: RedisSettings
    let talk: RedisTalk
    private var addresses: [RedisAddress]
    private var place = 0
    private var failures = 0
    private var connectAt: Int64 = 0
    private var lookAt: Int64 = 0
    private let borrower: String
    var presence: HostPresence

    /// How often permits are looked at that nobody uses, and groups where there are none.
    private static let lookUs: Int64 = 250_000
    private static let idleLookUs: Int64 = 5_000_000
    /// Between two rounds of connecting: doubles, with chance.
    private static let leastPauseUs: Int64 = 250_000
    private static let longestPauseUs: Int64 = 2_000_000
    private static let parkedLookUs: Int64 = 5_000_000
    private static let mostQuestions = 32
    private static let mostAddresses = 32

    package init(
        _ ledger: RedisLedger, _ link: any RedisLink, _ surroundings: LenderSurroundings
    ) {
        self.ledger = ledger
        self.surroundings = surroundings
        settings = ledger.settings
        addresses = settings.addresses
        talk = RedisTalk(link, settings, isOver: surroundings.isOver)
        borrower = Self.name(surroundings.chance(0...Int64.max))
        presence = HostPresence(
            key: settings.hostsKey, name: surroundings.hostName.map(Self.name) ?? borrower,
            network: surroundings.network.map(Self.name) ?? "")
        // Whoever had this name before may have been heard just now.
        noteHeard()
    }

    private static func name<Number: BinaryInteger>(_ number: Number) -> String {
        String(number, radix: 36)
    }

    /// The thread's life.
    func run() {
        while !surroundings.isOver() {
            let seen = ledger.bell.count
            let restUs = step(now: surroundings.now())
            guard restUs > 0 else { continue }
            ledger.bell.wait(since: seen, atMostMs: (restUs + 999) / 1000)
        }
        leave()
    }

    /// Does what is due; how long there is nothing more to do.
    package func step(now: Int64) -> Int64 {
        talk.closeIfDistrusted()
        do throws(Failure) {
            guard talk.isOpen else {
                guard now >= connectAt else { return connectAt - now }
                try connect(now)
                return 0
            }
            if now >= presence.dueAt { try meet(now, alone: .back) }
            if now >= lookAt { look(now) }
            let questions = isBack(now) ? questions(now) : []
            if !questions.isEmpty {
                try ask(questions)
                return 0
            }
            return max(1000, min(presence.dueAt, lookAt) - now)
        } catch {
            // Its end came amid a question: it takes leave over the same connection.
            if !surroundings.isOver() { failed(error) }
            return 0
        }
    }

    // MARK: - Connecting

    private func connect(_ now: Int64) throws(Failure) {
        try talk.open(addresses[place])
        try meet(now, alone: .returns)
        failures = 0
        let address = addresses[place].place
        ledger.state.withLock { state in
            state.standing.address = address
            state.standing.isWaiting = state.standing.isAlone
            if state.standing.isAlone {
                state.standing.reason = "\(address) answers: other hosts are not back yet"
            }
        }
    }

    /// Whether permits are borrowed. A host that was alone uses its part until the others are back.
    private func isBack(_ now: Int64) -> Bool {
        ledger.state.withLock { state in
            guard state.standing.isAlone else { return true }
            guard !presence.isWaiting else { return false }
            state.standing.aloneUntil = now
            state.standing.isAlone = false
            state.standing.isWaiting = false
            state.standing.reason = ""
            presence.hurry(now: now)
            for (key, pool) in state.pools where pool.owed > 0 {
                _ = RedisLedger.queue(key, &state)
            }
            return true
        }
    }

    /// The server that is asked: one of the settings, or one that another server named.
    private var name: String {
        place < settings.addresses.count
            ? addresses[place].place : "a server that another one named"
    }

    /// The host is alone until another address, or the same one later, answers.
    private func failed(_ failure: Failure) {
        talk.close()
        guard failure.status != .shutdown else { return }
        let moved = RedisRefusal.place(failure).flatMap {
            RedisAddress(moved: $0, from: addresses[place])
        }
        let cause = RedisRefusal.words(failure)
        let told = "\(name): \(cause)"
        if let moved, let known = addresses.firstIndex(of: moved) {
            place = known
        } else if let moved, addresses.count < Self.mostAddresses {
            addresses.append(moved)
            place = addresses.count - 1
        } else {
            place = (place + 1) % addresses.count
        }
        failures += 1
        let now = surroundings.now()
        // Each address is tried once before anything is waited for.
        let rounds = failures / addresses.count
        if rounds > 0 {
            let pause = min(Self.leastPauseUs << min(rounds - 1, 5), Self.longestPauseUs)
            connectAt = now + pause / 2 + surroundings.chance(0...pause / 2)
        }
        guard rounds > 0 || failures > 1 || addresses.count == 1 else { return }
        ledger.state.withLock { state in
            if !state.standing.isAlone {
                state.standing.outages += 1
                state.standing.aloneSince = now
            }
            state.standing.isAlone = true
            state.standing.isWaiting = false
            state.standing.isSlow = failure == LinkLimit.late
            state.standing.cause = cause
            state.standing.reason = told
        }
    }

    // MARK: - Permits

    /// Takes back what nobody uses, and forgets groups that nobody asks for.
    private func look(_ now: Int64) {
        lookAt = ledger.state.withLock { state in
            var isLending = false
            for key in Array(state.pools.keys) {
                guard let pool = state.pools[key] else { continue }
                if pool.isUnwanted(now: now) {
                    state.pools[key]?.giveBack()
                    _ = RedisLedger.queue(key, &state)
                } else if pool.isIdle(now: now) {
                    state.pools[key] = nil
                }
                isLending = isLending || pool.nextAt != nil
            }
            return now + (isLending ? Self.lookUs : Self.idleLookUs)
        }
    }

    private func questions(_ now: Int64) -> [QuotaQuestion] {
        ledger.state.withLock { state in
            let keys = state.queue.prefix(Self.mostQuestions)
            state.queue.removeFirst(keys.count)
            var questions: [QuotaQuestion] = []
            for key in keys {
                let goesAlong = questions.isEmpty && presence.goesAlong(now: now)
                let asked = question(key, &state, isHeard: goesAlong, isLast: false, now)
                if let asked { questions.append(asked) }
            }
            return questions
        }
    }

    func question(
        _ key: UInt64, _ state: inout RedisLedger.State, isHeard: Bool, isLast: Bool,
        _ now: Int64
    ) -> QuotaQuestion? {
        guard var pool = state.pools[key] else { return nil }
        let standing = state.standing
        defer { state.pools[key] = pool }
        return QuotaQuestion(
            key, &pool, there: standing.there, known: standing.known,
            aloneSince: standing.aloneSince, aloneUntil: standing.aloneUntil,
            at: settings.key(of: key), run: talk.run,
            borrower: borrower, presence: isHeard ? presence.words : nil, isLast: isLast,
            now: now)
    }

    private func ask(_ questions: [QuotaQuestion]) throws(Failure) {
        let isHeardAlong = questions.contains { $0.isHeard }
        if isHeardAlong { noteHeard() }
        defer { if isHeardAlong { noteHeard() } }
        do throws(Failure) {
            let replies = try talk.borrow(questions.map(\.words))
            let now = surroundings.now()
            lookAt = min(lookAt, now + Self.lookUs)
            for (question, reply) in zip(questions, replies) {
                guard let answer = QuotaAnswer(reply) else { throw RedisReader.strange }
                take(answer, to: question, now: now)
            }
        } catch {
            // What was not told is told again; what was lent in an answer that was lost is lost.
            ledger.state.withLock { state in
                for question in questions {
                    state.pools[question.key]?.unqueue()
                    state.pools[question.key]?.tell { $0.add(question.told) }
                    // Counted twice where only the answer was lost: too much, not too little.
                    state.pools[question.key]?.owe(question.owed)
                }
            }
            throw error
        }
    }

    private func take(_ answer: QuotaAnswer, to question: QuotaQuestion, now: Int64) {
        let isLifted = ledger.state.withLock { state in
            let count = min(max(0, answer.granted), question.wanted)
            state.standing.requests += 1
            state.standing.lent += count
            if let hosts = answer.hosts { presence.note(hosts, &state.standing, now: now) }
            if question.back > 0 { state.standing.returned += 1 }
            if answer.isNew, state.pools[question.key]?.hasHeard == true {
                state.standing.flushes += 1
            }
            // A slow answer weighs an eighth.
            let waitUs = min(max(200, now - question.askedAt), 1_000_000)
            state.standing.waitUs += (waitUs - state.standing.waitUs) / 8
            let alone = state.standing.aloneUntil
            state.pools[question.key]?.unqueue()
            state.pools[question.key]?.aloneUntil = alone
            let block = LentBlock(
                count: count, first: answer.first, interval: answer.interval,
                askedAt: question.askedAt, cameAt: now, life: question.life,
                token: String(answer.token))
            // Somebody may lift a parking before its end.
            let againUs =
                answer.parkedUs > 0 ? min(answer.againUs, Self.parkedLookUs) : answer.againUs
            state.pools[question.key]?.add(
                block, wanted: question.wanted, againUs: againUs, now: now)
            return state.pools[question.key]?.note(lifted: answer.lifted) ?? false
        }
        ledger.hear(answer, isLifted: isLifted, question, now: now)
    }
}
