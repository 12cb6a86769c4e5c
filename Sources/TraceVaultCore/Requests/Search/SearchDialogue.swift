// SearchDialogue.swift - a search: page after page to the caller's limit, and answers that the
// server makes later (HTTP 202). What a page holds is in SearchPage.swift, the document in
// SearchDialogue+Document.swift.
//
// A reply decides what is asked next, so all it can ask for has a bound: pages, polls, bytes.

final class SearchDialogue: Dialogue {
    private let search: Search
    private let base: BaseURL
    /// Of the credential that the last try went out with.
    private var accountID = ""
    private let room: SearchRoom
    private var tenant: TenantKey?
    /// Its own part of what the room holds.
    private var held = 0
    /// The messages of all pages as JSON objects, separated by commas.
    let found = ByteBuffer(limit: maxDocument)
    /// Cloudflare's own items among them.
    private(set) var leftOut = LeftOut()
    private(set) var messages = 0
    private(set) var pages = 0
    private(set) var warnings = TraceWarnings()
    /// Where the page that is asked for begins, and how many of its messages were given before.
    private var place: SearchPlace
    /// The messages that were given, by what a trace can be asked with.
    private var known: Set<Fingerprint> = []
    /// How many messages all pages had, and those before the page that was asked for first.
    private var passed: Int64 = 0
    private let beganAtFirst: Bool
    /// Pages in a row that brought nothing new.
    private var emptyPages = 0
    /// Where whoever wants more goes on.
    var cursor: String? { place.text }
    /// Every page that was asked for.
    private var seen: Set<Fingerprint> = []
    private var replyBytes = 0
    /// Where a deferred answer is asked for.
    private var poll: String?
    private var polls = 0
    private(set) var last: HTTPReply?
    /// What the last try met; nil after a page.
    private(set) var failure: Failure? = Failure(.other, "no try was made")
    /// There is nothing more to ask for.
    private(set) var isOver = false
    /// All of Cloudflare's messages are there.
    private(set) var isComplete = false

    /// The largest document.
    static let maxDocument = 256 << 20
    /// No further page is asked for after so many.
    private static let maxPages = 1000
    /// Nor after so many in a row without anything new.
    private static let maxEmptyPages = 5
    /// How often one page may be answered "later".
    private static let maxPolls = 100

    init(_ search: Search, _ base: BaseURL, _ room: SearchRoom) {
        self.search = search
        self.base = base
        self.room = room
        place = SearchPlace(search.cursor)
        beganAtFirst = place.page == .first
        seen.insert(Fingerprint(place.page))
    }

    deinit { giveBack() }

    /// It holds nothing any more: what came is an answer's now, or goes.
    func giveBack() {
        guard held > 0 else { return }
        room.add(-held, of: tenant)
        held = 0
    }

    func path(_ credential: Credential, _ authorization: SecretHeader) -> String {
        accountID = credential.accountID
        if tenant != credential.key {
            room.add(-held, of: tenant)
            tenant = credential.key
            room.add(held, of: tenant)
        }
        return poll ?? search.path(accountID: accountID, at: place.page)
    }

    var trouble: Failure? { failure }

    func rests(ms: Int64) { failure?.retryAfterMs = ms }

    func fail(_ failure: Failure) {
        self.failure = failure
        last = nil
    }

    /// A page counts in the room of searches as long as it is the last reply.
    func pause(_ place: ReplyRoom.Place) -> Bool {
        if failure != nil { last = last?.shortened(beside: 0, in: place) }
        count(failure == nil ? last?.body.count ?? 0 : 0)
        return true
    }

    /// A message or a page that is known, and what is noted of it, take about so many bytes.
    private static let bytesOfOne = 64

    /// Counts what it holds now, with so many bytes of the last reply.
    private func count(_ body: Int) {
        let known = (known.count + seen.count) * Self.bytesOfOne
        let holds = found.count + body + known + place.size + (poll?.utf8.count ?? 0)
        room.add(holds - held, of: tenant)
        held = holds
    }

    func read(_ reply: HTTPReply) -> Verdict {
        last = reply
        guard let refusal = CloudflareAPI.refusal(reply, .search) else { return takePage(reply) }
        failure = refusal.failure
        if refusal.failure.status == .replyDeferred { return takeDeferral(reply) }
        return refusal.verdict
    }

