// AskedAbout.swift - what was asked about. A reply that says what it is about must say the same:
// one that belongs to somebody else's request is no answer, whatever brought it here.

struct AskedAbout {
    var accountID: String
    var messageRef: String

    /// Longer texts are none of ours.
    private static let longest = 320

    /// Throws when a reply names another account or another message: at its top, in `result` or in
    /// `result_info`. A block of the result may name no other account, but the queue id of its own
    /// hop. References to one message begin alike: the Postfix id, then times behind it.
    func check(_ tape: JSONTape, _ bytes: RawSpan) throws(Failure) {
        try check(in: 0, tape, bytes)
        var members = EveryMember(of: 0, tape)
        while let key = members.next(tape) {
            if JSONText.equals(tape[key], "result", in: bytes) {
                try check(in: key + 1, tape, bytes)
                var blocks = EveryMember(of: key + 1, tape)
                while let block = blocks.next(tape) {
                    try Self.check(in: block + 1, is: accountID, tape, bytes)
                }
            } else if JSONText.equals(tape[key], "result_info", in: bytes) {
                try check(in: key + 1, tape, bytes)
            }
        }
    }

    private func check(in object: Int, _ tape: JSONTape, _ bytes: RawSpan) throws(Failure) {
        var members = EveryMember(of: object, tape)
        while let key = members.next(tape) {
            if Self.namesAccount(tape[key], bytes) {
                try Self.check(account: key + 1, is: accountID, tape, bytes)
            } else if Self.names(tape[key], ["postfix_id", "investigate_id", "alert_id"], bytes) {
                try Self.compare(tape, key + 1, bytes, "message") { said in
                    said.hasPrefix(messageRef) || messageRef.hasPrefix(said)
                }
            }
        }
    }

    /// Throws when a page of a search names another account at its top or in `result_info`.
    static func check(
        page tape: JSONTape, is accountID: String, _ bytes: RawSpan
    ) throws(Failure) {
        try check(in: 0, is: accountID, tape, bytes)
        var members = EveryMember(of: 0, tape)
        while let key = members.next(tape) {
            guard JSONText.equals(tape[key], "result_info", in: bytes) else { continue }
            try check(in: key + 1, is: accountID, tape, bytes)
        }
    }

    /// Throws when an object names another account.
    static func check(
        in object: Int, is accountID: String, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        var members = EveryMember(of: object, tape)
        while let key = members.next(tape) {
            guard namesAccount(tape[key], bytes) else { continue }
            try check(account: key + 1, is: accountID, tape, bytes)
        }
    }

    /// Whether the member of this name says whose account it is.
    static func namesAccount(_ key: JSONToken, _ bytes: RawSpan) -> Bool {
        names(key, ["account_id", "account_tag"], bytes)
    }

    /// Throws when a value that says whose account it is says another one.
    static func check(
        account value: Int, is accountID: String, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        try compare(tape, value, bytes, "account") { said in
            said.lowercased() == accountID.lowercased()
        }
    }

    /// Throws when an object names another e-mail address.
    static func check(
        in object: Int, email: String, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        var members = EveryMember(of: object, tape)
        while let key = members.next(tape) {
            guard JSONText.equals(tape[key], "email", in: bytes) else { continue }
            try compare(tape, key + 1, bytes, "user") { said in
                said.lowercased() == email.lowercased()
            }
        }
    }

    private static func names(
        _ key: JSONToken, _ names: [StaticString], _ bytes: RawSpan
    ) -> Bool {
        names.contains { JSONText.equals(key, $0, in: bytes) }
    }

    /// What is no text, or an empty one, says nothing.
    private static func compare(
        _ tape: JSONTape, _ value: Int, _ bytes: RawSpan, _ what: StaticString,
        _ isSame: (String) -> Bool
    ) throws(Failure) {
        guard tape[value].kind == .string else { return }
        let said = tape.text(value, limit: longest, bytes)
        if said == "" { return }
        guard let said, isSame(said) else {
            throw Failure(.replyShape, "the reply is about another \(what) than the request")
        }
    }
}

/// Walks an object's members, also those whose name comes again: any of them may be the one that
/// somebody else reads.
private struct EveryMember {
    private var key: Int
    private let end: Int

    /// No members where it is no object.
    init(of object: Int, _ tape: JSONTape) {
        key = object + 1
        end = tape[object].kind == .object ? Int(tape[object].next) : object
    }

    /// The next member's key; its value stands behind it.
    mutating func next(_ tape: JSONTape) -> Int? {
        guard key + 1 < end else { return nil }
        defer { key = Int(tape[key + 1].next) }
        return key
    }
}
