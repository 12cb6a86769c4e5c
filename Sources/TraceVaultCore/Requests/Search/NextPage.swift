// NextPage.swift - where a page of a search says that the next one is: `next`, `cursors` or
// `cursor` of `result_info`, a `Link` header, or page numbers. What hints at more and is none of
// these, there or beside `result`, is told: a search is never cut silently.

enum NextPage: Equatable {
    /// Nothing names one.
    case none(Silence)
    case at(SearchPlace.Page)
    /// The server names a next page, but in no way that could be followed; where it does.
    case unusable(String)

    /// What it says instead.
    enum Silence {
        /// Nothing.
        case nothing
        /// That there is none: `null`, or an empty text.
        case empty
        /// That this is the last page, by its number.
        case lastNumber
    }
}

/// What `result_info` says, and the header.
struct Paging {
    private(set) var next = NextPage.none(.nothing)
    /// How many messages the server puts on a page, and how many it counts in all; 0: not said.
    private(set) var perPage: Int64 = 0
    private(set) var total: Int64 = 0
    /// Members without a meaning here.
    private(set) var unknownKeys = 0

    private static let place = "/result_info/"
    /// A name that begins or ends like this tells of a next page.
    private static let signs = ["next", "more", "after", "cursor", "token"]
    private static let longestName = 64
    /// Of `cursors`: other pages than the next one.
    private static let others = ["before", "previous", "prev", "self", "current", "first", "last"]
    /// Members beside `result` that have a meaning of their own.
    private static let own = [
        "success", "errors", "messages", "result", "result_info", "error_code", "status", "title",
        "detail", "retryable", "retry_after",
    ]

    private let base: BaseURL
    private var number: Int64?
    private var pages: Int64?
    private var isLast = false
    /// Where there is what may tell of a next page, in no way that is understood.
    private var hint: String?

    /// - Parameter asked: the page that was asked for.
    init(
        _ tape: JSONTape, _ info: Int?, _ bytes: RawSpan, link: String, asked: SearchPlace.Page,
        _ base: BaseURL
    ) throws(Failure) {
        self.base = base
        if let info { try read(tape, info, bytes) }
        if case .at = next { return }
        let elsewhere = page(link, asked)
        if case .at? = elsewhere { next = elsewhere ?? next }
        guard case .none = next else { return }
        next = elsewhere ?? next
        guard case .none = next else { return }
        if hint == nil { hint = try Self.hint(beside: tape, bytes) }
        if let hint { next = .unusable(hint) }
    }

    /// The page that the header names, or the numbers do.
    private func page(_ link: String, _ asked: SearchPlace.Page) -> NextPage? {
        if let url = ServerPath.next(inLink: link) {
            return Self.page(of: url, base) ?? .unusable("")
        }
        if isLast { return .none(.lastNumber) }
        guard let pages else { return nil }
        var current = number
        if case .number(let asked) = asked, current == nil { current = Int64(asked) }
        let following = max(0, current ?? 1) + 1
        return following > pages
            ? .none(.lastNumber) : .at(.number(Int32(clamping: following)))
    }

    private mutating func read(
        _ tape: JSONTape, _ info: Int, _ bytes: RawSpan
    ) throws(Failure) {
        guard tape[info].kind == .object else {
            if tape[info].kind != .null { next = .unusable("/result_info") }
            return
        }
        var members = try JSONMembers(of: info, tape, bytes)
        var (named, after, cursor): (NextPage?, NextPage?, NextPage?)
        var lastPage: Int64?
        while let (key, value) = members.next(tape, bytes) {
            let name = tape.text(key, limit: Self.longestName, bytes) ?? ""
            switch name {
            case "next": named = page(tape, value, name, bytes)
            case "cursor": cursor = page(tape, value, name, bytes)
            case "cursors": after = try cursors(tape, value, bytes)
            case "page": number = tape.quantity(value, in: bytes)
            case "total_pages": pages = tape.quantity(value, in: bytes)
            case "last_page":
                lastPage = tape.quantity(value, in: bytes)
                isLast = tape.bool(value) == true
                let isOther = tape[value].kind == .bool || Self.isSet(tape, value, bytes)
                if lastPage == nil, !isLast, isOther { hint = Self.place + name }
            case "per_page": perPage = tape.quantity(value, in: bytes) ?? 0
            case "total_count": total = tape.quantity(value, in: bytes) ?? 0
            case "count", "previous": break
            default:
                unknownKeys += 1
                if let found = try Self.hint(name, tape, value, bytes) { hint = Self.place + found }
            }
        }
        pages = pages ?? lastPage
        let found = [named, after, cursor].compactMap(\.self)
        let usable = found.first { if case .at = $0 { true } else { false } }
        next = usable ?? found.first { $0 != .none(.empty) } ?? found.first ?? next
    }

