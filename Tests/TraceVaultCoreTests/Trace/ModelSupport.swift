// ModelSupport.swift - bytes and text for the tests of the model.

import Foundation
import TraceVaultCore

func buffer(_ bytes: some Sequence<UInt8>) -> ByteBuffer {
    let bytes = Array(bytes)
    let buffer = ByteBuffer(limit: max(1, bytes.count))
    _ = unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
    return buffer
}

func buffer(_ text: String) -> ByteBuffer { buffer(text.utf8) }

func text(_ buffer: ByteBuffer) -> String {
    buffer.withBytes { span in
        unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

/// The fields of a message's event as text, by the names of the document.
func eventFields(_ message: String) -> (kind: String, fields: [String: String])? {
    let message = Array(message.utf8)
    return buffer(message).withBytes { bytes in
        guard let event = PostfixEvent(bytes) else { return nil }
        var found: [String: String] = [:]
        for index in 0..<event.count {
            let field = event.field(at: index)
            found[field.name.text] = String(decoding: message[field.range], as: UTF8.self)
        }
        return (event.kind.text, found)
    }
}

/// The failure of `body`; nil when it has none.
func failure<T>(_ body: () throws(Failure) -> T) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch { return error }
}

/// A reply with one line whose message is written as given, escapes and all.
func reply(message: String) -> String {
    #"{"success":true,"result":{"inbound":{"lines":[{"message":"\#(message)"}]}}}"#
}

/// The message of the first inbound line of a document, by another JSON reader.
func firstMessage(_ document: ByteBuffer) throws -> String? {
    let object = try JSONSerialization.jsonObject(with: Data(text(document).utf8))
    let inbound = (object as? [String: Any])?["inbound"] as? [String: Any]
    let lines = inbound?["lines"] as? [[String: Any]]
    return lines?.first?["message"] as? String
}

/// The replies and documents under Tests/data/golden/trace.
enum Golden {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("data/golden/trace")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".reply.json") }
            .map { String($0.dropLast(".reply.json".count)) }.sorted()
    }()

    static func reply(_ name: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent(name + ".reply.json"))
    }

    static func document(_ name: String) throws -> String {
        let data = try Data(contentsOf: folder.appendingPathComponent(name + ".trace.json"))
        return String(decoding: data, as: UTF8.self)
    }
}

/// Real lines, one of each kind and more.
enum LineSeeds {
    static let all: [String] = {
        let data = Golden.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("postfix-capture.log")
        let capture = (try? String(contentsOf: data, encoding: .utf8)) ?? ""
        let corpus = Golden.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("line-seeds")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: corpus.path)) ?? []
        let kept = names.sorted().compactMap {
            try? String(contentsOf: corpus.appendingPathComponent($0), encoding: .utf8)
        }
        return Array(capture.split(separator: "\n").prefix(40).map(String.init)) + kept
    }()
}
