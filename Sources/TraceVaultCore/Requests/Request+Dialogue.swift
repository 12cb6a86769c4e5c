// Request+Dialogue.swift - the dialogue that answers each kind of request, and its result's kind.

extension Request {
    /// A dialogue that answers this request. `base` bounds where replies may send the next try,
    /// `room` what a search may hold.
    func dialogue(_ base: BaseURL, _ room: SearchRoom) -> any Dialogue {
        switch kind {
        case .trace(let messageRef):
            TraceDialogue(messageRef: messageRef.text, submission: submission)
        case .search(let search): SearchDialogue(search, base, room)
        case .check(let asksAccess): CheckDialogue(asksAccess: asksAccess)
        }
    }

    package var resultKind: RequestResult.Kind {
        switch kind {
        case .trace: .trace
        case .search: .search
        case .check: .check
        }
    }
}