    /// The next page as `cursors` names it: an object with `after` or `next`.
    private mutating func cursors(
        _ tape: JSONTape, _ object: Int, _ bytes: RawSpan
    ) throws(Failure) -> NextPage {
        guard tape[object].kind == .object else {
            return tape[object].kind == .null ? .none(.empty) : .unusable(Self.place + "cursors")
        }
        var found: [NextPage] = []
        var members = try JSONMembers(of: object, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let name = tape.text(key, limit: Self.longestName, bytes) ?? ""
            let place = "cursors/" + name
            if name == "after" || name == "next" {
                found.append(page(tape, value, place, bytes))
            } else if !Self.others.contains(name) {
                unknownKeys += 1
                if Self.isSet(tape, value, bytes) { hint = Self.place + place }
            }
        }
        return found.first { $0 != .none(.empty) } ?? .none(.empty)
    }

    /// A page as a member names it: a cursor or a URL. Nothing in it: there is none.
    private func page(
        _ tape: JSONTape, _ value: Int, _ name: String, _ bytes: RawSpan
    ) -> NextPage {
        if tape[value].kind == .null { return .none(.empty) }
        guard tape[value].kind == .string,
            // Longer than any cursor is enough to see that it is too long.
            let text = tape.text(value, limit: Search.longestCursor, bytes)
        else { return .unusable(Self.place + name) }
        if text.isEmpty { return .none(.empty) }
        if ServerPath.hostStart(text) != nil {
            return Self.page(of: text, base) ?? .unusable(Self.place + name)
        }
        return text.utf8.hasControls
            ? .unusable(Self.place + name) : .at(.cursor(text))
    }

    /// The page that a URL names; nil when it is none below the base URL.
    private static func page(of url: String, _ base: BaseURL) -> NextPage? {
        guard let path = ServerPath.below(base, url) else { return nil }
        if let cursor = ServerPath.parameter("cursor", of: path), !cursor.isEmpty {
            return cursor.utf8.hasControls ? nil : .at(.cursor(cursor))
        }
        guard let number = ServerPath.parameter("page", of: path).flatMap({ Int32($0) }),
            number > 0
        else { return nil }
        return .at(.number(number))
    }

    // MARK: - Hints

    /// Where a member beside `result` may name more.
    private static func hint(
        beside tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) -> String? {
        var members = try JSONMembers(of: 0, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let name = tape.text(key, limit: longestName, bytes) ?? ""
            guard !own.contains(name) else { continue }
            if let found = try hint(name, tape, value, bytes) { return "/" + found }
        }
        return nil
    }

    /// Where a member that has no meaning here may name more: `has_more: true`, `next_token`,
    /// `links: {"next": …}`.
    private static func hint(
        _ name: String, _ tape: JSONTape, _ value: Int, _ bytes: RawSpan
    ) throws(Failure) -> String? {
        let isSign = isSign(name)
        guard tape[value].kind == .object else {
            return isSign && isSet(tape, value, bytes) ? name : nil
        }
        var members = try JSONMembers(of: value, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            let inner = tape.text(key, limit: longestName, bytes) ?? ""
            if isSign || Self.isSign(inner), isSet(tape, value, bytes) { return name + "/" + inner }
        }
        return nil
    }

    private static func isSign(_ name: String) -> Bool {
        let name = name.lowercased()
        return signs.contains { name.hasPrefix($0) || name.hasSuffix($0) }
    }

    /// Whether a value says something.
    private static func isSet(_ tape: JSONTape, _ value: Int, _ bytes: RawSpan) -> Bool {
        switch tape[value].kind {
        case .null: return false
        case .bool: return tape.bool(value) == true
        case .number: return tape.integer(value, in: bytes) != 0
        case .string: return tape.text(value, limit: 0, bytes) == nil
        case .array, .object: return tape[value].next > value + 1
        }
    }
}
