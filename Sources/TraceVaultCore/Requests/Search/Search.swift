// Search.swift - the filters of a search, and the query they become.
//
// Values of enumerations are passed on as they are: Cloudflare changes those lists between our
// releases, and answers a value it does not know itself. Only their form is checked.

/// What to search for. Never changes: setting an option gives another one.
package final class Search: Sendable {
    /// What a filter's value must look like.
    private enum Form { case text, word, time, cursor }

    private struct Filter {
        let name: StaticString
        let form: Form
        init(_ name: StaticString, _ form: Form = .text) {
            self.name = name
            self.form = form
        }
    }

    /// In the order of the query.
    private static let filters = [
        Filter("alert_id"), Filter("cursor", .cursor), Filter("delivery_status", .word),
        Filter("domain"), Filter("end", .time), Filter("final_disposition", .word),
        Filter("message_action", .word), Filter("message_id"), Filter("metric", .word),
        Filter("query"), Filter("recipient"), Filter("sender"), Filter("smtp_helo_ip"),
        Filter("start", .time), Filter("subject"),
    ]
    private static let (cursorPlace, endPlace, startPlace) = (1, 4, 13)

    /// Bytes of a filter's value; of a cursor, which the server makes.
    private static let longestText = 1024
    static let longestCursor = 4096
    /// How many messages a search may give in all.
    private static let largestLimit: Int32 = 100_000
    /// What Cloudflare documents as a page's size; more may be asked for with `per_page`.
    private static let page: Int32 = 1000

    /// One for each filter; nil: not sent.
    private let values: [String?]
    private let detectionsOnly: Bool
    private let pageSize: Int32?
    /// How many messages to give in all.
    let limit: Int

    convenience init() { self.init(limit: 100) }

    private convenience init(limit: Int) {
        self.init(
            [String?](repeating: nil, count: Self.filters.count), detectionsOnly: false,
            pageSize: nil, limit: limit)
    }

    /// The least that can be asked for.
    static let oneMessage = Search(limit: 1)

    private init(_ values: [String?], detectionsOnly: Bool, pageSize: Int32?, limit: Int) {
        self.values = values
        self.detectionsOnly = detectionsOnly
        self.pageSize = pageSize
        self.limit = limit
    }

    /// Where to begin; nil: at the beginning.
    var cursor: String? { values[Self.cursorPlace] }

    /// The same search with one option set; throws `.configName` or `.configValue`.
    func with(_ name: String, _ value: String) throws(Failure) -> Search {
        var values = values
        var (detectionsOnly, pageSize, limit) = (detectionsOnly, pageSize, limit)
        switch name {
        case "detections_only": detectionsOnly = try Request.bool(name, value)
        case "limit": limit = Int(try Request.number(name, value, 1...Self.largestLimit))
        case "per_page": pageSize = try Request.number(name, value, 1...Self.largestLimit)
        default:
            let place = Self.filters.firstIndex { Self.isSame($0.name, name) }
            guard let place else { throw Self.unknown }
            try Self.check(value, Self.filters[place].form, name)
            values[place] = value
        }
        return Search(
            values, detectionsOnly: detectionsOnly, pageSize: pageSize, limit: limit)
    }

    private static var unknown: Failure {
        Failure(
            .configName,
            "a search request has no such option; there are: deadline_ms, priority, patient, "
                + names())
    }

    /// The options that only a search has, with commas between them.
    static func names(but left: StaticString = "") -> String {
        var names = "detections_only, limit, per_page"
        for filter in filters where !isSame(filter.name, left.description) {
            names += ", "
            names += filter.name.description
        }
        return names
    }

    /// One page of this search from a cursor on, and at most so many messages of it.
    func page(atMost most: Int, from cursor: String?) -> Search {
        var values = values
        values[Self.cursorPlace] = cursor
        return Search(
            values, detectionsOnly: detectionsOnly, pageSize: perPage,
            limit: max(1, min(most, Int(perPage))))
    }

    private static func isSame(_ name: StaticString, _ other: String) -> Bool {
        name.description == other
    }

    // MARK: - Values

    private static func check(_ value: String, _ form: Form, _ name: String) throws(Failure) {
        let longest = form == .cursor ? longestCursor : longestText
        guard (1...longest).contains(value.utf8.count), !value.utf8.hasControls else {
            throw Failure(
                .configValue,
                name + " must be text of 1 to " + String(longest)
                    + " bytes without control characters")
        }
        switch form {
        case .text, .cursor: break
        case .word:
            guard value.utf8.allSatisfy({ ServerPath.isLetter($0) || $0 == 0x2D || $0 == 0x5F })
            else {
                throw Failure(.configValue, name + " must be a word of letters, - and _")
            }
        case .time:
            guard isTime(value) else {
                throw Failure(
                    .configValue,
                    name + " must be a time of RFC 3339 with its zone, such as "
                        + "2026-11-24T00:00:00Z")
            }
        }
    }

    /// Stricter than what is read from replies: with a T, and a zone that is Z or has a colon.
    private static func isTime(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { raw in
            let span = unsafe RawSpan(_unsafeBytes: raw)
            guard let time = Timestamp(span), !time.zoneMissing else { return false }
            let zone = JSONText.byte(span, span.byteCount - 1) | 0x20
            return JSONText.byte(span, 10) | 0x20 == UInt8(ascii: "t")
                && (zone == UInt8(ascii: "z")
                    || JSONText.byte(span, span.byteCount - 3) == UInt8(ascii: ":"))
        }
    }

    /// Throws where the time to look in ends before it begins: nothing is found in it, and that
    /// would pass for an answer.
    func checkWindow() throws(Failure) {
        guard let start = values[Self.startPlace], let end = values[Self.endPlace] else { return }
        let (first, last) = (Array(start.utf8), Array(end.utf8))
        let isExchanged = unsafe first.withUnsafeBytes { first in
            unsafe last.withUnsafeBytes { last in
                let first = unsafe RawSpan(_unsafeBytes: first)
                let last = unsafe RawSpan(_unsafeBytes: last)
                guard let start = Timestamp(first), let end = Timestamp(last) else { return false }
                return end.isBefore(start, last, first)
            }
        }
        guard isExchanged else { return }
        throw Failure(
            .argument,
            "end lies before start, so nothing can be found: exchange the two, or leave one out")
    }

    // MARK: - The query

    /// The path and query below the base URL, for one page.
    func path(accountID: String, at page: SearchPlace.Page) -> String {
        var path = "/accounts/"
        path += accountID
        path += "/email-security/investigate?detections_only="
        path += detectionsOnly ? "true" : "false"
        path += "&per_page="
        path += String(perPage)
        for place in values.indices {
            var value = values[place]
            if place == Self.cursorPlace {
                if case .number(let number) = page { path += "&page=" + String(number) }
                if case .cursor(let cursor) = page { value = cursor } else { value = nil }
            }
            guard let value else { continue }
            path += "&"
            path += Self.filters[place].name.description
            path += "="
            ServerPath.escape(value, onto: &path)
        }
        return path
    }

    /// Pages of one size that add up to the limit with as little as possible to cut off.
    var perPage: Int32 {
        if let pageSize { return pageSize }
        let limit = Int32(clamping: limit)
        let pages = (limit + Self.page - 1) / Self.page
        return (limit + pages - 1) / pages
    }
}
