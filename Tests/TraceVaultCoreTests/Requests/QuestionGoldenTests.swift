// QuestionGoldenTests.swift - replies under Tests/data/golden/search and /check give exactly the documents
// beside them. Tests/traces/test_documents.py holds those documents to the schemas.

import Foundation
import Testing

@testable import TraceVaultCore

@Suite struct QuestionGoldenTests {
    private struct Case: Decodable {
        struct Reply: Decodable {
            let status: Int32
            let headers: [String: String]
            /// In pieces only for the eye.
            let body: [String]
        }

        var options: [String: String]?
        var credential: String?
        let replies: [Reply]
    }

    private static func folder(_ kind: String) -> URL {
        Golden.folder.deletingLastPathComponent().appendingPathComponent(kind)
    }

    static func names(_ kind: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder(kind).path)) ?? []
        return files.filter { $0.hasSuffix(".case.json") }
            .map { String($0.dropLast(".case.json".count)) }.sorted()
    }

    private func read(_ kind: String, _ file: String) throws -> Data {
        try Data(contentsOf: Self.folder(kind).appendingPathComponent(file))
    }

    private func desk(_ credential: String?) throws -> Desk {
        switch credential {
        case "user_token": try Desk(token: "cfut_not-a-real-token")
        case "account_token": try Desk(token: "cfat_not-a-real-token")
        case "global_key": try Desk(email: "soc@example.net", key: Fake.key1)
        default: try Desk()
        }
    }

    private func document(_ kind: String, _ name: String) throws -> String {
        let given = try JSONDecoder().decode(Case.self, from: read(kind, name + ".case.json"))
        let desk = try desk(given.credential)
        var asked =
            try kind == "search"
            ? Request.search(accountID: RawSpan()) : Request.check(accountID: RawSpan())
        for (name, value) in given.options ?? [:] { try asked.set(name, to: value) }
        let replies = given.replies.map { canned($0.status, $0.body.joined(), $0.headers) }
        let talk = try desk.ask(asked.dialogue(desk.base), replies)
        #expect(talk.paths.count == replies.count)
        return text(try talk.answer.document.view(kind))
    }

    @Test func thereAreGoldenReplies() {
        #expect(Self.names("search").count >= 10)
        #expect(Self.names("check").count >= 10)
    }

    @Test(arguments: names("search"))
    func goldenPagesGiveExactlyTheirDocument(name: String) throws {
        let expected = String(decoding: try read("search", name + ".search.json"), as: UTF8.self)
        #expect(try document("search", name) == expected)
    }

    @Test(arguments: names("check"))
    func aGoldenVerificationGivesExactlyItsDocument(name: String) throws {
        let expected = String(decoding: try read("check", name + ".check.json"), as: UTF8.self)
        #expect(try document("check", name) == expected)
    }
}
