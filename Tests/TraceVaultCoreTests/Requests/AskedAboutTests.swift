// AskedAboutTests.swift - a reply that says what it is about must say what was asked about.

import Testing

@testable import TraceVaultCore

private let account = "023e105f4ecef8ad9ca31a8372d0c353"

private func check(_ text: String) throws(Failure) {
    let body = buffer(text)
    let tape = try JSONReader.read(body)
    let subject = AskedAbout(accountID: account, messageRef: "4jXtPB72Kpz7S8D-2026-11-23T04:33:50")
    try body.withBytes { (bytes) throws(Failure) in try subject.check(tape, bytes) }
}

private func result(_ members: String) -> String {
    "{\"success\":true,\"errors\":[],\"result\":{\(members)}}"
}

@Suite struct AskedAboutTests {
    @Test(arguments: [
        "", "\"account_id\":\"\(account)\"", "\"account_tag\":\"\(account.uppercased())\"",
        "\"postfix_id\":\"4jXtPB72Kpz7S8D\"", "\"account_id\":\"\"", "\"account_id\":7",
        "\"postfix_id\":null", "\"alert_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:50\"",
        "\"investigate_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:50-26088829\"",
        "\"account\":\"another\"", "\"id\":\"another\"",
        "\"account_id\":\"\(account)\",\"account_id\":\"\(account)\"",
    ]) func whatSaysTheSameOrNothingIsTaken(member: String) throws {
        try check(result(member))
    }

    private static let another: [String] = [
        "\"account_id\":\"00000000000000000000000000000000\"",
        "\"account_tag\":\"another\"", "\"postfix_id\":\"4jXtPB72Kpz7S8E\"",
        "\"account\\u005fid\":\"another\"", "\"account_id\":\"\(account)\",\"account_id\":\"x\"",
        "\"investigate_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:51-1\"",
        "\"alert_id\":\"\(String(repeating: "4", count: 400))\"",
        // Of a name that comes again each one counts.
        "\"account_id\":\"x\",\"account_id\":\"\(account)\"",
        "\"account_id\":\"x\",\"account_id\":null", "\"account_id\":\"x\",\"account_id\":\"\"",
        "\"postfix_id\":\"x\",\"postfix_id\":\"4jXtPB72Kpz7S8D\"",
    ]

    private func refuses(_ text: String) {
        #expect(throws: Failure.self, "\(text)") { try check(text) }
    }

    @Test func whatSaysSomethingElseIsNoAnswer() {
        for member in Self.another { refuses(result(member)) }
    }

    @Test func soItIsBesideTheResultAndInWhatIsSaidOfIt() {
        for member in Self.another {
            refuses("{\(member),\"result\":{}}")
            refuses("{\"result\":{},\"result_info\":{\(member)}}")
            // Also where the name of the object comes again.
            refuses("{\"result\":{\(member)},\"result\":{}}")
        }
    }

    @Test func aBlockOfTheResultMayNameNoOtherAccount() throws {
        for block in ["inbound", "outbound", "message"] {
            for other in Self.another where other.contains("account") {
                refuses(result("\"\(block)\":{\(other)}"))
            }
            try check(result("\"\(block)\":{\"account_id\":\"\(account)\"}"))
            // Each hop has a queue id of its own.
            try check(result("\"\(block)\":{\"postfix_id\":\"4jXtPB72Kpz7S8E\"}"))
        }
    }

    @Test func whatStandsDeeperOrInAListSaysNothing() throws {
        let other = "{\"account_id\":\"another\"}"
        try check(result("\"inbound\":{\"lines\":[\(other)],\"extra\":\(other)}"))
        try check(result("\"ids\":[\(other)]"))
        try check("{\"result\":[\(other)],\"messages\":[\(other)],\"extra\":\(other)}")
    }
}
