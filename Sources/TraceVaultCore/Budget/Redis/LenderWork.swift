// LenderWork.swift - what the thread of a shared quota does: connects, counts hosts, asks for
// permits ahead of need, returns what nobody used, and tells and hears what Cloudflare said.

/// Where a lender has time and chance from: the host, or a simulation of one.
package struct LenderSurroundings {
    /// µs on CLOCK_BOOTTIME.
    let now: () -> Int64
    let chance: (ClosedRange<Int64>) -> Int64
    let isOver: () -> Bool

    package init(
        now: @escaping () -> Int64, chance: @escaping (ClosedRange<Int64>) -> Int64,
        isOver: @escaping () -> Bool
    ) {
        self.now = now
        self.chance = chance
        self.isOver = isOver
    }
}

package final class LenderWork {
    private let ledger: RedisLedger
    private let surroundings: LenderSurroundings
    private let settings: RedisSettings
    private let talk: RedisTalk
    private var addresses: [RedisAddress]
    private var place = 0
    private var failures = 0
    private var connectAt: Int64 = 0
    private var meetAt: Int64 = 0
    private var meetPauseUs: Int64 = 0
    private var lookAt: Int64 = 0
    /// The most hosts that this server counted lately, and when; and its last count.
    private var most: (there: Int64, at: Int64) = (0, 0)
    private var counted: Int64 = 0
    private let borrower: String
    private let hostName: String

    /// How often a host is heard, from when on it is missed, and when it is forgotten.
    private static let meetUs: Int64 = 5_000_000
    private static let missedUs: Int64 = 15_000_000
    private static let forgottenUs: Int64 = 300_000_000
    /// So soon a host is heard again after a count that was another one before: hosts start, and
    /// come back, together. One that knows an old count takes too large a part when it is alone.
    private static let leastMeetUs: Int64 = 500_000
    /// How often permits are looked at that nobody uses.
    private static let lookUs: Int64 = 250_000
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
        hostName = ledger.host.hostName.map(Self.name) ?? borrower
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
        if talk.isOpen { talk.leave(meeting(leaves: true)) }
        talk.close()
    }

    /// Does what is due; how long there is nothing more to do.
    package func step(now: Int64) -> Int64 {
        do throws(Failure) {
            guard talk.isOpen else {
                guard now >= connectAt else { return connectAt - now }
                try connect(now)
                return 0
            }
            if now >= meetAt { try meet(now) }
            if now >= lookAt { look(now) }
            let questions = questions(now)
            if !questions.isEmpty {
                try ask(questions)
                return 0
            }
            return max(1000, min(meetAt, lookAt) - now)
        } catch {
            failed(error)
            return 0
        }
    }

    // MARK: - Connecting

    private func connect(_ now: Int64) throws(Failure) {
        try talk.open(addresses[place])
        meetPauseUs = Self.leastMeetUs
        most = (0, 0)
        try meet(now)
        failures = 0
        let address = addresses[place].place
        ledger.state.withLock { state in
            if state.standing.isAlone { state.standing.aloneUntil = surroundings.now() }
            state.standing.isAlone = false
            state.standing.reason = ""
            state.standing.address = address
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
            state.standing.isAlone = true
            state.standing.isSlow = failure == LinkLimit.late
            state.standing.cause = cause
            state.standing.reason = told
        }
    }

    // MARK: - Hosts

    private func meeting(leaves: Bool) -> [String] {
        [
            settings.hostsKey, hostName, String(Self.missedUs), String(Self.forgottenUs),
            leaves ? "1" : "0",
        ]
    }

    private func meet(_ now: Int64) throws(Failure) {
        let hosts = try talk.meet(meeting(leaves: false))
        let count = min(max(1, hosts.there), Self.mostHosts)
        let isOtherCount = count != counted
        counted = count
        // A server that was flushed counts anew: those who were there come again.
        if count >= most.there || now - most.at >= Self.meetUs { most = (count, now) }
        let there = most.there
        let known = min(max(1, hosts.known), Self.mostHosts)
        let isOther = ledger.state.withLock { state in
            let isOther = isOtherCount || state.standing.known != known
            state.standing.requests += 1
            state.standing.there = there
            state.standing.known = known
            let most = state.standing.most
            if known >= most.hosts || now - most.at >= RedisLedger.mostHeldUs {
                state.standing.most = (known, now)
            }
            return isOther
        }
        meetPauseUs = isOther ? Self.leastMeetUs : min(Self.meetUs, meetPauseUs * 2)
        meetAt = now + meetPauseUs
    }

    private static let mostHosts: Int64 = 100_000

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
            return now + (isLending ? Self.lookUs : Self.meetUs)
        }
    }

    private func questions(_ now: Int64) -> [QuotaQuestion] {
        ledger.state.withLock { state in
            let keys = state.queue.prefix(Self.mostQuestions)
            state.queue.removeFirst(keys.count)
            let standing = state.standing
            // Also those who may not have come back yet.
            let known = RedisLedger.hosts(standing, settings, now)
            var questions: [QuotaQuestion] = []
            for key in keys {
                guard var pool = state.pools[key] else { continue }
                questions.append(
                    QuotaQuestion(
                        key, &pool, there: standing.there, known: known,
                        aloneUntil: standing.aloneUntil, at: settings.key(of: key),
                        run: talk.run, borrower: borrower, now: now))
                state.pools[key] = pool
            }
            return questions
        }
    }

    private func ask(_ questions: [QuotaQuestion]) throws(Failure) {
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
