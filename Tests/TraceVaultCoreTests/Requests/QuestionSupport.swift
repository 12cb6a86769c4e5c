// QuestionSupport.swift - dialogues driven by canned replies, without engine, network and clock.

import Foundation
import Testing

@testable import TraceVaultCore

/// A reply as it would come; headers by their names on the wire.
func canned(_ status: Int32, _ body: String = "", _ headers: [String: String] = [:]) -> HTTPReply {
    var reply = HTTPReply(body: buffer(body))
    reply.status = status
    reply.headers.link = headers["link"] ?? ""
    reply.headers.location = headers["location"] ?? ""
    reply.headers.retryAfter = headers["retry-after"] ?? ""
    reply.headers.cfRay = headers["cf-ray"] ?? ""
    return reply
}

/// Cloudflare's refusal with one code.
func refusalBody(_ code: Int) -> String {
    #"{"success":false,"errors":[{"code":\#(code),"message":"no"}],"messages":[],"result":null}"#
}

/// What a dialogue asked and decided, try by try.
struct Conversation {
    var paths: [String] = []
    var verdicts: [Verdict] = []
    var answer: Answer

    /// The document's JSON, nil when the question failed.
    func document(_ view: String) throws -> [String: Any]? {
        guard answer.failure == nil else { return nil }
        let data = Data(text(try answer.document.view(view)).utf8)
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }

    /// The codes of a search's warnings.
    func warnings() throws -> [String] {
        let list = try document("search")?["warnings"] as? [[String: Any]]
        return (list ?? []).compactMap { $0["code"] as? String }
    }

    func member<T>(_ name: String, of view: String = "search") throws -> T? {
        try document(view)?[name] as? T
    }
}

/// One account with one credential, and the server's base URL.
struct Desk {
    static let fetchedAtMs: Int64 = 1_790_000_000_000
    let credential: Credential
    let authorization: SecretHeader
    let base: BaseURL

    init(
        token: String = Fake.token1, base: String = "https://api.cloudflare.com/client/v4"
    ) throws {
        try self.init(base) { try $0.put("acme", Fake.account1, token: token) }
    }

    init(email: String, key: String) throws {
        try self.init("https://api.cloudflare.com/client/v4") {
            try $0.put("acme", Fake.account1, email: email, key: key)
        }
    }

    private init(_ base: String, _ put: (Edit) throws -> Void) throws {
        let vault = try Fake.memoryVault()
        let edit = vault.edit()
        try put(edit)
        try edit.commit()
        let tenant = try vault.tenant(named: "acme")
        credential = try tenant.credential(account: nil)
        authorization = try tenant.authorization(for: credential)
        self.base = try BaseURL(base, allowHTTPLoopback: false)
    }

    /// Hands one reply after the other over while the dialogue wants more.
    func ask(_ dialogue: any Dialogue, _ replies: [HTTPReply]) throws -> Conversation {
        var paths: [String] = []
        var verdicts: [Verdict] = []
        for reply in replies {
            paths.append(try dialogue.path(credential, authorization))
            // A repeated try must ask the same.
            #expect(try dialogue.path(credential, authorization) == paths.last)
            verdicts.append(dialogue.read(reply))
            if verdicts.last == .final || verdicts.last == .rejected { break }
        }
        let context = TraceContext(
            tenant: "acme", accountID: credential.accountID, fetchedAtMs: Self.fetchedAtMs,
            attempts: paths.count)
        return Conversation(paths: paths, verdicts: verdicts, answer: dialogue.answer(context))
    }

    func search(_ replies: [HTTPReply]) throws -> Conversation { try search([:], replies) }

    func search(
        _ options: KeyValuePairs<String, String>, _ replies: [HTTPReply]
    ) throws -> Conversation {
        try ask(try request(.search(accountID: RawSpan()), options).dialogue(base), replies)
    }

    func check(_ replies: [HTTPReply]) throws -> Conversation {
        try ask(try Request.check(accountID: RawSpan()).dialogue(base), replies)
    }
}

extension Request {
    func dialogue(_ base: BaseURL) -> any Dialogue {
        dialogue(base, SearchRoom(maxReplyBytes: 32 << 20))
    }
}

func request(
    _ made: Request, _ options: KeyValuePairs<String, String> = [:]
) throws -> Request {
    var made = made
    for (name, value) in options { try made.set(name, to: value) }
    return made
}

/// A page of `count` messages that begin with number `first`.
func page(_ count: Int, from first: Int = 0, next: String? = nil) -> String {
    let items = (first..<(first + count)).map { #"{"id":"m\#($0)","subject":"s\#($0)"}"# }
    let cursor = next.map { "\"\($0)\"" } ?? "null"
    return #"{"success":true,"errors":[],"messages":[],"result":["# + items.joined(separator: ",")
        + #"],"result_info":{"count":\#(count),"next":\#(cursor)}}"#
}
