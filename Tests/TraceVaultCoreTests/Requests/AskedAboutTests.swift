// AskedAboutTests.swift - a reply that says what it is about must say what was asked about.

import Testing

@testable import TraceVaultCore

private let account = "023e105f4ecef8ad9ca31a8372d0c353"

private func reply(_ result: String) -> HTTPReply {
    let body = ByteBuffer(limit: 1 << 16)
    var text = "{\"success\":true,\"errors\":[],\"result\":{\(result)}}"
    text.withUTF8 { utf8 in _ = unsafe body.append(UnsafeRawBufferPointer(utf8)) }
    var reply = HTTPReply(body: body)
    reply.status = 200
    return reply
}

private func check(_ member: String) throws(Failure) {
    let body = reply(member).body
    let tape = try JSONReader.read(body)
    let subject = AskedAbout(accountID: account, messageRef: "4jXtPB72Kpz7S8D-2026-11-23T04:33:50")
    try body.withBytes { (bytes) throws(Failure) in
        guard let result = try tape.member("result", of: 0, bytes) else { return }
        try subject.check(result, tape, bytes)
    }
}

@Suite struct AskedAboutTests {
    @Test(arguments: [
        "", "\"account_id\":\"\(account)\"", "\"account_tag\":\"\(account.uppercased())\"",
        "\"postfix_id\":\"4jXtPB72Kpz7S8D\"", "\"account_id\":\"\"", "\"account_id\":7",
        "\"postfix_id\":null", "\"alert_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:50\"",
        "\"investigate_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:50-26088829\"",
        "\"account\":\"another\"", "\"id\":\"another\"",
    ]) func whatSaysTheSameOrNothingIsTaken(member: String) throws {
        try check(member)
    }

    @Test(arguments: [
        "\"account_id\":\"00000000000000000000000000000000\"",
        "\"account_tag\":\"another\"", "\"postfix_id\":\"4jXtPB72Kpz7S8E\"",
        "\"account\\u005fid\":\"another\"", "\"account_id\":\"\(account)\",\"account_id\":\"x\"",
        "\"investigate_id\":\"4jXtPB72Kpz7S8D-2026-11-23T04:33:51-1\"",
        "\"alert_id\":\"\(String(repeating: "4", count: 400))\"",
    ]) func whatSaysSomethingElseIsNoAnswer(member: String) {
        #expect(throws: Failure.self) { try check(member) }
    }
}
