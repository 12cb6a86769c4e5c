// HuntUnderWay.swift - one hunt: which request is next, and what answers mean to it. Who sends them
// and when there is room is the loop's business.
//
// A request whose quota rests may be taken back: others have its place in the window until it goes
// again.

/// Made on the host's thread, then the engine's alone.
final class HuntUnderWay: @unchecked Sendable {
    /// Each in a box of its own: side by side in one place, valgrind finds that bits which nobody
    /// has written tell the two apart when a step goes.
    indirect enum Step {
        case ask(HuntErrand)
        case tell(Finding)
    }

    let id: JobID
    let tag: UInt64
    let hunt: Hunt
    let accounts: HuntAccounts
    var turns: HuntTurns
    /// Made when a page has no room for the first time.
    private lazy var owners = accounts.owners
    /// Of accounts that several tenants have and that are not done.
    var restingWays: [AccountID: RestingWays] = [:]
    /// Its requests that are not answered.
    private(set) var underWay: Set<JobID> = []
    /// Why it was ended before its time.
    private(set) var ended: Failure?
    private var counts: HuntProgress
    /// What was told of that last.
    var told: HuntProgress?
    /// How often what rests was looked at before its time.
    var lifts = 0
    /// There was more to look at than one round has time for.
    private(set) var mustLookOn = false

    init(id: JobID, tag: UInt64, _ hunt: Hunt, _ accounts: HuntAccounts) {
        self.id = id
        self.tag = tag
        self.hunt = hunt
        self.accounts = accounts
        turns = HuntTurns(window: hunt.window, ends: accounts.ends)
        counts = HuntProgress(accounts: accounts.count)
    }

    var progress: HuntProgress {
        var progress = counts
        progress.underWay = underWay.count
        return progress
    }

    /// Everything was asked, answered and told, or it was ended.
    var isOver: Bool { underWay.isEmpty && turns.left == 0 }

    /// Asks and tells nothing more.
    func end(_ why: Failure) {
        guard ended == nil else { return }
        ended = why
        restingWays = [:]
        turns.removeAll()
    }

    func began(_ errand: HuntErrand, as id: JobID) {
        errand.backAt = 0
        underWay.insert(id)
        turns.began(errand)
    }

    func ended(_ errand: HuntErrand, as id: JobID) {
        underWay.remove(id)
        turns.ended(errand)
    }

    // MARK: - What comes next

    /// It would search on if there were room for what that brings.
    var lacksRoom: Bool { turns.lacksRoom }

    /// These tenants hold less of the room than before.
    func rouse(_ tenants: Set<TenantKey>) {
        for tenant in tenants {
            if let owner = owners[tenant] { turns.rouse(owner) }
        }
    }

    /// What to do now; nil when there is nothing, or no room for what a search brings.
    ///
    /// - Parameter isFull: the host has to take what was told first; it is heard of when it has.
    func next(now: Int64, _ room: SearchRoom, isFull: Bool = false) -> Step? {
        mustLookOn = false
        guard !isFull else { return nil }
        var looks = 0
        while let turn = turns.next(tellsOnly: !hunt.wantsTraces, taken: room.taken, now: now) {
            looks += 1
            let tenant = accounts.tenant(turn.owner).key
            if let until = turns.heldBack(turn, now: now) {
                if let way = turns.leave(turn, accounts) { goOn(way: way, restsUntil: until) }
            } else if turn.stage != .message, !room.hasRoomForPage(of: tenant) {
                turns.lacksRoom(turn, most: room.mostBeforePage(of: tenant))
            } else if let work = turns.spend(turn, way: accounts.way),
                let step = step(of: work, now)
            {
                return step
            }
            mustLookOn = looks >= Self.mostLooks
            if mustLookOn { return nil }
        }
        return nil
    }

    /// So many tenants are looked at for one step.
    private static let mostLooks = 256

    private func step(of work: HuntTurns.Work, _ now: Int64) -> Step? {
        switch work {
        case .account(let way): return .ask(search(HuntPlace(way, of: accounts), from: nil))
        case .errand(let errand):
            guard rests(errand.place, now) else { return .ask(errand) }
            turns.add(work, of: errand.owner, notBefore: errand.place.rest.until)
            return nil
        case .page(let page):
            guard !hunt.wantsTraces || !rests(page.place, now) else {
                turns.add(work, of: page.place.owner, notBefore: page.place.rest.until)
                return nil
            }
            let step = step(of: page)
            if !page.isEmpty { turns.add(work, of: page.place.owner, inFront: true) }
            return step
        }
    }

