// SearchCursor.swift - where a search goes on: at a page of the server, or within one whose first
// messages were given already because the limit ended there.

struct SearchCursor {
    /// The server's cursor; nil: its first page.
    let page: String?
    /// So many messages of that page are behind it.
    let skipped: Int

    /// What begins like this, and goes on with a number and a colon, is of our making.
    private static let mark = "tracevault:"

    init(page: String?, skipped: Int) {
        self.page = page
        self.skipped = skipped
    }

    /// A cursor as a caller gives it.
    init(_ text: String?) {
        guard let text, text.utf8.starts(with: Self.mark.utf8) else {
            self.init(page: text, skipped: 0)
            return
        }
        let parts = text.dropFirst(Self.mark.count).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let skipped = Int32(parts[0]), skipped >= 0 else {
            self.init(page: text, skipped: 0)
            return
        }
        self.init(page: parts[1].isEmpty ? nil : String(parts[1]), skipped: Int(skipped))
    }

    /// The cursor as a caller gets it. Of a page whose name leaves no room for the rest it is the
    /// page: going on repeats messages then, but loses none.
    var text: String? {
        guard skipped > 0 else { return page }
        let text = Self.mark + String(skipped) + ":" + (page ?? "")
        return text.utf8.count <= Search.longestCursor ? text : page
    }
}