    // MARK: - Later

    private func takeDeferral(_ reply: HTTPReply) -> Verdict {
        polls += 1
        let place = reply.headers.location
        if !place.isEmpty {
            guard let path = ServerPath.below(base, place) else {
                return refuse(reply, "names a place for it that is not below api.base_url")
            }
            guard !ServerPath.namesAccount(path, besides: accountID) else {
                return refuse(reply, "names a place for it in another account")
            }
            poll = path
        }
        guard poll != nil else { return refuse(reply, "does not say where") }
        guard polls <= Self.maxPolls else { return refuse(reply, "did so too often") }
        return .later(afterMs: failure?.retryAfterMs)
    }

    private func refuse(_ reply: HTTPReply, _ what: StaticString) -> Verdict {
        let refusal = Failure(
            .replyDeferred, "Cloudflare answers the search later (HTTP 202), but \(what)")
        failure = refusal.of(reply)
        return .final
    }

    // MARK: - A page

    private func takePage(_ reply: HTTPReply) -> Verdict {
        let (before, mark) = (found.count, leftOut.mark)
        do throws(Failure) {
            var page = try SearchPage(
                reply, asked: place.page, of: accountID, base, warnings, into: found)
            let taken = try page.take(
                from: place.skipped, atMost: search.limit - messages, &known, &leftOut)
            warnings = page.warnings
            warnings.add(.duplicateMessage, taken.dropped, at: "/result")
            messages += taken.count
            pages += 1
            passed += Int64(page.count)
            emptyPages = taken.count > 0 ? 0 : emptyPages + 1
            replyBytes += reply.body.count
            failure = nil
            (poll, polls) = (nil, 0)
            count(reply.body.count)
            return follow(page.paging, given: max(taken.end, place.skipped), of: page.count)
        } catch {
            found.cut(to: before)
            leftOut.cut(to: mark)
            let refusal = CloudflareAPI.judge(error, reply)
            failure = refusal.failure
            return refusal.verdict
        }
    }

    var proof: CredentialProof { failure?.proof ?? .taken }

    /// Goes on to the next page, or ends.
    private func follow(_ paging: Paging, given: Int, of count: Int) -> Verdict {
        isOver = true
        if given < count {
            place = SearchPlace(place.page, skipped: given)
            warnings.add(.limitCut, count - given, at: "/result")
            return .final
        }
        place = SearchPlace(.first)
        switch paging.next {
        case .none(let silence):
            isComplete = !seemsCut(paging, silence, count)
            return .final
        case .unusable(let path):
            warnings.add(.cursorUnusable, at: path)
            return .final
        case .at(let page):
            guard seen.insert(Fingerprint(page)).inserted else {
                warnings.add(.cursorRepeated, at: "/result_info/next")
                return .final
            }
            place = SearchPlace(page)
        }
        if messages >= search.limit { return .final }
        guard let bound = boundReached else {
            isOver = false
            return .more
        }
        warnings.add(bound, at: "/result_info/next")
        return .final
    }

    /// Whether there may be more although no next page is named: the server counts more than came,
    /// or the page is full and the server does not say that it is the last. A full one is told
    /// unless its number says that it is the last.
    private func seemsCut(
        _ paging: Paging, _ silence: NextPage.Silence, _ count: Int
    ) -> Bool {
        let full = paging.perPage > 0 ? paging.perPage : Int64(search.perPage)
        let isFull = count > 0 && Int64(count) == full && silence != .lastNumber
        let isCounted = beganAtFirst && paging.total > passed
        guard isCounted || isFull else { return false }
        warnings.add(.nextPageMissing, at: "/result_info")
        return isCounted || silence == .nothing
    }

    /// What ends a search before its limit.
    private var boundReached: TraceWarnings.Code? {
        if pages >= Self.maxPages { return .pageLimit }
        if emptyPages >= Self.maxEmptyPages { return .emptyPages }
        let isLarge = replyBytes >= room.maxReplyBytes || room.isFull(for: tenant)
        return isLarge ? .sizeLimit : nil
    }
}
