// HuntUnderWay.swift - one hunt: which request is next, and what answers mean to it. Who sends them
// and when there is room is the loop's business.
//
// What was found goes before what may be found: messages are asked for before the next page,
// further pages before the next account. So few pages are held at a time.

/// What a request of a hunt is for.
final class HuntErrand {
    let hunt: HuntUnderWay
    let place: HuntPlace
    /// Through whom it is asked.
    let tenant: TenantKey
    /// The message whose trace is asked for; nil: the account is searched.
    let message: ByteBuffer?
    /// Where that search goes on.
    let cursor: String?

    init(
        _ hunt: HuntUnderWay, _ place: HuntPlace, message: ByteBuffer? = nil,
        cursor: String? = nil
    ) {
        self.hunt = hunt
        self.place = place
        tenant = place.tenant.key
        self.message = message
        self.cursor = cursor
    }
}

/// Made on the host's thread, then the engine's alone.
final class HuntUnderWay: @unchecked Sendable {
    enum Step {
        case ask(HuntErrand, Request)
        case tell(Finding)
    }

    let id: JobID
    let tag: UInt64
    let hunt: Hunt
    private var accounts: HuntAccounts
    /// How many accounts were begun.
    private var begun = 0
    /// Further searches of accounts that were begun.
    private var further: [(place: HuntPlace, cursor: String?)] = []
    /// What searches have brought, the oldest first.
    private var pages: [FoundPage] = []
    /// Its requests that are not answered, and how many of them each tenant has.
    private(set) var underWay: Set<JobID> = []
    private var asked: [TenantKey: Int] = [:]
    /// Why it was ended before its time.
    private(set) var ended: Failure?
    private var counts: HuntProgress
    /// What was told of that last.
    var told: HuntProgress?
    /// It would search on if there were room for what that brings.
    private(set) var lacksRoom = false

    init(id: JobID, tag: UInt64, _ hunt: Hunt, _ accounts: HuntAccounts) {
        self.id = id
        self.tag = tag
        self.hunt = hunt
        self.accounts = accounts
        counts = HuntProgress(accounts: accounts.count)
    }

    var progress: HuntProgress {
        var progress = counts
        progress.underWay = underWay.count
        return progress
    }

    /// Everything was asked, answered and told, or it was ended.
    var isOver: Bool {
        underWay.isEmpty && pages.isEmpty && further.isEmpty && begun >= accounts.count
    }

    /// Asks and tells nothing more.
    func end(_ why: Failure) {
        guard ended == nil else { return }
        ended = why
        pages = []
        further = []
        begun = accounts.count
    }

    func began(_ errand: HuntErrand, as id: JobID) {
        underWay.insert(id)
        asked[errand.tenant, default: 0] += 1
    }

    func ended(_ errand: HuntErrand, as id: JobID) {
        underWay.remove(id)
        let left = asked[errand.tenant, default: 0] - 1
        asked[errand.tenant] = left > 0 ? left : nil
    }

    /// Whether more may be asked through a tenant: it has as many requests of the window as are
    /// free, so that one whose quota rests stops no other.
    private func hasTurn(_ tenant: TenantKey) -> Bool {
        asked[tenant, default: 0] <= hunt.window - underWay.count
    }

    // MARK: - What comes next

    /// What to do now; nil when there is nothing, or no room for what a search brings.
    func next(hasRoom: (TenantKey) -> Bool) -> Step? {
        lacksRoom = false
        while let index = pages.firstIndex(where: { mayTell(of: $0) }) {
            if let step = step(of: pages[index]) { return step }
            pages.remove(at: index)
        }
        func maySearch(_ tenant: TenantKey) -> Bool {
            guard hasTurn(tenant) else { return false }
            let mayHold = hasRoom(tenant)
            if !mayHold { lacksRoom = true }
            return mayHold
        }
        if let index = further.firstIndex(where: { maySearch($0.place.tenant.key) }) {
            let next = further.remove(at: index)
            return search(next.place, from: next.cursor)
        }
        guard accounts.bringForward(from: begun, where: maySearch) else { return nil }
        begun += 1
        return search(HuntPlace(accounts.way(begun - 1), of: accounts), from: nil)
    }

    private func mayTell(of page: FoundPage) -> Bool {
        !hunt.wantsTraces || hasTurn(page.place.tenant.key)
    }

    private func search(_ place: HuntPlace, from cursor: String?) -> Step {
        let most = hunt.limit - place.found
        return .ask(
            HuntErrand(self, place, cursor: cursor),
            hunt.search(place.account, atMost: most, from: cursor))
    }

    private func step(of page: FoundPage) -> Step? {
        let place = page.place
        do throws(Failure) {
            guard let message = try page.next() else { return nil }
            guard hunt.wantsTraces else {
                close(place)
                return .tell(Finding(place: place, message: message.text))
            }
            guard let ref = message.ref else {
                close(place)
                return .tell(
                    Finding(place: place, message: message.text, failure: Self.nameless))
            }
            return .ask(
                HuntErrand(self, place, message: message.text), hunt.trace(ref, of: place.account))
        } catch {
            place.hasFailed = true
            close(place)
            return .tell(Finding(place: place, failure: error))
        }
    }

    private static let nameless = Failure(
        .replyShape, "Cloudflare gave no id that a trace of this message can be asked with")

    // MARK: - What answers mean

    /// Takes an answer in; gives what is to be told.
    func take(_ answer: Answer, to errand: HuntErrand, _ room: SearchRoom) -> Finding? {
        guard ended == nil else { return nil }
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
            guard place.found == 0, let other = accounts.other(than: place.way) else {
                return failure
            }
            place.use(other, of: accounts)
            goOn(place, from: nil)
            return nil
        }
        let page: FoundPage
        do throws(Failure) {
            let walk = try answer.document.walk("search")
            guard room.takes(page: walk.body.count) else {
                goOn(place, from: errand.cursor)
                return nil
            }
            page = try FoundPage(walk, of: place, in: room)
        } catch {
            return error
        }
        counts.found += page.count
        place.open += page.count
        if !page.isEmpty { pages.append(page) }
        guard !page.isComplete else { return nil }
        if let failure = answer.later { return failure }
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

    private func goOn(_ place: HuntPlace, from cursor: String?) {
        place.open += 1
        further.append((place, cursor))
    }

    /// One of an account's requests is answered, or one of its messages told.
    private func close(_ place: HuntPlace) {
        place.open -= 1
        guard place.open == 0 else { return }
        counts.done += 1
        if place.hasFailed { counts.failed += 1 }
    }
}
