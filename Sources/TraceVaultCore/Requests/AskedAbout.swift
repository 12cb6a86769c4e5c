// AskedAbout.swift - what was asked about. A reply that says what it is about must say the same:
// one that belongs to somebody else's request is no answer, whatever brought it here.

struct AskedAbout {
    var accountID: String
    var messageRef: String

    /// Longer texts are none of ours.
    private static let longest = 320

    /// Throws when an object of the reply names another account or another message. References to
    /// one message begin alike: the Postfix id, then times behind it.
    func check(_ object: Int, _ tape: JSONTape, _ bytes: RawSpan) throws(Failure) {
        var members = try JSONMembers(of: object, tape, bytes)
        while let (key, value) = members.next(tape, bytes) {
            if Self.namesAccount(tape[key], bytes) {
                try Self.check(account: value, is: accountID, tape, bytes)
            } else if Self.names(tape[key], ["postfix_id", "investigate_id", "alert_id"], bytes) {
                try Self.compare(tape, value, bytes, "message") { said in
                    said.hasPrefix(messageRef) || messageRef.hasPrefix(said)
                }
            }
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

    /// Throws when a value that says whose e-mail address it is says another one.
    static func check(
        email value: Int, is email: String, _ tape: JSONTape, _ bytes: RawSpan
    ) throws(Failure) {
        try compare(tape, value, bytes, "user") { said in said.lowercased() == email.lowercased() }
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