    private func search(_ place: HuntPlace, from cursor: String?) -> HuntErrand {
        let most = hunt.limit - place.found
        return HuntErrand(
            self, place, hunt.search(place.account, atMost: most, from: cursor), cursor: cursor)
    }

    private func step(of page: FoundPage) -> Step? {
        let place = page.place
        guard let message = page.next() else { return nil }
        guard hunt.wantsTraces else {
            close(place)
            return .tell(Finding(place: place, message: message))
        }
        guard let ref = message.ref else {
            close(place)
            return .tell(Finding(place: place, message: message, failure: Self.nameless))
        }
        return .ask(
            HuntErrand(self, place, hunt.trace(ref, of: place.account), message: message))
    }

    private static let nameless = Failure(
        .replyShape, "Cloudflare gave no id that a trace of this message can be asked with")

    // MARK: - What answers mean

    /// Takes an answer in; gives what is to be told.
    func take(_ answer: Answer, to errand: HuntErrand, _ room: SearchRoom) -> Finding? {
        guard ended == nil else { return nil }
        turns.answered(errand.owner)
        let place = errand.place
        if let message = errand.message {
            close(place)
            return Finding(
                place: place, message: message, answer: answer.document, failure: answer.failure)
        }
        let trouble = searched(errand, answer, room)
        guard let trouble else {
            close(place)
            return nil
        }
        place.hasFailed = true
        close(place)
        let reply = answer.failure == nil ? nil : answer.document
        return Finding(place: place, answer: reply, failure: trouble)
    }

    /// What a search brought; gives why the account cannot be asked on.
    private func searched(
        _ errand: HuntErrand, _ answer: Answer, _ room: SearchRoom
    ) -> Failure? {
        let place = errand.place
        if let failure = answer.failure {
            // Another tenant's credential may do.
            guard place.found == 0, let next = wayAfterFailure(of: place) else { return failure }
            place.use(next.way, of: accounts)
            goOn(place, from: nil, notBefore: next.notBefore)
            return nil
        }
        let page: FoundPage
        do throws(Failure) {
            let walk = try answer.document.walk("search")
            guard try room.takes(page: walk.body.count, of: errand.tenant) else {
                goOn(place, from: errand.cursor)
                return nil
            }
            page = try FoundPage(walk, of: place, in: room)
        } catch {
            return error
        }
        counts.found += page.count
        place.open += page.count
        if !page.isEmpty { turns.add(.page(page), of: place.owner) }
        guard !page.isComplete else { return nil }
        if errand.backAt != 0 {
            // It was in the midst of several pages.
            place.rest = (errand.backAt, lifts)
        } else if let failure = answer.later {
            return failure
        }
        guard place.found < hunt.limit else {
            return Failure(
                .limit,
                "this account has more than \(hunt.limit) such messages: narrow the hunt, or ask "
                    + "with a higher limit")
        }
        guard let cursor = page.cursor, place.mayFollow(cursor) else {
            let why = page.warnings.isEmpty ? "no reason given" : page.warnings
            return Failure(
                .replyShape, "the search of this account has not come to its end: " + why)
        }
        goOn(place, from: cursor)
        return nil
    }

    private func goOn(_ place: HuntPlace, from cursor: String?, notBefore time: Int64? = nil) {
        place.open += 1
        let work = HuntTurns.Work.errand(search(place, from: cursor))
        if let time {
            turns.add(work, of: place.owner, notBefore: time)
        } else {
            turns.add(work, of: place.owner)
        }
    }

    /// A finding of the account could not be told.
    func lost(_ place: HuntPlace) {
        guard !place.hasFailed else { return }
        place.hasFailed = true
        if place.open == 0 { counts.failed += 1 }
    }

    /// One of an account's requests is answered, or one of its messages told.
    private func close(_ place: HuntPlace) {
        place.open -= 1
        guard place.open == 0 else { return }
        counts.done += 1
        restingWays[place.account] = nil
        if place.hasFailed { counts.failed += 1 }
    }
}
