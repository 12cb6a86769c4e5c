// SearchPlace.swift - where a search goes on: at a page of the server, or within one whose first
// messages were given already because the limit ended there.

struct SearchPlace {
    /// How the server names a page.
    enum Page: Hashable {
        case first
        case cursor(String)
        case number(Int32)
    }

    let page: Page
    /// So many messages of that page are behind it.
    let skipped: Int

    /// What its text takes.
    var size: Int { if case .cursor(let cursor) = page { cursor.utf8.count } else { 0 } }

    /// What begins like this, and goes on with a number and a colon, is of our making.
    private static let mark = "tracevault:"
    /// The same of a numbered page: its number, and how many of its messages are behind.
    private static let numberMark = "tracevault.page:"

    init(_ page: Page, skipped: Int = 0) {
        self.page = page
        self.skipped = skipped
    }

    /// A cursor as a caller gives it; nil: the first page.
    init(_ text: String?) {
        guard let text else {
            self.init(.first)
            return
        }
        if let parts = Self.parts(text, behind: Self.numberMark), let skipped = Int32(parts.1),
            skipped >= 0, parts.0 > 0
        {
            self.init(.number(parts.0), skipped: Int(skipped))
        } else if let (skipped, page) = Self.parts(text, behind: Self.mark) {
            self.init(page.isEmpty ? .first : .cursor(page), skipped: Int(skipped))
        } else {
            self.init(.cursor(text))
        }
    }

    /// A number and what is behind its colon.
    private static func parts(_ text: String, behind mark: String) -> (Int32, String)? {
        guard text.utf8.starts(with: mark.utf8) else { return nil }
        let parts = text.dropFirst(mark.count).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int32(parts[0]), number >= 0 else { return nil }
        return (number, String(parts[1]))
    }

    /// The cursor as a caller gets it. Of a page whose name leaves no room for the rest it is the
    /// page: going on repeats messages then, but loses none.
    var text: String? {
        switch page {
        case .number(let number): return Self.numberMark + String(number) + ":" + String(skipped)
        case .first: return skipped > 0 ? Self.mark + String(skipped) + ":" : nil
        case .cursor(let cursor):
            guard skipped > 0 else { return cursor }
            let text = Self.mark + String(skipped) + ":" + cursor
            return text.utf8.count <= Search.longestCursor ? text : cursor
        }
    }
}
