// NextPage.swift - where a page of a search says that the next one is: `next`, `cursors.after` or
// `cursor` of `result_info`, a `Link` header, or page numbers. What hints at more and is none of
// these is told: a search is never cut silently.

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

    private let base: BaseURL
    private var number: Int64?
    private var pages: Int64?

    /// - Parameter asked: the page that was asked for.
    init(
        _ tape: JSONTape, _ info: Int?, _ bytes: RawSpan, link: String, asked: SearchPlace.Page,
        _ base: BaseURL
    ) throws(Failure) {
        self.base = base
        if let info { try read(tape, info, bytes) }
        guard case .none = next else { return }
        if let url = ServerPath.next(inLink: link) {
            next = Self.page(of: url, base) ?? .unusable("")
        } else if let pages {
            var current = number
            if case .number(let asked) = asked, current == nil { current = Int64(asked) }
            let following = max(0, current ?? 1) + 1
            next =
                following > pages
                ? .none(.lastNumber) : .at(.number(Int32(clamping: following)))
        }
    }

    private mutating func read(
        _ tape: JSONTape, _ info: Int, _ bytes: RawSpan
    ) throws(Failure) {
        guard tape[info].kind == .object else {
            if tape[info].kind != .null { next = .unusable("/result_info") }
            return
        }
        var hint: String?
        var members = try JSONMembers(of: info, tape, bytes)
        var (named, after, cursor): (NextPage?, NextPage?, NextPage?)
        while let (key, value) = members.next(tape, bytes) {
            let name = tape.text(key, limit: Self.longestName, bytes) ?? ""
            switch name {
            case "next": named = page(tape, value, name, bytes)
            case "cursor": cursor = page(tape, value, name, bytes)
            case "cursors":
                let inner = try tape.member("after", of: value, bytes)
                if let inner { after = page(tape, inner, "cursors/after", bytes) }
            case "page": number = tape.integer(value, in: bytes)
            case "total_pages": pages = tape.integer(value, in: bytes)
            case "per_page": perPage = tape.integer(value, in: bytes) ?? 0
            case "total_count": total = tape.integer(value, in: bytes) ?? 0
            case "count", "previous": break
            default:
                unknownKeys += 1
                if Self.hints(name, tape, value, bytes) { hint = name }
            }
        }
        let found = [named, after, cursor].compactMap(\.self)
        next = found.first { $0 != .none(.empty) } ?? found.first ?? next
        if case .none = next, let hint { next = .unusable(Self.place + hint) }
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
        return Search.hasControls(text)
            ? .unusable(Self.place + name) : .at(.cursor(text))
    }

    /// The page that a URL names; nil when it is none below the base URL.
    private static func page(of url: String, _ base: BaseURL) -> NextPage? {
        guard let path = ServerPath.below(base, url) else { return nil }
        if let cursor = ServerPath.parameter("cursor", of: path), !cursor.isEmpty {
            return Search.hasControls(cursor) ? nil : .at(.cursor(cursor))
        }
        guard let number = ServerPath.parameter("page", of: path).flatMap({ Int32($0) }),
            number > 0
        else { return nil }
        return .at(.number(number))
    }

    /// Whether a member that has no meaning here may name more: `has_more: true`, `next_token`.
    private static func hints(
        _ name: String, _ tape: JSONTape, _ value: Int, _ bytes: RawSpan
    ) -> Bool {
        let name = name.lowercased()
        guard signs.contains(where: { name.hasPrefix($0) || name.hasSuffix($0) }) else {
            return false
        }
        switch tape[value].kind {
        case .null: return false
        case .bool: return tape.bool(value) == true
        case .number: return tape.integer(value, in: bytes) != 0
        case .string: return tape.text(value, limit: 0, bytes) == nil
        case .array, .object: return tape[value].next > value + 1
        }
    }
}
