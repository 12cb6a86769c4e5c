// ModelNamesTests.swift - the names of an object's members: which of them come again, and that it
// costs no more to find out than their length together.

import Foundation
import Testing

@testable import TraceVaultCore

struct ModelNamesTests {
    /// An object with a member of each name, as they stand in JSON.
    private func tape(_ names: [String]) throws -> JSONTape {
        try JSONReader.read(buffer("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"))
    }

    /// So many names that begin alike.
    private func alike(_ beginning: String, _ count: Int) -> [String] {
        (0..<count).map { beginning + String(format: "%03d", $0) }
    }

    private func comparesNames(_ names: [String]) throws -> Bool {
        let tape = try tape(names)
        return try tape.body.withBytes { try JSONMembers(of: 0, tape, $0).comparesNames }
    }

    /// The keys' numbers among all, and how many were left out.
    private func walk(_ names: [String]) throws -> (found: [Int], duplicates: Int) {
        let tape = try tape(names)
        return try tape.body.withBytes { bytes in
            var members = try JSONMembers(of: 0, tape, bytes)
            var found: [Int] = []
            while let (key, value) = members.next(tape, bytes) {
                #expect(value == key + 1)
                found.append(key / 2)
            }
            return (found, members.duplicates)
        }
    }

    @Test func onlyFewShortPlainNamesAreComparedWithEachOther() throws {
        let short = String(repeating: "n", count: 61)
        #expect(try comparesNames(alike(short, 40)))
        #expect(try !comparesNames(alike(short, 41)))
        #expect(try !comparesNames(alike(short + "n", 2)))
        #expect(try !comparesNames(alike("\\n", 2)))
        #expect(try !comparesNames(alike("n", 39) + ["\\u0061"]))
        // There is nothing to compare.
        #expect(try comparesNames(["\\n" + short + short]))
        #expect(try comparesNames([]))
    }

    @Test(arguments: ["\\n", "\\u0041", "x\\ud83d\\ude00", "n"])
    func aNameIsReadAgainOnlyBesideOneThatMayBeTheSame(_ part: String) throws {
        let names = alike(String(repeating: part, count: 600), 300)
        // Each a second time, in the same order and then in the other.
        for (again, count) in [([], 0), (names, 300), (Array(names.reversed()), 300)] {
            let tape = try tape(names + again)
            let table = try #require(NameTable(names.count + again.count))
            tape.body.withBytes { bytes in
                var (key, repeated) = (1, 0)
                while key + 1 < tape.count {
                    if table.put(key, key / 2, tape, bytes) != nil { repeated += 1 }
                    key += 2
                }
                #expect(repeated == count)
            }
            // As good as never do two different ones have the same half of a hash.
            #expect((count...count + 1).contains(table.comparisons))
        }
    }

    @Test func theLastOfEqualNamesIsFoundHoweverTheyAreWritten() throws {
        var random = SystemRandomNumberGenerator()
        let ways: [String: [String]] = [
            "a": ["a", "\\u0061"], "\n": ["\\n", "\\u000a", "\\u000A"], "/": ["/", "\\/"],
            "\u{0}": ["\\u0000"], "é": ["é", "\\u00e9"], "😀": ["😀", "\\ud83d\\uDE00"],
            "\u{FFFD}": ["\u{FFFD}", "\\ud800", "\\uFFFD"],
        ]
        let letters = ways.keys.sorted()
        for round in 0..<300 {
            // Around what is compared, and around the pieces that are hashed.
            let length = [0, 1, 2, 3, 63, 64, 65, 255, 510, 513][round % 10]
            let beginning = String(repeating: letters[round / 10 % letters.count], count: length)
            let count = [2, 3, 39, 40, 41, 90].randomElement(using: &random) ?? 2
            var (meant, written): ([String], [String]) = ([], [])
            for _ in 0..<count {
                var name = beginning
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    name += letters.randomElement(using: &random) ?? "a"
                }
                meant.append(name)
                written.append(
                    name.map { ways["\($0)"]?.randomElement(using: &random) ?? "\($0)" }.joined())
            }
            var last: [String: Int] = [:]
            for (number, name) in meant.enumerated() { last[name] = number }
            let (found, duplicates) = try walk(written)
            #expect(found == last.values.sorted(), "\(written)")
            #expect(duplicates == count - last.count)
        }
    }

    @Test func aTextIsDecodedTheSameInPiecesOfAnySize() throws {
        let text = #"ab\n\u00e9\ud83d\ude00\ud800x\/\"\\é😀\u0000end"#
        let whole = buffer(text).withBytes { text in
            var units: [UInt8] = []
            JSONText.decode(text) { unit in
                units.append(unit)
                return true
            }
            return units
        }
        #expect(String(decoding: whole, as: UTF8.self) == "ab\né😀\u{FFFD}x/\"\\é😀\u{0}end")
        let decoded = buffer(text).withBytes { JSONText.decoded($0).map { Array(self.bytes($0)) } }
        #expect(decoded == whole)
        for size in 4...40 {
            let pieces = buffer(text).withBytes { text in
                var (place, all): (Int, [UInt8]) = (0, [])
                while place < text.byteCount {
                    var piece = [UInt8](repeating: 0, count: size)
                    let length = unsafe piece.withUnsafeMutableBytes {
                        unsafe JSONText.decode(text, from: &place, into: $0)
                    }
                    all += piece.prefix(length)
                }
                return all
            }
            #expect(pieces == whole, "pieces of \(size)")
        }
    }

    private func bytes(_ buffer: ByteBuffer) -> [UInt8] {
        buffer.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }
}
