// ModelViewTests.swift - the views for event stores, and the walk over a document's text. What the
// schemas say of them is tested from Python (Tests/traces/test_view*.py), against the schemas themselves.

import Foundation
import Testing

@testable import TraceVaultCore

struct ModelViewTests {
    private static let names = ["ecs", "ocsf"]

    @Test(arguments: Golden.names)
    func everyLineOfAReplyBecomesAnEventOrIsCounted(_ name: String) throws {
        let document = try Document.decode(buffer(Golden.reply(name)))
        let trace = try #require(
            JSONSerialization.jsonObject(with: Data(text(document.view("trace")).utf8))
                as? [String: Any])
        var lines = 0
        for side in ["inbound", "outbound"] {
            let side = trace[side] as? [String: Any]
            lines += (side?["lines"] as? [Any])?.count ?? 0
        }
        for view in Self.names {
            let events = try text(document.view(view)).split(separator: "\n")
            for event in events {
                let object = try JSONSerialization.jsonObject(with: Data(event.utf8))
                #expect(object is [String: Any])
            }
            let warnings = try JSONSerialization.jsonObject(
                with: Data(text(document.view(view + "_warnings")).utf8))
            let skipped = (warnings as? [[String: Any]])?.map { $0["count"] as? Int ?? 0 } ?? []
            #expect(events.count + skipped.reduce(0, +) == lines)
        }
    }

    @Test func aViewIsTheSameForAllHoldersAndTheirsAlone() throws {
        let name = try #require(Golden.names.first)
        let document = try Document.decode(buffer(Golden.reply(name)))
        let before = try document.traceBytes().count + document.view("raw").count
        let shared = document.shared()
        #expect(try text(document.view("ecs")) == text(shared.view("ecs")))
        #expect(try document.view("ecs") === document.view("ecs"))
        #expect(try document.view("ecs") !== shared.view("ecs"))
        #expect(document.byteCount == before)
    }

    @Test func anotherDocumentHasNoSuchView() throws {
        let document = try Document.json { $0.null() }
        for name in Self.names {
            #expect(failure { () throws(Failure) in try document.view(name) }?.status == .notFound)
        }
    }

    // MARK: - The walk

    @Test func aWalkFindsEveryMemberAndElement() {
        let json = #"{"a":"x\"}\\","b":[1,"]",{"c":[]}],"":{},"d":-1.5e3,"e":null}"#
        let found = members(of: json)
        #expect(
            found.map(\.name) == ["a", "b", "", "d", "e"]
                && found.map(\.value) == [
                    #""x\"}\\""#, #"[1,"]",{"c":[]}]"#, "{}", "-1.5e3", "null",
                ])
        #expect(members(of: "{}").isEmpty)
        let bytes = buffer(#"[1,"]",{"c":[]}]"#)
        var elements: [String] = []
        bytes.withBytes { span in
            var walk = JSONWalk(inside: 0..<span.byteCount)
            while let element = walk.element(span) {
                elements.append(part(bytes, element))
            }
        }
        #expect(elements == ["1", #""]""#, #"{"c":[]}"#])
    }

    @Test func aWalkOverAnyBytesEnds() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array(#"{}[]",:\\a1 "#.utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<24, using: &generator)
            let bytes = (0..<length).compactMap { _ in alphabet.randomElement(using: &generator) }
            var steps = 0
            buffer(bytes).withBytes { span in
                var members = JSONWalk(inside: 0..<span.byteCount)
                while let (name, value) = members.member(span), steps < 100 {
                    #expect(name.upperBound <= span.byteCount)
                    #expect(value.upperBound <= span.byteCount)
                    steps += 1
                }
                var elements = JSONWalk(inside: 0..<span.byteCount)
                while let value = elements.element(span), steps < 100 {
                    #expect(value.upperBound <= span.byteCount)
                    steps += 1
                }
            }
            #expect(steps < 100, "\(bytes)")
        }
    }

    private func members(of json: String) -> [(name: String, value: String)] {
        let bytes = buffer(json)
        var found: [(name: String, value: String)] = []
        bytes.withBytes { span in
            var walk = JSONWalk(inside: 0..<span.byteCount)
            while let (name, value) = walk.member(span) {
                found.append((part(bytes, name), part(bytes, value)))
            }
        }
        return found
    }

    private func part(_ bytes: ByteBuffer, _ place: Range<Int>) -> String {
        String(decoding: Array(text(bytes).utf8)[place], as: UTF8.self)
    }
}
